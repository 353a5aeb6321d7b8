//! Gateways whose keys are replaced while sessions go on.

use std::sync::Arc;

use crate::support::{Reply, Setting, Shop};
use edge_api::{MemorySessions, TokenKey, TokenKeys};
use serde_json::Value;

fn old() -> TokenKey {
    TokenKey::from_seed([1; 32])
}

fn new() -> TokenKey {
    TokenKey::from_seed([2; 32])
}

/// A gateway at each step of a rotation, with sessions in common.
struct Steps {
    before: Shop,
    /// The new key is known and signs nothing yet.
    known: Shop,
    /// The new key signs.
    signs: Shop,
    after: Shop,
}

impl Steps {
    async fn open() -> Self {
        let sessions = Arc::new(MemorySessions::default());
        let shop = async |keys: TokenKeys| {
            Shop::with(Setting {
                sessions: Arc::clone(&sessions) as _,
                keys,
                ..Setting::default()
            })
            .await
        };
        Self {
            before: shop(old().into()).await,
            known: shop(TokenKeys::new(old(), vec![new()])).await,
            signs: shop(TokenKeys::new(new(), vec![old()])).await,
            after: shop(new().into()).await,
        }
    }
}

async fn look(shop: &Shop, session: &Reply) -> Reply {
    let client = shop.anonymous().with_token(&session.text("/access_token"));
    client.get("/me").await
}

async fn refresh(shop: &Shop, session: &Reply) -> Reply {
    shop.refresh(&session.text("/refresh_token")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_the_key_that_signed_its_first_token() {
    let steps = Steps::open().await;
    let buyer = steps.before.buyer().await;
    let first = steps.before.log_in(&buyer.email).await.expect(200);
    for shop in [&steps.known, &steps.signs] {
        look(shop, &first).await.expect(200);
    }
    let second = refresh(&steps.signs, &first).await.expect(200);
    for shop in [&steps.known, &steps.signs, &steps.after] {
        look(shop, &second).await.expect(200);
    }
    look(&steps.before, &second).await.expect_problem(401, "INVALID_TOKEN");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_is_repeated_at_a_gateway_of_the_next_step_has_the_same_answer() {
    let steps = Steps::open().await;
    let buyer = steps.before.buyer().await;
    let first = steps.known.log_in(&buyer.email).await.expect(200);
    let lost = refresh(&steps.known, &first).await.expect(200);
    let repeated = refresh(&steps.signs, &first).await.expect(200);
    assert_eq!(repeated.text("/refresh_token"), lost.text("/refresh_token"));
    refresh(&steps.known, &repeated).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_key_began_ends_with_it() {
    let steps = Steps::open().await;
    let buyer = steps.before.buyer().await;
    let with_old = steps.known.log_in(&buyer.email).await.expect(200);
    let with_new = steps.signs.log_in(&buyer.email).await.expect(200);
    look(&steps.after, &with_old).await.expect_problem(401, "INVALID_TOKEN");
    refresh(&steps.after, &with_old)
        .await
        .expect_problem(401, "INVALID_TOKEN");
    refresh(&steps.after, &with_new).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_set_names_every_key_and_the_one_that_signs_first() {
    let steps = Steps::open().await;
    let listed = async |shop: &Shop| {
        let set = shop.anonymous().get("/.well-known/jwks.json").await.expect(200);
        let kids = set.body["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["kid"].clone());
        kids.collect::<Vec<Value>>()
    };
    let (old, new) = (Value::from(old().kid()), Value::from(new().kid()));
    assert_eq!(listed(&steps.before).await, std::slice::from_ref(&old));
    assert_eq!(listed(&steps.known).await, [old.clone(), new.clone()]);
    assert_eq!(listed(&steps.signs).await, [new, old]);
    let set = steps.before.anonymous().get("/.well-known/jwks.json").await;
    let mut key = set.body["keys"][0].clone();
    assert!(key["x"].take().as_str().is_some_and(|x| x.len() == 43));
    key["kid"].take();
    let rest =
        serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": null, "kid": null, "use": "sig", "alg": "EdDSA" });
    assert_eq!(key, rest);
}
