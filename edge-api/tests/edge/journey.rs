//! The main job through the gateway: an order becomes PAID, or CANCELLED with nothing lost.

use crate::support::people::order_of;
use crate::support::{Shop, unique};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_stock_and_wallet_allow_is_paid() {
    let shop = Shop::open().await;
    let (seller, buyer) = (shop.seller().await, shop.rich_buyer(10_000).await);
    let product = seller.offer(1_500, 10).await;
    let order_id = buyer.order(&[(&product, 3)]).await;
    let order = buyer.settled(&order_id).await;
    assert_eq!(order.text("/status"), "PAID");
    assert_eq!(order.text("/payment_status"), "CAPTURED");
    assert_eq!(order.text("/step"), "DONE");
    assert_eq!(order.number("/total/amount"), 4_500);
    assert_eq!(order.text("/lines/0/seller_id"), seller.account_id);
    assert_eq!(order.number("/lines/0/unit_price/amount"), 1_500);
    assert_eq!(order.header("etag"), format!("\"{}\"", order.number("/version")));
    assert_eq!(buyer.balance().await, (5_500, 0));
    let product = seller.sees_free(&product, 7).await;
    assert_eq!(product.number("/on_hand"), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_more_than_there_is_is_cancelled_and_takes_nothing() {
    let shop = Shop::open().await;
    let (seller, buyer) = (shop.seller().await, shop.rich_buyer(100_000).await);
    let (plenty, scarce) = (seller.offer(1_000, 50).await, seller.offer(1_000, 7).await);
    let order_id = buyer.order(&[(&plenty, 5), (&scarce, 8)]).await;
    let order = buyer.settled(&order_id).await;
    assert_eq!(
        (order.text("/status"), order.text("/cancel_reason")),
        ("CANCELLED".into(), "OUT_OF_STOCK".into())
    );
    assert_eq!(buyer.balance().await, (100_000, 0));
    seller.sees_free(&plenty, 50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_dearer_than_the_wallet_is_cancelled_and_gives_the_stock_back() {
    let shop = Shop::open().await;
    let (seller, buyer) = (shop.seller().await, shop.rich_buyer(1_000).await);
    let product = seller.offer(600, 10).await;
    let order_id = buyer.order(&[(&product, 2)]).await;
    let order = buyer.settled(&order_id).await;
    assert_eq!(order.text("/cancel_reason"), "INSUFFICIENT_FUNDS");
    assert_eq!(buyer.balance().await, (1_000, 0));
    seller.sees_free(&product, 10).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_of_an_unknown_product_is_cancelled() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let order_id = buyer.order(&[("nothing", 1)]).await;
    assert_eq!(buyer.settled(&order_id).await.text("/cancel_reason"), "UNKNOWN_PRODUCT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_order_is_cancelled_with_the_money_and_the_goods_back_and_then_it_is_too_late() {
    let shop = Shop::open().await;
    let (seller, buyer) = (shop.seller().await, shop.rich_buyer(10_000).await);
    let product = seller.offer(1_000, 5).await;
    let order_id = buyer.order(&[(&product, 2)]).await;
    assert_eq!(buyer.settled(&order_id).await.text("/status"), "PAID");
    let cancel = format!("/orders/{order_id}/cancel");
    let accepted = buyer
        .client
        .post(&cancel, json!({ "reason": "changed my mind" }))
        .await
        .expect(202);
    assert_eq!(accepted.header("location"), format!("/orders/{order_id}"));
    // Until the cancellation is taken, the order is settled as it was.
    let order = loop {
        let order = buyer.settled(&order_id).await;
        if order.text("/status") != "PAID" {
            break order;
        }
    };
    assert_eq!(
        (order.text("/status"), order.text("/cancel_reason")),
        ("CANCELLED".into(), "CANCELLED_BY_BUYER".into())
    );
    assert_eq!(order.text("/payment_status"), "REFUNDED");
    assert_eq!(buyer.balance().await, (10_000, 0));
    seller.sees_free(&product, 5).await;
    let late = buyer
        .client
        .post(&cancel, json!({}))
        .await
        .expect_problem(409, "ORDER_TOO_LATE");
    assert_eq!(late.header("etag"), order.header("etag"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_order_is_never_404_and_a_made_up_one_always() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    for _ in 0..20 {
        let reply = buyer
            .client
            .post_once("/orders", &unique("key"), order_of(&[("nothing", 1)]))
            .await
            .expect(202);
        let location = reply.header("location").to_owned();
        buyer.client.get(&location).await.expect(200);
    }
    buyer
        .client
        .get(&format!("/orders/{}", unique("order")))
        .await
        .expect_problem(404, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timeline_tells_what_happened_in_order_and_page_by_page() {
    let shop = Shop::open().await;
    let (seller, buyer) = (shop.seller().await, shop.rich_buyer(10_000).await);
    let product = seller.offer(1_000, 5).await;
    let order_id = buyer.order(&[(&product, 1)]).await;
    buyer.settled(&order_id).await;
    let events = format!("/orders/{order_id}/events");
    let all = buyer.client.get(&events).await.expect(200);
    let mut kinds: Vec<_> = all.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["type"].as_str().unwrap())
        .collect();
    // Stock and wallet are asked at the same time, and either may answer first.
    kinds[3..5].sort_unstable();
    assert_eq!(
        kinds,
        [
            "OrderCreated",
            "StockReserved",
            "PaymentAuthorized",
            "PaymentCaptured",
            "StockConfirmed",
            "OrderPaid"
        ]
    );
    assert!(all.body["next_cursor"].is_null());
    assert!(all.body["items"][0]["data"].get("request_hash").is_none());
    let first = buyer.client.get(&format!("{events}?limit=4")).await.expect(200);
    let rest = buyer
        .client
        .get(&format!("{events}?limit=4&cursor={}", first.text("/next_cursor")))
        .await
        .expect(200);
    assert_eq!(
        [
            first.body["items"].as_array().unwrap().len(),
            rest.body["items"].as_array().unwrap().len()
        ],
        [4, 2]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_buyer_lists_own_orders_the_newest_first_by_status_and_page() {
    let shop = Shop::open().await;
    let (seller, buyer) = (shop.seller().await, shop.rich_buyer(10_000).await);
    let product = seller.offer(1_000, 5).await;
    let mut placed = Vec::new();
    for lines in [[(product.as_str(), 1)], [("nothing", 1)], [(product.as_str(), 1)]] {
        let order_id = buyer.order(&lines).await;
        buyer.settled(&order_id).await;
        placed.insert(0, order_id);
    }
    let ids = |reply: &crate::support::Reply| -> Vec<String> {
        let items = reply.body["items"].as_array().unwrap();
        items
            .iter()
            .map(|item| item["order_id"].as_str().unwrap().to_owned())
            .collect()
    };
    // The list is a view of its own, which follows a moment later.
    let paid = loop {
        let paid = buyer.client.get("/orders?status=PAID").await.expect(200);
        let cancelled = buyer.client.get("/orders?status=CANCELLED").await.expect(200);
        if ids(&paid).len() == 2 && ids(&cancelled).len() == 1 {
            break paid;
        }
    };
    assert_eq!(ids(&paid), [placed[0].clone(), placed[2].clone()]);
    let first = buyer.client.get("/orders?limit=2").await.expect(200);
    let rest = buyer
        .client
        .get(&format!("/orders?limit=2&cursor={}", first.text("/next_cursor")))
        .await
        .expect(200);
    assert_eq!([ids(&first), ids(&rest)].concat(), placed);
    assert!(rest.body["next_cursor"].is_null());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_changes_price_and_stock_of_a_product_and_cannot_take_away_what_is_not_there() {
    let shop = Shop::open().await;
    let seller = shop.seller().await;
    let product = seller.offer(1_000, 5).await;
    let path = format!("/products/{product}");
    let changed = seller
        .client
        .patch(
            &path,
            json!({ "name": "Pot", "price": crate::support::people::money(900) }),
        )
        .await
        .expect(200);
    assert_eq!(
        (changed.text("/name"), changed.number("/price/amount")),
        ("Pot".into(), 900)
    );
    let adjustments = format!("{path}/stock-adjustments");
    let adjusted = seller
        .client
        .post(&adjustments, json!({ "delta": -5 }))
        .await
        .expect(201);
    assert_eq!(
        (adjusted.number("/on_hand"), adjusted.header("location")),
        (0, path.as_str())
    );
    seller
        .client
        .post(&adjustments, json!({ "delta": -1 }))
        .await
        .expect_problem(409, "STOCK_TOO_LOW");
    let key = unique("key");
    for _ in 0..2 {
        let adjusted = seller
            .client
            .post_once(&adjustments, &key, json!({ "delta": 3 }))
            .await
            .expect(201);
        assert_eq!(adjusted.number("/on_hand"), 3);
    }
    seller
        .client
        .post_once(&adjustments, &key, json!({ "delta": 4 }))
        .await
        .expect_problem(422, "IDEMPOTENCY_KEY_REUSED");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_catalogue_is_listed_page_by_page() {
    let shop = Shop::open().await;
    let seller = shop.seller().await;
    let mut offered = Vec::new();
    for price in 1..=5 {
        offered.push(seller.offer(price, 1).await);
    }
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = seller
            .client
            .get(&format!("/products?limit=2{cursor}"))
            .await
            .expect(200);
        found.extend(
            page.body["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["product_id"].as_str().unwrap().to_owned()),
        );
        match page.body["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert!(found.is_sorted());
    assert!(offered.iter().all(|product| found.contains(product)));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_newest_version_is_not_sent_it_again_and_can_wait_for_the_next() {
    let shop = Shop::open().await;
    let (seller, buyer) = (shop.seller().await, shop.rich_buyer(10_000).await);
    let product = seller.offer(1_500, 10).await;
    let order_id = buyer.order(&[(&product, 3)]).await;
    let order = buyer.settled(&order_id).await;
    let paths = [format!("/orders/{order_id}"), format!("/products/{product}")];
    for path in &paths {
        let newest = loop {
            // The stock of the product may still be on its way.
            let first = buyer.client.get(path).await.expect(200);
            let weak = format!("\"0\", W/{}", first.header("etag"));
            let again = buyer.client.get_with(path, &[("if-none-match", &weak)]).await;
            if again.status == 304 {
                break again;
            }
        };
        assert!(newest.body.is_null() && newest.header("etag").starts_with('"'));
        let old = buyer.client.get_with(path, &[("if-none-match", "\"0\"")]).await;
        old.expect(200);
    }
    let etag = order.header("etag").to_owned();
    let headers = [("if-none-match", etag.as_str()), ("prefer", "wait=20")];
    let (next, _) = tokio::join!(buyer.client.get_with(&paths[0], &headers), async {
        buyer
            .client
            .post(&format!("{}/cancel", paths[0]), json!({}))
            .await
            .expect(202)
    });
    let next = next.expect(200);
    assert!(next.number("/version") > order.number("/version"));
    assert_ne!(next.header("etag"), etag);
}
