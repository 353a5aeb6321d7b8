//! The caller's own account.

use axum::extract::State;
use axum::response::Json;
use axum::routing::get;
use axum::Router;

use crate::auth::Caller;
use crate::model::account::Me;
use crate::problem::Answer;
use crate::state::{session_ended, sessions_unavailable, EdgeState};

/// `/me`.
pub fn router() -> Router<EdgeState> {
    Router::new().route("/me", get(me))
}

/// Reads the caller's own account.
#[utoipa::path(
    get, path = "/me", tag = "auth",
    responses((status = 200, description = "The account.", body = Me))
)]
pub async fn me(State(state): State<EdgeState>, caller: Caller) -> Answer<Json<Me>> {
    let owner = state.sessions().owner(&caller.session_id, state.now_ms()).await.map_err(sessions_unavailable)?;
    let owner = owner.ok_or_else(session_ended)?;
    let record = state.reader().login(&owner.login_key).await?.ok_or_else(session_ended)?;
    Ok(Json(Me { account_id: caller.account_id, role: caller.role, name: record.name }))
}
