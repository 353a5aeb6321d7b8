//! Callers who make more requests than they may.

use crate::support::{Client, Setting, Shop};
use axum::http::Method;
use edge_api::auth::access::{OPERATIONS, Who};
use edge_api::limits::{ACCESS_TOKEN_TTL_MS, QUOTA_WINDOW_MS};

const QUOTA: u32 = 20;

/// A gateway whose clock stands still: what is used up does not come back while the test runs.
async fn shop() -> Shop {
    let setting = Setting {
        quota: QUOTA,
        ..Setting::default()
    };
    let shop = Shop::with(setting).await;
    shop.clock.stop();
    shop
}

/// Makes requests until one is turned away; how many were not.
async fn use_up(client: &Client, path: &str, headers: &[(&str, &str)]) -> u32 {
    for made in 0..=QUOTA {
        let reply = client.get_with(path, headers).await;
        if reply.status == 429 {
            let reply = reply.expect_problem(429, "QUOTA_EXCEEDED");
            assert_eq!(reply.header("retry-after"), "1");
            assert!(reply.header("ratelimit").starts_with("\"default\";r=0;t="));
            return made;
        }
    }
    panic!("{path} is never turned away");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_has_used_up_its_quota_waits_and_the_others_do_not() {
    let shop = shop().await;
    let (wild, calm) = (shop.buyer().await, shop.buyer().await);
    use_up(&wild.client, "/me", &[]).await;
    wild.client.get("/wallet").await.expect_problem(429, "QUOTA_EXCEEDED");
    calm.client.get("/me").await.expect(200);
    shop.clock.advance_ms(QUOTA_WINDOW_MS);
    assert_eq!(use_up(&wild.client, "/me", &[]).await, QUOTA);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_good_token_is_counted_by_the_address() {
    let shop = shop().await;
    let client = shop.anonymous();
    let (here, there) = ([("x-forwarded-for", "192.0.2.1")], [("x-forwarded-for", "192.0.2.2")]);
    assert_eq!(use_up(&client, "/openapi.json", &here).await, QUOTA);
    let forged = client.with_token("forged");
    let turned = forged.get_with("/me", &here).await;
    turned.expect_problem(429, "QUOTA_EXCEEDED");
    forged
        .get_with("/me", &there)
        .await
        .expect_problem(401, "INVALID_TOKEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_every_operation_says_what_is_left() {
    let shop = shop().await;
    for operation in OPERATIONS {
        let method: Method = operation.method.parse().unwrap();
        let path = operation.path.replace("{id}", "none");
        let address = [("x-forwarded-for", "192.0.2.9")];
        let reply = shop.anonymous().send(method, &path, &address, None).await;
        assert_eq!(
            reply.header("ratelimit-policy"),
            "\"default\";q=20;w=10",
            "{operation:?}"
        );
        assert!(reply.header("ratelimit").starts_with("\"default\";r="), "{operation:?}");
        assert_eq!(operation.who == Who::Public, reply.status != 401, "{operation:?}");
        shop.clock.advance_ms(QUOTA_WINDOW_MS);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_was_renewed_is_handed_over_even_if_the_request_is_turned_away() {
    let shop = shop().await;
    let buyer = shop.buyer().await;
    shop.clock.advance_ms(ACCESS_TOKEN_TTL_MS + 1_000);
    let mut renewed = Vec::new();
    for _ in 0..=QUOTA {
        let reply = buyer.client.get("/me").await;
        renewed.push((reply.status.as_u16(), reply.renewed().unwrap()));
    }
    let (last, token) = renewed.pop().unwrap();
    assert_eq!(last, 429);
    assert!(renewed.iter().all(|(status, other)| *status == 200 && *other == token));
}
