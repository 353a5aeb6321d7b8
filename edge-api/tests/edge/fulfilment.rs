//! What becomes of a paid order line by line: shipped, kept or given back, and where its money goes.

use crate::support::people::{Person, money};
use crate::support::{Reply, Shop, unique};
use serde_json::{Value, json};

/// A buyer with 10,000 won who has paid for two kettles of one seller (1,500 each) and three of another (100 each).
struct Deal {
    buyer: Person,
    seller: Person,
    other_seller: Person,
    kettle: String,
    order: String,
    _shop: Shop,
}

impl Deal {
    async fn strike() -> Self {
        let shop = Shop::open().await;
        let (seller, other_seller) = (shop.seller().await, shop.seller().await);
        let buyer = shop.rich_buyer(10_000).await;
        let (kettle, cheap) = (seller.offer(1_500, 10).await, other_seller.offer(100, 10).await);
        let order = buyer.order(&[(&kettle, 2), (&cheap, 3)]).await;
        assert_eq!(buyer.settled(&order).await.text("/status"), "PAID");
        Self {
            buyer,
            seller,
            other_seller,
            kettle,
            order,
            _shop: shop,
        }
    }

    async fn ask(&self, who: &Person, what: &str, body: Value) -> Reply {
        self.ask_once(who, what, &unique("key"), body).await
    }

    async fn ask_once(&self, who: &Person, what: &str, key: &str, body: Value) -> Reply {
        who.client
            .post_once(&format!("/orders/{}/{what}", self.order), key, body)
            .await
    }

    async fn line(&self, number: usize) -> (String, String) {
        let order = self.buyer.settled(&self.order).await;
        let of = |name: &str| order.text(&format!("/lines/{}/{name}", number - 1));
        (of("fulfilment"), of("money"))
    }
}

fn is(words: (&str, &str)) -> (String, String) {
    (words.0.to_owned(), words.1.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_buyer_keeps_is_the_sellers_money() {
    let deal = Deal::strike().await;
    let parcel = json!({ "carrier": "CJ", "tracking_number": "42" });
    let shipped = deal.ask(&deal.seller, "shipments", parcel).await.expect(200);
    assert_eq!(
        (shipped.text("/status"), shipped.text("/lines/0/carrier")),
        ("SHIPPED".into(), "CJ".into())
    );
    assert_eq!(
        shipped.body["lines"].as_array().unwrap().len(),
        1,
        "a seller sees the own line"
    );
    assert_eq!(
        deal.buyer.settled(&deal.order).await.text("/status"),
        "PAID",
        "the other line is not shipped"
    );
    deal.ask(&deal.other_seller, "shipments", json!({ "lines": [2] }))
        .await
        .expect(200);
    deal.ask(&deal.buyer, "deliveries", json!({})).await.expect(200);
    let order = deal.buyer.settled(&deal.order).await;
    assert_eq!(order.text("/status"), "DELIVERED");
    assert_eq!(deal.line(1).await, is(("DELIVERED", "SETTLED")));
    assert_eq!(deal.seller.balance().await, (3_000, 0));
    assert_eq!(deal.other_seller.balance().await, (300, 0));

    let pay_out = |amount: i64, key: &'static str| {
        let seller = &deal.seller.client;
        async move {
            seller
                .post_once("/wallet/payouts", key, json!({ "amount": money(amount) }))
                .await
        }
    };
    pay_out(3_001, "too-much").await.expect_problem(409, "BALANCE_TOO_LOW");
    let wallet = pay_out(1_000, "once").await.expect(200);
    assert_eq!(wallet.number("/balances/0/available"), 2_000);
    pay_out(1_000, "once").await.expect(200);
    assert_eq!(deal.seller.balance().await, (2_000, 0));
    pay_out(999, "once").await.expect_problem(422, "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_buyer_gives_back_is_the_buyers_money() {
    let deal = Deal::strike().await;
    deal.ask(&deal.buyer, "refunds", json!({ "lines": [2], "reason": "too many" }))
        .await
        .expect(200);
    assert_eq!(deal.line(2).await, is(("UNSHIPPED", "REFUNDED")));
    assert_eq!(deal.buyer.balance().await, (7_000, 0));
    deal.ask(&deal.seller, "shipments", json!({})).await.expect(200);
    let too_late = deal.ask(&deal.buyer, "refunds", json!({ "lines": [1] })).await;
    too_late.expect_problem(409, "LINES_NOT_READY");
    let cancel = deal.ask(&deal.buyer, "cancel", json!({})).await;
    cancel.expect_problem(409, "ORDER_TOO_LATE");
    deal.ask(&deal.buyer, "returns", json!({ "reason": "broken" }))
        .await
        .expect(200);
    assert_eq!(deal.line(1).await, is(("RETURN_REQUESTED", "WITH_ORDER")));
    deal.ask(&deal.seller, "refunds", json!({})).await.expect(200);
    let order = deal.buyer.settled(&deal.order).await;
    assert_eq!(
        (
            order.text("/status"),
            order.text("/cancel_reason"),
            order.text("/payment_status")
        ),
        ("CANCELLED".into(), "REFUNDED".into(), "REFUNDED".into())
    );
    assert_eq!(deal.buyer.balance().await, (10_000, 0));
    deal.seller.sees_free(&deal.kettle, 10).await;
    let over = deal.ask(&deal.seller, "shipments", json!({})).await;
    over.expect_problem(409, "ORDER_TOO_LATE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_return_that_is_refused_is_not_asked_for_again() {
    let deal = Deal::strike().await;
    deal.ask(&deal.seller, "shipments", json!({})).await.expect(200);
    deal.ask(&deal.buyer, "returns", json!({ "lines": [1] }))
        .await
        .expect(200);
    deal.ask(&deal.seller, "returns/rejections", json!({ "reason": "it was worn" }))
        .await
        .expect(200);
    assert_eq!(deal.line(1).await, is(("SHIPPED", "WITH_ORDER")));
    let again = deal.ask(&deal.buyer, "returns", json!({ "lines": [1] })).await;
    again.expect_problem(409, "LINES_NOT_READY");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_counts_once_and_another_one_needs_another_key() {
    let deal = Deal::strike().await;
    let first = deal
        .ask_once(&deal.seller, "shipments", "s1", json!({ "carrier": "CJ" }))
        .await
        .expect(200);
    let again = deal
        .ask_once(&deal.seller, "shipments", "s1", json!({ "carrier": "CJ" }))
        .await
        .expect(200);
    assert_eq!(first.number("/version"), again.number("/version"));
    let another = deal
        .ask_once(&deal.seller, "shipments", "s1", json!({ "carrier": "DHL" }))
        .await;
    another.expect_problem(422, "IDEMPOTENCY_KEY_REUSED");
    // The keys of two sellers are not the same.
    deal.ask_once(&deal.other_seller, "shipments", "s1", json!({ "carrier": "DHL" }))
        .await
        .expect(200);
    let without_a_key = format!("/orders/{}/shipments", deal.order);
    let refused = deal.seller.client.post(&without_a_key, json!({})).await;
    refused.expect_problem(409, "LINES_NOT_READY");
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_does_with_a_line_what_is_not_theirs_to_do() {
    let deal = Deal::strike().await;
    for lines in [json!([2]), json!([1, 2])] {
        let refused = deal.ask(&deal.seller, "shipments", json!({ "lines": lines })).await;
        refused.expect_problem(409, "LINES_NOT_READY");
    }
    let nothing_shipped = deal.ask(&deal.buyer, "deliveries", json!({})).await;
    nothing_shipped.expect_problem(409, "LINES_NOT_READY");
    for (lines, pointer) in [(json!([]), "/lines"), (json!([1, 0]), "/lines/1")] {
        let refused = deal.ask(&deal.seller, "shipments", json!({ "lines": lines })).await;
        assert_eq!(
            refused.expect_problem(422, "OUT_OF_BOUNDS").text("/errors/0/pointer"),
            pointer
        );
    }
    assert_eq!(deal.line(1).await, is(("UNSHIPPED", "WITH_ORDER")));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_not_paid_yet_has_nothing_to_ship() {
    let shop = Shop::open().await;
    let (seller, buyer) = (shop.seller().await, shop.buyer().await);
    let product = seller.offer(1_500, 10).await;
    let order = buyer.order(&[(&product, 2)]).await;
    assert_eq!(buyer.settled(&order).await.text("/cancel_reason"), "INSUFFICIENT_FUNDS");
    let refused = seller
        .client
        .post(&format!("/orders/{order}/shipments"), json!({}))
        .await;
    refused.expect_problem(409, "ORDER_TOO_LATE");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_reads_in_the_timeline_what_becomes_of_the_own_lines_only() {
    let deal = Deal::strike().await;
    deal.ask(&deal.seller, "shipments", json!({ "carrier": "CJ" }))
        .await
        .expect(200);
    deal.ask(&deal.other_seller, "shipments", json!({ "carrier": "secret" }))
        .await
        .expect(200);
    deal.ask(&deal.buyer, "deliveries", json!({})).await.expect(200);
    deal.buyer.settled(&deal.order).await;
    let path = format!("/orders/{}/events?limit=100", deal.order);
    let whole = deal.buyer.client.get(&path).await.expect(200);
    let kinds = |reply: &Reply| -> Vec<String> {
        let items = reply.body["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["type"].as_str().unwrap().to_owned())
            .collect()
    };
    let count = |reply: &Reply, kind: &str| kinds(reply).iter().filter(|item| *item == kind).count();
    assert_eq!(count(&whole, "SellerCredited"), 2);
    let part = deal.seller.client.get(&path).await.expect(200);
    for kind in ["LinesShipped", "LinesDelivered", "PaymentSettled", "SellerCredited"] {
        assert_eq!(count(&part, kind), 1, "{kind} in {:?}", kinds(&part));
    }
    let text = part.body.to_string();
    for secret in ["secret", &deal.other_seller.account_id, "\"lines\":[1,2]"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    assert!(text.contains("3000"), "the own money shows: {text}");
}
