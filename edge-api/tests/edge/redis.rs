//! Sessions in a real Redis, which dies and comes back.

use std::sync::Arc;

use crate::support::Shop;
use crate::support::redis_server::RedisServer;
use edge_api::limits::{ACCESS_TOKEN_TTL_MS, ROTATION_GRACE_MS};
use edge_api::{RedisSessions, SessionTimes};
use redis::AsyncCommands as _;
use serde_json::json;

async fn shop_on(redis: &RedisServer) -> Shop {
    let sessions = RedisSessions::connect(&redis.url().as_str().into(), "sluice:", SessionTimes::default()).unwrap();
    Shop::with_sessions(Arc::new(sessions)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_parallel_calls_through_two_gateways_with_one_expired_token_get_one_new_token() {
    let redis = RedisServer::start().await;
    let (here, there) = (shop_on(&redis).await, shop_on(&redis).await);
    let buyer = here.buyer().await;
    let token = buyer.client.token.clone().unwrap();
    for shop in [&here, &there] {
        shop.clock.advance_ms(ACCESS_TOKEN_TTL_MS + 1_000);
    }
    let mut calls = tokio::task::JoinSet::new();
    for number in 0..50 {
        let client = if number % 2 == 0 {
            buyer.client.clone()
        } else {
            there.anonymous().with_token(&token)
        };
        calls.spawn(async move { client.get("/wallet").await.expect(200).renewed().unwrap() });
    }
    let mut renewed = calls.join_all().await;
    renewed.dedup();
    assert_eq!(renewed.len(), 1);
    there
        .anonymous()
        .with_token(&renewed[0])
        .get("/wallet")
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replayed_refresh_token_kills_the_family_through_every_gateway() {
    let redis = RedisServer::start().await;
    let (here, there) = (shop_on(&redis).await, shop_on(&redis).await);
    let buyer = here.buyer().await;
    let second = here
        .refresh(&buyer.refresh_token)
        .await
        .expect(200)
        .text("/refresh_token");
    let retried = there
        .refresh(&buyer.refresh_token)
        .await
        .expect(200)
        .text("/refresh_token");
    assert_eq!(second, retried);
    let third = there.refresh(&second).await.expect(200).text("/refresh_token");
    here.refresh(&buyer.refresh_token)
        .await
        .expect_problem(401, "TOKEN_REUSED");
    there.refresh(&third).await.expect_problem(401, "SESSION_ENDED");
    there.clock.advance_ms(ACCESS_TOKEN_TTL_MS + ROTATION_GRACE_MS);
    let expired = there.anonymous().with_token(buyer.client.token.as_deref().unwrap());
    expired.get("/me").await.expect_problem(401, "SESSION_ENDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_redis_valid_tokens_go_on_and_nothing_else_does_until_it_is_back() {
    let mut redis = RedisServer::start().await;
    let shop = shop_on(&redis).await;
    let buyer = shop.rich_buyer(500).await;
    let admin = crate::support::Client::new(edge_api::admin(shop.state.clone()));
    admin.get("/readyz").await.expect(200);
    redis.kill().await;

    buyer.client.get("/wallet").await.expect(200);
    buyer.order(&[("nothing", 1)]).await;
    let refused = shop.log_in(&buyer.email).await.expect_problem(503, "UNAVAILABLE");
    assert_eq!(refused.header("retry-after"), "1");
    shop.refresh(&buyer.refresh_token)
        .await
        .expect_problem(503, "UNAVAILABLE");
    buyer
        .client
        .post("/auth/logout", json!({}))
        .await
        .expect_problem(503, "UNAVAILABLE");
    let unready = admin.get("/readyz").await.expect(503);
    assert_eq!(
        (
            unready.body["ready"].as_bool(),
            unready.body["parts"]["sessions"].as_bool()
        ),
        (Some(false), Some(false))
    );
    admin.get("/healthz").await.expect(200);
    shop.clock.advance_ms(ACCESS_TOKEN_TTL_MS + 1_000);
    buyer.client.get("/wallet").await.expect_problem(503, "UNAVAILABLE");

    redis.resume().await;
    // The connection comes back with the first call that finds Redis there.
    while admin.get("/readyz").await.status != 200 {}
    let session = shop.log_in(&buyer.email).await.expect(200);
    buyer
        .client
        .with_token(&session.text("/access_token"))
        .get("/wallet")
        .await
        .expect(200);
    // Redis came back empty: the old session is over, not resurrected.
    shop.refresh(&buyer.refresh_token)
        .await
        .expect_problem(401, "SESSION_ENDED");
}

/// A Redis that was set back, or a replica that trailed when it took over.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_redis_brings_back_after_its_logout_stays_over() {
    let redis = RedisServer::start().await;
    let (here, there) = (shop_on(&redis).await, shop_on(&redis).await);
    let buyer = here.buyer().await;
    let open = buyer.client.get("/auth/sessions").await.expect(200);
    let key = format!("sluice:session:{}", open.text("/items/0/session_id"));
    let mut connection = redis.connection().await;
    let session: Vec<(String, String)> = connection.hgetall(&key).await.unwrap();
    buyer.client.post("/auth/logout", json!({})).await.expect(204);

    let () = connection.flushall().await.unwrap();
    let () = connection.hset_multiple(&key, &session).await.unwrap();
    let token = buyer.client.token.clone().unwrap();
    for shop in [&here, &there] {
        let holder = shop.anonymous().with_token(&token);
        // The other gateway hears of it in its own time.
        while holder.get("/me").await.status == 200 {}
        shop.clock.advance_ms(ACCESS_TOKEN_TTL_MS + 1_000);
        holder.get("/me").await.expect_problem(401, "SESSION_ENDED");
        shop.refresh(&buyer.refresh_token)
            .await
            .expect_problem(401, "SESSION_ENDED");
    }
}
