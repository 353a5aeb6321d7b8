//! Orders that a card pays and payouts to cards, with the sandbox as payment provider: what each of its cards does, and what the
//! books say.

use std::time::{Duration, Instant};

use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::process::Sluice;
use crate::shop::{Caller, Shop};

const SANDBOX: [&str; 2] = ["--payment-provider", "sandbox"];

/// How long after an answer of the provider it may show in the wallet, on a busy machine.
const ARRIVAL: Duration = Duration::from_secs(30);

async fn ended(buyer: &Caller<'_>, order: &str) -> Value {
    let order = buyer.settled(order).await;
    json!([
        order["status"],
        order["cancel_reason"],
        order["payment_status"],
        order["payment_method"]
    ])
}

/// Takes money out to a card; the status of the payout in the answer.
async fn pay_out(caller: &Caller<'_>, amount: i64, card: &str) -> Value {
    let body = json!({ "amount": { "amount": amount, "currency": "KRW" }, "card": card });
    let (status, wallet) = caller.post("/wallet/payouts", card, body).await;
    assert_eq!(status, StatusCode::OK, "{wallet}");
    status_of(&wallet, card)
}

/// What has become of the one payout to a card.
fn status_of(wallet: &Value, card: &str) -> Value {
    let payouts = wallet["payouts"].as_array().unwrap().iter();
    let to_it: Vec<&Value> = payouts.filter(|payout| payout["card"] == card).collect();
    assert_eq!(to_it.len(), 1, "{wallet}");
    to_it[0]["status"].clone()
}

/// The wallet from when nothing is on its way out of it.
async fn paid_out(caller: &Caller<'_>) -> Value {
    let deadline = Instant::now() + ARRIVAL;
    loop {
        let (_, wallet) = caller.get("/wallet").await;
        if !wallet.to_string().contains("ON_ITS_WAY") {
            return wallet;
        }
        assert!(Instant::now() < deadline, "{wallet}");
    }
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

/// Whatever the provider does, a payout arrives once or comes back, and the buyer has what is left.
#[tokio::test]
async fn a_payout_arrives_at_its_card_once_or_comes_back_and_the_log_says_which() {
    let sluice = Sluice::new();
    let log = sluice.path().join("log.jsonl");
    let up = sluice.up_logging(&log, &SANDBOX);
    let shop = Shop::at(&up.url);
    let (product, buyer) = shop.open().await;
    let cards = [
        ("sandbox_approved", 1_000, "PAID"),
        ("sandbox_payout_declined", 2_000, "RETURNED"),
        ("sandbox_timeout", 3_000, "PAID"),
        ("sandbox_twice", 500, "PAID"),
    ];
    for (card, amount, _) in cards {
        let status = pay_out(&buyer, amount, card).await;
        if card == "sandbox_timeout" {
            assert_eq!(status, "ON_ITS_WAY", "nobody has answered");
        }
    }
    // An order whose card is silent as long as the payout's is waited for as orders are.
    let order = buyer.order_by("sandbox_timeout", &product).await;
    assert_eq!(buyer.settled(&order).await["status"], "PAID");
    let wallet = paid_out(&buyer).await;
    for (card, _, expected) in cards {
        assert_eq!(status_of(&wallet, card), expected, "{card}: {wallet}");
    }
    assert_eq!(
        wallet["balances"],
        json!([{ "currency": "KRW", "available": 5_500, "held": 0 }]),
        "what was declined is back"
    );
    for (card, amount, expected) in cards {
        assert_eq!(pay_out(&buyer, amount, card).await, expected, "{card} again");
    }
    up.stop();
    let log = std::fs::read_to_string(&log).unwrap();
    let told = |message: &str| log.lines().filter(|line| line.contains(message)).count();
    assert_eq!(told("the payout has arrived"), 3);
    assert_eq!(told("the payout was declined and is back"), 1);
    assert_eq!(told("nobody says what became of the payout"), 1);
    assert!(!log.contains("sandbox_payout_declined"), "the log tells a card");
    let audit = sluice.run(&["audit"]);
    assert_eq!(audit.code, 0, "{}{}", audit.stdout, audit.stderr);
}

/// The money has left the wallet in the moment of the crash; whoever comes after asks the provider again.
#[tokio::test]
async fn a_payout_that_was_asked_for_before_kill_nine_arrives_after_it() {
    let sluice = Sluice::new();
    let up = sluice.up_with(&SANDBOX);
    let shop = Shop::at(&up.url);
    let (product, buyer) = shop.open().await;
    assert_eq!(pay_out(&buyer, 3_000, "sandbox_timeout").await, "ON_ITS_WAY");
    up.kill();
    let up = sluice.up_with(&SANDBOX);
    let shop = Shop::at(&up.url);
    let buyer = shop.log_in("buyer").await;
    let order = buyer.order_by("sandbox_timeout", &product).await;
    assert_eq!(buyer.settled(&order).await["status"], "PAID");
    let wallet = paid_out(&buyer).await;
    assert_eq!(status_of(&wallet, "sandbox_timeout"), "PAID");
    assert_eq!(wallet["balances"][0]["available"], 7_000);
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
