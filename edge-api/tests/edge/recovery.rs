//! The ways back into an account, and secrets that are kept as they are kept today.

use std::sync::Arc;

use crate::support::people::{PASSWORD, Person, secret_of};
use crate::support::{Reply, Setting, Shop, unique};
use argon2::password_hash::PasswordHasher as _;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, Version};
use edge_api::auth::totp;
use edge_api::limits::{ACCOUNT_GUESSES_MAX, ADDRESS_GUESSES_MAX, RESET_TTL_MS, TOTP_STEP_MS};
use edge_api::{MemorySessions, SealingKey, SealingKeys, SessionStore};
use schemas::SchemaTable;
use schemas::wire::account::{AccountCommandPayload, Credential, ForgetSecondFactor, RegisterAccount};
use schemas::wire::envelope::Role;
use serde_json::{Value, json};

const NEW_PASSWORD: &str = "battery staple correct";

/// The credential in its topic, from when it is like this.
async fn until(shop: &Shop, email: &str, is_so: impl Fn(&Credential) -> bool) -> Credential {
    let login_key = commerce::ids::login_key(email).to_string();
    loop {
        let mut last = None;
        shop.engine.look(&mut |topic, record| {
            if topic == "credentials" && record.key == Some(login_key.as_bytes()) {
                last = record.value.map(<[u8]>::to_vec);
            }
        });
        let serde = schemas::AvroSerde::<Credential>::new(&Arc::new(SchemaTable::with_current_schemas()));
        let credential = last.map(|bytes| streams::serde::Serde::deserialize(&serde, Some(&bytes)).unwrap());
        if let Some(credential) = credential.filter(|credential| is_so(credential)) {
            return credential;
        }
        tokio::task::yield_now().await;
    }
}

async fn reset(shop: &Shop, email: &str, body: Value) -> Reply {
    let mut whole = json!({ "email": email, "new_password": NEW_PASSWORD });
    whole.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    shop.anonymous().post("/auth/password/reset", whole).await
}

/// Waits for what the gateway reads, which trails what is in the topic by a moment.
async fn reset_in_time(shop: &Shop, email: &str, body: Value) -> Reply {
    loop {
        let reply = reset(shop, email, body.clone()).await;
        if reply.status != 401 || reply.body["code"] == "SECOND_FACTOR_REQUIRED" {
            return reply;
        }
    }
}

/// A second factor of the account: the secret, and a session with it.
async fn enrol(shop: &Shop, person: &mut Person) -> Vec<u8> {
    let begun = person
        .client
        .post("/auth/second-factor", json!({ "password": PASSWORD }))
        .await;
    let secret = secret_of(&begun.text("/otpauth_uri"));
    let confirmation = json!({ "enrolment": begun.text("/enrolment"), "code": code(shop, &secret, 0) });
    let enrolled = person
        .client
        .post("/auth/second-factor/confirmation", confirmation)
        .await
        .expect(200);
    person.client = shop.anonymous().with_token(&enrolled.text("/session/access_token"));
    secret
}

/// The code of a later step, so that it is not used up.
fn code(shop: &Shop, secret: &[u8], later: i64) -> String {
    totp::code(secret, shop.state.now_ms().div_euclid(TOTP_STEP_MS) + later)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_replaced_once_by_the_operator_s_code_and_every_session_is_over() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let none = json!({ "reset_code": "none" });
    reset(&shop, &buyer.email, none)
        .await
        .expect_problem(401, "WRONG_CREDENTIALS");
    let code = shop.offer_reset(&buyer).await;
    shop.log_in(&buyer.email).await.expect(200);
    buyer.client.get("/me").await.expect(200);
    let weak = json!({ "reset_code": code, "new_password": "password1234" });
    reset(&shop, &buyer.email, weak)
        .await
        .expect_problem(422, "WEAK_PASSWORD");

    let written = json!({ "reset_code": code.to_lowercase().replace('-', " ") });
    let session = reset_in_time(&shop, &buyer.email, written.clone()).await.expect(200);
    buyer.client.get("/me").await.expect_problem(401, "SESSION_ENDED");
    shop.refresh(&buyer.refresh_token)
        .await
        .expect_problem(401, "SESSION_ENDED");
    let client = shop.anonymous().with_token(&session.text("/access_token"));
    client.get("/me").await.expect(200);
    shop.log_in(&buyer.email).await.expect_problem(401, "WRONG_CREDENTIALS");
    let login = json!({ "email": buyer.email, "password": NEW_PASSWORD });
    shop.anonymous().post("/auth/login", login).await.expect(200);
    reset(&shop, &buyer.email, written)
        .await
        .expect_problem(401, "WRONG_CREDENTIALS");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_for_another_password_is_its_account_s_and_has_its_time() {
    let shop = Shop::open().await;
    shop.clock.stop();
    let (buyer, other) = (shop.buyer().await, shop.buyer().await);
    let code = json!({ "reset_code": shop.offer_reset(&buyer).await });
    // Until the gateway has heard of it; a strange account is answered like one that is not there.
    let weak = reset(&shop, &other.email, code.clone())
        .await
        .expect_problem(401, "WRONG_CREDENTIALS");
    let nobody = reset(&shop, "nobody@example.org", code.clone()).await;
    assert_eq!(nobody.text("/detail"), weak.text("/detail"));
    shop.clock.advance_ms(RESET_TTL_MS);
    for _ in 0..5 {
        reset(&shop, &buyer.email, code.clone())
            .await
            .expect_problem(401, "WRONG_CREDENTIALS");
    }
    shop.log_in(&buyer.email).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_goes_past_no_second_factor() {
    let shop = Shop::open().await;
    shop.clock.stop();
    let mut seller = shop.seller().await;
    let secret = enrol(&shop, &mut seller).await;
    let reset_code = shop.offer_reset(&seller).await;
    let with = |code: Option<&str>| json!({ "reset_code": reset_code, "code": code });
    let missing = reset_in_time(&shop, &seller.email, with(None)).await;
    missing.expect_problem(401, "SECOND_FACTOR_REQUIRED");
    let used_up = code(&shop, &secret, 0);
    reset(&shop, &seller.email, with(Some(&used_up)))
        .await
        .expect_problem(401, "WRONG_CREDENTIALS");
    let session = reset(&shop, &seller.email, with(Some(&code(&shop, &secret, 1))))
        .await
        .expect(200);
    let client = shop.anonymous().with_token(&session.text("/access_token"));
    let me = client
        .post(
            "/auth/second-factor/removal",
            json!({ "password": NEW_PASSWORD, "code": "none" }),
        )
        .await;
    me.expect_problem(403, "WRONG_PASSWORD");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_the_operator_s_code_does_not_guess_the_second_factor_and_nobody_else_uses_the_tries_up() {
    let shop = Shop::open().await;
    shop.clock.stop();
    let mut seller = shop.seller().await;
    let secret = enrol(&shop, &mut seller).await;
    let reset_code = shop.offer_reset(&seller).await;
    reset_in_time(&shop, &seller.email, json!({ "reset_code": reset_code })).await;
    for _ in 0..ACCOUNT_GUESSES_MAX {
        let wrong = json!({ "reset_code": "AAAA-BBBB" });
        reset(&shop, &seller.email, wrong)
            .await
            .expect_problem(401, "WRONG_CREDENTIALS");
    }
    let with = |code: &str| json!({ "reset_code": reset_code, "code": code });
    for _ in 0..ACCOUNT_GUESSES_MAX {
        reset(&shop, &seller.email, with("000000x"))
            .await
            .expect_problem(401, "WRONG_CREDENTIALS");
    }
    let right = with(&code(&shop, &secret, 1));
    reset(&shop, &seller.email, right)
        .await
        .expect_problem(429, "TOO_MANY_ATTEMPTS");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_tries_codes_has_to_wait() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await;
    let body = json!({ "email": buyer.email, "new_password": NEW_PASSWORD, "reset_code": "AAAA" });
    let from = [("x-forwarded-for", "198.51.100.77")];
    let attempt = async || {
        let (client, method) = (shop.anonymous(), axum::http::Method::POST);
        client
            .send(method, "/auth/password/reset", &from, Some(body.clone()))
            .await
    };
    for _ in 0..ADDRESS_GUESSES_MAX {
        attempt().await.expect(401);
    }
    attempt().await.expect_problem(429, "TOO_MANY_ATTEMPTS");
    reset(&shop, &buyer.email, json!({ "reset_code": "AAAA" }))
        .await
        .expect(401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_second_factor_is_taken_away_by_an_operator_and_the_sessions_with_it() {
    let shop = Shop::open().await;
    let mut seller = shop.seller().await;
    enrol(&shop, &mut seller).await;
    shop.log_in(&seller.email)
        .await
        .expect_problem(401, "SECOND_FACTOR_REQUIRED");
    shop.command(
        &seller.email,
        AccountCommandPayload::ForgetSecondFactor(ForgetSecondFactor {}),
    )
    .await;
    while seller.client.get("/me").await.status == 200 {}
    while shop.log_in(&seller.email).await.status != 200 {}
}

/// A hash as it was made before.
fn weaker_hash() -> String {
    let params = Params::new(8 * 1_024, 1, 1, None).unwrap();
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash: PasswordHash = argon2.hash_password_with_salt(PASSWORD.as_bytes(), &[1; 16]).unwrap();
    hash.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_hashed_anew_at_its_next_login_and_no_session_ends() {
    let shop = Shop::open().await;
    let email = format!("{}@example.org", unique("early"));
    let login_key = commerce::ids::login_key(&email);
    let payload = AccountCommandPayload::RegisterAccount(RegisterAccount {
        account_id: commerce::ids::account_id(&login_key, &unique("early")).to_string(),
        display_name: "Ann".to_owned(),
        role: Role::Buyer,
        password_hash: weaker_hash(),
    });
    shop.command(&email, payload).await;
    let before = until(&shop, &email, |_| true).await;
    let session = loop {
        let reply = shop.log_in(&email).await;
        if reply.status == 200 {
            break reply;
        }
    };
    let after = until(&shop, &email, |credential| {
        credential.password_hash != before.password_hash
    })
    .await;
    assert!(
        after.password_hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
        "{}",
        after.password_hash
    );
    assert_eq!(after.version, before.version);
    shop.anonymous()
        .with_token(&session.text("/access_token"))
        .get("/me")
        .await
        .expect(200);
    shop.log_in(&email).await.expect(200);
    let last = until(&shop, &email, |_| true).await;
    assert_eq!(last.password_hash, after.password_hash, "it is as it is made today");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_sealed_anew_at_its_next_login_so_that_the_old_key_can_go() {
    let sessions: Arc<dyn SessionStore> = Arc::new(MemorySessions::default());
    let gateway = async |seeds: &[u8]| {
        let mut keys = seeds.iter().map(|seed| SealingKey::from_seed([*seed; 32]).unwrap());
        let setting = Setting {
            sealing: SealingKeys::new(keys.next().unwrap(), keys.collect()),
            sessions: Arc::clone(&sessions),
            ..Setting::default()
        };
        let shop = Shop::with(setting).await;
        shop.clock.stop();
        shop
    };
    let (old, both, new) = (gateway(&[1]).await, gateway(&[2, 1]).await, gateway(&[2]).await);
    let mut seller = old.seller().await;
    let secret = enrol(&old, &mut seller).await;
    let log_in = async |shop: &Shop, later: i64| {
        let code = code(shop, &secret, later);
        let login = json!({ "email": seller.email, "password": PASSWORD, "code": code });
        shop.anonymous().post("/auth/login", login).await
    };
    log_in(&new, 1).await.expect_problem(500, "INTERNAL");
    let sealed = |credential: &Credential| credential.second_factor.as_ref().unwrap().sealed_secret.clone();
    let before = sealed(&until(&both, &seller.email, |credential| credential.second_factor.is_some()).await);
    log_in(&both, 1).await.expect(200);
    until(&both, &seller.email, |credential| sealed(credential) != before).await;
    seller.client.get("/me").await.expect(200);
    // A step later, for the one before is used up.
    new.clock.advance_ms(TOTP_STEP_MS);
    loop {
        let reply = log_in(&new, 1).await;
        if reply.status == 200 {
            break;
        }
        assert_eq!(
            reply.body["code"], "INTERNAL",
            "until this gateway has heard of it: {:?}",
            reply.body
        );
    }
}
