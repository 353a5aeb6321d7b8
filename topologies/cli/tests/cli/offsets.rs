//! `sluice offsets` on a stopped topology with state.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::process::Sluice;
use crate::shop::{Caller, Shop};

/// One paid order, one without stock, one without money; answers their ids. The process has stopped.
async fn some_orders(sluice: &Sluice) -> Vec<String> {
    let up = sluice.up();
    let shop = Shop::at(&up.url);
    let (product, buyer) = shop.open().await;
    let mut orders = Vec::new();
    for (key, quantity) in [("paid", 3), ("sold-out", 8), ("too-dear", 6)] {
        let order = buyer.order(key, &product, quantity).await;
        buyer.settled(&order).await;
        orders.push(order);
    }
    up.stop();
    orders
}

/// What a buyer sees of the orders, without what may change when they are made again.
async fn seen(buyer: &Caller<'_>, orders: &[String]) -> Vec<Value> {
    let mut seen = Vec::new();
    for order in orders {
        let order = buyer.settled(order).await;
        let fields = [
            "order_id",
            "buyer_id",
            "status",
            "payment_status",
            "step",
            "lines",
            "total",
            "created_at",
        ];
        seen.push(fields.iter().map(|field| (*field, order[*field].clone())).collect());
    }
    seen
}

/// The committed offset of every input.
fn committed(sluice: &Sluice, topology: &str) -> BTreeMap<String, Value> {
    let shown = sluice.json(&["offsets", "show", topology]);
    let partitions = shown[0]["partitions"].as_array().unwrap().clone();
    let name = |line: &Value| format!("{}/{}", line["topic"].as_str().unwrap(), line["partition"]);
    partitions
        .iter()
        .map(|line| (name(line), line["committed"].clone()))
        .collect()
}

#[tokio::test]
async fn orders_that_are_processed_again_from_the_beginning_end_the_same() {
    let sluice = Sluice::new();
    let orders = some_orders(&sluice).await;
    let up = sluice.up();
    let shop = Shop::at(&up.url);
    let before = seen(&shop.log_in("buyer").await, &orders).await;
    up.stop();

    let reset = ["offsets", "reset", "orders", "--to-earliest"];
    let at_first = committed(&sluice, "orders");
    let plan = sluice.json(&reset);
    assert_eq!(
        (&plan["executed"], &plan["state"]["action"]),
        (&json!(false), &json!("reset"))
    );
    assert_eq!(plan["state"]["lost"], json!([]));
    assert_eq!(committed(&sluice, "orders"), at_first, "a plan changes nothing");

    let executed = sluice.json(&[&reset[..], &["--execute"]].concat());
    assert_eq!(executed["executed"], true);
    assert!(committed(&sluice, "orders").values().all(|offset| offset == 0));
    assert!(sluice.lines(&["consume", "sluice-orders-0-changelog"]).is_empty());

    let up = sluice.up();
    let shop = Shop::at(&up.url);
    assert_eq!(seen(&shop.log_in("buyer").await, &orders).await, before);
    up.stop();
    assert_eq!(sluice.run(&["topics", "plan"]).code, 0);
}

#[tokio::test]
async fn what_cannot_be_done_is_refused_and_nothing_is_changed() {
    let sluice = Sluice::new();
    some_orders(&sluice).await;
    let before = committed(&sluice, "orders");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "order-commands,0,0\norder-commands,1,1000\n").unwrap();
    let refused: [(&[&str], &str); 8] = [
        (&["shipping", "--to-earliest"], "there is no topology"),
        (
            &["orders", "--topic", "accounts", "--to-earliest"],
            "its sources are order-commands, payment-events, stock-replies",
        ),
        (
            &["orders", "--topic", "order-commands:6", "--to-earliest"],
            "no partition 6",
        ),
        (&["orders", "--to-offset", "1000"], "out of range"),
        (&["orders", "--shift-by", "-1000"], "out of range"),
        (
            &["orders", "--from-file", file.path().to_str().unwrap()],
            "out of range in order-commands/1",
        ),
        (&["orders", "--from-file", "/nowhere.csv"], "cannot read"),
        (
            &["orders", "--topic", "payment-events", "--to-earliest"],
            "part of it would be lost",
        ),
    ];
    for (arguments, reason) in refused {
        let done = sluice.run(&[&["offsets", "reset"], arguments, &["--execute"]].concat());
        assert_eq!(done.code, 2, "{arguments:?}");
        assert!(done.stderr.contains(reason), "{arguments:?}: {}", done.stderr);
    }
    assert_eq!(committed(&sluice, "orders"), before);
}

#[tokio::test]
async fn state_of_another_log_is_refused_by_whatever_would_use_it() {
    let sluice = Sluice::new();
    some_orders(&sluice).await;
    let note = sluice.path().join("state/sluice-orders/log");
    let own = std::fs::read_to_string(&note).unwrap();
    std::fs::write(&note, "the Kafka cluster of-yesterday\n").unwrap();
    let before = committed(&sluice, "orders");
    let up = ["up", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let reset = ["offsets", "reset", "orders", "--to-earliest", "--execute"];
    for command in [&up[..], &reset, &["audit"]] {
        let done = sluice.run(command);
        let reason = "was made from the Kafka cluster of-yesterday, and this is the embedded log";
        assert!(
            done.code == 2 && done.stderr.contains(reason),
            "{command:?}: {} {}",
            done.code,
            done.stderr
        );
    }
    assert_eq!(committed(&sluice, "orders"), before);
    std::fs::write(&note, own).unwrap();
    assert_eq!(sluice.run(&["audit"]).code, 0);
}

#[tokio::test]
async fn state_that_would_not_come_back_goes_only_when_that_is_said() {
    let sluice = Sluice::new();
    some_orders(&sluice).await;
    let partial = [
        "offsets",
        "reset",
        "orders",
        "--topic",
        "payment-events",
        "--to-earliest",
    ];
    let kept = sluice.json(&[&partial[..], &["--keep-state"]].concat());
    assert_eq!(kept["state"], json!({ "action": "kept" }));
    let lost = sluice.json(&[&partial[..], &["--accept-state-loss"]].concat());
    assert!(!lost["state"]["lost"].as_array().unwrap().is_empty(), "{lost}");
    let forward = sluice.json(&["offsets", "reset", "orders", "--to-latest"]);
    assert_eq!(forward["state"], json!({ "action": "untouched" }));
}

#[tokio::test]
async fn offsets_are_found_by_time_and_set_from_a_file() {
    let sluice = Sluice::new();
    some_orders(&sluice).await;
    let before = committed(&sluice, "orders");
    let targets = |arguments: &[&str]| {
        let plan = sluice.json(&[&["offsets", "reset", "orders", "--keep-state"], arguments].concat());
        let moves = plan["offsets"].as_array().unwrap().clone();
        moves
            .iter()
            .map(|to| (to["target"].as_i64().unwrap(), to["end"].as_i64().unwrap()))
            .collect::<Vec<_>>()
    };
    assert!(
        targets(&["--by-duration", "PT1H"])
            .iter()
            .all(|(target, _)| *target == 0)
    );
    assert!(
        targets(&["--to-datetime", "2100-01-01T00:00:00Z"])
            .iter()
            .all(|(target, end)| target == end)
    );

    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "order-commands,0,0\n").unwrap();
    let from_file = ["--from-file", file.path().to_str().unwrap()];
    assert_eq!(targets(&from_file).len(), 1);
    sluice.json(
        &[
            &["offsets", "reset", "orders", "--keep-state", "--execute"],
            &from_file[..],
        ]
        .concat(),
    );
    let mut after = committed(&sluice, "orders");
    assert_eq!(
        after.insert("order-commands/0".to_owned(), before["order-commands/0"].clone()),
        Some(json!(0))
    );
    after.retain(|name, offset| name != "order-commands/0" || !offset.is_null());
    let mut expected = before;
    expected.retain(|name, offset| name != "order-commands/0" || !offset.is_null());
    assert_eq!(after, expected, "the other partitions stay where they were");
}
