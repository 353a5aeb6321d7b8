//! Asks the instance that owns a task.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use streams::{Layout, TaskId};

use super::http::{Question, QuestionKind};
use super::{Entries, EntryRange, Freshness, QueryError, StoreAddress};
use crate::tls::{ClientTls, http_client, scheme};

/// Time for connecting to another instance.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// Time for the answer's way, beside the time that the question itself may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Tells which instance runs a task.
pub trait Owners: Send + Sync {
    /// The `host:port` at which the owner answers queries, or `None` when nobody owns the task now.
    fn owner(&self, layout: &Layout, task: TaskId) -> Pin<Box<dyn Future<Output = Option<String>> + Send + '_>>;

    /// An owner did not answer: look again before the next answer.
    fn forget(&self, layout: &Layout);
}

/// Sends questions to owners over HTTP.
pub struct RemoteQueries {
    owners: Arc<dyn Owners>,
    scheme: &'static str,
    client: reqwest::Client,
}

impl RemoteQueries {
    /// Queries to the instances that `owners` names, over TLS with `tls` and in the clear without. An error means that the HTTP client
    /// could not be made.
    pub fn new(owners: Arc<dyn Owners>, tls: Option<&ClientTls>) -> Result<Self, QueryError> {
        let client = http_client(tls).connect_timeout(CONNECT_TIMEOUT).build();
        let client = client.map_err(|error| QueryError::Unavailable(error.to_string()))?;
        Ok(Self {
            owners,
            scheme: scheme(tls),
            client,
        })
    }

    #[allow(clippy::too_many_arguments, reason = "a question has this many parts and one caller")]
    pub(crate) async fn get(
        &self,
        layout: &Layout,
        task: TaskId,
        at: StoreAddress<'_>,
        key: &[u8],
        fresh: &Freshness,
        seen: Option<u64>,
        timeout: Duration,
    ) -> Result<Option<Vec<u8>>, QueryError> {
        let kind = QuestionKind::Get {
            key: key.to_vec(),
            seen,
        };
        self.ask(layout, Question::new(task, at, fresh, timeout, kind)).await
    }

    pub(crate) async fn get_many(
        &self,
        layout: &Layout,
        task: TaskId,
        at: StoreAddress<'_>,
        keys: Vec<Vec<u8>>,
        timeout: Duration,
    ) -> Result<Vec<Option<Vec<u8>>>, QueryError> {
        let kind = QuestionKind::GetMany { keys };
        let question = Question::new(task, at, &Freshness::Committed, timeout, kind);
        self.ask(layout, question).await
    }

    pub(crate) async fn range(
        &self,
        layout: &Layout,
        task: TaskId,
        at: StoreAddress<'_>,
        range: &EntryRange,
        fresh: &Freshness,
        timeout: Duration,
    ) -> Result<Entries, QueryError> {
        let kind = QuestionKind::Range { range: range.clone() };
        self.ask(layout, Question::new(task, at, fresh, timeout, kind)).await
    }

    async fn ask<T: DeserializeOwned>(&self, layout: &Layout, question: Question) -> Result<T, QueryError> {
        let task = question.task();
        let owner = self.owners.owner(layout, task).await;
        let owner = owner.ok_or_else(|| {
            QueryError::Unavailable(format!("nobody runs task {task} of {} now", layout.application_id))
        })?;
        let answer = self.send(&owner, &question).await;
        if answer.is_err() {
            self.owners.forget(layout);
        }
        answer
    }

    async fn send<T: DeserializeOwned>(&self, owner: &str, question: &Question) -> Result<T, QueryError> {
        let unreachable = |error: reqwest::Error| QueryError::Unavailable(format!("instance {owner}: {error}"));
        let request = self
            .client
            .post(format!("{}://{owner}{}", self.scheme, super::http::PATH));
        let request = request
            .timeout(question.timeout() + ANSWER_TIMEOUT)
            .body(question.to_bytes());
        let bytes = request
            .send()
            .await
            .map_err(unreachable)?
            .bytes()
            .await
            .map_err(unreachable)?;
        let answer: Result<T, QueryError> = serde_json::from_slice(&bytes)
            .map_err(|error| QueryError::Unavailable(format!("instance {owner} answered something else: {error}")))?;
        answer
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::Router;
    use axum::response::Redirect;
    use tokio::net::TcpListener;

    use super::*;

    struct Nobody;

    impl Owners for Nobody {
        fn owner(&self, _: &Layout, _: TaskId) -> Pin<Box<dyn Future<Output = Option<String>> + Send + '_>> {
            Box::pin(std::future::ready(None))
        }

        fn forget(&self, _: &Layout) {}
    }

    async fn serve(app: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }

    #[tokio::test]
    async fn an_instance_that_points_elsewhere_is_not_followed() {
        let asked = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&asked);
        let elsewhere = serve(Router::new().fallback(async move || {
            counted.fetch_add(1, Ordering::SeqCst);
            r#"{"Ok": null}"#
        }))
        .await;
        let target = format!("http://{elsewhere}/");
        let owner = serve(Router::new().fallback(async move || Redirect::temporary(&target))).await;
        let task = TaskId {
            subtopology: 0,
            partition: 0,
        };
        let at = StoreAddress {
            topology: "views",
            store: "orders",
            routing_key: b"order",
        };
        let kind = QuestionKind::Get {
            key: Vec::new(),
            seen: None,
        };
        let question = Question::new(task, at, &Freshness::Committed, CONNECT_TIMEOUT, kind);
        let queries = RemoteQueries::new(Arc::new(Nobody), None).unwrap();
        let ask = async |owner: &str| queries.send::<Option<Vec<u8>>>(owner, &question).await;
        assert_eq!(ask(&elsewhere).await, Ok(None));
        assert!(matches!(ask(&owner).await, Err(QueryError::Unavailable(_))));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }
}
