//! A second factor beside the password: taken, and given up.

use axum::Router;
use axum::extract::State;
use axum::response::Json;
use axum::routing::post;
use runtime::queries::Freshness;
use schemas::wire::account::{AccountCommandPayload, EnrolSecondFactor, RemoveSecondFactor};
use zeroize::Zeroizing;

use super::account::{changed, confirm, login_key, wrong_password};
use super::auth::start_session;
use crate::auth::codes::recovery_hash;
use crate::auth::second_factor::{Enrolment, Shown, look_at, recovery_codes};
use crate::auth::tokens::ISSUER;
use crate::auth::{Caller, begin_guess, forgive, totp};
use crate::http::body::Body;
use crate::http::layers::RequestId;
use crate::limits::ENROLMENT_TTL_MS;
use crate::model::account::Tokens;
use crate::model::second_factor::{Confirmation, Enrolled, EnrolmentBody, EnrolmentRequest, Removal};
use crate::problem::{Answer, Code, Problem};
use crate::reading::LoginRecord;
use crate::security::{self, SecurityEvent};
use crate::sessions::Guesser;
use crate::state::EdgeState;

/// `/auth/second-factor` and below.
pub fn router() -> Router<EdgeState> {
    Router::new()
        .route("/auth/second-factor", post(begin))
        .route("/auth/second-factor/confirmation", post(confirmation))
        .route("/auth/second-factor/removal", post(removal))
}

/// Makes a secret for an authenticator app. It counts for nothing until a code of it is confirmed.
#[utoipa::path(
    post, path = "/auth/second-factor", tag = "auth", request_body = EnrolmentRequest,
    responses((status = 200, description = "The secret; it is not shown again.", body = EnrolmentBody))
)]
pub async fn begin(
    State(state): State<EdgeState>,
    caller: Caller,
    Body(request): Body<EnrolmentRequest>,
) -> Answer<Json<EnrolmentBody>> {
    let login_key = login_key(&state, &caller).await?;
    let record = confirm(&state, &caller, &login_key, request.password).await?;
    has_none(Some(&record))?;
    let enrolment = Enrolment::begin(&state)?;
    security::note(SecurityEvent::SecondFactorBegun);
    Ok(Json(EnrolmentBody {
        enrolment: enrolment.seal(&state, &caller.account_id)?,
        secret: totp::base32(enrolment.secret.as_slice()),
        otpauth_uri: totp::uri(ISSUER, &caller.account_id, &enrolment.secret),
        expires_in: ENROLMENT_TTL_MS / 1_000,
    }))
}

/// Confirms a secret with its first code: from now on a login needs one too. Every session of the account is over, the caller's
/// too; the answer begins a new one, and shows the recovery codes once.
#[utoipa::path(
    post, path = "/auth/second-factor/confirmation", tag = "auth", request_body = Confirmation,
    responses((status = 200, description = "The account has a second factor.", body = Enrolled))
)]
pub async fn confirmation(
    State(state): State<EdgeState>,
    caller: Caller,
    axum::Extension(RequestId(request_id)): axum::Extension<RequestId>,
    Body(confirmation): Body<Confirmation>,
) -> Answer<Json<Enrolled>> {
    let login_key = login_key(&state, &caller).await?;
    let account_id = caller.account_id.as_str();
    let enrolment = Enrolment::open(&state, account_id, &confirmation.enrolment);
    let enrolment = enrolment.ok_or_else(|| wrong_code("The enrolment is not this account's, or its time is over."))?;
    let step = totp::step_of(enrolment.secret.as_slice(), confirmation.code.trim(), state.now_ms());
    let step = step.ok_or_else(|| wrong_code("This is not the code of the secret at this moment."))?;
    has_none(state.reader().login(&login_key, &Freshness::Committed).await?.as_ref())?;
    let (codes, attempt) = (recovery_codes(&state)?, state.random_id()?);
    let payload = AccountCommandPayload::EnrolSecondFactor(EnrolSecondFactor {
        attempt: attempt.clone(),
        sealed_secret: enrolment.sealed_secret(&state, account_id)?,
        recovery_hashes: codes.iter().map(|code| recovery_hash(account_id, code)).collect(),
        step,
    });
    let record = changed(&state, &caller, &login_key, payload, request_id).await?;
    if record
        .second_factor
        .as_ref()
        .is_none_or(|factor| factor.spent_by != attempt)
    {
        return Err(enrolled_already());
    }
    security::note(SecurityEvent::SecondFactorEnrolled);
    Ok(Json(Enrolled {
        recovery_codes: codes,
        session: start_session(&state, record, login_key, true).await?,
    }))
}

/// Gives the second factor up, with the password and a code. Every session of the account is over, the caller's too; the answer
/// begins a new one.
#[utoipa::path(
    post, path = "/auth/second-factor/removal", tag = "auth", request_body = Removal,
    responses((status = 200, description = "The tokens of a new session.", body = Tokens))
)]
pub async fn removal(
    State(state): State<EdgeState>,
    caller: Caller,
    axum::Extension(RequestId(request_id)): axum::Extension<RequestId>,
    Body(removal): Body<Removal>,
) -> Answer<Json<Tokens>> {
    let login_key = login_key(&state, &caller).await?;
    let record = state.reader().login(&login_key, &Freshness::Committed).await?;
    let guess = begin_guess(&state, vec![Guesser::Session(caller.session_id.clone())]).await?;
    let password = Zeroizing::new(removal.password);
    let shown = look_at(&state, record.as_ref(), password, Some(&removal.code)).await;
    if !matches!(shown, Ok(Shown::Nothing | Shown::Both(_))) {
        forgive(&state, &guess).await;
    }
    let code = match shown? {
        Shown::Both(code) => code,
        Shown::Password => return Err(Problem::not_found()),
        Shown::Nothing | Shown::PasswordOnly => return Err(not_shown()),
    };
    let code = code.spending(state.random_id()?);
    let payload = AccountCommandPayload::RemoveSecondFactor(RemoveSecondFactor { code });
    let record = changed(&state, &caller, &login_key, payload, request_id).await?;
    if record.second_factor.is_some() {
        return Err(not_shown());
    }
    forgive(&state, &guess).await;
    security::note(SecurityEvent::SecondFactorRemoved);
    Ok(Json(start_session(&state, record, login_key, false).await?))
}

fn has_none(record: Option<&LoginRecord>) -> Result<(), Problem> {
    if record.is_some_and(|record| record.second_factor.is_some()) {
        return Err(enrolled_already());
    }
    Ok(())
}

fn enrolled_already() -> Problem {
    let detail = "The account has a second factor. Remove it first, with a code of it.";
    Problem::new(Code::SecondFactorEnrolled, detail)
}

fn wrong_code(detail: &str) -> Problem {
    Problem::new(Code::WrongCode, detail)
}

/// Which of the two was wrong is nobody's business.
fn not_shown() -> Problem {
    wrong_password("The password or the code is another one, or the code is used up.")
}
