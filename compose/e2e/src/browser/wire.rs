//! `WebDriver` (W3C), as much of it as the tests say: JSON over HTTP.

use std::time::Duration;

use anyhow::{Context, bail};
use reqwest::Method;
use reqwest::blocking::Client;
use serde_json::{Value, json};

/// How long the driver may take for one command; longer than any wait that a command has.
const COMMAND_WAIT: Duration = Duration::from_secs(120);
/// The name under which `WebDriver` hands over an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// One session with a driver, which is one browser.
pub(super) struct Session {
    http: Client,
    url: String,
}

impl Session {
    /// Whether a driver listens here.
    pub(super) fn is_there(port: u16) -> bool {
        let answer = Client::builder().no_proxy().build();
        answer.is_ok_and(|http| http.get(format!("http://127.0.0.1:{port}/status")).send().is_ok())
    }

    /// Opens a browser with these capabilities.
    pub(super) fn open(port: u16, capabilities: &Value) -> anyhow::Result<Self> {
        let http = Client::builder().timeout(COMMAND_WAIT).no_proxy().build()?;
        let driver = Self {
            http,
            url: format!("http://127.0.0.1:{port}"),
        };
        let asked = json!({ "capabilities": { "alwaysMatch": capabilities } });
        let opened = driver.command(Method::POST, "/session", Some(&asked))?;
        let id = opened.get("sessionId").and_then(Value::as_str);
        let id = id.with_context(|| format!("no session: {opened}"))?;
        Ok(Self {
            url: format!("{}/session/{id}", driver.url),
            http: driver.http,
        })
    }

    /// A command with a body.
    pub(super) fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.command(Method::POST, path, Some(body))
    }

    /// A command without one.
    pub(super) fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.command(Method::GET, path, None)
    }

    /// The address of an element below the session's.
    pub(super) fn element(&self, css: &str) -> anyhow::Result<String> {
        let found = self.post("/element", &json!({ "using": "css selector", "value": css }))?;
        let id = found.get(ELEMENT).and_then(Value::as_str);
        Ok(format!("/element/{}", id.with_context(|| format!("no element {css}"))?))
    }

    /// Ends the browser.
    pub(super) fn close(&self) {
        // Whoever closes has no use for the answer.
        drop(self.command(Method::DELETE, "", None));
    }

    fn command(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send()?;
        let (status, mut body) = (answer.status(), answer.json::<Value>()?);
        let value = body.get_mut("value").map(Value::take).unwrap_or_default();
        if status.is_success() {
            return Ok(value);
        }
        let said = |field: &str| value.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        bail!("{path}: {}: {}", said("error"), said("message"))
    }
}
