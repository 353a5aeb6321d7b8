//! Orders that a card pays, with the sandbox as payment provider: what each of its cards does, and what the books say.

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::process::Sluice;
use crate::shop::{Caller, Shop};

const SANDBOX: [&str; 2] = ["--payment-provider", "sandbox"];

async fn ended(buyer: &Caller<'_>, order: &str) -> Value {
    let order = buyer.settled(order).await;
    json!([
        order["status"],
        order["cancel_reason"],
        order["payment_status"],
        order["payment_method"]
    ])
}

#[tokio::test]
async fn what_a_card_does_decides_what_becomes_of_its_order() {
    let sluice = Sluice::new();
    let up = sluice.up_with(&SANDBOX);
    let shop = Shop::at(&up.url);
    let (product, buyer) = shop.open().await;
    let cards = [
        ("sandbox_approved", json!(["PAID", null, "CAPTURED", "CARD"])),
        (
            "sandbox_declined",
            json!(["CANCELLED", "PAYMENT_DECLINED", "DECLINED", "CARD"]),
        ),
        (
            "sandbox_capture_declined",
            json!(["CANCELLED", "PAYMENT_DECLINED", "DECLINED", "CARD"]),
        ),
        ("sandbox_timeout", json!(["PAID", null, "CAPTURED", "CARD"])),
        ("sandbox_late", json!(["PAID", null, "CAPTURED", "CARD"])),
        ("sandbox_twice", json!(["PAID", null, "CAPTURED", "CARD"])),
        (
            "a-card-of-nobody",
            json!(["CANCELLED", "PAYMENT_DECLINED", "DECLINED", "CARD"]),
        ),
    ];
    // All at once: the late ones take as long as they take together.
    let mut orders = Vec::new();
    for (card, _) in &cards {
        orders.push(buyer.order_by(card, &product).await);
    }
    for (order, (card, expected)) in orders.iter().zip(&cards) {
        assert_eq!(ended(&buyer, order).await, *expected, "{card}");
    }
    let (_, wallet) = buyer.get("/wallet").await;
    assert_eq!(
        wallet["balances"],
        json!([{ "currency": "KRW", "available": 10_000, "held": 0 }]),
        "no card touches the wallet"
    );
    let (_, events) = buyer.get(&format!("/orders/{}/events?limit=100", orders[0])).await;
    assert!(
        !events.to_string().contains("sandbox_approved"),
        "the token is nobody's business"
    );
    up.stop();
    let audit = sluice.run(&["audit"]);
    assert_eq!(audit.code, 0, "{}{}", audit.stdout, audit.stderr);
}

/// The order waits in the moment of the crash; whoever comes after asks the provider again.
#[tokio::test]
async fn an_order_whose_card_was_asked_before_kill_nine_is_paid_after_it() {
    let sluice = Sluice::new();
    let up = sluice.up_with(&SANDBOX);
    let shop = Shop::at(&up.url);
    let (product, buyer) = shop.open().await;
    let order = buyer.order_by("sandbox_timeout", &product).await;
    buyer.awaits(&order, "AUTHORIZING").await;
    up.kill();
    let up = sluice.up_with(&SANDBOX);
    let shop = Shop::at(&up.url);
    let buyer = shop.log_in("buyer").await;
    assert_eq!(ended(&buyer, &order).await, json!(["PAID", null, "CAPTURED", "CARD"]));
    up.stop();
    let audit = sluice.run(&["audit"]);
    assert_eq!(audit.code, 0, "{}{}", audit.stdout, audit.stderr);
}

#[tokio::test]
async fn a_shop_without_a_provider_takes_no_card_and_nobody_takes_the_number_of_one() {
    let sluice = Sluice::new();
    let up = sluice.up();
    let shop = Shop::at(&up.url);
    let (product, buyer) = shop.open().await;
    let body = |card: &str| json!({ "lines": [{ "product_id": product, "quantity": 1 }], "card": card });
    let (status, problem) = buyer.post("/orders", "no-cards", body("sandbox_approved")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["errors"][0]["code"], "CARDS_NOT_TAKEN");
    up.stop();
    let up = sluice.up_with(&SANDBOX);
    let shop = Shop::at(&up.url);
    let buyer = shop.log_in("buyer").await;
    let (status, problem) = buyer.post("/orders", "number", body("4111111111111111")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
    assert_eq!(problem["errors"][0]["code"], "INVALID_CARD");
    assert!(!problem.to_string().contains("4111"), "it is not repeated");
    up.stop();
}
