//! Every refusal is an RFC 9457 problem, also those that no handler makes; every answer has its headers.

use crate::support::people::{PASSWORD, money};
use crate::support::{Reply, Setting, Shop};
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

fn post(path: &str, content_type: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path)
        .header("content-type", content_type)
        .header("idempotency-key", "k")
        .body(body.into())
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_framework_refuses_is_a_problem_too() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await.client;
    buyer.get("/nowhere").await.expect_problem(404, "NOT_FOUND");
    buyer.get("/orders/a%2Fb").await.expect_problem(404, "NOT_FOUND");
    buyer.get("/orders/%ff").await.expect_problem(404, "NOT_FOUND");
    let refused = buyer
        .send(Method::DELETE, "/orders/x", &[], None)
        .await
        .expect_problem(405, "METHOD_NOT_ALLOWED");
    assert_eq!(refused.header("allow"), "GET, HEAD");
    let trace = buyer.send(Method::TRACE, "/wallet", &[], None).await;
    trace.expect_problem(405, "METHOD_NOT_ALLOWED");
    let big = format!("{{\"lines\":[{}]}}", " ".repeat(70_000));
    buyer
        .send_raw(post("/orders", "application/json", big))
        .await
        .expect_problem(413, "BODY_TOO_LARGE");
    for content_type in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
        "",
    ] {
        let reply = buyer.send_raw(post("/orders", content_type, "{}")).await;
        reply.expect_problem(415, "UNSUPPORTED_MEDIA_TYPE");
    }
    for broken in ["", "{", "[]x", "\u{0}"] {
        assert_eq!(
            buyer.send_raw(post("/orders", "application/json", broken)).await.status,
            400,
            "{broken}"
        );
    }
    buyer
        .send_raw(post("/orders", "application/json; charset=UTF-8", "{}"))
        .await
        .expect_problem(400, "INVALID_FIELD");
}

fn errors(reply: &Reply) -> Vec<(String, String)> {
    let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
    let errors = reply.body["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| (text(error, "pointer"), text(error, "code")))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_field_that_is_unknown_missing_or_of_another_type_is_named() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await.client;
    let cases = [
        (
            json!({ "lines": [{ "product_id": "p", "quantity": 1, "unit_price": 1 }] }),
            "/lines/0/unit_price",
            "UNKNOWN_FIELD",
        ),
        (json!({ "lines": [], "buyer_id": "x" }), "/buyer_id", "UNKNOWN_FIELD"),
        (
            json!({ "lines": [{ "product_id": "p", "quantity": "1" }] }),
            "/lines/0/quantity",
            "INVALID_TYPE",
        ),
        (
            json!({ "lines": [{ "product_id": "p", "quantity": 1.5 }] }),
            "/lines/0/quantity",
            "INVALID_TYPE",
        ),
        (
            json!({ "lines": [{ "product_id": 5, "quantity": 1 }] }),
            "/lines/0/product_id",
            "INVALID_TYPE",
        ),
        (
            json!({ "lines": [{ "quantity": 1 }] }),
            "/lines/0/product_id",
            "MISSING_FIELD",
        ),
        (json!({ "lines": null }), "/lines", "INVALID_TYPE"),
        (json!([[]]), "", "INVALID_TYPE"),
        (json!({ "lines": [["p", 1]] }), "/lines/0", "INVALID_TYPE"),
    ];
    for (body, pointer, code) in cases {
        let reply = buyer
            .post_once("/orders", "k", body)
            .await
            .expect_problem(400, "INVALID_FIELD");
        assert_eq!(errors(&reply), [(pointer.to_owned(), code.to_owned())]);
    }
    let admin = json!({ "email": "a@b.c", "password": PASSWORD, "name": "A", "role": "SYSTEM" });
    let reply = shop
        .anonymous()
        .post("/auth/register", admin)
        .await
        .expect_problem(400, "INVALID_FIELD");
    assert_eq!(errors(&reply), [("/role".to_owned(), "UNKNOWN_VALUE".to_owned())]);
    for (path, pointer) in [
        ("/orders?limit=x", "/limit"),
        ("/orders?color=red", "/color"),
        ("/orders?limit=1&limit=2", "/limit"),
    ] {
        let reply = buyer.get(path).await.expect_problem(400, "INVALID_FIELD");
        assert_eq!(errors(&reply)[0].0, pointer, "{path}");
    }
    for path in [
        "/orders?cursor=%21",
        "/orders?cursor=AAAA",
        "/products?cursor=a%00",
        "/orders/x/events?cursor=AAAA",
    ] {
        assert_eq!(buyer.get(path).await.status, 400, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bound_is_kept_and_every_breach_is_named() {
    let shop = Shop::open().await;
    let (buyer, seller) = (shop.buyer().await.client, shop.seller().await.client);
    let line = |quantity: i64| json!({ "product_id": "p", "quantity": quantity });
    let orders = [
        json!({ "lines": [] }),
        json!({ "lines": vec![line(1); 101] }),
        json!({ "lines": [line(0)] }),
        json!({ "lines": [line(-1)] }),
        json!({ "lines": [line(1_000_001)] }),
        json!({ "lines": [{ "product_id": "", "quantity": 1 }] }),
        json!({ "lines": [{ "product_id": "a b", "quantity": 1 }] }),
    ];
    for order in orders {
        buyer
            .post_once("/orders", "k", order)
            .await
            .expect_problem(422, "OUT_OF_BOUNDS");
    }
    for amount in [0, -1, 1_000_000_000_000_001, i64::MAX] {
        let deposit = json!({ "amount": money(amount) });
        buyer
            .post_once("/wallet/deposits", "k", deposit)
            .await
            .expect_problem(422, "OUT_OF_BOUNDS");
    }
    let both = json!({ "name": "", "price": { "amount": 0, "currency": "krw" }, "stock": -1 });
    let reply = seller
        .post("/products", both)
        .await
        .expect_problem(422, "OUT_OF_BOUNDS");
    let pointers: Vec<_> = errors(&reply).into_iter().map(|(pointer, _)| pointer).collect();
    assert_eq!(pointers, ["/name", "/price/amount", "/price/currency", "/stock"]);
    for name in ["x".repeat(201), "  ".to_owned(), "a\nb".to_owned()] {
        let product = json!({ "name": name, "price": money(1), "stock": 0 });
        seller
            .post("/products", product)
            .await
            .expect_problem(422, "OUT_OF_BOUNDS");
    }
    for path in ["/orders?limit=0", "/orders?limit=101", "/orders?limit=4294967295"] {
        buyer.get(path).await.expect_problem(422, "OUT_OF_BOUNDS");
    }
    let weak = json!({ "email": "ann@example.org", "password": "short", "name": "Ann", "role": "BUYER" });
    shop.anonymous()
        .post("/auth/register", weak)
        .await
        .expect_problem(422, "WEAK_PASSWORD");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_has_the_security_headers() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await.client;
    let replies = [
        buyer.get("/me").await,
        buyer.get("/nowhere").await,
        shop.anonymous().get("/me").await,
        buyer.get("/openapi.json").await,
    ];
    for reply in replies {
        for (name, value) in [
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
        ] {
            assert_eq!(reply.header(name), value, "{name}");
        }
        assert!(reply.header("content-security-policy").contains("default-src 'none'"));
        assert!(
            reply
                .header("strict-transport-security")
                .starts_with("max-age=63072000")
        );
        assert_eq!(reply.header("x-request-id").len(), 32);
        assert_eq!(reply.header("access-control-allow-origin"), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_of_another_origin_is_let_in_only_if_the_origin_is_listed() {
    let shop = Shop::with(Setting {
        allowed_origins: vec!["https://shop.example".to_owned()],
        ..Setting::default()
    })
    .await;
    let preflight = |origin: &'static str| {
        let client = shop.anonymous();
        async move {
            let headers = [
                ("origin", origin),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "authorization"),
            ];
            client.send(Method::OPTIONS, "/orders", &headers, None).await
        }
    };
    let allowed = preflight("https://shop.example").await.expect(200);
    assert_eq!(allowed.header("access-control-allow-origin"), "https://shop.example");
    for origin in [
        "null",
        "https://shop.example.evil",
        "http://shop.example",
        "https://evil.example",
    ] {
        assert_eq!(
            preflight(origin).await.header("access-control-allow-origin"),
            "",
            "{origin}"
        );
    }
}
