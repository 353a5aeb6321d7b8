//! Versions as clients use them: a change of what they have read and of nothing else, and lists that have what they have written.

use crate::support::{Reply, Shop, unique};
use axum::http::Method;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_changed_in_the_version_that_was_read_or_not_at_all() {
    let shop = Shop::open().await;
    let seller = shop.seller().await;
    let path = format!("/products/{}", seller.offer(1_500, 10).await);
    let read = seller.client.get(&path).await.expect(200).header("etag").to_owned();
    let change = async |tag: &str, name: &str| -> Reply {
        let headers = [("if-match", tag)];
        let body = json!({ "name": name });
        seller.client.send(Method::PATCH, &path, &headers, Some(body)).await
    };
    let changed = change(&read, "First").await.expect(200);
    let refused = change(&read, "Second").await.expect(412);
    assert_eq!(refused.text("/code"), "PRECONDITION_FAILED");
    assert_eq!(
        refused.header("etag"),
        changed.header("etag"),
        "the present version is told"
    );
    let weak = format!("W/{}", changed.header("etag"));
    for tag in [weak.as_str(), "\"no such\"", "no tag at all"] {
        change(tag, "Third").await.expect(412);
    }
    assert_eq!(seller.client.get(&path).await.expect(200).text("/name"), "First");
    change(&format!("\"0\", {}", changed.header("etag")), "Fourth")
        .await
        .expect(200);
    change("*", "Fifth").await.expect(200);
}

/// Whoever reads first does not matter: of many changes of one version the topology takes one.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_changes_of_one_version_at_once_one_is_made() {
    let shop = Shop::open().await;
    let seller = shop.seller().await;
    let path = format!("/products/{}", seller.offer(1_500, 10).await);
    let read = seller.client.get(&path).await.expect(200).header("etag").to_owned();
    let changes = (0..20).map(|number| {
        let (client, path, read) = (seller.client.clone(), path.clone(), read.clone());
        tokio::spawn(async move {
            let headers = [("if-match", read.as_str())];
            let body = json!({ "name": format!("Name {number}") });
            (number, client.send(Method::PATCH, &path, &headers, Some(body)).await)
        })
    });
    let mut made = Vec::new();
    for change in changes.collect::<Vec<_>>() {
        let (number, answer) = change.await.unwrap();
        match answer.status.as_u16() {
            200 => made.push(number),
            412 => {}
            other => panic!("{other}: {:?}", answer.body),
        }
    }
    assert_eq!(made.len(), 1, "{made:?}");
    let product = seller.client.get(&path).await.expect(200);
    assert_eq!(product.text("/name"), format!("Name {}", made[0]));
    assert_eq!(product.number("/version"), 2);
}

fn has(list: &Reply, order: &str) -> bool {
    let items = list.body["items"].as_array().unwrap();
    items.iter().any(|item| item["order_id"] == order)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_read_with_the_token_of_an_order_has_it() {
    let shop = Shop::open().await;
    let (seller, buyer) = (shop.seller().await, shop.rich_buyer(1_000_000).await);
    let product = seller.offer(10, 1_000).await;
    for _ in 0..20 {
        let order = json!({ "lines": [{ "product_id": product, "quantity": 1 }] });
        let placed = buyer
            .client
            .post_once("/orders", &unique("key"), order)
            .await
            .expect(202);
        let token = placed.header("sluice-consistency").to_owned();
        let headers = [("sluice-consistency", token.as_str())];
        let list = buyer.client.get_with("/orders", &headers).await.expect(200);
        assert!(has(&list, &placed.text("/order_id")));
        let cancelled = buyer
            .client
            .post(&format!("/orders/{}/cancel", placed.text("/order_id")), json!({}))
            .await;
        let token = cancelled.expect(202).header("sluice-consistency").to_owned();
        let list = buyer
            .client
            .get_with("/orders", &[("sluice-consistency", &token)])
            .await
            .expect(200);
        let items = list.body["items"].as_array().unwrap();
        let order: &Value = items
            .iter()
            .find(|item| item["order_id"] == placed.text("/order_id"))
            .unwrap();
        assert_eq!(order["cancel_reason"], "CANCELLED_BY_BUYER");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_of_use_to_those_who_see_its_order_only() {
    let shop = Shop::open().await;
    let (seller, buyer, other) = (shop.seller().await, shop.rich_buyer(10_000).await, shop.buyer().await);
    let product = seller.offer(10, 10).await;
    let order = json!({ "lines": [{ "product_id": product, "quantity": 1 }] });
    let placed = buyer
        .client
        .post_once("/orders", &unique("key"), order)
        .await
        .expect(202);
    buyer.settled(&placed.text("/order_id")).await;
    let token = placed.header("sluice-consistency").to_owned();
    let sales = seller
        .client
        .get_with("/seller/orders", &[("sluice-consistency", &token)])
        .await;
    assert!(has(&sales.expect(200), &placed.text("/order_id")));
    for (client, token) in [
        (&other.client, token.as_str()),
        (&buyer.client, "x"),
        (&buyer.client, "MSBubw"),
    ] {
        let refused = client
            .get_with("/orders", &[("sluice-consistency", token)])
            .await
            .expect(400);
        assert_eq!(refused.text("/errors/0/code"), "INVALID_TOKEN");
    }
}
