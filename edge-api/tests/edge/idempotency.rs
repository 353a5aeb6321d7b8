//! One `Idempotency-Key`, one request.

use std::sync::atomic::Ordering::SeqCst;

use crate::support::people::{money, order_of};
use crate::support::{Shop, unique};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn the_same_order_twice_is_one_order() {
    let shop = Shop::open().await;
    let (seller, buyer) = (shop.seller().await, shop.rich_buyer(10_000).await);
    let product = seller.offer(1_000, 10).await;
    let key = unique("key");
    let order = order_of(&[(&product, 2)]);
    let first = buyer.client.post_once("/orders", &key, order.clone()).await.expect(202);
    let again = buyer.client.post_once("/orders", &key, order.clone()).await.expect(202);
    buyer.settled(&first.text("/order_id")).await;
    let quoted = buyer
        .client
        .post_once("/orders", &format!("\"{key}\""), order)
        .await
        .expect(202);
    assert_eq!(first.body, again.body);
    assert_eq!(first.body, quoted.body);
    assert_eq!(first.header("location"), quoted.header("location"));
    assert_eq!(buyer.balance().await, (8_000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn another_order_under_the_same_key_is_refused_at_once_and_later() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let key = unique("key");
    let first = buyer
        .client
        .post_once("/orders", &key, order_of(&[("a", 1)]))
        .await
        .expect(202);
    let other = || order_of(&[("a", 2)]);
    buyer
        .client
        .post_once("/orders", &key, other())
        .await
        .expect_problem(422, "IDEMPOTENCY_KEY_REUSED");
    buyer.settled(&first.text("/order_id")).await;
    buyer
        .client
        .post_once("/orders", &key, other())
        .await
        .expect_problem(422, "IDEMPOTENCY_KEY_REUSED");
    // Another gateway remembers nothing of the request; the order itself does.
    let elsewhere = Shop::open()
        .await
        .anonymous()
        .with_token(buyer.client.token.as_deref().unwrap());
    elsewhere
        .post_once("/orders", &key, other())
        .await
        .expect_problem(422, "IDEMPOTENCY_KEY_REUSED");
    elsewhere
        .post_once("/orders", &key, order_of(&[("a", 1)]))
        .await
        .expect(202);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_key_of_two_buyers_is_two_orders() {
    let shop = Shop::open().await;
    let key = unique("key");
    let mut ids = Vec::new();
    for buyer in [shop.buyer().await, shop.buyer().await] {
        ids.push(
            buyer
                .client
                .post_once("/orders", &key, order_of(&[("a", 1)]))
                .await
                .expect(202)
                .text("/order_id"),
        );
    }
    ids.dedup();
    assert_eq!(ids.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_sends_of_one_order_at_once_take_the_money_once() {
    let shop = Shop::open().await;
    let (seller, buyer) = (shop.seller().await, shop.rich_buyer(10_000).await);
    let product = seller.offer(1_000, 10).await;
    let key = unique("key");
    let mut sends = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (client, key, order) = (buyer.client.clone(), key.clone(), order_of(&[(&product, 1)]));
        sends.spawn(async move {
            client
                .post_once("/orders", &key, order)
                .await
                .expect(202)
                .text("/order_id")
        });
    }
    let mut ids = sends.join_all().await;
    ids.dedup();
    assert_eq!(ids.len(), 1);
    assert_eq!(buyer.settled(&ids.remove(0)).await.text("/status"), "PAID");
    assert_eq!(buyer.balance().await, (9_000, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_come_while_one_is_asked_about_are_asked_about_together() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let held = shop.views.turnstile.acquire().await.unwrap();
    let mut orders = tokio::task::JoinSet::new();
    for number in 1..=9 {
        let client = buyer.client.clone();
        orders.spawn(async move {
            let placed = client.post_once("/orders", &unique("key"), order_of(&[("a", 1)])).await;
            placed.expect(202);
        });
        while shop.log.appended.load(SeqCst) < number {
            tokio::task::yield_now().await;
        }
    }
    drop(held);
    orders.join_all().await;
    let questions = shop.views.questions.lock().unwrap().clone();
    assert_eq!(questions.iter().sum::<usize>(), 9, "{questions:?}");
    assert!(questions.len() <= 3, "{questions:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_deposit_twice_counts_once_and_another_under_its_key_not_at_all() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let key = unique("key");
    for _ in 0..2 {
        buyer
            .client
            .post_once("/wallet/deposits", &key, json!({ "amount": money(700) }))
            .await
            .expect(200);
    }
    let other = json!({ "amount": money(900) });
    buyer
        .client
        .post_once("/wallet/deposits", &key, other)
        .await
        .expect_problem(422, "IDEMPOTENCY_KEY_REUSED");
    assert_eq!(buyer.balance().await, (700, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_and_a_deposit_need_a_key_that_can_be_one() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await.client;
    buyer
        .post("/orders", order_of(&[("a", 1)]))
        .await
        .expect_problem(400, "IDEMPOTENCY_KEY_MISSING");
    buyer
        .post("/wallet/deposits", json!({ "amount": money(1) }))
        .await
        .expect_problem(400, "IDEMPOTENCY_KEY_MISSING");
    for key in ["", "a b", "\"a", &"k".repeat(256)] {
        buyer
            .post_once("/orders", key, order_of(&[("a", 1)]))
            .await
            .expect_problem(400, "MALFORMED_REQUEST");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_under_the_same_key_is_one_product() {
    let shop = Shop::open().await;
    let seller = shop.seller().await.client;
    let key = unique("key");
    let product = |stock: i64| json!({ "name": "Pot", "price": money(5), "stock": stock });
    let first = seller.post_once("/products", &key, product(1)).await.expect(201);
    let again = seller.post_once("/products", &key, product(1)).await.expect(201);
    assert_eq!(first.body, again.body);
    seller
        .post_once("/products", &key, product(2))
        .await
        .expect_problem(422, "IDEMPOTENCY_KEY_REUSED");
}
