//! Who guesses at passwords, and the owners of the accounts at which somebody guesses.

use std::sync::Arc;

use crate::support::people::{PASSWORD, Person, login, registration};
use crate::support::redis_server::RedisServer;
use crate::support::{Client, Reply, Shop};
use axum::http::Method;
use edge_api::limits::{ACCOUNT_GUESSES_MAX, ADDRESS_GUESSES_MAX, GUESSES_WINDOW_MS};
use edge_api::{RedisSessions, SessionTimes};
use serde_json::{Value, json};

fn wrong(email: &str) -> Value {
    json!({ "email": email, "password": "incorrect donkey" })
}

async fn log_in_with(client: &Client, headers: &[(&str, &str)], body: Value) -> Reply {
    client.send(Method::POST, "/auth/login", headers, Some(body)).await
}

/// Uses up the wrong passwords that everybody together may try on the account.
async fn shut_out(shop: &Shop, person: &Person) {
    for _ in 0..ACCOUNT_GUESSES_MAX {
        let reply = shop.anonymous().post("/auth/login", wrong(&person.email)).await;
        reply.expect_problem(401, "WRONG_CREDENTIALS");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_ten_wrong_passwords_not_even_the_right_one_is_looked_at_for_an_hour() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    shut_out(&shop, &buyer).await;
    let refused = shop.log_in(&buyer.email).await;
    let refused = refused.expect_problem(429, "TOO_MANY_ATTEMPTS");
    let seconds: i64 = refused.header("retry-after").parse().unwrap();
    assert!((3_500..=3_600).contains(&seconds), "{seconds}");
    buyer.client.get("/me").await.expect(200);
    shop.clock.advance_ms(GUESSES_WINDOW_MS);
    shop.log_in(&buyer.email).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_does_not_exist_is_answered_like_one_that_does() {
    let shop = Shop::open().await;
    let email = format!("{}@example.org", crate::support::unique("nobody"));
    for _ in 0..ACCOUNT_GUESSES_MAX {
        let reply = shop.log_in(&email).await;
        reply.expect_problem(401, "WRONG_CREDENTIALS");
    }
    let reply = shop.log_in(&email).await;
    reply.expect_problem(429, "TOO_MANY_ATTEMPTS");
}

#[tokio::test(flavor = "multi_thread")]
async fn right_passwords_do_not_count() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    for _ in 0..=ACCOUNT_GUESSES_MAX {
        shop.log_in(&buyer.email).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_elsewhere_does_not_shut_the_owner_out_of_a_device_that_is_known() {
    let shop = Shop::open().await;
    let (owner, thief) = (shop.buyer().await, shop.buyer().await);
    let cookie_of = async |person: &Person| {
        let session = shop.log_in(&person.email).await.expect(200);
        let (cookie, _) = session.header("set-cookie").split_once(';').unwrap();
        cookie.to_owned()
    };
    let (owners, thiefs) = (cookie_of(&owner).await, cookie_of(&thief).await);
    shut_out(&shop, &owner).await;
    let client = shop.anonymous();
    let foreign = log_in_with(&client, &[("cookie", &thiefs)], login(&owner.email)).await;
    foreign.expect_problem(429, "TOO_MANY_ATTEMPTS");
    let known = log_in_with(&client, &[("cookie", &owners)], login(&owner.email)).await;
    let known = known.expect(200);
    assert_eq!(
        known.header("set-cookie").split_once(';').unwrap().0,
        owners,
        "the device stays the same"
    );
    for _ in 0..ACCOUNT_GUESSES_MAX {
        let reply = log_in_with(&client, &[("cookie", &owners)], wrong(&owner.email)).await;
        reply.expect_problem(401, "WRONG_CREDENTIALS");
    }
    let used_up = log_in_with(&client, &[("cookie", &owners)], login(&owner.email)).await;
    used_up.expect_problem(429, "TOO_MANY_ATTEMPTS");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_guesses_at_once_through_two_gateways_reach_the_hash_ten_times_at_most() {
    let redis = RedisServer::start().await;
    let shop = async || {
        let sessions =
            RedisSessions::connect(&redis.url().as_str().into(), "sluice:", SessionTimes::default()).unwrap();
        Shop::with_sessions(Arc::new(sessions)).await
    };
    let (here, there) = (shop().await, shop().await);
    let buyer = here.buyer().await;
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..50 {
        let client = if number % 2 == 0 {
            here.anonymous()
        } else {
            there.anonymous()
        };
        let body = wrong(&buyer.email);
        guesses.spawn(async move { client.post("/auth/login", body).await.text("/code") });
    }
    let codes = guesses.join_all().await;
    let count = |wanted: &str| codes.iter().filter(|code| *code == wanted).count();
    let looked_at = count("WRONG_CREDENTIALS");
    assert!((1..=ACCOUNT_GUESSES_MAX).contains(&looked_at), "{codes:?}");
    let others = count("TOO_MANY_ATTEMPTS") + count("TOO_MANY_REQUESTS");
    assert_eq!(looked_at + others, 50, "{codes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_asks_for_one_account_after_the_other_has_to_wait_and_the_others_do_not() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let client = shop.anonymous();
    let from = |address: &'static str| [("x-forwarded-for", address)];
    for _ in 0..ADDRESS_GUESSES_MAX {
        let body = Some(registration(&buyer.email, "BUYER"));
        let here = from("192.0.2.1");
        let taken = client.send(Method::POST, "/auth/register", &here, body).await;
        taken.expect_problem(409, "EMAIL_TAKEN");
    }
    // What the client itself wrote before the proxy did is not believed.
    for address in ["192.0.2.1", "192.0.2.77, 192.0.2.1"] {
        let reply = log_in_with(&client, &from(address), login(&buyer.email)).await;
        reply.expect_problem(429, "TOO_MANY_ATTEMPTS");
    }
    log_in_with(&client, &from("192.0.2.2"), login(&buyer.email))
        .await
        .expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_a_session_does_not_get_to_guess_its_password_for_ever() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let other = shop.log_in(&buyer.email).await.expect(200);
    let close = |password: &str| json!({ "password": password });
    for _ in 0..ACCOUNT_GUESSES_MAX {
        let reply = buyer.client.post("/auth/disable", close("incorrect donkey")).await;
        reply.expect_problem(403, "WRONG_PASSWORD");
    }
    let change = json!({ "current_password": PASSWORD, "new_password": "battery staple correct" });
    let reply = buyer.client.post("/auth/password", change).await;
    reply.expect_problem(429, "TOO_MANY_ATTEMPTS");
    let owner = shop.anonymous().with_token(&other.text("/access_token"));
    owner.post("/auth/disable", close(PASSWORD)).await.expect(204);
}
