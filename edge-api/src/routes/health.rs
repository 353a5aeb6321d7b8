//! Health, readiness and metrics, for the admin listener.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::json;
use tokio::sync::watch;

use crate::state::{EdgeState, Readiness, RenderMetrics};

/// `/healthz`, `/readyz` and `/metrics`.
pub fn router() -> Router<EdgeState> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
}

/// The same before there is a gateway; `reason` says what the process waits for.
pub fn starting(reason: watch::Receiver<String>, metrics: RenderMetrics) -> Router {
    let unready = move || async move {
        let readiness = Readiness {
            obstacles: vec![reason.borrow().clone()],
            sessions: false,
            accepting: false,
        };
        ready_or_not(&readiness)
    };
    Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(move || async move { shown(metrics()) }))
        .fallback(unready)
}

/// The process lives.
async fn healthz() -> Json<serde_json::Value> {
    Json(json!({ "status": "alive" }))
}

/// The gateway can do its work; 503 with what is missing otherwise.
async fn readyz(State(state): State<EdgeState>) -> Response {
    ready_or_not(&state.is_ready().await)
}

fn ready_or_not(readiness: &Readiness) -> Response {
    let status = if readiness.all() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(json!({ "ready": readiness.all(), "parts": readiness }))).into_response()
}

async fn metrics(State(state): State<EdgeState>) -> Response {
    shown(state.render_metrics())
}

fn shown(metrics: String) -> Response {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics).into_response()
}
