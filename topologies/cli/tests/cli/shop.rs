//! The public API as a client uses it.

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

/// The password of everybody.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// The API at one address.
pub(crate) struct Shop {
    client: Client,
    url: String,
}

/// Somebody who is logged in.
pub(crate) struct Caller<'a> {
    shop: &'a Shop,
    pub(crate) token: String,
}

impl Shop {
    pub(crate) fn at(url: &str) -> Self {
        Self {
            client: Client::builder().no_proxy().build().unwrap(),
            url: url.to_owned(),
        }
    }

    pub(crate) async fn register(&self, name: &str, role: &str) {
        let body = json!({ "email": email(name), "password": PASSWORD, "name": name, "role": role });
        let answer = self
            .client
            .post(format!("{}/auth/register", self.url))
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), StatusCode::CREATED);
    }

    /// A seller with a product of ten pieces for 1,500 each, and a buyer with 10,000: the product and the buyer.
    pub(crate) async fn open(&self) -> (String, Caller<'_>) {
        self.register("seller", "SELLER").await;
        self.register("buyer", "BUYER").await;
        let product = self.log_in("seller").await.product(1_500, 10).await;
        let buyer = self.log_in("buyer").await;
        buyer.deposit(10_000).await;
        (product, buyer)
    }

    pub(crate) async fn log_in(&self, name: &str) -> Caller<'_> {
        let answer = self.post_login(name, None).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let tokens: Value = answer.json().await.unwrap();
        Caller {
            shop: self,
            token: tokens["access_token"].as_str().unwrap().to_owned(),
        }
    }

    /// What an attempt to log in is answered with.
    pub(crate) async fn try_log_in(&self, name: &str) -> StatusCode {
        self.post_login(name, None).await.status()
    }

    /// The same with a code of the second factor.
    pub(crate) async fn try_log_in_with(&self, name: &str, code: &str) -> StatusCode {
        self.post_login(name, Some(code)).await.status()
    }

    /// What an attempt to replace a forgotten password is answered with.
    pub(crate) async fn reset(&self, name: &str, code: &str, password: &str) -> StatusCode {
        let body = json!({ "email": email(name), "reset_code": code, "new_password": password });
        let asked = self
            .client
            .post(format!("{}/auth/password/reset", self.url))
            .json(&body);
        asked.send().await.unwrap().status()
    }

    async fn post_login(&self, name: &str, code: Option<&str>) -> Response {
        let body = json!({ "email": email(name), "password": PASSWORD, "code": code });
        let asked = self.client.post(format!("{}/auth/login", self.url)).json(&body);
        asked.send().await.unwrap()
    }
}

impl Caller<'_> {
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, Value) {
        let request = self
            .shop
            .client
            .get(format!("{}{path}", self.shop.url))
            .bearer_auth(&self.token);
        let answer = request.header("Prefer", "wait=30").send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: Value) -> (StatusCode, Value) {
        let request = self
            .shop
            .client
            .post(format!("{}{path}", self.shop.url))
            .bearer_auth(&self.token);
        let answer = request.header("Idempotency-Key", key).json(&body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    pub(crate) async fn product(&self, price: i64, stock: i64) -> String {
        let body = json!({ "name": "Kettle", "price": { "amount": price, "currency": "KRW" }, "stock": stock });
        let (status, product) = self.post("/products", "product", body).await;
        assert_eq!(status, StatusCode::CREATED, "{product}");
        product["product_id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn deposit(&self, amount: i64) {
        let body = json!({ "amount": { "amount": amount, "currency": "KRW" } });
        let (status, wallet) = self.post("/wallet/deposits", "deposit", body).await;
        assert!(status.is_success(), "{wallet}");
    }

    /// Places an order and answers its id.
    pub(crate) async fn order(&self, key: &str, product: &str, quantity: i64) -> String {
        let body = json!({ "lines": [{ "product_id": product, "quantity": quantity }] });
        let (status, accepted) = self.post("/orders", key, body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{accepted}");
        accepted["order_id"].as_str().unwrap().to_owned()
    }

    /// Places an order of one piece that a card pays, and answers its id.
    pub(crate) async fn order_by(&self, card: &str, product: &str) -> String {
        let body = json!({ "lines": [{ "product_id": product, "quantity": 1 }], "card": card });
        let (status, accepted) = self.post("/orders", card, body).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{accepted}");
        accepted["order_id"].as_str().unwrap().to_owned()
    }

    /// Places an order in a trace of the caller's, and answers its id.
    pub(crate) async fn order_traced(&self, traceparent: &str, product: &str) -> String {
        let body = json!({ "lines": [{ "product_id": product, "quantity": 1 }] });
        let request = self.shop.client.post(format!("{}/orders", self.shop.url));
        let request = request.bearer_auth(&self.token).header("Idempotency-Key", traceparent);
        let answer = request
            .header("traceparent", traceparent)
            .json(&body)
            .send()
            .await
            .unwrap();
        let accepted: Value = answer.json().await.unwrap();
        accepted["order_id"].as_str().unwrap().to_owned()
    }

    /// Asks until the order waits in this step of the saga.
    pub(crate) async fn awaits(&self, order_id: &str, step: &str) {
        let url = format!("{}/orders/{order_id}", self.shop.url);
        for _ in 0..1_000 {
            let answer = self
                .shop
                .client
                .get(&url)
                .bearer_auth(&self.token)
                .send()
                .await
                .unwrap();
            let order: Value = answer.json().await.unwrap();
            if order["step"] == step {
                return;
            }
        }
        panic!("the order never waits in {step}");
    }

    /// The order once it is final.
    pub(crate) async fn settled(&self, order_id: &str) -> Value {
        let (status, order) = self.get(&format!("/orders/{order_id}")).await;
        assert_eq!(status, StatusCode::OK, "{order}");
        assert!(
            matches!(order["status"].as_str(), Some("PAID" | "CANCELLED")),
            "{order}"
        );
        order
    }
}

fn email(name: &str) -> String {
    format!("{name}@example.com")
}
