//! The edge as its clients see it: requests that are sent again until they are answered.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;
use reqwest::header::{AUTHORIZATION, RETRY_AFTER};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::exit::Refusal;

/// Time for the answer to one request beyond the wait that it asks for.
const ANSWER_WAIT: Duration = Duration::from_secs(20);
/// First wait before a request is sent again; it doubles.
const RETRY_WAIT_MIN: Duration = Duration::from_millis(50);
/// Longest wait before a request is sent again.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(2);
/// Characters of an answer that an error message shows.
const SHOWN_CHARS_MAX: usize = 300;

/// One or more edges of the same shop.
#[derive(Debug)]
pub(super) struct Shop {
    client: Client,
    urls: Vec<String>,
    turn: AtomicUsize,
    patience: Duration,
    retries: AtomicUsize,
}

/// Somebody who is logged in.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) email: String,
    password: String,
    token: Mutex<String>,
}

/// A request in all its parts.
#[derive(Debug, Clone)]
pub(super) struct Call<'a> {
    method: Method,
    path: String,
    account: Option<&'a Account>,
    key: Option<&'a str>,
    body: Option<Value>,
    wait: Option<Duration>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl<'a> Call<'a> {
    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self {
            method: Method::POST,
            path: path.into(),
            account: None,
            key: None,
            body: Some(body),
            wait: None,
        }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            path: path.into(),
            account: None,
            key: None,
            body: None,
            wait: None,
        }
    }

    pub(super) fn by(self, account: &'a Account) -> Self {
        Self {
            account: Some(account),
            ..self
        }
    }

    /// Names the request, so that sending it again does nothing twice.
    pub(super) fn named(self, key: &'a str) -> Self {
        Self { key: Some(key), ..self }
    }

    /// Lets the edge wait for a final state.
    pub(super) fn waiting(self, wait: Duration) -> Self {
        Self {
            wait: Some(wait),
            ..self
        }
    }
}

impl Shop {
    /// The shop behind these URLs; a request is sent again for as long as `patience`.
    pub(super) fn new(urls: &[String], patience: Duration) -> anyhow::Result<Self> {
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .pool_idle_timeout(Duration::from_secs(30))
            .build();
        Ok(Self {
            client: client.context("cannot make an HTTP client")?,
            urls: urls.iter().map(|url| url.trim_end_matches('/').to_owned()).collect(),
            turn: AtomicUsize::new(0),
            patience,
            retries: AtomicUsize::new(0),
        })
    }

    /// Requests that were sent again so far.
    pub(super) fn retries(&self) -> usize {
        self.retries.load(Ordering::Relaxed)
    }

    /// Registers an account, unless an earlier attempt did, and logs it in.
    pub(super) async fn register(&self, email: String, password: &str, role: &str) -> anyhow::Result<Account> {
        let account = Account {
            email,
            password: password.to_owned(),
            token: Mutex::default(),
        };
        let name = account.email.split('@').next().unwrap_or_default();
        let body = serde_json::json!({ "email": account.email, "password": password, "name": name, "role": role });
        let answer = self.call(&Call::post("/auth/register", body)).await?;
        if answer.status != StatusCode::CREATED && answer.status != StatusCode::CONFLICT {
            return Err(answer.unexpected("POST /auth/register"));
        }
        self.log_in(&account).await?;
        Ok(account)
    }

    /// Sends a call until it is answered otherwise than by "not now", or patience ends. A token that ended is replaced once.
    pub(super) async fn call(&self, call: &Call<'_>) -> anyhow::Result<Answer> {
        let answer = self.insist(call).await?;
        match call.account {
            Some(account) if answer.status == StatusCode::UNAUTHORIZED => {
                self.log_in(account).await?;
                self.insist(call).await
            }
            _ => Ok(answer),
        }
    }

    /// Opens a stream.
    pub(super) async fn open(&self, path: &str, account: &Account) -> anyhow::Result<reqwest::Response> {
        let url = self.urls.first().map_or("", String::as_str);
        let request = self.client.get(format!("{url}{path}")).bearer_auth(account.token());
        let answer = request.send().await.context("cannot open a stream")?;
        anyhow::ensure!(
            answer.status() == StatusCode::OK,
            "GET {path} answered {}",
            answer.status()
        );
        Ok(answer)
    }

    async fn log_in(&self, account: &Account) -> anyhow::Result<()> {
        let body = serde_json::json!({ "email": account.email, "password": account.password });
        let answer = self.insist(&Call::post("/auth/login", body)).await?;
        let Some(token) = answer.text("access_token").filter(|_| answer.status == StatusCode::OK) else {
            return Err(answer.unexpected("POST /auth/login"));
        };
        account.take(token);
        Ok(())
    }

    async fn insist(&self, call: &Call<'_>) -> anyhow::Result<Answer> {
        let deadline = Instant::now() + self.patience;
        let mut wait = RETRY_WAIT_MIN;
        loop {
            let (reason, at_least) = match self.attempt(call).await {
                Ok(Attempt::Answered(answer)) => return Ok(answer),
                Ok(Attempt::NotNow { status, after }) => (format!("answered {status}"), after),
                Err(error) => (format!("{:#}", anyhow::Error::from(error)), Duration::ZERO),
            };
            if Instant::now() + wait.max(at_least) >= deadline {
                let (method, path) = (&call.method, &call.path);
                return Err(Refusal::unavailable(format!("{method} {path} was given up: {reason}")));
            }
            self.retries.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(wait.max(at_least)).await;
            wait = (wait * 2).min(RETRY_WAIT_MAX);
        }
    }

    async fn attempt(&self, call: &Call<'_>) -> reqwest::Result<Attempt> {
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let url = self.urls.get(turn % self.urls.len().max(1)).map_or("", String::as_str);
        let mut request = self.client.request(call.method.clone(), format!("{url}{}", call.path));
        request = request.timeout(ANSWER_WAIT + call.wait.unwrap_or_default());
        if let Some(account) = call.account {
            request = request.bearer_auth(account.token());
        }
        if let Some(key) = call.key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(wait) = call.wait {
            request = request.header("Prefer", format!("wait={}", wait.as_secs()));
        }
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status();
        let header = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        if let (Some(account), Some(renewed)) = (call.account, header(AUTHORIZATION).and_then(bearer)) {
            account.take(renewed);
        }
        if matches!(
            status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS | StatusCode::BAD_GATEWAY
        ) {
            let seconds = header(RETRY_AFTER)
                .and_then(|seconds| seconds.parse().ok())
                .unwrap_or(0);
            return Ok(Attempt::NotNow {
                status,
                after: Duration::from_secs(seconds).min(RETRY_WAIT_MAX),
            });
        }
        let body = serde_json::from_slice(&response.bytes().await?).unwrap_or(Value::Null);
        Ok(Attempt::Answered(Answer { status, body }))
    }
}

enum Attempt {
    Answered(Answer),
    NotNow { status: StatusCode, after: Duration },
}

impl Account {
    fn token(&self) -> String {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn take(&self, token: &str) {
        token.clone_into(&mut self.token.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Answer {
    /// A field of the body that is a string.
    pub(super) fn text(&self, field: &str) -> Option<&str> {
        self.body.get(field)?.as_str()
    }

    /// The error of an answer that nobody should get.
    pub(super) fn unexpected(&self, what: &str) -> anyhow::Error {
        let body: String = self.body.to_string().chars().take(SHOWN_CHARS_MAX).collect();
        anyhow::anyhow!("{what} answered {}: {body}", self.status)
    }
}

fn bearer(header: &str) -> Option<&str> {
    header.strip_prefix("Bearer ")
}
