//! The routes: one file per resource.

pub mod auth;
pub mod health;
pub mod me;

use axum::Router;

use crate::state::EdgeState;

/// Every route of the API.
pub fn api() -> Router<EdgeState> {
    Router::new().merge(auth::router()).merge(me::router())
}
