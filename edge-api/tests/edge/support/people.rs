//! Buyers, sellers and what they do.

use std::sync::Arc;
use std::time::{Duration, Instant};

use edge_api::CommandSerdes;
use edge_api::auth::codes::{fresh_code, reset_hash};
use edge_api::clock::SystemEntropy;
use edge_api::commands::append;
use edge_api::limits::RESET_TTL_MS;
use schemas::SchemaTable;
use schemas::wire::account::{AccountCommand, AccountCommandPayload, PasswordReset};
use schemas::wire::envelope::{Actor, Envelope, Role};
use serde_json::{Value, json};

use super::{Client, Reply, Shop, unique};

/// How long a committed change may take to show on a busy machine.
const STORE_WAIT: Duration = Duration::from_secs(20);

pub const PASSWORD: &str = "correct horse battery";

/// Somebody with an account and a session.
pub struct Person {
    pub client: Client,
    pub account_id: String,
    pub email: String,
    pub refresh_token: String,
}

impl Shop {
    /// Registers and logs in.
    pub async fn person(&self, role: &str) -> Person {
        let email = format!("{}@example.org", unique("person"));
        let anonymous = self.anonymous();
        let registered = anonymous
            .post("/auth/register", registration(&email, role))
            .await
            .expect(201);
        let session = self.log_in(&email).await.expect(200);
        Person {
            client: anonymous.with_token(&session.text("/access_token")),
            account_id: registered.text("/account_id"),
            email,
            refresh_token: session.text("/refresh_token"),
        }
    }

    /// Logs in with the password that everybody has.
    pub async fn log_in(&self, email: &str) -> Reply {
        self.anonymous().post("/auth/login", login(email)).await
    }

    /// Exchanges a refresh token.
    pub async fn refresh(&self, token: &str) -> Reply {
        self.anonymous()
            .post("/auth/refresh", json!({ "refresh_token": token }))
            .await
    }

    pub async fn buyer(&self) -> Person {
        self.person("BUYER").await
    }

    pub async fn seller(&self) -> Person {
        self.person("SELLER").await
    }

    /// Gives a command past every gateway, as an operator does.
    pub async fn command(&self, email: &str, payload: AccountCommandPayload) {
        let login_key = commerce::ids::login_key(email).to_string();
        let command: AccountCommand = Envelope {
            id: unique("operator"),
            seq: 0,
            at: self.state.now_ms(),
            actor: Actor {
                account_id: "operator".to_owned(),
                role: Role::System,
            },
            causation: unique("request"),
            correlation: unique("request"),
            payload,
        };
        let serdes = CommandSerdes::avro(&Arc::new(SchemaTable::with_current_schemas()));
        append(self.log.as_ref(), &serdes, &login_key, &command).await.unwrap();
    }

    /// An operator's code for another password of the account.
    pub async fn offer_reset(&self, person: &Person) -> String {
        let code = fresh_code(&SystemEntropy).unwrap();
        let payload = AccountCommandPayload::OfferPasswordReset(PasswordReset {
            code_hash: reset_hash(&person.account_id, &code),
            ends_at: self.state.now_ms() + RESET_TTL_MS,
        });
        self.command(&person.email, payload).await;
        code
    }

    /// A buyer with this much in the wallet.
    pub async fn rich_buyer(&self, amount: i64) -> Person {
        let buyer = self.buyer().await;
        buyer.deposit(amount).await.expect(200);
        buyer
    }
}

impl Person {
    /// Puts a product on offer; its id.
    pub async fn offer(&self, price: i64, stock: i64) -> String {
        let product = json!({ "name": "Kettle", "price": money(price), "stock": stock });
        self.client
            .post("/products", product)
            .await
            .expect(201)
            .text("/product_id")
    }

    pub async fn deposit(&self, amount: i64) -> Reply {
        self.client
            .post_once("/wallet/deposits", &unique("key"), json!({ "amount": money(amount) }))
            .await
    }

    /// Places an order; its id.
    pub async fn order(&self, lines: &[(&str, i64)]) -> String {
        self.client
            .post_once("/orders", &unique("key"), order_of(lines))
            .await
            .expect(202)
            .text("/order_id")
    }

    /// Reads an order once it is settled.
    pub async fn settled(&self, order_id: &str) -> Reply {
        self.client
            .get_with(&format!("/orders/{order_id}"), &[("prefer", "wait=20")])
            .await
            .expect(200)
    }

    /// Reads a product from when so many pieces of it are free: what its topology has committed shows a moment later in its store,
    /// and the order may know before.
    pub async fn sees_free(&self, product_id: &str, pieces: i64) -> Reply {
        let path = format!("/products/{product_id}");
        let deadline = Instant::now() + STORE_WAIT;
        loop {
            let product = self.client.get(&path).await.expect(200);
            if product.number("/available") == pieces {
                return product;
            }
            assert!(Instant::now() < deadline, "{pieces} pieces of {:?}", product.body);
        }
    }

    pub async fn balance(&self) -> (i64, i64) {
        let wallet = self.client.get("/wallet").await.expect(200);
        let balance = |name: &str| wallet.body["balances"][0][name].as_i64().unwrap_or(0);
        (balance("available"), balance("held"))
    }
}

pub fn registration(email: &str, role: &str) -> Value {
    json!({ "email": email, "password": PASSWORD, "name": "Ann", "role": role })
}

pub fn login(email: &str) -> Value {
    json!({ "email": email, "password": PASSWORD })
}

pub fn money(amount: i64) -> Value {
    json!({ "amount": amount, "currency": "KRW" })
}

pub fn order_of(lines: &[(&str, i64)]) -> Value {
    let line = |(product_id, quantity): &(&str, i64)| json!({ "product_id": product_id, "quantity": quantity });
    json!({ "lines": lines.iter().map(line).collect::<Vec<_>>() })
}

/// The secret that an authenticator app reads from its URI.
pub fn secret_of(uri: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let secret = uri.split("secret=").nth(1).unwrap_or_default();
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0u64, 0);
    for digit in secret.chars().map_while(|digit| DIGITS.find(digit)) {
        bits = bits << 5 | u64::try_from(digit).unwrap();
        count += 5;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 255).unwrap());
        }
    }
    bytes
}
