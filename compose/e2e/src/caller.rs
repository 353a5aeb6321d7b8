//! The shop as a client sees it.

use anyhow::Context;
use reqwest::blocking::{Client, RequestBuilder};
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};

/// Somebody who calls the API.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(crate) http: Client,
    pub(crate) url: String,
    pub(crate) token: Option<String>,
}

/// An answer of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// What the body is.
    pub content_type: String,
    /// The JSON body.
    pub body: Value,
}

impl Answer {
    /// Sends a request and takes the answer, whatever its status.
    pub(crate) fn to(request: RequestBuilder) -> anyhow::Result<Self> {
        let answer = request.send()?;
        let status = answer.status().as_u16();
        let content_type = answer
            .headers()
            .get(CONTENT_TYPE)
            .map_or("", |name| name.to_str().unwrap_or_default());
        let content_type = content_type.to_owned();
        let text = answer.text()?;
        Ok(Self {
            status,
            content_type,
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        })
    }

    /// Whether it says as a problem (RFC 9457), in words, that the service is away for now.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        let says = |field: &str| self.body.get(field).is_some_and(Value::is_string);
        self.status == 503 && self.content_type == "application/problem+json" && says("code") && says("detail")
    }
}

impl Caller {
    /// A GET that waits for an order to become final.
    pub fn get(&self, path: &str) -> anyhow::Result<Answer> {
        let request = self.http.get(format!("{}{path}", self.url));
        self.send(request.header("Prefer", "wait=30"))
    }

    /// A POST, with an idempotency key where the route wants one.
    pub fn post(&self, path: &str, key: Option<&str>, body: &Value) -> anyhow::Result<Answer> {
        let mut request = self.http.post(format!("{}{path}", self.url)).json(body);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        self.send(request)
    }

    /// Puts a product on sale and answers its id.
    pub fn product(&self, price: i64, stock: i64) -> anyhow::Result<String> {
        let body = json!({ "name": "Lamp", "price": { "amount": price, "currency": "KRW" }, "stock": stock });
        self.text(&self.post("/products", None, &body)?, "product_id")
    }

    /// Pays money in.
    pub fn deposit(&self, amount: i64) -> anyhow::Result<()> {
        let body = json!({ "amount": { "amount": amount, "currency": "KRW" } });
        let answer = self.post("/wallet/deposits", Some(&format!("deposit-{amount}")), &body)?;
        anyhow::ensure!((200..300).contains(&answer.status), "{answer:?}");
        Ok(())
    }

    /// The answer to an order.
    pub fn try_order(&self, key: &str, product: &str, quantity: i64) -> anyhow::Result<Answer> {
        let body = json!({ "lines": [{ "product_id": product, "quantity": quantity }] });
        self.post("/orders", Some(key), &body)
    }

    /// Places an order that has to be accepted, and answers its id.
    pub fn order(&self, key: &str, product: &str, quantity: i64) -> anyhow::Result<String> {
        self.text(&self.try_order(key, product, quantity)?, "order_id")
    }

    /// The order, once it is final.
    pub fn settled(&self, order_id: &str) -> anyhow::Result<Value> {
        let answer = self.get(&format!("/orders/{order_id}"))?;
        anyhow::ensure!(
            matches!(self.text(&answer, "status")?.as_str(), "PAID" | "CANCELLED"),
            "{answer:?}"
        );
        Ok(answer.body)
    }

    pub(crate) fn text(&self, answer: &Answer, field: &str) -> anyhow::Result<String> {
        let text = answer.body.get(field).and_then(Value::as_str);
        Ok(text.with_context(|| format!("{}: {answer:?}", self.url))?.to_owned())
    }

    fn send(&self, mut request: RequestBuilder) -> anyhow::Result<Answer> {
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        Answer::to(request)
    }
}
