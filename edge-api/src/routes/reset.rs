//! Another password for whoever has forgotten theirs, by a code of the operator's.

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::post;
use runtime::queries::Freshness;
use schemas::wire::account::{AccountCommandPayload, ResetPassword};
use zeroize::Zeroizing;

use super::auth::{code_missing, start_session};
use crate::auth::codes::reset_hash;
use crate::auth::second_factor::{RightCode, right_code};
use crate::auth::{guess, not_taken};
use crate::clock::random_bytes;
use crate::http::body::Body;
use crate::http::layers::RequestId;
use crate::http::peer::ClientAddress;
use crate::model::account::{PasswordReset, Tokens};
use crate::problem::{Answer, Code, Problem};
use crate::reading::LoginRecord;
use crate::security::{self, SecurityEvent};
use crate::sessions::Guesser;
use crate::state::EdgeState;

/// `/auth/password/reset`.
pub fn router() -> Router<EdgeState> {
    Router::new().route("/auth/password/reset", post(reset))
}

/// Replaces a forgotten password by a code that an operator has made (`sluice accounts reset-password`). An account with a second
/// factor needs `code` too, as at a login. Every session of the account is over; the answer begins a new one.
#[utoipa::path(
    post, path = "/auth/password/reset", tag = "auth", request_body = PasswordReset, security(()),
    responses((status = 200, description = "The tokens of a new session.", body = Tokens))
)]
pub async fn reset(
    State(state): State<EdgeState>,
    address: ClientAddress,
    axum::Extension(RequestId(request_id)): axum::Extension<RequestId>,
    Body(reset): Body<PasswordReset>,
) -> Answer<Json<Tokens>> {
    reset.check(state.shop_words())?;
    let login_key = commerce::ids::login_key(&reset.email).to_string();
    let record = state.reader().login(&login_key, &Freshness::Committed).await?;
    if let Some(record) = &record {
        security::is_about(&record.account_id);
    }
    let record = record.filter(|record| record.is_active);
    let record = offered(&state, address, record, &reset.reset_code).await?;
    let second_factor = shown(&state, &record, &login_key, reset.code.as_deref()).await?;
    let has_second_factor = second_factor.is_some();
    let (password, salt) = (Zeroizing::new(reset.new_password), random_bytes(state.entropy())?);
    let hashed = state.passwords().hash(password, salt).await;
    let password_hash = hashed.map_err(not_taken("/new_password"))?;
    let attempt = state.random_id()?;
    let payload = AccountCommandPayload::ResetPassword(ResetPassword {
        code_hash: reset_hash(&record.account_id, &reset.reset_code),
        password_hash: password_hash.clone(),
        second_factor: second_factor.map(|code| code.spending(attempt)),
    });
    let command = state.account_command(payload, record.actor(), request_id);
    let receipt = state.append(&login_key, &command).await?;
    let after = state.reader().login(&login_key, &receipt.seen()).await?;
    // Somebody else may have used one of the codes up meanwhile.
    let after = after.filter(|record| record.password_hash == password_hash);
    let after = after.ok_or_else(not_offered)?;
    state.revocations().end_before(&after.account_id, after.version);
    security::note(SecurityEvent::PasswordReset);
    Ok(Json(start_session(&state, after, login_key, has_second_factor).await?))
}

/// The account to which the code belongs. A wrong one counts against the address alone: nobody takes the way back from somebody else
/// by trying, and a code of 128 bits is not found by it.
async fn offered(
    state: &EdgeState,
    address: ClientAddress,
    record: Option<LoginRecord>,
    code: &str,
) -> Result<LoginRecord, Problem> {
    let is_offered = |record: &LoginRecord| {
        let reset = record.reset.as_ref();
        let is_it = reset.is_some_and(|reset| reset.code_hash == reset_hash(&record.account_id, code));
        is_it && reset.is_some_and(|reset| state.now_ms() < reset.ends_at)
    };
    let looking = async { Ok(record.filter(is_offered)) };
    let guessers = vec![Guesser::Address(address.site())];
    let record = guess(state, guessers, looking, Option::is_none).await?;
    record.ok_or_else(not_offered)
}

/// The code of the second factor, where there is one. Whoever has got hold of the operator's code does not get to guess at it for ever.
async fn shown(
    state: &EdgeState,
    record: &LoginRecord,
    login_key: &str,
    code: Option<&str>,
) -> Result<Option<RightCode>, Problem> {
    let Some(second_factor) = &record.second_factor else {
        return Ok(None);
    };
    let code = code.ok_or_else(code_missing)?;
    let looking = async { right_code(state, &record.account_id, second_factor, code) };
    let guessers = vec![Guesser::Account(format!("reset:{login_key}"))];
    let right = guess(state, guessers, looking, Option::is_none).await?;
    right.map_or_else(|| Err(not_offered()), |code| Ok(Some(code)))
}

fn not_offered() -> Problem {
    Problem::new(
        Code::WrongCredentials,
        "There is no active account with this e-mail address and code, the code is over or used up, or that of the second factor is \
         not good.",
    )
}
