//! One endpoint, and one event on its way to it.

use std::collections::BTreeSet;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

use commerce::webhook::Outcome;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Response, StatusCode, Url};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::addresses::Reach;
use super::metrics;
use super::signing::{Secret, signature};

/// An endpoint answers within this time, or has refused.
pub(super) const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// A connection is there within this part of it.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Requests to one endpoint at the same time, so that a slow one does not hold up the others.
const AT_ONCE_MAX: usize = 8;
/// An event waits so long for its turn at an endpoint. Then it counts as refused, and is tried again later.
pub(super) const TURN_WAIT_MAX: Duration = Duration::from_secs(5);
/// Bytes of an answer that are read, so that its connection can be used again. Nobody looks at them.
const ANSWER_BYTES_MAX: u64 = 64 << 10;
/// Time for that.
const ANSWER_READ_MAX: Duration = Duration::from_secs(1);
/// Characters of what is told of a failure.
const DETAIL_MAX: usize = 200;

/// Somebody outside who is told of events.
pub(crate) struct Endpoint {
    pub(super) name: String,
    wish: Wish,
    url: Url,
    secrets: Vec<Secret>,
    http: Client,
    turns: Arc<Semaphore>,
}

/// Which events an endpoint is to have.
pub(super) struct Wish {
    /// Their types; all if there is none.
    pub(super) types: Option<BTreeSet<String>>,
    /// Not those before, in milliseconds since the epoch.
    pub(super) since_ms: Option<i64>,
}

/// What came of an offer, in a word and in words.
pub(super) type Told = (Outcome, String);

impl Endpoint {
    pub(super) fn new(name: String, url: Url, reach: Reach, secrets: Vec<Secret>, wish: Wish) -> anyhow::Result<Self> {
        let http = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .dns_resolver(Arc::new(reach))
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(ANSWER_TIME_MAX)
            .pool_max_idle_per_host(AT_ONCE_MAX)
            .user_agent(concat!("sluice/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self {
            name,
            wish,
            url,
            secrets,
            http,
            turns: Arc::new(Semaphore::new(AT_ONCE_MAX)),
        })
    }

    /// Whether the endpoint is to have an event of this type and time.
    pub(super) fn wants(&self, kind: &str, at_ms: i64) -> bool {
        let is_of_type = self.wish.types.as_ref().is_none_or(|types| types.contains(kind));
        is_of_type && self.wish.since_ms.is_none_or(|since| at_ms >= since)
    }

    /// Offers an event once. The time is the machine's, in milliseconds since the epoch: a receiver refuses what is too old.
    pub(super) async fn offer(&self, id: &str, body: &[u8], now_ms: impl Fn() -> i64) -> Told {
        let Ok(Ok(_turn)) = timeout(TURN_WAIT_MAX, self.turns.acquire()).await else {
            let busy = format!(
                "{AT_ONCE_MAX} requests to it were under way for {} s",
                TURN_WAIT_MAX.as_secs()
            );
            metrics::delivered(&self.name, Outcome::Refused, TURN_WAIT_MAX);
            return (Outcome::Refused, busy);
        };
        let began = Instant::now();
        let told = self.post(id, body, now_ms()).await;
        metrics::delivered(&self.name, told.0, began.elapsed());
        told
    }

    async fn post(&self, id: &str, body: &[u8], now_ms: i64) -> Told {
        let Some(headers) = self.headers(id, now_ms / 1000, body) else {
            // An id is made by the shop and is plain text.
            return (Outcome::Refused, "the event's id does not fit a header".to_owned());
        };
        let request = self.http.post(self.url.clone()).headers(headers).body(body.to_vec());
        match request.send().await {
            Ok(answer) => told_by(answer).await,
            Err(error) => (Outcome::Refused, in_words(&error)),
        }
    }

    fn headers(&self, id: &str, timestamp_s: i64, body: &[u8]) -> Option<HeaderMap> {
        let signature = signature(&self.secrets, id, timestamp_s, body);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("webhook-id", HeaderValue::from_str(id).ok()?);
        headers.insert("webhook-timestamp", HeaderValue::from(timestamp_s));
        headers.insert("webhook-signature", HeaderValue::from_str(&signature).ok()?);
        Some(headers)
    }
}

/// The status alone decides, and it is known before the body comes.
async fn told_by(mut answer: Response) -> Told {
    let status = answer.status();
    let drained = async {
        let mut left = ANSWER_BYTES_MAX;
        while let Ok(Some(chunk)) = answer.chunk().await {
            left = left.saturating_sub(chunk.len() as u64);
            if left == 0 {
                break;
            }
        }
    };
    // One that takes longer loses its connection.
    drop(timeout(ANSWER_READ_MAX, drained).await);
    match status {
        _ if status.is_success() => (Outcome::Delivered, String::new()),
        StatusCode::GONE => (Outcome::Gone, "status 410".to_owned()),
        _ if status.is_redirection() => (
            Outcome::Refused,
            format!("status {}: redirects are not followed", status.as_u16()),
        ),
        _ => (Outcome::Refused, format!("status {}", status.as_u16())),
    }
}

/// Why a request failed, from the outermost cause to the innermost, without its address.
fn in_words(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", ANSWER_TIME_MAX.as_secs());
    }
    let mut words = if error.is_connect() {
        "cannot connect"
    } else {
        "the request failed"
    }
    .to_owned();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        // Wrappers say what they wrap.
        if !words.ends_with(&text) {
            words = format!("{words}: {text}");
        }
        cause = inner.source();
    }
    words.chars().take(DETAIL_MAX).collect()
}
