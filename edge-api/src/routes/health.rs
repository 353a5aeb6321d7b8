//! Health, readiness and metrics, for the admin listener.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use serde_json::json;

use crate::state::EdgeState;

/// `/healthz`, `/readyz` and `/metrics`.
pub fn router() -> Router<EdgeState> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
}

/// The process lives.
async fn healthz() -> Json<serde_json::Value> {
    Json(json!({ "status": "alive" }))
}

/// The gateway can do its work; 503 with what is missing otherwise.
async fn readyz(State(state): State<EdgeState>) -> Response {
    let readiness = state.is_ready().await;
    let status = if readiness.all() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(json!({ "ready": readiness.all(), "parts": readiness }))).into_response()
}

async fn metrics(State(state): State<EdgeState>) -> Response {
    (
        [(CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
        state.render_metrics(),
    )
        .into_response()
}
