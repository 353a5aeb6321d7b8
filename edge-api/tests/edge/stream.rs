//! What happens to an order, as it happens.

use crate::support::client::Events;
use crate::support::{Client, Shop, unique};
use axum::http::Method;
use edge_api::limits::STREAMS_MAX;
use serde_json::Value;

/// The events of a stream up to the one of this type.
async fn until(events: &mut Events, kind: &str) -> Vec<Value> {
    let mut seen = Vec::new();
    loop {
        let fields = events.next().await.unwrap();
        let field = |wanted: &str| fields.iter().find(|(name, _)| name == wanted).map(|(_, value)| value);
        let data: Value = serde_json::from_str(field("data").unwrap()).unwrap();
        assert_eq!(field("id"), Some(&data["seq"].to_string()));
        assert_eq!(field("event").map(String::as_str), data["type"].as_str());
        seen.push(data);
        if field("event").is_some_and(|event| event == kind) {
            return seen;
        }
    }
}

async fn listed(client: &Client, order: &str) -> Vec<Value> {
    let path = format!("/orders/{order}/events?limit=100");
    let page = client.get(&path).await.expect(200);
    page.body["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_follows_an_order_is_told_each_event_once_and_goes_on_where_he_was() {
    let shop = Shop::open().await;
    let (buyer, seller) = (shop.rich_buyer(10_000).await, shop.seller().await);
    let product = seller.offer(1_500, 5).await;
    let order = buyer.order(&[(&product, 2)]).await;
    let mut events = buyer.client.follow(&order, None).await;
    let paid = until(&mut events, "OrderPaid").await;
    assert_eq!(paid, listed(&buyer.client, &order).await[..paid.len()]);

    let last = paid[1]["seq"].as_i64();
    let mut rest = buyer.client.follow(&order, last).await;
    assert_eq!(until(&mut rest, "OrderPaid").await, paid[2..]);

    let cancel = format!("/orders/{order}/cancel");
    buyer.client.post(&cancel, serde_json::json!({})).await.expect(202);
    let cancelled = until(&mut events, "OrderCancelled").await;
    assert_eq!(cancelled[0]["seq"].as_u64(), Some(paid.len() as u64 + 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_who_follows_an_order_is_told_of_the_own_lines() {
    let shop = Shop::open().await;
    let (buyer, seller, other) = (shop.rich_buyer(10_000).await, shop.seller().await, shop.seller().await);
    let (own, theirs) = (seller.offer(1_000, 5).await, other.offer(2_222, 5).await);
    let order = buyer.order(&[(&own, 1), (&theirs, 1)]).await;
    buyer.settled(&order).await;
    let mut events = seller.client.follow(&order, None).await;
    let seen = until(&mut events, "OrderPaid").await;
    let all = listed(&seller.client, &order).await;
    assert_eq!(seen, all[..seen.len()]);
    let text = Value::from(seen).to_string();
    assert!(!text.contains(&theirs) && !text.contains("2222"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_ends_with_its_session_and_with_its_gateway() {
    let shop = Shop::open().await;
    let (buyer, seller) = (shop.rich_buyer(10_000).await, shop.seller().await);
    let product = seller.offer(1_500, 5).await;
    let order = buyer.order(&[(&product, 2)]).await;
    let mut buyers = buyer.client.follow(&order, None).await;
    until(&mut buyers, "OrderPaid").await;
    let mut sellers = seller.client.follow(&order, None).await;
    until(&mut sellers, "OrderPaid").await;
    buyer.client.post("/auth/logout", Value::Null).await.expect(204);
    while buyers.next().await.is_some() {}
    shop.state.drain();
    while sellers.next().await.is_some() {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_cannot_begin_says_why() {
    let shop = Shop::open().await;
    let (buyer, seller) = (shop.rich_buyer(10_000).await, shop.seller().await);
    let product = seller.offer(1_500, 5).await;
    let order = buyer.order(&[(&product, 2)]).await;
    let path = format!("/orders/{order}/stream");
    let stranger = shop.buyer().await;
    stranger.client.get(&path).await.expect_problem(404, "NOT_FOUND");
    let absent = format!("/orders/{}/stream", unique("none"));
    buyer.client.get(&absent).await.expect_problem(404, "NOT_FOUND");
    let bad = buyer
        .client
        .send(Method::GET, &path, &[("last-event-id", "x")], None)
        .await;
    bad.expect_problem(400, "MALFORMED_REQUEST");
    let mut streams = Vec::new();
    for _ in 0..STREAMS_MAX {
        streams.push(buyer.client.follow(&order, None).await);
    }
    buyer.client.get(&path).await.expect_problem(429, "TOO_MANY_REQUESTS");
    streams.pop();
    buyer.client.follow(&order, None).await;
}
