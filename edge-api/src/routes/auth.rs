//! Registration, login, refresh and logout.

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Json};
use axum::routing::post;
use runtime::queries::Freshness;
use schemas::wire::account::{AccountCommandPayload, RegisterAccount};
use schemas::wire::envelope::Actor;
use zeroize::Zeroizing;

use crate::auth::devices::Device;
use crate::auth::refresh::RefreshToken;
use crate::auth::renewal::renew;
use crate::auth::second_factor::{RightCode, Shown, look_at, spend};
use crate::auth::tokens::AccessGrant;
use crate::auth::{Caller, guess, not_taken};
use crate::clock::{hex, random_bytes};
use crate::http::body::Body;
use crate::http::layers::RequestId;
use crate::http::peer::ClientAddress;
use crate::limits::ACCESS_TOKEN_TTL_MS;
use crate::model::account::{Login, Refresh, Registered, Registration, Tokens};
use crate::problem::{Answer, Code, Problem};
use crate::reading::LoginRecord;
use crate::security::{self, SecurityEvent};
use crate::sessions::{Exchange, Guesser, Handle, NewSession};
use crate::state::{EdgeState, sessions_unavailable};

/// `/auth/*`.
pub fn router() -> Router<EdgeState> {
    Router::new()
        .route("/auth/register", post(register))
        .route("/auth/login", post(login))
        .route("/auth/refresh", post(refresh))
        .route("/auth/logout", post(logout))
}

/// Registers an account. The e-mail address decides: the first registration of an address wins, through whatever
/// gateway it came.
#[utoipa::path(
    post, path = "/auth/register", tag = "auth", request_body = Registration, security(()),
    responses((status = 201, description = "The account exists.", body = Registered))
)]
pub async fn register(
    State(state): State<EdgeState>,
    address: ClientAddress,
    axum::Extension(RequestId(request_id)): axum::Extension<RequestId>,
    Body(registration): Body<Registration>,
) -> Answer {
    registration.check(state.shop_words())?;
    let login_key = commerce::ids::login_key(&registration.email);
    // Whoever asks for one address after the other finds out which have accounts, so a taken one counts like a wrong password.
    let guessers = vec![Guesser::Address(address.site())];
    let looking = async { state.reader().login(login_key.as_str(), &Freshness::Committed).await };
    if guess(&state, guessers, looking, Option::is_some).await?.is_some() {
        return Err(email_taken());
    }
    let password = Zeroizing::new(registration.password);
    let salt = random_bytes(state.entropy())?;
    let hashed = state.passwords().hash(password, salt).await;
    let password_hash = hashed.map_err(not_taken("/password"))?;
    let account_id = commerce::ids::account_id(&login_key, &state.random_id()?).to_string();
    // Somebody who is nobody yet: the account that is to be is its own actor.
    let actor = Actor {
        account_id: account_id.clone(),
        role: registration.role.into(),
    };
    let payload = AccountCommandPayload::RegisterAccount(RegisterAccount {
        account_id: account_id.clone(),
        display_name: registration.name.trim().to_owned(),
        role: registration.role.into(),
        password_hash,
    });
    let command = state.account_command(payload, actor, request_id);
    let receipt = state.append(login_key.as_str(), &command).await?;
    match state.reader().login(login_key.as_str(), &receipt.seen()).await? {
        Some(winner) if winner.account_id == account_id => {
            security::is_about(&account_id);
            security::note(SecurityEvent::Registered);
            Ok((
                StatusCode::CREATED,
                Json(Registered {
                    account_id,
                    role: registration.role,
                }),
            )
                .into_response())
        }
        Some(_) => Err(email_taken()),
        None => Err(Problem::internal(
            "a registration inside the bounds was refused by the topology",
        )),
    }
}

/// Starts a session. An account with a second factor needs `code` too, of its app or a recovery code; each is good once. After ten
/// wrong passwords or codes within an hour the next is not looked at until the first of them is an hour old; a device that has
/// logged in to the account before, which its cookie shows, has ten of its own.
#[utoipa::path(
    post, path = "/auth/login", tag = "auth", request_body = Login, security(()),
    responses((status = 200, description = "The tokens of a new session.", body = Tokens))
)]
pub async fn login(
    State(state): State<EdgeState>,
    address: ClientAddress,
    headers: HeaderMap,
    axum::Extension(RequestId(request_id)): axum::Extension<RequestId>,
    Body(login): Body<Login>,
) -> Answer {
    let login_key = commerce::ids::login_key(&login.email);
    let record = if login.is_possible() {
        state.reader().login(login_key.as_str(), &Freshness::Committed).await?
    } else {
        None
    };
    if let Some(record) = &record {
        security::is_about(&record.account_id);
    }
    let record = record.filter(|record| record.is_active);
    let device = Device::of(&headers, login_key.as_str(), state.keys());
    let guessers = match device {
        Some(device) => vec![Guesser::Device(device.id())],
        None => vec![
            Guesser::Account(login_key.to_string()),
            Guesser::Address(address.site()),
        ],
    };
    let password = Zeroizing::new(if login.is_possible() {
        login.password
    } else {
        String::new()
    });
    let shown = (password.clone(), login.code);
    let proof = prove(&state, login_key.as_str(), record.as_ref(), shown, request_id.clone());
    let proof = guess(&state, guessers, proof, |proof| matches!(proof, Proof::Wrong)).await?;
    let has_second_factor = match proof {
        Proof::Wrong => return Err(wrong_credentials()),
        Proof::CodeMissing => return Err(code_missing()),
        Proof::Password => false,
        Proof::Both => true,
    };
    let record = record.ok_or_else(wrong_credentials)?;
    renew(&state, login_key.as_str(), &record, password, request_id).await;
    let device = match device {
        Some(device) => device,
        None => Device(random_bytes(state.entropy())?),
    };
    let cookie = device
        .cookie(login_key.as_str(), state.keys())
        .map_err(Problem::internal)?;
    let tokens = start_session(&state, record, login_key.to_string(), has_second_factor).await?;
    let how = if has_second_factor {
        "password and code"
    } else {
        "password"
    };
    security::note_how(SecurityEvent::LoggedIn, how);
    Ok(([cookie], Json(tokens)).into_response())
}

/// What a login comes to.
enum Proof {
    /// Password or code are wrong, or the code is used up: nobody is told which.
    Wrong,
    /// The password is right.
    CodeMissing,
    /// The password is right, and enough.
    Password,
    /// Password and code are right, and the code is used up now.
    Both,
}

async fn prove(
    state: &EdgeState,
    login_key: &str,
    record: Option<&LoginRecord>,
    (password, code): (Zeroizing<String>, Option<String>),
    request_id: String,
) -> Result<Proof, Problem> {
    let shown = look_at(state, record, password, code.as_deref()).await?;
    let (Shown::Both(code), Some(record)) = (&shown, record) else {
        return Ok(match shown {
            Shown::Nothing | Shown::Both(_) => Proof::Wrong,
            Shown::PasswordOnly => Proof::CodeMissing,
            Shown::Password => Proof::Password,
        });
    };
    let is_recovery = matches!(code, RightCode::Recovery(_));
    if !spend(state, login_key, record, code.clone(), request_id).await? {
        return Ok(Proof::Wrong);
    }
    if is_recovery {
        security::note(SecurityEvent::RecoveryCodeUsed);
    }
    Ok(Proof::Both)
}

fn wrong_credentials() -> Problem {
    Problem::new(
        Code::WrongCredentials,
        "There is no active account with this e-mail address and password, or the code is not good.",
    )
}

pub(super) fn code_missing() -> Problem {
    Problem::new(
        Code::SecondFactorRequired,
        "Send the password again with `code`: six digits of the authenticator app, or a recovery code.",
    )
}

/// Exchanges a refresh token. Each is good once; the one before the last gets the same answer for 30 seconds, and as long as the
/// answer is not used, in case it was lost; an older one ends the session.
#[utoipa::path(
    post, path = "/auth/refresh", tag = "auth", request_body = Refresh, security(()),
    responses((status = 200, description = "The session's new tokens.", body = Tokens))
)]
pub async fn refresh(State(state): State<EdgeState>, Body(refresh): Body<Refresh>) -> Answer<Json<Tokens>> {
    let Some(token) = RefreshToken::read(&refresh.refresh_token, state.keys()) else {
        security::note(SecurityEvent::TokenRefused);
        return Err(Problem::new(Code::InvalidToken, "The refresh token is not valid."));
    };
    let next = token.next();
    let exchange = Exchange {
        session_id: token.session_id(),
        handle: Handle::Refresh {
            generation: token.generation,
            fingerprint: token.fingerprint(),
            next_fingerprint: next.fingerprint(),
        },
        new_token_id: state.random_id()?,
        now_ms: state.now_ms(),
    };
    let (grant, access_token) = state.exchange(exchange).await?;
    security::note(SecurityEvent::Refreshed);
    let left_ms = grant.issued_at_ms + ACCESS_TOKEN_TTL_MS - state.now_ms();
    Ok(Json(tokens(access_token, next.write(), left_ms)))
}

/// Ends the caller's session: its refresh token and its access tokens are void.
#[utoipa::path(
    post, path = "/auth/logout", tag = "auth",
    responses((status = 204, description = "The session is over."))
)]
pub async fn logout(State(state): State<EdgeState>, caller: Caller) -> Answer {
    state.end_session(&caller.session_id, &caller.account_id).await?;
    security::note(SecurityEvent::LoggedOut);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Begins a session of an account whose password was right, and its second factor if one was shown.
pub(super) async fn start_session(
    state: &EdgeState,
    record: LoginRecord,
    login_key: String,
    has_second_factor: bool,
) -> Result<Tokens, Problem> {
    let first = RefreshToken::first(random_bytes(state.entropy())?, state.keys());
    let grant = AccessGrant {
        account_id: record.account_id,
        role: record.role,
        session_id: hex(&first.sid),
        credential_version: record.version,
        has_second_factor,
        token_id: state.random_id()?,
        issued_at_ms: state.now_ms(),
    };
    let session = NewSession {
        session_id: grant.session_id.clone(),
        account_id: grant.account_id.clone(),
        login_key,
        credential_version: grant.credential_version,
        has_second_factor,
        token_id: grant.token_id.clone(),
        refresh_fingerprint: first.fingerprint(),
        now_ms: grant.issued_at_ms,
    };
    state.sessions().create(session).await.map_err(sessions_unavailable)?;
    let access_token = grant.sign(state.keys()).map_err(Problem::internal)?;
    Ok(tokens(access_token, first.write(), ACCESS_TOKEN_TTL_MS))
}

/// A token that is given again after a lost answer has less time left than a new one.
fn tokens(access_token: String, refresh_token: String, left_ms: i64) -> Tokens {
    Tokens {
        access_token,
        refresh_token,
        token_type: "Bearer",
        expires_in: left_ms.max(0) / 1_000,
    }
}

fn email_taken() -> Problem {
    Problem::new(Code::EmailTaken, "An account with this e-mail address exists.")
}
