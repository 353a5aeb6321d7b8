//! `sluice consume`.

use serde_json::{Value, json};

use crate::process::Sluice;
use crate::shop::Shop;

#[tokio::test]
async fn a_topic_is_read_as_json_lines_with_its_avro_values() {
    let sluice = Sluice::new();
    let up = sluice.up();
    let shop = Shop::at(&up.url);
    let (product, buyer) = shop.open().await;
    let first = buyer.order("first", &product, 1).await;
    let second = buyer.order("second", &product, 1).await;
    buyer.settled(&first).await;
    buyer.settled(&second).await;
    up.stop();

    let orders = sluice.lines(&["consume", "orders"]);
    let last = orders.iter().rfind(|line| line["key"] == first.as_str()).unwrap();
    assert_eq!(
        fields(last),
        [
            "headers",
            "key",
            "offset",
            "partition",
            "schema_id",
            "timestamp",
            "topic",
            "value"
        ]
    );
    assert_eq!(last["value"]["status"], "PAID");
    assert_eq!(last["value"]["total"], json!({ "amount": 1_500, "currency": "KRW" }));

    let events = sluice.lines(&["consume", "order-events", "--key", &first]);
    assert!(events.iter().all(|line| line["key"] == first.as_str()));
    let seqs: Vec<i64> = events
        .iter()
        .map(|line| line["value"]["seq"].as_i64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=i64::try_from(events.len()).unwrap()).collect::<Vec<_>>());
    assert_eq!(fields(&events[0]["value"]["payload"]), ["OrderCreated"]);

    assert_eq!(sluice.lines(&["consume", "order-events", "--limit", "2"]).len(), 2);
    assert!(
        sluice
            .lines(&["consume", "order-events", "--from", "latest"])
            .is_empty()
    );
    let changes = sluice.lines(&["consume", "sluice-orders-0-changelog", "--limit", "1"]);
    assert_eq!(changes[0]["note"], "not Avro");
    let table = sluice.run(&["consume", "orders", "--output", "table"]);
    assert!(table.stdout.starts_with("PARTITION/OFFSET"), "{}", table.stdout);
}

#[test]
fn an_unknown_topic_or_partition_is_refused() {
    let sluice = Sluice::new();
    assert_eq!(sluice.run(&["topics", "apply"]).code, 0);
    assert_eq!(sluice.run(&["consume", "nothing"]).code, 2);
    assert_eq!(sluice.run(&["consume", "orders", "--partition", "6"]).code, 2);
    assert_eq!(sluice.run(&["consume", "orders", "--from", "yesterday"]).code, 2);
}

fn fields(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}
