//! The security log: which line each event writes, and what is in no line.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "edge/support/mod.rs"]
mod support;

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{LazyLock, Mutex};

use axum::http::Method;
use edge_api::auth::totp;
use edge_api::limits::{ACCESS_TOKEN_TTL_MS, ACCOUNT_GUESSES_MAX, TOTP_STEP_MS};
use edge_api::security::TARGET;
use serde_json::{Value, json};
use support::people::{PASSWORD, Person, login, registration, secret_of};
use support::{Client, Reply, Setting, Shop, unique};

const ADDRESS: &str = "192.0.2.7";
const NEW_PASSWORD: &str = "battery staple correct";

/// Every line that was written since the first test of this file began.
static WRITTEN: LazyLock<Mutex<Vec<u8>>> = LazyLock::new(|| {
    let log = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_writer(|| Lines);
    tracing::subscriber::set_global_default(log.finish()).unwrap();
    Mutex::default()
});

struct Lines;

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        WRITTEN.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn text() -> String {
    String::from_utf8(WRITTEN.lock().unwrap().clone()).unwrap()
}

/// The security log's lines of the request that was answered.
fn lines(reply: &Reply) -> Vec<Value> {
    let request_id = reply.header("x-request-id");
    let lines = text()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect::<Vec<Value>>();
    let of_it = lines.into_iter();
    of_it
        .filter(|line| line["target"] == TARGET && line["span"]["request_id"] == request_id)
        .collect()
}

/// Fails unless the request has written a line of this event, with the account and the address. The line.
#[track_caller]
fn says(reply: &Reply, event: &str, account_id: Option<&str>) -> Value {
    let lines = lines(reply);
    let found = lines.iter().find(|line| line["event"] == event);
    let line = found.unwrap_or_else(|| panic!("{event} is not among {lines:?}"));
    assert_eq!(line["span"]["account_id"].as_str(), account_id, "{line}");
    for field in ["client", "method", "route", "request_id", "trace_id"] {
        assert!(
            line["span"][field].as_str().is_some_and(|text| !text.is_empty()),
            "{field} in {line}"
        );
    }
    assert!(
        line["timestamp"].as_str().is_some_and(|time| time.ends_with('Z')),
        "{line}"
    );
    line.clone()
}

async fn open() -> Shop {
    LazyLock::force(&WRITTEN);
    Shop::open().await
}

async fn post(client: &Client, path: &str, body: Value) -> Reply {
    client
        .send(Method::POST, path, &[("x-forwarded-for", ADDRESS)], Some(body))
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_in_is_logged_with_the_account_and_the_address() {
    let shop = open().await;
    let (client, email) = (shop.anonymous(), format!("{}@example.org", unique("logged")));
    let registered = post(&client, "/auth/register", registration(&email, "BUYER"))
        .await
        .expect(201);
    let account_id = registered.text("/account_id");
    let line = says(&registered, "registered", Some(&account_id));
    assert_eq!(line["span"]["client"], ADDRESS);
    assert_eq!(
        (&line["span"]["method"], &line["span"]["route"]),
        (&json!("POST"), &json!("/auth/register"))
    );
    let session = post(&client, "/auth/login", login(&email)).await.expect(200);
    let line = says(&session, "logged_in", Some(&account_id));
    assert_eq!(line["how"], "password");

    let wrong = |email: &str| json!({ "email": email, "password": "incorrect donkey" });
    for _ in 0..ACCOUNT_GUESSES_MAX {
        let refused = post(&client, "/auth/login", wrong(&email)).await.expect(401);
        assert_eq!(says(&refused, "login_refused", Some(&account_id))["level"], "WARN");
    }
    let throttled = post(&client, "/auth/login", login(&email)).await.expect(429);
    says(&throttled, "throttled", Some(&account_id));
    let unknown = post(&client, "/auth/login", wrong(&unique("nobody"))).await.expect(401);
    says(&unknown, "login_refused", None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_becomes_of_a_session_is_logged() {
    let shop = open().await;
    let buyer = shop.buyer().await;
    let account = Some(buyer.account_id.as_str());
    let refreshed = shop.refresh(&buyer.refresh_token).await.expect(200);
    says(&refreshed, "refreshed", account);
    shop.clock.advance_ms(ACCESS_TOKEN_TTL_MS);
    let client = shop.anonymous().with_token(&refreshed.text("/access_token"));
    let reissued = client.get("/me").await.expect(200);
    says(&reissued, "token_reissued", account);
    let next = shop.refresh(&refreshed.text("/refresh_token")).await.expect(200);
    shop.refresh(&next.text("/refresh_token")).await.expect(200);
    let reused = shop.refresh(&buyer.refresh_token).await.expect(401);
    says(&reused, "reuse_detected", account);
    let over = shop
        .anonymous()
        .with_token(&next.text("/access_token"))
        .get("/me")
        .await
        .expect(401);
    says(&over, "session_refused", account);

    let session = shop.log_in(&buyer.email).await.expect(200);
    let client = shop.anonymous().with_token(&session.text("/access_token"));
    says(
        &client.post("/auth/logout", json!({})).await.expect(204),
        "logged_out",
        account,
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_account_changes_about_itself_is_logged() {
    let shop = open().await;
    let buyer = shop.buyer().await;
    let account = Some(buyer.account_id.as_str());
    let wrong = post(
        &buyer.client,
        "/auth/second-factor",
        json!({ "password": "incorrect donkey" }),
    )
    .await;
    says(&wrong.expect(403), "confirmation_refused", account);
    let begun = post(&buyer.client, "/auth/second-factor", json!({ "password": PASSWORD }))
        .await
        .expect(200);
    says(&begun, "second_factor_begun", account);
    let enrolment = begun.text("/enrolment");
    let confirm = |code: &str| json!({ "enrolment": enrolment, "code": code });
    let refused = post(&buyer.client, "/auth/second-factor/confirmation", confirm("none")).await;
    says(&refused.expect(403), "second_factor_refused", account);
    let step = shop.state.now_ms().div_euclid(TOTP_STEP_MS);
    let code = totp::code(&secret_of(&begun.text("/otpauth_uri")), step);
    let enrolled = post(&buyer.client, "/auth/second-factor/confirmation", confirm(&code))
        .await
        .expect(200);
    says(&enrolled, "second_factor_enrolled", account);

    let codes = enrolled.body["recovery_codes"].as_array().unwrap();
    let missing = shop.log_in(&buyer.email).await.expect(401);
    says(&missing, "second_factor_required", account);
    let with_code = json!({ "email": buyer.email, "password": PASSWORD, "code": codes[0] });
    let session = post(&shop.anonymous(), "/auth/login", with_code).await.expect(200);
    says(&session, "recovery_code_used", account);
    assert_eq!(says(&session, "logged_in", account)["how"], "password and code");
    let client = shop.anonymous().with_token(&session.text("/access_token"));
    let removal = json!({ "password": PASSWORD, "code": codes[1] });
    let removed = post(&client, "/auth/second-factor/removal", removal).await.expect(200);
    says(&removed, "second_factor_removed", account);

    let client = shop.anonymous().with_token(&removed.text("/access_token"));
    let change = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    let changed = post(&client, "/auth/password", change).await.expect(200);
    says(&changed, "password_changed", account);
    let client = shop.anonymous().with_token(&changed.text("/access_token"));
    let closed = post(&client, "/auth/disable", json!({ "password": NEW_PASSWORD }))
        .await
        .expect(204);
    says(&closed, "account_disabled", account);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_turned_away_is_logged() {
    let shop = open().await;
    let (buyer, stranger, seller) = (shop.rich_buyer(10).await, shop.buyer().await, shop.seller().await);
    let product = seller.offer(1, 5).await;
    let order = buyer.order(&[(&product, 1)]).await;
    let foreign = stranger.client.get(&format!("/orders/{order}")).await.expect(404);
    says(&foreign, "foreign_object", Some(&stranger.account_id));
    let product = json!({ "name": "Pot", "price": support::people::money(1), "stock": 0 });
    let role = buyer.client.post("/products", product).await.expect(403);
    says(&role, "role_refused", Some(&buyer.account_id));
    let missing = shop.anonymous().get("/me").await.expect(401);
    says(&missing, "token_missing", None);
    let token = buyer.client.token.clone().unwrap();
    for forged in [format!("{token}x"), "none".to_owned()] {
        let reply = shop.anonymous().with_token(&forged).get("/me").await.expect(401);
        says(&reply, "token_refused", None);
    }
    let no_token = shop.refresh("none").await.expect(401);
    says(&no_token, "token_refused", None);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_logged_by_its_kind_and_never_by_its_text() {
    let shop = open().await;
    let buyer = shop.buyer().await;
    let account = Some(buyer.account_id.as_str());
    let hostile = "x\r\nforged line\u{1b}[31m";
    let unknown = json!({ "amount": support::people::money(1), hostile: hostile });
    let refused = buyer
        .client
        .post_once("/wallet/deposits", &unique("key"), unknown)
        .await
        .expect(400);
    let line = says(&refused, "input_refused", account);
    assert_eq!(line["how"], "INVALID_FIELD UNKNOWN_FIELD");
    let nothing = json!({ "amount": support::people::money(0) });
    let bounds = buyer
        .client
        .post_once("/wallet/deposits", &unique("key"), nothing)
        .await
        .expect(422);
    assert_eq!(
        says(&bounds, "input_refused", account)["how"],
        "OUT_OF_BOUNDS OUT_OF_RANGE"
    );
    let much = json!({ "amount": support::people::money(1) });
    let rule = buyer
        .client
        .post_once("/wallet/payouts", &unique("key"), much)
        .await
        .expect(409);
    assert_eq!(says(&rule, "rule_refused", account)["how"], "BALANCE_TOO_LOW");
    assert!(!text().contains("forged line"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quota_that_is_used_up_is_said_once() {
    LazyLock::force(&WRITTEN);
    let shop = Shop::with(Setting {
        quota: 1,
        ..Setting::default()
    })
    .await;
    shop.clock.stop();
    let from = [("x-forwarded-for", "198.51.100.9")];
    let get = async || shop.anonymous().get_with("/openapi.json", &from).await;
    get().await.expect(200);
    let refused = get().await.expect(429);
    says(&refused, "quota_exceeded", None);
    assert_eq!(lines(&get().await.expect(429)), [] as [Value; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_fails_and_one_that_meets_a_defect_are_logged_with_their_account() {
    let shop = open().await;
    let buyer = shop.buyer().await;
    shop.views.broken.store(true, Ordering::SeqCst);
    let failed = buyer.client.get("/wallet").await.expect(500);
    shop.views.broken.store(false, Ordering::SeqCst);
    says(&failed, "request_failed", Some(&buyer.account_id));
    assert!(!failed.body.to_string().contains("defect"), "{:?}", failed.body);
    let id = failed.header("x-request-id").to_owned();
    let cause = |line: &str| line.contains("a request failed inside the gateway") && line.contains(&id);
    assert_eq!(text().lines().filter(|line| cause(line)).count(), 1);
}

/// Lines of everything that this file does, as far as it has come.
#[tokio::test(flavor = "multi_thread")]
async fn no_line_has_a_secret_or_an_address() {
    let shop = open().await;
    let person: Person = shop.buyer().await;
    let session = shop.log_in(&person.email).await.expect(200);
    shop.refresh(&person.refresh_token).await.expect(200);
    let wrong = json!({ "email": person.email, "password": "incorrect donkey" });
    let refused = shop.anonymous().post("/auth/login", wrong).await.expect(401);
    says(&refused, "login_refused", Some(&person.account_id));
    let login_key = commerce::ids::login_key(&person.email).to_string();
    let text = text();
    for secret in [
        person.email.as_str(),
        "@example",
        &login_key,
        PASSWORD,
        "incorrect donkey",
        &person.refresh_token,
        person.client.token.as_deref().unwrap(),
        &session.text("/access_token"),
    ] {
        assert!(!text.contains(secret), "the log tells {secret:?}");
    }
}
