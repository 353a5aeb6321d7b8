//! Log lines as a collector reads them: of a whole journey, with everything logged that can be.

use serde_json::Value;

use crate::process::Sluice;
use crate::shop::{PASSWORD, Shop};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

#[tokio::test]
async fn the_log_of_a_journey_tells_its_orders_and_nothing_that_is_nobodys_business() {
    let sluice = Sluice::new();
    let log = sluice.path().join("log.jsonl");
    let up = sluice.up_logging(&log, &[]);
    let shop = Shop::at(&up.url);
    let (product, buyer) = shop.open().await;
    let paid = buyer
        .order_traced(&format!("00-{TRACE}-b7ad6b7169203331-01"), &product)
        .await;
    buyer.settled(&paid).await;
    let sold_out = buyer.order("second", &product, 11).await;
    buyer.settled(&sold_out).await;
    assert_eq!(shop.try_log_in("nobody").await, 401);
    let token = buyer.token.clone();
    up.stop();

    let text = std::fs::read_to_string(&log).unwrap();
    for secret in [
        PASSWORD,
        &token,
        "buyer@example.com",
        "seller@example.com",
        "nobody@example.com",
        "@example",
    ] {
        assert!(!text.contains(secret), "the log tells {secret:?}");
    }
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter().for_each(says_when_what_and_where);
    let of_paid = lines.iter().filter(|line| line["order_id"] == *paid);
    let of_paid: Vec<&Value> = of_paid.collect();
    let command = of_paid.iter().find(|line| line["topic"] == "order-commands").unwrap();
    assert_eq!(command["trace_id"], TRACE);
    assert!(
        command["request_id"].as_str().is_some_and(|id| id.len() == 32),
        "{command}"
    );
    let end = of_paid
        .iter()
        .find(|line| line["message"] == "the order is paid")
        .unwrap();
    assert_eq!(
        (&end["topology"], end["task"].is_string()),
        (&Value::from("orders"), true)
    );
    let cancelled = |line: &&Value| line["order_id"] == *sold_out && line["reason"] == "out_of_stock";
    assert_eq!(lines.iter().filter(cancelled).count(), 1);
}

fn says_when_what_and_where(line: &Value) {
    for field in ["time", "level", "target", "message"] {
        assert!(line[field].is_string(), "{field}: {line}");
    }
    assert!(line["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
    assert!(
        line.as_object().unwrap().values().all(|value| !value.is_object()),
        "{line}"
    );
}
