//! The sessions of the caller's account.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json};
use axum::routing::{delete, get};
use axum::{Extension, Router};

use super::account::end_sessions;
use crate::auth::Caller;
use crate::auth::access::Operation;
use crate::http::layers::RequestId;
use crate::http::parameters::PathId;
use crate::metrics::{AuthEvent, auth_event};
use crate::model::account::{SessionBody, SessionList};
use crate::problem::{Answer, Problem};
use crate::state::{EdgeState, sessions_unavailable};

/// `/auth/sessions`.
pub fn router() -> Router<EdgeState> {
    Router::new()
        .route("/auth/sessions", get(list).delete(end_all))
        .route("/auth/sessions/{id}", delete(end))
}

/// Lists the sessions of the caller's account, in the order in which they began.
#[utoipa::path(
    get, path = "/auth/sessions", tag = "auth",
    responses((status = 200, description = "The open sessions.", body = SessionList))
)]
pub async fn list(State(state): State<EdgeState>, caller: Caller) -> Answer<Json<SessionList>> {
    let sessions = state.sessions();
    let open = sessions.list(&caller.account_id, state.now_ms()).await;
    let open = open.map_err(sessions_unavailable)?;
    let items = open
        .iter()
        .filter(|session| !state.is_revoked(&caller.account_id, session))
        .map(|session| SessionBody::new(session, &caller.session_id))
        .collect();
    Ok(Json(SessionList { items }))
}

/// Ends one session of the caller's account.
#[utoipa::path(
    delete, path = "/auth/sessions/{id}", tag = "auth", params(("id" = String, Path, description = "The session.")),
    responses((status = 204, description = "The session is over."))
)]
pub async fn end(
    State(state): State<EdgeState>,
    Extension(operation): Extension<&'static Operation>,
    caller: Caller,
    PathId(id): PathId,
) -> Answer {
    let owner = state.session_owner(&id, state.now_ms()).await?;
    let owner = owner.ok_or_else(Problem::not_found)?;
    operation.admit_to_session(&caller, &owner.account_id)?;
    state.end_session(&id, &caller.account_id).await?;
    auth_event(AuthEvent::LoggedOut);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ends every session of the caller's account, the caller's too.
#[utoipa::path(
    delete, path = "/auth/sessions", tag = "auth",
    responses((status = 204, description = "All sessions are over."))
)]
pub async fn end_all(
    State(state): State<EdgeState>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
) -> Answer {
    end_sessions(&state, &caller, request_id).await?;
    auth_event(AuthEvent::LoggedOutEverywhere);
    Ok(StatusCode::NO_CONTENT.into_response())
}
