//! A second factor: taken, needed, used once, given up.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::support::people::{PASSWORD, Person, secret_of};
use crate::support::redis_server::RedisServer;
use crate::support::{Client, Reply, Setting, Shop};
use edge_api::auth::totp;
use edge_api::limits::{
    ACCESS_TOKEN_TTL_MS, ACCOUNT_GUESSES_MAX, ENROLMENT_TTL_MS, GUESSES_WINDOW_MS, RECOVERY_CODES, TOTP_STEP_MS,
};
use edge_api::{MemorySessions, RedisSessions, SealingKey, SealingKeys, SessionStore, SessionTimes};
use redis::AsyncCommands as _;
use serde_json::{Value, json};

/// An authenticator app with the secret of an account.
struct App {
    secret: Vec<u8>,
    recovery_codes: Vec<String>,
}

/// Somebody with a second factor, and with the session that began with it.
struct Enrolled {
    person: Person,
    app: App,
}

impl App {
    /// The code of the step so many steps from now.
    fn code(&self, shop: &Shop, steps: i64) -> String {
        totp::code(&self.secret, shop.state.now_ms().div_euclid(TOTP_STEP_MS) + steps)
    }
}

/// A gateway whose clock stands still, so that no step ends in the middle of a test.
async fn shop_with(setting: Setting) -> Shop {
    let shop = Shop::with(setting).await;
    shop.clock.stop();
    shop
}

async fn shop() -> Shop {
    shop_with(Setting::default()).await
}

async fn strict_shop() -> Shop {
    shop_with(Setting {
        sellers_need_second_factor: true,
        ..Setting::default()
    })
    .await
}

async fn begin(client: &Client, password: &str) -> Reply {
    client
        .post("/auth/second-factor", json!({ "password": password }))
        .await
}

async fn confirm(client: &Client, enrolment: &str, code: &str) -> Reply {
    let confirmation = json!({ "enrolment": enrolment, "code": code });
    client.post("/auth/second-factor/confirmation", confirmation).await
}

async fn remove(client: &Client, password: &str, code: &str) -> Reply {
    let removal = json!({ "password": password, "code": code });
    client.post("/auth/second-factor/removal", removal).await
}

async fn log_in(shop: &Shop, person: &Person, code: &str) -> Reply {
    let login = json!({ "email": person.email, "password": PASSWORD, "code": code });
    shop.anonymous().post("/auth/login", login).await
}

/// Takes a second factor. Its code of this step is used up then.
async fn enrol(shop: &Shop, mut person: Person) -> Enrolled {
    let begun = begin(&person.client, PASSWORD).await.expect(200);
    let mut app = App {
        secret: secret_of(&begun.text("/otpauth_uri")),
        recovery_codes: Vec::new(),
    };
    let code = app.code(shop, 0);
    let confirmed = confirm(&person.client, &begun.text("/enrolment"), &code)
        .await
        .expect(200);
    let codes = confirmed.body["recovery_codes"].as_array().unwrap();
    app.recovery_codes = codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect();
    person.client = person.client.with_token(&confirmed.text("/session/access_token"));
    person.refresh_token = confirmed.text("/session/refresh_token");
    Enrolled { person, app }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_takes_a_second_factor_and_needs_it_from_then_on() {
    let shop = shop().await;
    let seller = shop.seller().await;
    let before = seller.client.clone();
    begin(&before, "not the password")
        .await
        .expect_problem(403, "WRONG_PASSWORD");
    let begun = begin(&before, PASSWORD).await.expect(200);
    let (secret, uri) = (begun.text("/secret"), begun.text("/otpauth_uri"));
    assert_eq!(
        (secret.len(), begun.number("/expires_in")),
        (32, ENROLMENT_TTL_MS / 1_000)
    );
    assert!(
        uri.starts_with("otpauth://totp/") && uri.contains(&format!("secret={secret}")),
        "{uri}"
    );
    shop.log_in(&seller.email).await.expect(200);

    let Enrolled { person, app } = enrol(&shop, seller).await;
    let codes: BTreeSet<_> = app.recovery_codes.iter().collect();
    assert_eq!(codes.len(), RECOVERY_CODES);
    before.get("/me").await.expect_problem(401, "SESSION_ENDED");
    person.client.get("/me").await.expect(200);
    person.offer(1, 1).await;
    begin(&person.client, PASSWORD)
        .await
        .expect_problem(409, "SECOND_FACTOR_ENROLLED");
    shop.log_in(&person.email)
        .await
        .expect_problem(401, "SECOND_FACTOR_REQUIRED");
    log_in(&shop, &person, &app.code(&shop, 1)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_and_none_before_it_is_good_any_more() {
    let shop = shop().await;
    let Enrolled { person, app } = enrol(&shop, shop.seller().await).await;
    let used_up = [app.code(&shop, 0), app.code(&shop, -1)];
    for code in used_up {
        log_in(&shop, &person, &code)
            .await
            .expect_problem(401, "WRONG_CREDENTIALS");
    }
    let code = app.code(&shop, 1);
    log_in(&shop, &person, &code).await.expect(200);
    log_in(&shop, &person, &code)
        .await
        .expect_problem(401, "WRONG_CREDENTIALS");
    shop.clock.advance_ms(TOTP_STEP_MS);
    log_in(&shop, &person, &code)
        .await
        .expect_problem(401, "WRONG_CREDENTIALS");
    log_in(&shop, &person, &app.code(&shop, 1)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_the_steps_around_this_one_are_taken_and_no_others() {
    let shop = shop().await;
    let Enrolled { person, app } = enrol(&shop, shop.seller().await).await;
    shop.clock.advance_ms(10 * TOTP_STEP_MS);
    for (steps, status) in [(-2, 401), (2, 401), (-1, 200), (0, 200), (1, 200)] {
        let code = app.code(&shop, steps);
        log_in(&shop, &person, &code).await.expect(status);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_logins_at_once_through_two_gateways_with_one_code_begin_one_session() {
    let redis = RedisServer::start().await;
    let gateway = async || {
        let sessions =
            RedisSessions::connect(&redis.url().as_str().into(), "sluice:", SessionTimes::default()).unwrap();
        Shop::with_sessions(Arc::new(sessions)).await
    };
    let (here, there) = (gateway().await, gateway().await);
    let now = here.clock.clone();
    now.stop();
    let Enrolled { person, app } = enrol(&here, here.seller().await).await;
    let code = app.code(&here, 1);
    let mut logins = tokio::task::JoinSet::new();
    for number in 0..20 {
        let shop = if number % 2 == 0 { &here } else { &there };
        let login = json!({ "email": person.email, "password": PASSWORD, "code": code });
        let client = shop.anonymous();
        logins.spawn(async move { client.post("/auth/login", login).await.status.as_u16() });
    }
    let statuses = logins.join_all().await;
    let begun = statuses.iter().filter(|status| **status == 200).count();
    assert_eq!(begun, 1, "{statuses:?}");

    // Redis forgets everything. Which codes are used up stands in the log.
    let () = redis.connection().await.flushall().await.unwrap();
    for shop in [&here, &there] {
        log_in(shop, &person, &code)
            .await
            .expect_problem(401, "WRONG_CREDENTIALS");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_is_good_once_however_it_is_written() {
    let shop = shop().await;
    let Enrolled { person, app } = enrol(&shop, shop.seller().await).await;
    let [first, second] = [&app.recovery_codes[0], &app.recovery_codes[1]];
    log_in(&shop, &person, first).await.expect(200);
    log_in(&shop, &person, first)
        .await
        .expect_problem(401, "WRONG_CREDENTIALS");
    let written = second.to_lowercase().replace('-', " ");
    log_in(&shop, &person, &written).await.expect(200);
    log_in(&shop, &person, second)
        .await
        .expect_problem(401, "WRONG_CREDENTIALS");
    let other = enrol(&shop, shop.seller().await).await;
    log_in(&shop, &other.person, &app.recovery_codes[2])
        .await
        .expect_problem(401, "WRONG_CREDENTIALS");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_count_like_wrong_passwords_and_nobody_is_told_which_it_was() {
    let shop = shop().await;
    let Enrolled { person, app } = enrol(&shop, shop.seller().await).await;
    let attempt = async |password: &str, code: &str| {
        let login = json!({ "email": person.email, "password": password, "code": code });
        shop.anonymous().post("/auth/login", login).await
    };
    let (right, wrong) = (app.code(&shop, 1), app.code(&shop, 5));
    let mut details = BTreeSet::new();
    for number in 0..ACCOUNT_GUESSES_MAX {
        let reply = match number % 3 {
            0 => attempt("incorrect donkey", &right).await,
            1 => attempt("incorrect donkey", &wrong).await,
            _ => attempt(PASSWORD, &wrong).await,
        };
        details.insert(reply.expect_problem(401, "WRONG_CREDENTIALS").text("/detail"));
    }
    assert_eq!(details.len(), 1);
    attempt(PASSWORD, &right).await.expect_problem(429, "TOO_MANY_ATTEMPTS");
    shop.clock.advance_ms(GUESSES_WINDOW_MS);
    attempt(PASSWORD, &app.code(&shop, 0)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_sellers_need_a_second_factor_one_without_it_can_take_one_and_nothing_else() {
    let shop = strict_shop().await;
    let (seller, buyer) = (shop.seller().await, shop.rich_buyer(5).await);
    buyer.client.get("/wallet").await.expect(200);
    let product = json!({ "name": "Pot", "price": { "amount": 1, "currency": "KRW" }, "stock": 0 });
    for path in ["/products", "/seller/orders", "/auth/sessions"] {
        let refused = seller.client.get(path).await;
        refused.expect_problem(403, "SECOND_FACTOR_ENROLMENT_REQUIRED");
    }
    let offer = seller.client.post("/products", product).await;
    offer.expect_problem(403, "SECOND_FACTOR_ENROLMENT_REQUIRED");
    let renewed = shop.refresh(&seller.refresh_token).await.expect(200);
    let renewed = shop.anonymous().with_token(&renewed.text("/access_token"));
    renewed
        .get("/products")
        .await
        .expect_problem(403, "SECOND_FACTOR_ENROLMENT_REQUIRED");
    seller.client.get("/me").await.expect(200);

    let Enrolled { person, app } = enrol(&shop, seller).await;
    person.offer(1, 1).await;
    let refreshed = shop.refresh(&person.refresh_token).await.expect(200);
    let refreshed = shop.anonymous().with_token(&refreshed.text("/access_token"));
    refreshed.get("/seller/orders").await.expect(200);
    shop.clock.advance_ms(ACCESS_TOKEN_TTL_MS * 2);
    refreshed.get("/seller/orders").await.expect(200);
    let session = log_in(&shop, &person, &app.code(&shop, 0)).await.expect(200);
    let client = shop.anonymous().with_token(&session.text("/access_token"));
    client.get("/seller/orders").await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_given_up_with_the_password_and_a_code() {
    let shop = shop().await;
    let Enrolled { person, app } = enrol(&shop, shop.buyer().await).await;
    let code = app.code(&shop, 1);
    let wrong = app.code(&shop, 5);
    for (password, code) in [
        ("not the password", &code),
        (PASSWORD, &wrong),
        (PASSWORD, &app.code(&shop, 0)),
    ] {
        remove(&person.client, password, code)
            .await
            .expect_problem(403, "WRONG_PASSWORD");
    }
    let session = remove(&person.client, PASSWORD, &code).await.expect(200);
    person.client.get("/me").await.expect_problem(401, "SESSION_ENDED");
    let client = shop.anonymous().with_token(&session.text("/access_token"));
    client.get("/me").await.expect(200);
    shop.log_in(&person.email).await.expect(200);
    remove(&client, PASSWORD, &code).await.expect_problem(404, "NOT_FOUND");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_is_its_account_s_and_has_its_time() {
    let shop = shop().await;
    let (seller, other) = (shop.seller().await, shop.seller().await);
    let begun = begin(&seller.client, PASSWORD).await.expect(200);
    let secret = secret_of(&begun.text("/otpauth_uri"));
    let code = |shop: &Shop| totp::code(&secret, shop.state.now_ms().div_euclid(TOTP_STEP_MS));
    let enrolment = begun.text("/enrolment");
    confirm(&other.client, &enrolment, &code(&shop))
        .await
        .expect_problem(403, "WRONG_CODE");
    confirm(&seller.client, &enrolment, "000000x")
        .await
        .expect_problem(403, "WRONG_CODE");
    confirm(&seller.client, "AAAA", &code(&shop))
        .await
        .expect_problem(403, "WRONG_CODE");
    shop.clock.advance_ms(ENROLMENT_TTL_MS);
    confirm(&seller.client, &enrolment, &code(&shop))
        .await
        .expect_problem(403, "WRONG_CODE");
    shop.log_in(&seller.email).await.expect(200);
}

fn sealing(seeds: &[u8]) -> SealingKeys {
    let mut keys = seeds.iter().map(|seed| SealingKey::from_seed([*seed; 32]).unwrap());
    SealingKeys::new(keys.next().unwrap(), keys.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealing_key_is_replaced_and_without_it_nobody_gets_in() {
    let sessions: Arc<dyn SessionStore> = Arc::new(MemorySessions::default());
    let gateway = async |seeds: &[u8]| {
        let setting = Setting {
            sealing: sealing(seeds),
            sessions: Arc::clone(&sessions),
            ..Setting::default()
        };
        shop_with(setting).await
    };
    let (old, new, stranger) = (gateway(&[1]).await, gateway(&[2, 1]).await, gateway(&[2]).await);
    let Enrolled { person, app } = enrol(&old, old.seller().await).await;
    log_in(&stranger, &person, &app.code(&stranger, 1))
        .await
        .expect_problem(500, "INTERNAL");
    log_in(&new, &person, &app.code(&new, 1)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_topic_has_the_secret_or_a_recovery_code() {
    let shop = shop().await;
    let Enrolled { person, app } = enrol(&shop, shop.seller().await).await;
    log_in(&shop, &person, &app.recovery_codes[0]).await.expect(200);
    log_in(&shop, &person, &app.code(&shop, 1)).await.expect(200);
    let plain: Vec<String> = app.recovery_codes.iter().map(|code| code.replace('-', "")).collect();
    let mut hidden: Vec<&[u8]> = vec![&app.secret];
    let base32 = totp::base32(&app.secret);
    hidden.push(base32.as_bytes());
    hidden.extend(app.recovery_codes.iter().map(String::as_bytes));
    hidden.extend(plain.iter().map(String::as_bytes));
    let mut of_account = 0;
    shop.engine.look(&mut |topic, record| {
        let bytes = [record.key.unwrap_or_default(), record.value.unwrap_or_default()].concat();
        for secret in &hidden {
            assert!(!holds(&bytes, secret), "{topic} holds a secret");
        }
        of_account += usize::from(holds(&bytes, person.account_id.as_bytes()));
    });
    assert!(of_account > 5, "the topics of the account were read: {of_account}");
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_s_code_may_be_left_out_or_null_where_none_is_needed() {
    let shop = shop().await;
    let buyer = shop.buyer().await;
    for code in [Value::Null, json!("123456")] {
        let login = json!({ "email": buyer.email, "password": PASSWORD, "code": code });
        shop.anonymous().post("/auth/login", login).await.expect(200);
    }
}
