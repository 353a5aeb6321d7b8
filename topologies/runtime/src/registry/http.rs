//! A Confluent-compatible schema registry over HTTP.

use std::future::Future;
use std::sync::mpsc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use schema_registry_converter::async_impl::schema_registry::{
    SrSettings, get_schema_by_id, get_schema_by_subject_and_version, post_schema,
};
use schema_registry_converter::schema_registry_common::{SchemaType, SuppliedSchema};
use schemas::evolution::Level;
use schemas::registry::{Registration, RegistryError, SchemaRegistry};
use serde::Deserialize;
use tokio::runtime::{Builder, Runtime};

use super::fate::{Answer, Fate};

const JSON: &str = "application/vnd.schemaregistry.v1+json";
/// Code of a registry that has no schema with the id.
const NO_SCHEMA: u32 = 40_403;
/// Code of a registry that has no such subject.
const NO_SUBJECT: u32 = 40_401;
/// Code of a registry whose subject has no version.
const NO_VERSION: u32 = 40_402;

/// How long a registry is asked before it counts as unavailable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegistryLimits {
    /// Time for one attempt, connecting included.
    pub attempt_timeout: Duration,
    /// Attempts of one call, at least 1.
    pub attempts_max: u32,
    /// Wait before the second attempt; it doubles with each further one.
    pub backoff: Duration,
}

impl Default for RegistryLimits {
    fn default() -> Self {
        Self {
            attempt_timeout: Duration::from_secs(3),
            attempts_max: 3,
            backoff: Duration::from_millis(100),
        }
    }
}

impl RegistryLimits {
    /// An upper bound of one call's time.
    fn call_timeout(&self) -> Duration {
        let waits = self.backoff.saturating_mul(1 << self.attempts_max.min(16));
        self.attempt_timeout.saturating_mul(self.attempts_max) + waits
    }
}

/// A schema registry behind a URL, such as `http://127.0.0.1:8081/apis/ccompat/v7`. Calls block, for the bounded time of its
/// limits, and may be made from any thread; what is learnt is cached by whoever asks, in a [`schemas::SchemaTable`].
#[derive(Debug)]
pub struct HttpRegistry {
    url: String,
    settings: SrSettings,
    client: Client,
    limits: RegistryLimits,
    /// Its own, since the port is synchronous and its callers may or may not be inside of another one. `None` while it is dropped.
    runtime: Option<Runtime>,
}

impl HttpRegistry {
    /// A registry at `url`, which is not asked yet.
    pub fn new(url: &str) -> Result<Self, RegistryError> {
        Self::with_limits(url, RegistryLimits::default())
    }

    /// [`new`](Self::new) with other limits.
    pub fn with_limits(url: &str, limits: RegistryLimits) -> Result<Self, RegistryError> {
        let url = url.trim_end_matches('/').to_owned();
        let unusable =
            |cause: &dyn std::fmt::Display| RegistryError::Refused(format!("{url:?} is not usable: {cause}"));
        let parsed = reqwest::Url::parse(&url).map_err(|cause| unusable(&cause))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(unusable(&"its scheme is neither http nor https"));
        }
        // A registry stands beside the brokers; what the environment says about the way to the web does not apply.
        let settings = SrSettings::new_builder(url.clone())
            .no_proxy()
            .set_timeout(limits.attempt_timeout)
            .build_with(Client::builder().redirect(Policy::none()));
        let settings = settings.map_err(|cause| unusable(&cause))?;
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .timeout(limits.attempt_timeout)
            .build();
        let client = client.map_err(|cause| unusable(&cause))?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("sluice-registry")
            .enable_all()
            .build()
            .map_err(|cause| unusable(&cause))?;
        Ok(Self {
            url,
            settings,
            client,
            limits,
            runtime: Some(runtime),
        })
    }

    /// Makes a call until it has an answer, an attempt is not worth repeating, or the attempts are used up.
    fn call<T, F>(&self, attempt: impl Fn(SrSettings) -> F + Send + 'static) -> Result<T, Fate>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Fate>> + Send,
    {
        let (settings, limits) = (self.settings.clone(), self.limits);
        let (answer, answered) = mpsc::channel();
        let attempts = async move {
            let mut backoff = limits.backoff;
            let mut left = limits.attempts_max.max(1);
            loop {
                left -= 1;
                let result = attempt(settings.clone()).await;
                if left == 0 || !matches!(result, Err(Fate::Unavailable(_))) {
                    // Nobody waits any more only when the call has timed out.
                    drop(answer.send(result));
                    return;
                }
                tokio::time::sleep(backoff).await;
                backoff = backoff.saturating_mul(2);
            }
        };
        if let Some(runtime) = &self.runtime {
            runtime.spawn(attempts);
        }
        let late = |_| Fate::Unavailable("it did not answer in time".to_owned());
        answered.recv_timeout(self.limits.call_timeout()).map_err(late)?
    }

    /// A call that the client library does not have.
    fn exchange(&self, method: Method, path: &str, body: String) -> Result<String, Fate> {
        let (client, url) = (self.client.clone(), format!("{}{path}", self.url));
        self.call(move |_| {
            let request = client
                .request(method.clone(), &url)
                .header(CONTENT_TYPE, JSON)
                .body(body.clone());
            async move {
                let response = request.send().await.map_err(|cause| Fate::of_transport(&cause))?;
                let status = response.status();
                let text = response.text().await.map_err(|cause| Fate::of_transport(&cause))?;
                if status.is_success() {
                    Ok(text)
                } else {
                    Err(Fate::of_answer(&Answer::parse(status.as_u16(), &text)))
                }
            }
        })
    }

    fn named(&self, fate: Fate) -> RegistryError {
        fate.into_error(&self.url)
    }
}

impl Drop for HttpRegistry {
    fn drop(&mut self) {
        // Dropping a runtime inside of another one panics; this does not wait and does not panic.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl SchemaRegistry for HttpRegistry {
    fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let (name, text) = (subject.to_owned(), schema.to_owned());
        let (subject, schema) = (name.clone(), text.clone());
        let registered = self.call(move |settings| {
            let supplied = SuppliedSchema::new(None, SchemaType::Avro, schema.clone());
            let subject = subject.clone();
            async move {
                post_schema(&settings, subject, supplied)
                    .await
                    .map_err(|cause| Fate::of_client(&cause))
            }
        });
        match registered {
            Ok(registered) => Ok(registered.id),
            // Where several processes start at once, Apicurio says "conflict" to those that come second.
            Err(Fate::Incompatible(cause)) => {
                self.compatibility(&name, &text)?;
                Err(self.named(at_this_moment(&name, &cause)))
            }
            Err(fate) => Err(self.named(fate)),
        }
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        let found = self.call(move |settings| async move {
            get_schema_by_id(id, &settings)
                .await
                .map_err(|cause| Fate::of_client(&cause))
        });
        match found {
            Ok(found) => Ok(Some(found.schema)),
            // Any other 404 may come from a wrong URL, and must not make readable records dead letters.
            Err(fate) if fate.is_absence(&[NO_SCHEMA]) => Ok(None),
            Err(fate) => Err(self.named(fate)),
        }
    }

    fn latest(&self, subject: &str) -> Result<Option<Registration>, RegistryError> {
        let name = subject.to_owned();
        let found = self.call(move |settings| {
            let name = name.clone();
            async move {
                let latest = get_schema_by_subject_and_version(&settings, &name, None).await;
                latest.map_err(|cause| Fate::of_client(&cause))
            }
        });
        match found {
            Ok(found) => Ok(Some(Registration {
                id: found.id,
                subject: subject.to_owned(),
                schema: found.schema,
            })),
            Err(fate) if fate.is_absence(&[NO_SUBJECT, NO_VERSION]) => Ok(None),
            Err(fate) => Err(self.named(fate)),
        }
    }

    fn compatibility(&self, subject: &str, schema: &str) -> Result<(), RegistryError> {
        let path = format!("/compatibility/subjects/{}/versions?verbose=true", segment(subject));
        let body = serde_json::json!({ "schema": schema, "schemaType": "AVRO" }).to_string();
        let text = match self.exchange(Method::POST, &path, body) {
            Ok(text) => text,
            // The first version of a subject is compatible with whatever there is not.
            Err(fate) if fate.is_absence(&[NO_SUBJECT, NO_VERSION]) => return Ok(()),
            Err(fate) => return Err(self.named(fate)),
        };
        let verdict: Verdict = serde_json::from_str(&text)
            .map_err(|cause| RegistryError::Unavailable(format!("its answer cannot be read: {cause}")))?;
        if verdict.is_compatible {
            return Ok(());
        }
        Err(RegistryError::Incompatible(format!("{subject}: {}", verdict.reason())))
    }

    fn set_level(&self, subject: &str, level: Level) -> Result<(), RegistryError> {
        let path = format!("/config/{}", segment(subject));
        let body = serde_json::json!({ "compatibility": level.as_str() }).to_string();
        match self.exchange(Method::PUT, &path, body) {
            Ok(_) => Ok(()),
            // A level breaks no schema.
            Err(Fate::Incompatible(cause)) => Err(self.named(at_this_moment(subject, &cause))),
            Err(fate) => Err(self.named(fate)),
        }
    }
}

/// Somebody else does the same; what is asked again after a moment is there.
fn at_this_moment(subject: &str, cause: &str) -> Fate {
    Fate::Unavailable(format!("another process registers {subject} at this moment: {cause}"))
}

/// What the compatibility check answers.
#[derive(Debug, Deserialize)]
struct Verdict {
    is_compatible: bool,
    messages: Option<Vec<String>>,
}

impl Verdict {
    /// Messages that are passed on; a registry may repeat them for every version.
    const MESSAGES_MAX: usize = 5;

    /// Apicurio says no without a reason.
    fn reason(self) -> String {
        let mut messages = self.messages.unwrap_or_default();
        messages.truncate(Self::MESSAGES_MAX);
        if messages.is_empty() {
            return "the registry says that it breaks the level of the subject".to_owned();
        }
        messages.join("; ")
    }
}

/// A subject as part of a path.
fn segment(subject: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let escaped = |byte: u8| {
        if plain(byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    subject.bytes().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_segment_of_a_path_whatever_is_in_it() {
        assert_eq!(segment("order-events-value"), "order-events-value");
        assert_eq!(segment("a/b c"), "a%2Fb%20c");
    }

    #[test]
    fn a_url_without_a_registry_in_it_is_refused_at_once() {
        assert!(matches!(
            HttpRegistry::new("localhost:8081"),
            Err(RegistryError::Refused(_))
        ));
        assert!(matches!(
            HttpRegistry::new("ftp://registry"),
            Err(RegistryError::Refused(_))
        ));
    }
}
