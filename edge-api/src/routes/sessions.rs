//! The sessions of the caller's account.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json};
use axum::routing::{get, post};
use axum::{Extension, Router};
use schemas::wire::account::{AccountCommandPayload, EndSessions};

use super::account::{changed, confirm, login_key};
use crate::auth::Caller;
use crate::auth::access::Operation;
use crate::http::body::Body;
use crate::http::layers::RequestId;
use crate::http::parameters::PathId;
use crate::model::account::{SessionBody, SessionEnding, SessionList};
use crate::problem::{Answer, Problem};
use crate::security::{self, SecurityEvent};
use crate::state::{EdgeState, sessions_unavailable};

/// `/auth/sessions`.
pub fn router() -> Router<EdgeState> {
    Router::new()
        .route("/auth/sessions", get(list))
        .route("/auth/sessions/end", post(end_all))
        .route("/auth/sessions/{id}/end", post(end))
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

/// Ends one session of the caller's account, with its password as confirmation: whoever has found one session does not throw the owner
/// out of the others. The own one ends at `POST /auth/logout` without.
#[utoipa::path(
    post, path = "/auth/sessions/{id}/end", tag = "auth", request_body = SessionEnding,
    params(("id" = String, Path, description = "The session.")),
    responses((status = 204, description = "The session is over."))
)]
pub async fn end(
    State(state): State<EdgeState>,
    Extension(operation): Extension<&'static Operation>,
    caller: Caller,
    PathId(id): PathId,
    Body(ending): Body<SessionEnding>,
) -> Answer {
    let owner = state.session_owner(&id, state.now_ms()).await?;
    let owner = owner.ok_or_else(Problem::not_found)?;
    operation.admit_to_session(&caller, &owner.account_id)?;
    confirm(&state, &caller, &owner.login_key, ending.password).await?;
    state.end_session(&id, &caller.account_id).await?;
    security::note(SecurityEvent::LoggedOut);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Ends every session of the caller's account, the caller's too, with its password as confirmation.
#[utoipa::path(
    post, path = "/auth/sessions/end", tag = "auth", request_body = SessionEnding,
    responses((status = 204, description = "All sessions are over."))
)]
pub async fn end_all(
    State(state): State<EdgeState>,
    caller: Caller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    Body(ending): Body<SessionEnding>,
) -> Answer {
    let login_key = login_key(&state, &caller).await?;
    confirm(&state, &caller, &login_key, ending.password).await?;
    let payload = AccountCommandPayload::EndSessions(EndSessions {});
    changed(&state, &caller, &login_key, payload, request_id).await?;
    security::note(SecurityEvent::LoggedOutEverywhere);
    Ok(StatusCode::NO_CONTENT.into_response())
}
