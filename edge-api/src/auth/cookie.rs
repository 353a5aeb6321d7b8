//! A refresh token that no script can read: whoever asks with `Sluice-Session: cookie` gets it as a cookie and not in the body, and
//! hands it in by the cookie alone.
//!
//! The cookie counts only beside that header, which a page of another origin cannot send: it is on no list of allowed headers. What
//! a browser says of where a request comes from is looked at as well. So the cookie is no way in for a forged request.

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HeaderMap, HeaderName, HeaderValue, SET_COOKIE};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::refresh::RefreshToken;
use crate::limits::{BODY_BYTES_MAX, SESSION_ABSOLUTE_MS};
use crate::problem::{Code, Problem};
use crate::security::{self, SecurityEvent};
use crate::state::EdgeState;

/// The cookie. `__Host-` lets browsers take it from this very host only, and over TLS only (or from the machine itself).
pub const SESSION_COOKIE: &str = "__Host-sluice-session";

/// The header by which a client asks for the cookie; its value is `cookie`.
pub const SESSION_HEADER: HeaderName = HeaderName::from_static("sluice-session");

/// The field of a body that the cookie stands for.
const FIELD: &str = "refresh_token";

/// Where the tokens are in an answer that brings more than them.
const SESSION_FIELD: &str = "session";

/// Moves refresh tokens between bodies and the cookie for clients that ask for it; all others never meet the cookie.
pub async fn keep_refresh_token(State(state): State<EdgeState>, request: Request, next: Next) -> Response {
    let asks = request
        .headers()
        .get(SESSION_HEADER)
        .is_some_and(|value| value == "cookie");
    let path = request.uri().path();
    if !asks || !path.starts_with("/auth/") {
        return next.run(request).await;
    }
    if is_from_elsewhere(request.headers()) {
        return Problem::new(Code::Forbidden, "A page of another origin has no session here.").into_response();
    }
    let is_refresh = path == "/auth/refresh";
    let ends = matches!(path, "/auth/logout" | "/auth/sessions/end");
    let is_login = matches!(path, "/auth/login" | "/auth/password/reset");
    let replaced = is_login.then(|| token(request.headers())).flatten();
    let request = match is_refresh.then(|| with_token(request.headers())) {
        None => request,
        Some(Some(body)) => hand_in(request, body),
        Some(None) => {
            return Problem::new(Code::InvalidToken, "There is no session cookie.").into_response();
        }
    };
    let response = next.run(request).await;
    if let Some(replaced) = replaced.filter(|_| response.status().is_success())
        && let Err(problem) = end_replaced(&state, &replaced).await
    {
        return problem.into_response();
    }
    let is_over =
        (ends && response.status().is_success()) || (is_refresh && response.status() == StatusCode::UNAUTHORIZED);
    if is_over {
        without_cookie(response)
    } else {
        take_over(response).await
    }
}

fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    site.is_some_and(|site| site != "same-origin" && site != "none")
}

/// Ends the session whose cookie a login has replaced: nobody holds it any more who should. A login whose predecessor cannot be ended
/// hands out nothing.
async fn end_replaced(state: &EdgeState, token: &str) -> Result<(), Problem> {
    let Some(token) = RefreshToken::read(token, state.keys()) else {
        return Ok(());
    };
    let session_id = token.session_id();
    if let Some(owner) = state.session_owner(&session_id, state.now_ms()).await? {
        state.end_session(&session_id, &owner.account_id).await?;
        security::note(SecurityEvent::SessionReplaced);
    }
    Ok(())
}

/// The body that the cookie stands for.
fn with_token(headers: &HeaderMap) -> Option<Bytes> {
    Some(json!({ FIELD: token(headers)? }).to_string().into())
}

/// What the cookie holds.
fn token(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, token) = pairs.find(|(name, _)| *name == SESSION_COOKIE)?;
    Some(token.to_owned())
}

fn hand_in(request: Request, body: Bytes) -> Request {
    let (mut parts, _) = request.into_parts();
    parts
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
    Request::from_parts(parts, Body::from(body))
}

/// Takes a refresh token out of the body and makes it the cookie.
async fn take_over(response: Response) -> Response {
    if !response.status().is_success() || response.status() == StatusCode::NO_CONTENT {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let bytes = match to_bytes(body, BODY_BYTES_MAX).await {
        Ok(bytes) => bytes,
        Err(error) => return Problem::internal(error).into_response(),
    };
    let Some((rest, token)) = without_token(&bytes) else {
        return Response::from_parts(parts, Body::from(bytes));
    };
    let cookie = cookie(&token, SESSION_ABSOLUTE_MS / 1_000);
    let Ok(cookie) = HeaderValue::try_from(cookie) else {
        return Problem::internal("a refresh token does not fit into a cookie").into_response();
    };
    parts.headers.append(SET_COOKIE, cookie);
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(rest.len()));
    Response::from_parts(parts, Body::from(rest))
}

fn without_token(bytes: &[u8]) -> Option<(Vec<u8>, String)> {
    let mut body: Map<String, Value> = serde_json::from_slice(bytes).ok()?;
    let tokens = match body.get_mut(SESSION_FIELD) {
        Some(Value::Object(session)) => session,
        _ => &mut body,
    };
    let Value::String(token) = tokens.remove(FIELD)? else {
        return None;
    };
    Some((serde_json::to_vec(&body).ok()?, token))
}

fn without_cookie(mut response: Response) -> Response {
    if let Ok(gone) = HeaderValue::try_from(cookie("", 0)) {
        response.headers_mut().append(SET_COOKIE, gone);
    }
    response
}

fn cookie(value: &str, seconds: i64) -> String {
    format!("{SESSION_COOKIE}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict")
}
