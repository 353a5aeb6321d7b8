//! From a registration to paid and cancelled orders, and the same data after the process was killed.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::process::Sluice;
use crate::shop::Shop;

#[tokio::test]
async fn what_was_answered_is_still_there_after_kill_nine() {
    let sluice = Sluice::new();
    let up = sluice.up();
    let shop = Shop::at(&up.url);
    shop.register("other", "BUYER").await;
    let (product, buyer) = shop.open().await;

    let paid = buyer.order("first", &product, 3).await;
    let paid_order = buyer.settled(&paid).await;
    assert_eq!(outcome(&paid_order), json!(["PAID", null]));
    let sold_out = buyer.order("second", &product, 8).await;
    assert_eq!(
        outcome(&buyer.settled(&sold_out).await),
        json!(["CANCELLED", "OUT_OF_STOCK"])
    );
    let too_dear = buyer.order("third", &product, 4).await;
    assert_eq!(
        outcome(&buyer.settled(&too_dear).await),
        json!(["CANCELLED", "INSUFFICIENT_FUNDS"])
    );
    assert_eq!(
        buyer.order("first", &product, 3).await,
        paid,
        "the same request is the same order"
    );
    let other = shop.log_in("other").await;
    assert_eq!(other.get(&format!("/orders/{paid}")).await.0, StatusCode::NOT_FOUND);

    up.kill();
    let up = sluice.up();
    let shop = Shop::at(&up.url);
    let buyer = shop.log_in("buyer").await;
    assert_eq!(buyer.settled(&paid).await, paid_order);
    assert_eq!(buyer.get(&format!("/products/{product}")).await.1["on_hand"], 7);
    let (_, wallet) = buyer.get("/wallet").await;
    assert_eq!(
        wallet["balances"],
        json!([{ "currency": "KRW", "available": 5_500, "held": 0 }])
    );
    assert_eq!(buyer.order("first", &product, 3).await, paid, "also after the restart");
    up.stop();
}

#[tokio::test]
async fn one_process_has_the_log_and_others_are_told_so() {
    let sluice = Sluice::new();
    let up = sluice.up();
    for command in [
        &["topics", "plan"][..],
        &["offsets", "reset", "orders", "--to-earliest", "--execute"],
    ] {
        let done = sluice.run(command);
        assert_eq!(done.code, 2, "{command:?}");
        assert!(
            done.stderr.contains("in use by another sluice process"),
            "{}",
            done.stderr
        );
    }
    up.stop();
}

fn outcome(order: &Value) -> Value {
    json!([order["status"], order["cancel_reason"]])
}
