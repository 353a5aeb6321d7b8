//! The keys by which others can check access tokens.

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::get;

use crate::model::key::{Key, KeySet};
use crate::state::EdgeState;

/// `/.well-known/jwks.json`.
pub fn router() -> Router<EdgeState> {
    Router::new().route("/.well-known/jwks.json", get(keys))
}

/// Lists the keys with which access tokens are signed now, were signed lately or will be signed soon (RFC 7517). A service behind the
/// gateway checks a token with the one that its `kid` names; that a session has ended only a gateway knows.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "auth", security(()),
    responses((status = 200, description = "A JSON Web Key Set.", body = KeySet))
)]
pub async fn keys(State(state): State<EdgeState>) -> Json<KeySet> {
    Json(KeySet {
        keys: state.keys().iter().map(Key::from).collect(),
    })
}
