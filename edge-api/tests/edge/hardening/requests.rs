//! Requests that are not what they seem.

use std::collections::BTreeSet;

use axum::body::Body;
use axum::http::{Method, Request};
use edge_api::auth::access::{OPERATIONS, Operation};
use serde_json::json;

use super::{Cast, described, description, parameters, path};
use crate::support::people::money;
use crate::support::{Client, Shop};

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_the_table_does_not_list_is_refused_and_trace_everywhere() {
    let shop = Shop::open().await;
    let client = shop.anonymous();
    let paths: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.path).collect();
    for path in paths {
        let listed = Operation::methods(path);
        for method in ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "BREW"] {
            if listed.contains(&method) {
                continue;
            }
            let reply = client
                .send(method.parse().unwrap(), &path.replace("{id}", "none"), &[], None)
                .await
                .expect_problem(405, "METHOD_NOT_ALLOWED");
            assert_eq!(reply.header("allow"), listed.join(", "), "{method} {path}");
        }
    }
    for path in ["/", "/console/x/js/shop.js"] {
        let reply = client.send(Method::TRACE, path, &[], None).await;
        reply.expect_problem(405, "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_form_can_send_reaches_no_operation() {
    let cast = Cast::gather().await;
    let description = description(&cast.shop).await;
    let mut tried = 0;
    for operation in OPERATIONS {
        if described(&description, operation)["requestBody"].is_null() {
            continue;
        }
        for kind in ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"] {
            let mut request = Request::builder()
                .method(operation.method)
                .uri(path(operation))
                .header("content-type", kind)
                .header("idempotency-key", "k");
            if let Some(token) = &cast.caller(operation).token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let request = request.body(Body::from("{}")).unwrap();
            let reply = cast.shop.anonymous().send_raw(request).await;
            reply.expect_problem(415, "UNSUPPORTED_MEDIA_TYPE");
            tried += 1;
        }
    }
    assert!(tried >= 3 * 15, "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_twice_under_one_name_is_refused() {
    let cast = Cast::gather().await;
    let description = description(&cast.shop).await;
    let mut tried = 0;
    for operation in OPERATIONS {
        for parameter in parameters(&description, operation, "query") {
            let value = match parameter.as_str() {
                "limit" => "1",
                "status" => "PAID",
                _ => "AAAA",
            };
            let twice = format!("{}?{parameter}={value}&{parameter}={value}", path(operation));
            let reply = cast.caller(operation).get(&twice).await;
            let reply = reply.expect_problem(400, "INVALID_FIELD");
            assert_eq!(reply.text("/errors/0/code"), "DUPLICATE_FIELD", "{twice}");
            tried += 1;
        }
    }
    assert!(tried >= 10, "{tried}");
    let bodies = [
        (
            "/auth/login",
            r#"{"email":"a@b.c","email":"d@e.f","password":"x"}"#,
            "/email",
        ),
        (
            "/wallet/deposits",
            r#"{"amount":{"amount":1,"amount":2,"currency":"KRW"}}"#,
            "/amount/amount",
        ),
    ];
    let buyer = &cast.buyer.client;
    for (path, body, pointer) in bodies {
        let request = post(buyer, path, &[("idempotency-key", "k")], body);
        let reply = buyer.send_raw(request).await.expect_problem(400, "INVALID_FIELD");
        let error = (reply.text("/errors/0/pointer"), reply.text("/errors/0/code"));
        assert_eq!(error, (pointer.to_owned(), "DUPLICATE_FIELD".to_owned()));
    }
    let keys = [("idempotency-key", "a"), ("idempotency-key", "b")];
    let request = post(
        buyer,
        "/orders",
        &keys,
        r#"{"lines":[{"product_id":"p","quantity":1}]}"#,
    );
    buyer.send_raw(request).await.expect_problem(400, "MALFORMED_REQUEST");
}

fn post(client: &Client, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::post(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(token) = &client.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_encoded_twice_is_decoded_once() {
    let shop = Shop::open().await;
    let seller = shop.seller().await;
    let product = seller.offer(1, 1).await;
    let first = product.bytes().next().unwrap();
    let (once, twice) = (format!("%{first:02x}"), format!("%25{first:02x}"));
    let at = |encoded: &str| format!("/products/{encoded}{}", &product[1..]);
    seller.client.get(&at(&once)).await.expect(200);
    seller.client.get(&at(&twice)).await.expect_problem(404, "NOT_FOUND");
    seller.client.get("/products?limit=%31").await.expect(200);
    let reply = seller.client.get("/products?limit=%2531").await;
    reply.expect_problem(400, "INVALID_FIELD");
    let named = json!({ "name": "%41\\u0042", "price": money(1), "stock": 0 });
    let reply = seller.client.post("/products", named).await.expect(201);
    assert_eq!(reply.text("/name"), "%41\\u0042");
}
