//! What the operators' view shows, as JSON on the admin listener. It is read-only, and every look is bounded and shared: whoever asks
//! while somebody else's look is under way, or shortly after it, gets the same answer.

mod dead_letters;
mod graphs;
mod instances;
mod progress;
mod remembered;
mod stuck;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use edge_api::http::layers::write_problem;
use edge_api::problem::{Code, Problem};
use runtime::queries::Queries;
use runtime::tls::ClientTls;
use serde::Serialize;
use serde_json::Value;
use streams::log::LogReader;

use self::instances::Neighbours;
use self::remembered::Remembered;
use crate::platform::Platform;
use crate::settings::{Serving, Settings};

/// How old an answer about progress and members may be. On Kafka a look asks brokers some hundred times.
const PROGRESS_FRESH: Duration = Duration::from_secs(2);
/// How old an answer about single orders and records may be.
const DETAILS_FRESH: Duration = Duration::from_secs(2);

/// Everything that a look needs.
pub(super) struct Desk {
    platform: Arc<dyn Platform>,
    queries: Queries,
    settings: Settings,
    /// Where other instances reach this one.
    endpoint: String,
    neighbours: Neighbours,
    /// Kept between looks: on Kafka it is a client with connections of its own.
    reader: Mutex<Option<Box<dyn LogReader>>>,
    progress: Remembered,
    instances: Remembered,
    stuck: Remembered,
    dead_letters: Remembered,
}

impl Desk {
    /// Reads the log. One look at a time does so; a reader that has failed is not used again.
    fn read<T>(&self, look: impl FnOnce(&mut dyn LogReader) -> anyhow::Result<T>) -> anyhow::Result<T> {
        let mut kept = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        let mut reader = kept.take().map_or_else(|| self.platform.reader(), Ok)?;
        let seen = look(reader.as_mut())?;
        *kept = Some(reader);
        Ok(seen)
    }
}

/// The page and its data.
pub(super) fn router(
    platform: &Arc<dyn Platform>,
    queries: &Queries,
    settings: &Settings,
    (serving, tls): (&Serving, Option<&ClientTls>),
) -> anyhow::Result<Router> {
    let desk = Desk {
        platform: Arc::clone(platform),
        queries: queries.clone(),
        settings: settings.clone(),
        endpoint: serving.endpoint(),
        neighbours: Neighbours::new(tls)?,
        reader: Mutex::new(None),
        progress: Remembered::fresh_for(PROGRESS_FRESH),
        instances: Remembered::fresh_for(PROGRESS_FRESH),
        stuck: Remembered::fresh_for(DETAILS_FRESH),
        dead_letters: Remembered::fresh_for(DETAILS_FRESH),
    };
    let data = Router::new()
        .route("/operator/topologies", get(topologies))
        .route("/operator/progress", get(progress))
        .route("/operator/instance", get(instance))
        .route("/operator/instances", get(instances))
        .route("/operator/stuck-orders", get(stuck_orders))
        .route("/operator/dead-letters", get(dead_letters))
        .with_state(Arc::new(desk));
    Ok(data.merge(edge_api::console::operators()))
}

async fn topologies(State(desk): State<Arc<Desk>>) -> Response {
    respond(graphs::look(&desk).and_then(|graphs| value(&graphs)))
}

async fn progress(State(desk): State<Arc<Desk>>) -> Response {
    respond(desk.progress.or_look(blocking(&desk, progress::look)).await)
}

async fn instance(State(desk): State<Arc<Desk>>) -> Response {
    respond(value(&instances::here(&desk)))
}

async fn instances(State(desk): State<Arc<Desk>>) -> Response {
    respond(desk.instances.or_look(instances::look(Arc::clone(&desk))).await)
}

async fn stuck_orders(State(desk): State<Arc<Desk>>) -> Response {
    respond(desk.stuck.or_look(stuck::look(&desk)).await)
}

async fn dead_letters(State(desk): State<Arc<Desk>>) -> Response {
    respond(desk.dead_letters.or_look(blocking(&desk, dead_letters::look)).await)
}

/// A look that asks the log and blocks meanwhile.
async fn blocking<T: Serialize + Send + 'static>(
    desk: &Arc<Desk>,
    look: fn(&Desk) -> anyhow::Result<T>,
) -> anyhow::Result<Value> {
    let desk = Arc::clone(desk);
    let seen = tokio::task::spawn_blocking(move || look(&desk));
    value(&seen.await.context("the look ended by a panic")??)
}

fn value(seen: &impl Serialize) -> anyhow::Result<Value> {
    Ok(serde_json::to_value(seen)?)
}

fn respond(seen: anyhow::Result<Value>) -> Response {
    match seen {
        Ok(seen) => Json(seen).into_response(),
        Err(error) => {
            let problem = Problem::new(Code::Unavailable, format!("{error:#}"));
            write_problem(problem.into_response(), "operator")
        }
    }
}
