//! What every answer has, and what no answer has.

use axum::http::Method;
use axum::http::header::SET_COOKIE;
use edge_api::auth::access::{OPERATIONS, Operation};
use edge_api::http::layers::panicked;
use edge_api::http::parameters::is_id;
use edge_api::problem::Problem;
use serde_json::json;

use super::{Cast, path};
use crate::support::people::{PASSWORD, login, money};
use crate::support::{Reply, Shop};

fn is_dressed(reply: &Reply, what: &str) {
    let policy = reply.header("content-security-policy");
    for rule in [
        "default-src 'none'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "sandbox",
    ] {
        assert!(policy.split("; ").any(|said| said == rule), "{what}: {policy}");
    }
    for (name, value) in [
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(reply.header(name), value, "{what}: {name}");
    }
    let kind = reply.header("content-type");
    let is_known = match reply.status.as_u16() {
        204 => kind.is_empty(),
        200..=299 => ["application/json", "text/event-stream"].contains(&kind),
        400..=599 => kind == "application/problem+json",
        // Nobody is sent anywhere else, to an encrypted address neither.
        _ => false,
    };
    assert!(is_known, "{what}: {} as {kind:?}", reply.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_every_operation_has_the_headers_of_data() {
    let cast = Cast::gather().await;
    let order = cast.buyer.order(&[("nothing", 1)]).await;
    let stream = cast
        .buyer
        .client
        .get(&format!("/orders/{order}/stream"))
        .await
        .expect(200);
    is_dressed(&stream, "a stream");
    let mut operations: Vec<&Operation> = OPERATIONS.iter().collect();
    // What ends a session comes last.
    operations.sort_by_key(|operation| operation.path.starts_with("/auth/"));
    for operation in operations {
        for client in [
            cast.shop.anonymous(),
            cast.buyer.client.clone(),
            cast.seller.client.clone(),
        ] {
            let method: Method = operation.method.parse().unwrap();
            let reply = client.send(method, &path(operation), &[], None).await;
            is_dressed(&reply, &format!("{operation:?}"));
        }
    }
    is_dressed(&cast.shop.anonymous().get("/nowhere").await, "no route");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_sent_becomes_a_header_or_a_part_of_the_document() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await.client;
    let field = "x\r\nset-cookie: a=b\u{0}\u{2028}\"},{\"code\":\"MINE";
    let replies = [
        buyer.get("/orders/%0d%0aset-cookie:%20a=b").await,
        buyer.get("/orders?limit=%0d%0aset-cookie:%20a=b").await,
        buyer.get("/orders?%0d%0aset-cookie:%20a=b").await,
        buyer
            .get_with("/me", &[("x-request-id", "mine"), ("traceparent", "mine")])
            .await,
        buyer.post_once("/orders", "k", json!({ field: 1 })).await,
    ];
    for reply in &replies {
        assert_eq!(reply.headers.get(SET_COOKIE), None);
        assert!(is_id(reply.header("x-request-id")) && reply.header("x-request-id").len() == 32);
        assert!(!reply.headers.values().any(|value| value == "mine"));
        assert_ne!(reply.body["code"], "MINE");
    }
    assert_eq!(replies[4].text("/code"), "INVALID_FIELD");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_an_answer_has_nothing_in_it_that_somebody_sent() {
    let shop = Shop::open().await;
    let (buyer, seller) = (shop.buyer().await.client, shop.seller().await.client);
    let key = "k/../?#%0d%0a";
    let order = json!({ "lines": [{ "product_id": "..", "quantity": 1 }] });
    let product = json!({ "name": "/../?#", "price": money(1), "stock": 0 });
    for (reply, room) in [
        (buyer.post_once("/orders", key, order).await.expect(202), "/orders/"),
        (
            seller.post_once("/products", key, product).await.expect(201),
            "/products/",
        ),
    ] {
        let id = reply.header("location").strip_prefix(room).unwrap();
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
    seller
        .post("/products", json!({ "name": "?", "price": money(1), "stock": 0 }))
        .await
        .expect(201);
    let page = seller.get("/products?limit=1").await.expect(200);
    let cursor = page.text("/next_cursor");
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    assert!(!cursor.is_empty() && cursor.bytes().all(is_word), "{cursor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cookie_is_for_this_host_alone_and_for_no_script() {
    let shop = Shop::open().await;
    let person = shop.buyer().await;
    let client = shop.anonymous();
    let cookie_mode = ("sluice-session", "cookie");
    let plain = shop.log_in(&person.email).await.expect(200);
    let entered = client
        .send(Method::POST, "/auth/login", &[cookie_mode], Some(login(&person.email)))
        .await
        .expect(200);
    let sent: Vec<String> = cookies(&entered).iter().map(|cookie| pair(cookie)).collect();
    let refreshed = client
        .send(
            Method::POST,
            "/auth/refresh",
            &[cookie_mode, ("cookie", &sent.join("; "))],
            None,
        )
        .await
        .expect(200);
    let session = client.with_token(&refreshed.text("/access_token"));
    let change = json!({ "current_password": PASSWORD, "new_password": "battery staple correct" });
    let changed = session
        .send(Method::POST, "/auth/password", &[cookie_mode], Some(change))
        .await
        .expect(200);
    let session = client.with_token(&changed.text("/access_token"));
    let left = session
        .send(Method::POST, "/auth/logout", &[cookie_mode], None)
        .await
        .expect(204);
    let mut seen = 0;
    for reply in [&plain, &entered, &refreshed, &changed, &left] {
        for cookie in cookies(reply) {
            let parts: Vec<&str> = cookie.split("; ").collect();
            assert!(cookie.starts_with("__Host-"), "{cookie}");
            for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
                assert!(parts.contains(&part), "{cookie}");
            }
            assert!(!cookie.to_lowercase().contains("domain="), "{cookie}");
            seen += 1;
        }
    }
    assert_eq!(seen, 6, "two of a device, four of the session");
    for reply in [&entered, &refreshed, &changed] {
        for cookie in cookies(reply) {
            let value = pair(&cookie);
            let (_, value) = value.split_once('=').unwrap();
            assert!(!reply.body.to_string().contains(value), "{cookie}");
        }
    }
}

fn cookies(reply: &Reply) -> Vec<String> {
    let all = reply.headers.get_all(SET_COOKIE).iter();
    all.map(|cookie| cookie.to_str().unwrap().to_owned()).collect()
}

fn pair(cookie: &str) -> String {
    cookie.split(';').next().unwrap().to_owned()
}

#[test]
fn what_fails_inside_says_nothing_of_the_inside() {
    let cause = "redis://gateway:hunter2@10.0.0.7: no route at src/sessions/redis.rs:12";
    let written = serde_json::to_string(&Problem::internal(cause).body("id")).unwrap();
    let response = panicked(Box::new(cause));
    let problem = response.extensions().get::<Problem>().unwrap();
    for text in [written, serde_json::to_string(&problem.body("id")).unwrap()] {
        for inside in ["redis", "hunter2", "10.0.0.7", "src/", "panick"] {
            assert!(!text.contains(inside), "{inside} in {text}");
        }
        assert!(text.contains("\"status\":500"), "{text}");
    }
}
