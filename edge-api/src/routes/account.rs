//! What an account changes about itself, with its password as confirmation.

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json};
use axum::routing::post;
use runtime::queries::Freshness;
use schemas::wire::account::{AccountCommandPayload, ChangePassword, DisableAccount};
use zeroize::Zeroizing;

use super::auth::start_session;
use crate::auth::{Caller, check_password, not_taken};
use crate::clock::random_bytes;
use crate::http::body::Body;
use crate::http::layers::RequestId;
use crate::model::account::{Closing, PasswordChange, Tokens};
use crate::problem::{Answer, Code, Problem};
use crate::reading::LoginRecord;
use crate::security::{self, SecurityEvent};
use crate::sessions::Guesser;
use crate::state::{EdgeState, session_ended};

/// `/auth/password` and `/auth/disable`.
pub fn router() -> Router<EdgeState> {
    Router::new()
        .route("/auth/password", post(change_password))
        .route("/auth/disable", post(disable))
}

/// Replaces the password. Every session of the account is over, the caller's too; the answer begins a new one.
#[utoipa::path(
    post, path = "/auth/password", tag = "auth", request_body = PasswordChange,
    responses((status = 200, description = "The tokens of a new session.", body = Tokens))
)]
pub async fn change_password(
    State(state): State<EdgeState>,
    caller: Caller,
    axum::Extension(RequestId(request_id)): axum::Extension<RequestId>,
    Body(change): Body<PasswordChange>,
) -> Answer<Json<Tokens>> {
    change.check(state.shop_words())?;
    let login_key = login_key(&state, &caller).await?;
    confirm(&state, &caller, &login_key, change.current_password).await?;
    let (password, salt) = (Zeroizing::new(change.new_password), random_bytes(state.entropy())?);
    let hashed = state.passwords().hash(password, salt).await;
    let password_hash = hashed.map_err(not_taken("/new_password"))?;
    let payload = AccountCommandPayload::ChangePassword(ChangePassword {
        password_hash: password_hash.clone(),
    });
    let record = changed(&state, &caller, &login_key, payload, request_id).await?;
    if record.password_hash != password_hash {
        return Err(wrong_password(
            "The password was replaced by somebody else at the same time.",
        ));
    }
    security::note(SecurityEvent::PasswordChanged);
    Ok(Json(
        start_session(&state, record, login_key, caller.has_second_factor).await?,
    ))
}

/// Closes the caller's account for good: its sessions are over, and it cannot log in any more.
#[utoipa::path(
    post, path = "/auth/disable", tag = "auth", request_body = Closing,
    responses((status = 204, description = "The account is closed."))
)]
pub async fn disable(
    State(state): State<EdgeState>,
    caller: Caller,
    axum::Extension(RequestId(request_id)): axum::Extension<RequestId>,
    Body(closing): Body<Closing>,
) -> Answer {
    let login_key = login_key(&state, &caller).await?;
    confirm(&state, &caller, &login_key, closing.password).await?;
    let payload = AccountCommandPayload::DisableAccount(DisableAccount {});
    changed(&state, &caller, &login_key, payload, request_id).await?;
    security::note(SecurityEvent::AccountDisabled);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The key of the caller's credential, which the session knows.
pub(super) async fn login_key(state: &EdgeState, caller: &Caller) -> Result<String, Problem> {
    let owner = state.session_owner(&caller.session_id, state.now_ms()).await?;
    Ok(owner.ok_or_else(session_ended)?.login_key)
}

/// The credential whose password this is. Whoever has found an open session does not get to guess at it for ever.
pub(super) async fn confirm(
    state: &EdgeState,
    caller: &Caller,
    login_key: &str,
    password: String,
) -> Result<LoginRecord, Problem> {
    let record = state.reader().login(login_key, &Freshness::Committed).await?;
    let hash = record.as_ref().map(|record| record.password_hash.clone());
    let guessers = vec![Guesser::Session(caller.session_id.clone())];
    let is_right = check_password(state, guessers, Zeroizing::new(password), hash).await?;
    if let Some(record) = record.filter(|_| is_right) {
        return Ok(record);
    }
    Err(wrong_password("The current password is another one."))
}

/// Asks for a change of the caller's account that ends its sessions, and waits for it. They are over here at once, and elsewhere when
/// the accounts topology has said so.
pub(super) async fn changed(
    state: &EdgeState,
    caller: &Caller,
    login_key: &str,
    payload: AccountCommandPayload,
    request_id: String,
) -> Result<LoginRecord, Problem> {
    let command = state.account_command(payload, caller.actor(), request_id);
    let receipt = state.append(login_key, &command).await?;
    let record = state.reader().login(login_key, &receipt.seen()).await?;
    let record = record.ok_or_else(|| Problem::internal("an account has lost its credential"))?;
    state.revocations().end_before(&record.account_id, record.version);
    Ok(record)
}

pub(super) fn wrong_password(detail: &str) -> Problem {
    Problem::new(Code::WrongPassword, detail)
}
