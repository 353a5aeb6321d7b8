//! What the gateway says while a part that it needs is away: nothing that is not true.

use std::sync::atomic::Ordering::SeqCst;

use crate::support::people::{money, order_of, registration};
use crate::support::{Shop, unique};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn without_the_log_nothing_is_claimed_and_the_same_request_works_later() {
    let shop = Shop::open().await;
    let (seller, buyer) = (shop.seller().await, shop.buyer().await);
    let product = seller.offer(100, 10).await;
    let key = unique("key");
    shop.log.down.store(true, SeqCst);
    let refused = buyer
        .client
        .post_once("/orders", &key, order_of(&[(&product, 1)]))
        .await;
    let refused = refused.expect_problem(503, "UNAVAILABLE");
    assert_eq!((refused.header("retry-after"), refused.header("location")), ("1", ""));
    buyer.deposit(5).await.expect_problem(503, "UNAVAILABLE");
    seller
        .client
        .patch(&format!("/products/{product}"), json!({ "name": "x" }))
        .await
        .expect_problem(503, "UNAVAILABLE");
    let email = format!("{}@example.org", unique("new"));
    shop.anonymous()
        .post("/auth/register", registration(&email, "BUYER"))
        .await
        .expect_problem(503, "UNAVAILABLE");
    // What is committed is readable all the while; what is not known cannot be denied.
    seller.client.get(&format!("/products/{product}")).await.expect(200);
    buyer
        .client
        .get(&format!("/orders/{}", unique("order")))
        .await
        .expect_problem(503, "UNAVAILABLE");
    shop.log.down.store(false, SeqCst);
    let accepted = buyer
        .client
        .post_once("/orders", &key, order_of(&[(&product, 1)]))
        .await
        .expect(202);
    assert_eq!(
        buyer.settled(&accepted.text("/order_id")).await.text("/cancel_reason"),
        "INSUFFICIENT_FUNDS"
    );
    shop.anonymous()
        .post("/auth/register", registration(&email, "BUYER"))
        .await
        .expect(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_whose_outcome_does_not_show_yet_says_so() {
    let shop = Shop::open().await;
    let (seller, buyer) = (shop.seller().await, shop.buyer().await);
    let product = seller.offer(100, 10).await;
    shop.views.behind.store(true, SeqCst);
    let key = unique("key");
    let deposit = json!({ "amount": money(70) });
    buyer
        .client
        .post_once("/wallet/deposits", &key, deposit.clone())
        .await
        .expect(202);
    buyer.client.get("/wallet").await.expect_problem(503, "OUTCOME_PENDING");
    let adjustments = format!("/products/{product}/stock-adjustments");
    let pending = seller.client.post_once(&adjustments, &key, json!({ "delta": 1 })).await;
    assert_eq!(
        pending.expect_problem(503, "OUTCOME_PENDING").header("retry-after"),
        "1"
    );
    let email = format!("{}@example.org", unique("new"));
    shop.anonymous()
        .post("/auth/register", registration(&email, "BUYER"))
        .await
        .expect_problem(503, "OUTCOME_PENDING");
    shop.views.behind.store(false, SeqCst);
    buyer
        .client
        .post_once("/wallet/deposits", &key, deposit)
        .await
        .expect(200);
    assert_eq!(buyer.balance().await, (70, 0));
    let adjusted = seller
        .client
        .post_once(&adjustments, &key, json!({ "delta": 1 }))
        .await
        .expect(201);
    assert_eq!(adjusted.number("/on_hand"), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_accepted_while_no_state_is_readable() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    shop.views.down.store(true, SeqCst);
    let accepted = buyer
        .client
        .post_once("/orders", &unique("key"), order_of(&[("nothing", 1)]))
        .await
        .expect(202);
    buyer
        .client
        .get(accepted.header("location"))
        .await
        .expect_problem(503, "UNAVAILABLE");
    buyer.client.get("/products").await.expect_problem(503, "UNAVAILABLE");
    buyer.client.get("/orders").await.expect_problem(503, "UNAVAILABLE");
    shop.views.down.store(false, SeqCst);
    assert_eq!(
        buyer.settled(&accepted.text("/order_id")).await.text("/status"),
        "CANCELLED"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_went_through_this_gateway_is_found_without_asking_the_log() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let key = unique("key");
    let accepted = buyer
        .client
        .post_once("/orders", &key, order_of(&[("nothing", 1)]))
        .await
        .expect(202);
    shop.views.blind.store(true, SeqCst);
    shop.log.down.store(true, SeqCst);
    let order = buyer.client.get(accepted.header("location")).await.expect(200);
    assert_eq!(order.text("/order_id"), accepted.text("/order_id"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_logins_is_turned_away_and_the_rest_goes_on() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let mut flood = tokio::task::JoinSet::new();
    for number in 0..60 {
        let client = shop.anonymous();
        let login = json!({ "email": format!("nobody-{number}@example.org"), "password": "correct horse battery" });
        flood.spawn(async move { client.post("/auth/login", login).await });
    }
    buyer.client.get("/wallet").await.expect(200);
    let replies = flood.join_all().await;
    let refused: Vec<_> = replies.into_iter().filter(|reply| reply.status == 429).collect();
    assert!(!refused.is_empty());
    for reply in refused {
        assert_eq!(
            reply.expect_problem(429, "TOO_MANY_REQUESTS").header("retry-after"),
            "1"
        );
    }
}
