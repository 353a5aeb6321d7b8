//! Who gets in where: every operation of the table, for everybody who might try.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::support::people::{PASSWORD, Person, money, order_of, registration, secret_of};
use crate::support::{Client, Shop, unique};
use axum::http::Method;
use edge_api::auth::access::{OPERATIONS, Operation, Owner, Who};
use edge_api::auth::totp;
use edge_api::limits::TOTP_STEP_MS;
use serde_json::{Value, json};

/// A paid order of one buyer with lines of two sellers, and strangers.
struct Cast {
    buyer: Person,
    other_buyer: Person,
    seller: Person,
    other_seller: Person,
    product: String,
    order: String,
    /// Another order of the buyer, to be cancelled.
    doomed: String,
    session: String,
    /// Recovery codes by actor, of those who have a second factor at the moment.
    recovery_codes: Mutex<BTreeMap<&'static str, Vec<String>>>,
    shop: Shop,
}

impl Cast {
    async fn gather() -> Self {
        let shop = Shop::open().await;
        let (seller, other_seller) = (shop.seller().await, shop.seller().await);
        let (buyer, other_buyer) = (shop.rich_buyer(100_000).await, shop.buyer().await);
        let product = seller.offer(1_000, 10).await;
        let order = buyer.order(&[(product.as_str(), 1); 4]).await;
        let doomed = buyer.order(&[(&product, 1)]).await;
        for order in [&order, &doomed] {
            assert_eq!(buyer.settled(order).await.text("/status"), "PAID");
        }
        while seller
            .client
            .get(&format!("/seller/buyers/{}", buyer.account_id))
            .await
            .status
            != 200
        {}
        let sessions = buyer.client.get("/auth/sessions").await.expect(200);
        let session = sessions.text("/items/0/session_id");
        Self {
            buyer,
            other_buyer,
            seller,
            other_seller,
            product,
            order,
            doomed,
            session,
            recovery_codes: Mutex::default(),
            shop,
        }
    }

    fn actors(&self) -> [(&'static str, Client); 5] {
        [
            ("nobody", self.shop.anonymous()),
            ("the buyer", self.buyer.client.clone()),
            ("another buyer", self.other_buyer.client.clone()),
            ("the seller", self.seller.client.clone()),
            ("another seller", self.other_seller.client.clone()),
        ]
    }

    /// What replaces the forgotten password of somebody else again, whoever asks.
    async fn reset(&self) -> Value {
        let forgetful = self.shop.buyer().await;
        let reset_code = self.shop.offer_reset(&forgetful).await;
        // The end of the sessions comes behind the offer, and is waited for.
        let ending = json!({ "password": PASSWORD });
        forgetful.client.post("/auth/sessions/end", ending).await.expect(204);
        json!({ "email": forgetful.email, "reset_code": reset_code, "new_password": NEW_PASSWORD })
    }

    /// Another session of an actor, whose password may have been changed by now.
    async fn log_in(&self, actor: &'static str) -> Client {
        let person = match actor {
            "the buyer" => &self.buyer,
            "another buyer" => &self.other_buyer,
            "the seller" => &self.seller,
            _ => &self.other_seller,
        };
        let anonymous = self.shop.anonymous();
        for password in [PASSWORD, NEW_PASSWORD] {
            let code = self.recovery_code(actor);
            let login = json!({ "email": person.email, "password": password, "code": code });
            let session = anonymous.post("/auth/login", login).await;
            if session.status == 200 {
                return anonymous.with_token(&session.text("/access_token"));
            }
        }
        panic!("{actor} cannot log in")
    }

    /// A recovery code that is left of the actor's, if there is a second factor.
    fn recovery_code(&self, actor: &str) -> Option<String> {
        self.recovery_codes.lock().unwrap().get_mut(actor)?.pop()
    }

    /// What an actor brings back to confirm a second factor; nothing of use without a token.
    async fn confirmation(&self, client: &Client) -> Value {
        let begun = client
            .post("/auth/second-factor", json!({ "password": PASSWORD }))
            .await;
        let uri = begun.text("/otpauth_uri");
        let step = self.shop.state.now_ms().div_euclid(TOTP_STEP_MS);
        json!({ "enrolment": begun.text("/enrolment"), "code": totp::code(&secret_of(&uri), step) })
    }

    fn path(&self, operation: &Operation) -> String {
        let id = match operation.path {
            "/orders/{id}/cancel" => &self.doomed,
            path if path.starts_with("/orders") => &self.order,
            path if path.starts_with("/products") => &self.product,
            path if path.starts_with("/auth/sessions") => &self.session,
            _ => &self.buyer.account_id,
        };
        operation.path.replace("{id}", id)
    }
}

const NEW_PASSWORD: &str = "battery staple correct";

/// A request body that the operation accepts.
async fn body(operation: &Operation, cast: &Cast, (actor, client): (&str, &Client)) -> Option<Value> {
    Some(match (operation.method, operation.path) {
        ("POST", "/auth/register") => registration(&format!("{}@example.org", unique("new")), "BUYER"),
        ("POST", "/auth/login") => crate::support::people::login(&cast.buyer.email),
        ("POST", "/auth/password/reset") => cast.reset().await,
        ("POST", "/auth/refresh") => json!({ "refresh_token": cast.buyer.refresh_token }),
        ("POST", "/auth/password") => json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD }),
        ("POST", "/auth/second-factor") => json!({ "password": PASSWORD }),
        ("POST", "/auth/second-factor/confirmation") => cast.confirmation(client).await,
        ("POST", "/auth/second-factor/removal") => {
            json!({ "password": PASSWORD, "code": cast.recovery_code(actor).unwrap_or_default() })
        }
        ("POST", "/auth/sessions/{id}/end" | "/auth/sessions/end") => json!({ "password": PASSWORD }),
        ("POST", "/auth/disable") => json!({ "password": NEW_PASSWORD }),
        ("POST", "/products") => json!({ "name": "Pot", "price": money(1), "stock": 0 }),
        ("PATCH", "/products/{id}") => json!({ "name": "Pan" }),
        ("POST", "/products/{id}/stock-adjustments") => json!({ "delta": 1 }),
        ("POST", "/wallet/deposits") => json!({ "amount": money(1) }),
        ("POST", "/orders") => order_of(&[(&cast.product, 1)]),
        ("POST", "/orders/{id}/cancel" | "/orders/{id}/refunds") => json!({}),
        ("POST", "/orders/{id}/shipments") => json!({ "lines": [1, 2] }),
        ("POST", "/orders/{id}/deliveries") => json!({ "lines": [1] }),
        ("POST", "/orders/{id}/returns" | "/orders/{id}/returns/rejections") => json!({ "lines": [2] }),
        // More than anybody has: who gets in is told so.
        ("POST", "/wallet/payouts") => json!({ "amount": money(1_000_000_000) }),
        _ => return None,
    })
}

/// What ends the order, the session or the account comes last, in this order, and from 2 on with a session of its own.
fn ends(operation: &Operation) -> u8 {
    match (operation.method, operation.path) {
        ("POST", "/orders/{id}/cancel") => 1,
        ("POST", "/auth/logout") => 2,
        ("POST", "/auth/sessions/{id}/end") => 3,
        ("POST", "/auth/sessions/end") => 4,
        ("POST", "/auth/second-factor/confirmation") => 5,
        ("POST", "/auth/second-factor/removal") => 6,
        ("POST", "/auth/password") => 7,
        ("POST", "/auth/disable") => 8,
        _ => 0,
    }
}

/// Whether the table lets the actor in, and if not, with which status it is turned away.
fn expected(operation: &Operation, actor: &str) -> Option<u16> {
    let is_seller = actor.ends_with("seller");
    match operation.who {
        Who::Public => return None,
        _ if actor == "nobody" => return Some(401),
        Who::Buyer if is_seller => return Some(403),
        Who::Seller if !is_seller => return Some(403),
        Who::Account | Who::Buyer | Who::Seller => {}
    }
    let is_other = actor.starts_with("another");
    match operation.owner {
        Owner::NoneNeeded if operation.path == "/seller/buyers/{id}" && is_other => Some(404),
        Owner::NoneNeeded if operation.path == "/wallet/payouts" => Some(409),
        Owner::NoneNeeded => None,
        Owner::SessionAccount => (actor != "the buyer").then_some(404),
        Owner::ProductSeller | Owner::OrderBuyer | Owner::OrderParty => is_other.then_some(404),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_gets_in_where_the_table_says_and_nowhere_else() {
    let cast = Cast::gather().await;
    let mut operations: Vec<&Operation> = OPERATIONS.iter().collect();
    operations.sort_by_key(|operation| ends(operation));
    let mut tried = 0;
    for operation in operations {
        for (actor, mut client) in cast.actors() {
            if ends(operation) > 1 && actor != "nobody" {
                client = cast.log_in(actor).await;
            }
            let method: Method = operation.method.parse().unwrap();
            let key = unique("key");
            let headers: &[(&str, &str)] = if method == Method::POST {
                &[("idempotency-key", &key)]
            } else {
                &[]
            };
            let body = body(operation, &cast, (actor, &client)).await;
            let reply = client.send(method, &cast.path(operation), headers, body).await;
            let status = reply.status.as_u16();
            match expected(operation, actor) {
                None => assert!(
                    reply.status.is_success(),
                    "{actor} at {operation:?}: {status} {:?}",
                    reply.body
                ),
                Some(refusal) => assert_eq!(status, refusal, "{actor} at {operation:?}: {:?}", reply.body),
            }
            if let Some(codes) = reply.body["recovery_codes"].as_array() {
                let codes = codes.iter().map(|code| code.as_str().unwrap().to_owned());
                cast.recovery_codes.lock().unwrap().insert(actor, codes.collect());
            }
            if operation.path == "/auth/second-factor/removal" {
                cast.recovery_codes.lock().unwrap().remove(actor);
            }
            tried += 1;
        }
    }
    assert_eq!(tried, OPERATIONS.len() * 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_order_is_answered_like_one_that_does_not_exist() {
    let cast = Cast::gather().await;
    for stranger in [&cast.other_buyer, &cast.other_seller] {
        for path in ["", "/events"] {
            let foreign = stranger
                .client
                .get(&format!("/orders/{}{path}", cast.order))
                .await
                .expect_problem(404, "NOT_FOUND");
            let absent = stranger
                .client
                .get(&format!("/orders/{}{path}", unique("none")))
                .await
                .expect_problem(404, "NOT_FOUND");
            assert_eq!(foreign.text("/detail"), absent.text("/detail"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_sees_the_own_lines_of_an_order_and_nothing_of_the_others() {
    let cast = Cast::gather().await;
    let theirs = cast.other_seller.offer(2_222, 9).await;
    let order = cast.buyer.order(&[(&cast.product, 2), (&theirs, 3)]).await;
    let whole = cast.buyer.settled(&order).await;
    assert_eq!(
        (
            whole.body["lines"].as_array().unwrap().len(),
            whole.number("/total/amount")
        ),
        (2, 2_000 + 6_666)
    );
    let part = cast.seller.client.get(&format!("/orders/{order}")).await.expect(200);
    assert_eq!(
        (
            part.body["lines"].as_array().unwrap().len(),
            part.number("/total/amount")
        ),
        (1, 2_000)
    );
    let events = cast
        .seller
        .client
        .get(&format!("/orders/{order}/events?limit=100"))
        .await
        .expect(200);
    let listed = loop {
        let listed = cast.seller.client.get("/seller/orders").await.expect(200);
        if listed.body["items"][0]["order_id"] == order.as_str() && listed.body["items"][0]["status"] == "PAID" {
            break listed;
        }
    };
    for view in [&part, &events, &listed] {
        let text = view.body.to_string();
        for secret in [theirs.as_str(), &cast.other_seller.account_id, "2222", "6666", "8666"] {
            assert!(!text.contains(secret), "{secret} in {text}");
        }
    }
    let kinds: Vec<_> = events.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["type"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "StockReserved").count(),
        1,
        "{kinds:?}"
    );
}
