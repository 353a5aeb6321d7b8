//! Access and refresh tokens through the gateway.

use crate::support::people::{Person, login, registration};
use crate::support::{Reply, Shop};
use edge_api::limits::{ACCESS_TOKEN_TTL_MS, ROTATION_GRACE_MS};
use serde_json::json;

async fn me(person: &Person, token: &str) -> Reply {
    person.client.with_token(token).get("/me").await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_registered_once_however_its_address_is_written() {
    let shop = Shop::open().await;
    let email = format!("{}@example.org", crate::support::unique("ann"));
    let anonymous = shop.anonymous();
    let registered = anonymous
        .post("/auth/register", registration(&email, "SELLER"))
        .await
        .expect(201);
    let again = registration(&format!(" {} ", email.to_uppercase()), "BUYER");
    anonymous
        .post("/auth/register", again)
        .await
        .expect_problem(409, "EMAIL_TAKEN");
    let session = anonymous.post("/auth/login", login(&email)).await.expect(200);
    assert_eq!(session.text("/token_type"), "Bearer");
    assert_eq!(session.number("/expires_in"), ACCESS_TOKEN_TTL_MS / 1_000);
    let caller = anonymous.with_token(&session.text("/access_token"));
    let me = loop {
        let me = caller.get("/me").await.expect(200);
        if !me.body["name"].is_null() {
            break me;
        }
    };
    assert_eq!(
        (me.text("/account_id"), me.text("/role")),
        (registered.text("/account_id"), "SELLER".into())
    );
    assert_eq!(me.text("/name"), "Ann");
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_registrations_of_one_address_at_once_make_one_account() {
    let shop = Shop::open().await;
    let email = format!("{}@example.org", crate::support::unique("race"));
    let mut race = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (client, body) = (shop.anonymous(), registration(&email, "BUYER"));
        race.spawn(async move { client.post("/auth/register", body).await.status.as_u16() });
    }
    let statuses = race.join_all().await;
    assert_eq!(
        statuses.iter().filter(|status| **status == 201).count(),
        1,
        "{statuses:?}"
    );
    assert!(
        statuses.iter().all(|status| matches!(status, 201 | 409)),
        "{statuses:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_address_get_the_same_answer() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let wrong = json!({ "email": buyer.email, "password": "wrong horse battery" });
    let wrong = shop
        .anonymous()
        .post("/auth/login", wrong)
        .await
        .expect_problem(401, "WRONG_CREDENTIALS");
    let unknown = shop.log_in("nobody@example.org").await;
    let unknown = unknown.expect_problem(401, "WRONG_CREDENTIALS");
    let without_id = |mut body: serde_json::Value| {
        body.as_object_mut().unwrap().remove("request_id");
        body
    };
    assert_eq!(without_id(wrong.body), without_id(unknown.body));
    let endless = json!({ "email": buyer.email, "password": "x".repeat(60_000) });
    shop.anonymous()
        .post("/auth/login", endless)
        .await
        .expect_problem(401, "WRONG_CREDENTIALS");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_parallel_calls_with_one_expired_token_all_succeed_with_one_new_token() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    shop.clock.advance_ms(ACCESS_TOKEN_TTL_MS + 1_000);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let client = buyer.client.clone();
        calls.spawn(async move { client.get("/me").await.expect(200) });
    }
    let replies = calls.join_all().await;
    let renewed = replies[0].renewed().unwrap();
    assert!(replies.iter().all(|reply| reply.renewed().as_ref() == Some(&renewed)));
    assert!(replies.iter().all(|reply| reply.header("cache-control") == "no-store"));
    assert!(
        replies[0]
            .header("access-control-expose-headers")
            .contains("authorization")
    );
    assert_eq!(me(&buyer, &renewed).await.expect(200).renewed(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_access_token_that_comes_back_ends_the_session_for_everybody() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    shop.clock.advance_ms(ACCESS_TOKEN_TTL_MS + 1_000);
    let second = buyer.client.get("/me").await.expect(200).renewed().unwrap();
    shop.clock.advance_ms(ACCESS_TOKEN_TTL_MS + 1_000);
    let third = me(&buyer, &second).await.expect(200).renewed().unwrap();
    buyer.client.get("/me").await.expect_problem(401, "TOKEN_REUSED");
    me(&buyer, &third).await.expect_problem(401, "SESSION_ENDED");
    shop.refresh(&buyer.refresh_token)
        .await
        .expect_problem(401, "SESSION_ENDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_that_comes_back_later_ends_the_session_for_everybody() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let first = shop.refresh(&buyer.refresh_token).await.expect(200);
    let retried = shop.refresh(&buyer.refresh_token).await.expect(200);
    shop.clock.advance_ms(ROTATION_GRACE_MS + 1_000);
    let late = shop.refresh(&buyer.refresh_token).await.expect(200);
    for token in ["/access_token", "/refresh_token"] {
        assert_eq!(first.text(token), retried.text(token), "a lost answer is given again");
        assert_eq!(first.text(token), late.text(token), "nothing shows that it has arrived");
    }
    // The moved clock goes on as time does, and a machine may be slow.
    let left_s = (ACCESS_TOKEN_TTL_MS - ROTATION_GRACE_MS - 1_000) / 1_000;
    let told = late.number("/expires_in");
    assert!((left_s - 60..=left_s).contains(&told), "{told} s are left of the token");
    shop.clock.advance_ms(ACCESS_TOKEN_TTL_MS);
    me(&buyer, &first.text("/access_token")).await.expect(200);
    shop.refresh(&buyer.refresh_token)
        .await
        .expect_problem(401, "TOKEN_REUSED");
    shop.refresh(&first.text("/refresh_token"))
        .await
        .expect_problem(401, "SESSION_ENDED");
    me(&buyer, &first.text("/access_token"))
        .await
        .expect_problem(401, "SESSION_ENDED");
    buyer.client.get("/me").await.expect_problem(401, "SESSION_ENDED");
    shop.log_in(&buyer.email).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_logout_nothing_of_the_session_is_good_any_more() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    buyer.client.post("/auth/logout", json!({})).await.expect(204);
    buyer.client.get("/me").await.expect_problem(401, "SESSION_ENDED");
    shop.refresh(&buyer.refresh_token)
        .await
        .expect_problem(401, "SESSION_ENDED");
    shop.clock.advance_ms(ACCESS_TOKEN_TTL_MS + 1_000);
    buyer.client.get("/me").await.expect_problem(401, "SESSION_ENDED");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_of_nobody_is_refused_without_a_question_to_the_store() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    for token in [
        "",
        "x",
        &"A".repeat(70),
        &buyer.refresh_token.to_lowercase(),
        buyer.client.token.as_deref().unwrap(),
    ] {
        shop.refresh(token).await.expect_problem(401, "INVALID_TOKEN");
    }
    shop.refresh(&buyer.refresh_token).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_role_still_gets_its_renewed_token() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    shop.clock.advance_ms(ACCESS_TOKEN_TTL_MS + 1_000);
    let refused = buyer
        .client
        .get("/seller/orders")
        .await
        .expect_problem(403, "FORBIDDEN");
    me(&buyer, &refused.renewed().unwrap()).await.expect(200);
}
