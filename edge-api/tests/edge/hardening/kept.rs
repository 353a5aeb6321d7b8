//! What is kept of a request, and what is not.

use axum::http::Method;
use edge_api::auth::access::OPERATIONS;
use edge_api::limits::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN};
use serde_json::json;

use super::{Cast, path};
use crate::support::people::{PASSWORD, login, registration};
use crate::support::{Shop, unique};

#[tokio::test(flavor = "multi_thread")]
async fn a_get_asks_for_nothing_and_changes_nothing() {
    let cast = Cast::gather().await;
    let accounts = [cast.buyer.account_id.clone(), cast.seller.account_id.clone()];
    let before = commands_of(&cast.shop, &accounts);
    for operation in OPERATIONS.iter().filter(|operation| operation.method == "GET") {
        for method in [Method::GET, Method::HEAD] {
            cast.caller(operation).send(method, &path(operation), &[], None).await;
        }
    }
    assert!(before > 0);
    assert_eq!(commands_of(&cast.shop, &accounts), before);
}

/// How many records gateways have written about these accounts.
fn commands_of(shop: &Shop, accounts: &[String]) -> usize {
    let mut count = 0;
    shop.engine.look(&mut |topic, record| {
        let bytes = [record.key.unwrap_or_default(), record.value.unwrap_or_default()].concat();
        let is_ours = accounts.iter().any(|account| holds(&bytes, account.as_bytes()));
        count += usize::from(is_ours && (topic.ends_with("-commands") || topic == "revocations"));
    });
    count
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_topic_has_an_e_mail_address_a_password_or_a_token() {
    let shop = Shop::open().await;
    let (buyer, seller) = (shop.rich_buyer(1_000).await, shop.seller().await);
    let product = seller.offer(100, 5).await;
    let order = buyer.order(&[(&product, 1)]).await;
    buyer.settled(&order).await;
    let renewed = shop.refresh(&buyer.refresh_token).await.expect(200);
    let change = json!({ "current_password": PASSWORD, "new_password": "battery staple correct" });
    buyer.client.post("/auth/password", change).await.expect(200);
    let token = buyer.client.token.clone().unwrap();
    let secrets = [
        buyer.email.as_str(),
        seller.email.as_str(),
        PASSWORD,
        "battery staple correct",
        &token,
        token.rsplit('.').next().unwrap(),
        &buyer.refresh_token,
        &renewed.text("/refresh_token"),
    ];
    let mut of_buyer = 0;
    shop.engine.look(&mut |topic, record| {
        let bytes = [record.key.unwrap_or_default(), record.value.unwrap_or_default()].concat();
        for secret in secrets {
            assert!(!holds(&bytes, secret.as_bytes()), "{topic} holds {secret}");
        }
        of_buyer += usize::from(holds(&bytes, buyer.account_id.as_bytes()));
    });
    assert!(of_buyer > 5, "{of_buyer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_counts_as_it_was_sent_in_whatever_letters_and_however_long() {
    let shop = Shop::open().await;
    let client = shop.anonymous();
    let with = |email: &str, password: &str| {
        let mut body = registration(email, "BUYER");
        body["password"] = json!(password);
        body
    };
    let enter = async |email: &str, password: &str| {
        let mut body = login(email);
        body["password"] = json!(password);
        client.post("/auth/login", body).await
    };
    let long: String = "Caf\u{e9} \u{1f511}"
        .chars()
        .cycle()
        .take(PASSWORD_CHARS_MAX - 1)
        .collect();
    let long = long + "!";
    for (password, other) in [
        (long.as_str(), format!("{long}!")),
        (long.as_str(), long.chars().take(PASSWORD_CHARS_MAX - 1).collect()),
        ("quietlylower", "QUIETLYLOWER".to_owned()),
        ("             !", "!".to_owned()),
        ("ends with space ", "ends with space".to_owned()),
        (" begins with space", "begins with space".to_owned()),
        ("8264019375521", "08264019375521".to_owned()),
        ("열두글자비밀번호입니다요", "열두글자비밀번호입니다".to_owned()),
        ("Caf\u{e9} au lait chaud", "Cafe\u{301} au lait chaud".to_owned()),
    ] {
        assert!((PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&password.chars().count()));
        let email = format!("{}@example.org", unique("letters"));
        client.post("/auth/register", with(&email, password)).await.expect(201);
        enter(&email, &other).await.expect_problem(401, "WRONG_CREDENTIALS");
        enter(&email, password).await.expect(200);
    }
    let email = format!("{}@example.org", unique("letters"));
    for refused in [format!("{long}x"), "elevenchars".to_owned()] {
        let reply = client.post("/auth/register", with(&email, &refused)).await;
        reply.expect_problem(422, "WEAK_PASSWORD");
    }
}
