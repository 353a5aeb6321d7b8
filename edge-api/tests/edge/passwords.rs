//! Which passwords an account may have.

use std::io::Write as _;
use std::sync::Arc;

use crate::support::people::{PASSWORD, registration};
use crate::support::{Reply, Setting, Shop, unique};
use edge_api::auth::passwords::BreachedPasswords;
use serde_json::json;
use tempfile::NamedTempFile;

/// SHA-1 of `violet order of bees`, which is no common password.
const BREACHED: (&str, &str) = ("violet order of bees", "2CEEC7FB106824B25AD433ECAADD407B97027F39");

/// A file of breached passwords with this one among others.
fn breached(hash: &str) -> NamedTempFile {
    let mut lines = [
        "0000000000000000000000000000000000000000:3".to_owned(),
        format!("{hash}:2"),
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF:1".to_owned(),
    ];
    lines.sort();
    let mut file = NamedTempFile::new().unwrap();
    write!(file, "{}\r\n", lines.join("\r\n")).unwrap();
    file
}

/// What becomes of the password at a registration and, where it is another one, at a change.
async fn choose(shop: &Shop, password: &str) -> [Reply; 2] {
    let mut account = registration(&format!("{}@example.org", unique("chooser")), "BUYER");
    account["password"] = json!(password);
    let registered = shop.anonymous().post("/auth/register", account).await;
    let change = json!({ "current_password": PASSWORD, "new_password": password });
    [
        registered,
        shop.buyer().await.client.post("/auth/password", change).await,
    ]
}

async fn is_refused(shop: &Shop, password: &str) {
    let [registered, changed] = choose(shop, password).await;
    for (reply, pointer) in [(registered, "/password"), (changed, "/new_password")] {
        let refused = reply.expect_problem(422, "WEAK_PASSWORD");
        assert_eq!(refused.text("/errors/0/pointer"), pointer);
        assert!(!refused.body.to_string().contains(password), "{password}");
    }
}

async fn is_taken(shop: &Shop, password: &str) {
    let [registered, changed] = choose(shop, password).await;
    registered.expect(201);
    changed.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_the_most_common_passwords_is_refused() {
    let shop = Shop::open().await;
    for password in ["password1234", "QWERTY123456", "1qaz2wsx3edc"] {
        is_refused(&shop, password).await;
    }
    is_taken(&shop, BREACHED.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_became_known_in_a_breach_is_refused() {
    let file = breached(BREACHED.1);
    let shop = Shop::with(Setting {
        breached_passwords: Some(Arc::new(BreachedPasswords::open(file.path()).unwrap())),
        ..Setting::default()
    })
    .await;
    is_refused(&shop, BREACHED.0).await;
    is_taken(&shop, "violet order of wasps").await;
    // What cannot be looked up is not taken. Whoever has a password goes on.
    let buyer = shop.buyer().await;
    file.as_file().set_len(0).unwrap();
    let [registered, changed] = {
        let account = registration(&format!("{}@example.org", unique("late")), "BUYER");
        let change = json!({ "current_password": PASSWORD, "new_password": "violet order of wasps" });
        [
            shop.anonymous().post("/auth/register", account).await,
            buyer.client.post("/auth/password", change).await,
        ]
    };
    registered.expect_problem(503, "UNAVAILABLE");
    changed.expect_problem(503, "UNAVAILABLE");
    shop.log_in(&buyer.email).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_made_of_the_words_of_the_shop_is_refused() {
    let shop = Shop::with(Setting {
        shop_words: vec!["Hammerfest".to_owned()],
        ..Setting::default()
    })
    .await;
    for password in ["sluice-seller-1", "H4mmerf3st-2026", "shop.shop.shop!"] {
        is_refused(&shop, password).await;
    }
    is_taken(&shop, "hammerfest is far away").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_made_of_the_own_name_and_address_is_refused() {
    let shop = Shop::open().await;
    let email = format!("{}@example.org", unique("beatrice"));
    for (name, password) in [("Beatrice Ackerman", "ackerman-beatrice"), ("Ann", "example.org.123")] {
        let account = json!({ "email": email, "password": password, "name": name, "role": "BUYER" });
        let refused = shop.anonymous().post("/auth/register", account).await;
        refused.expect_problem(422, "WEAK_PASSWORD");
    }
}
