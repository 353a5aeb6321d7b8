//! The endpoint at which an instance answers the queries of others. It belongs on the admin listener, inside the cluster.

use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::post;
use serde::{Deserialize, Serialize};
use streams::TaskId;

use super::{EntryRange, Freshness, Queries, QueryError, StoreAddress};

/// The path of the endpoint.
pub const PATH: &str = "/internal/query";

/// Longest time that a question may wait at its owner.
const WAIT_MAX: Duration = Duration::from_secs(60);

/// A question to the instance that runs a task.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Question {
    topology: String,
    store: String,
    subtopology: u16,
    partition: i32,
    fresh: Freshness,
    timeout_ms: u64,
    kind: QuestionKind,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum QuestionKind {
    /// One value; with `seen`, as soon as it is another one.
    Get { key: Vec<u8>, seen: Option<u64> },
    /// The values of several keys.
    GetMany { keys: Vec<Vec<u8>> },
    /// A range.
    Range { range: EntryRange },
}

impl Question {
    pub(crate) fn new(
        task: TaskId,
        at: StoreAddress<'_>,
        fresh: &Freshness,
        timeout: Duration,
        kind: QuestionKind,
    ) -> Self {
        Self {
            topology: at.topology.to_owned(),
            store: at.store.to_owned(),
            subtopology: task.subtopology,
            partition: task.partition,
            fresh: fresh.clone(),
            timeout_ms: u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX),
            kind,
        }
    }

    pub(crate) fn task(&self) -> TaskId {
        TaskId {
            subtopology: self.subtopology,
            partition: self.partition,
        }
    }

    pub(crate) fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms).min(WAIT_MAX)
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // Strings, numbers and byte lists always have a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// The endpoint. It answers from this process alone, so that a question never travels in circles.
pub fn router(queries: &Queries) -> Router {
    Router::new().route(PATH, post(answer)).with_state(queries.local_only())
}

async fn answer(State(queries): State<Queries>, body: Bytes) -> Response {
    match serde_json::from_slice::<Question>(&body) {
        Ok(question) => respond(&queries, question).await,
        Err(error) => {
            let refused: Result<(), _> = Err(QueryError::UnknownStore(format!("cannot read the question: {error}")));
            Json(refused).into_response()
        }
    }
}

async fn respond(queries: &Queries, question: Question) -> Response {
    let (task, timeout) = (question.task(), question.timeout());
    let Question {
        topology,
        store,
        fresh,
        kind,
        ..
    } = question;
    let at = |routing_key| StoreAddress {
        topology: &topology,
        store: &store,
        routing_key,
    };
    match kind {
        QuestionKind::Get { key, seen } => {
            Json(queries.get_here(at(&key), task, &key, &fresh, seen, timeout).await).into_response()
        }
        QuestionKind::GetMany { keys } => {
            Json(queries.get_many_here(at(&[]), task, keys, timeout).await).into_response()
        }
        QuestionKind::Range { range } => {
            Json(queries.range_here(at(&[]), task, &range, &fresh, timeout).await).into_response()
        }
    }
}
