//! The gate before every route: finds the operation in the table, checks the token and the role, and renews an
//! expired token whose session is alive.

use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCESS_CONTROL_EXPOSE_HEADERS, ALLOW, AUTHORIZATION, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::access::{Operation, Who};
use super::caller::Caller;
use super::tokens::{Expired, Presented, Token, Valid};
use crate::http::headers::{EXPOSED, bearer};
use crate::http::peer::ClientAddress;
use crate::problem::{Code, Problem};
use crate::security::{self, SecurityEvent};
use crate::sessions::{Exchange, Handle};
use crate::state::{EdgeState, session_ended};

/// Lets a request through to its route if the table and the caller's quota say so. The route finds a `Caller` (unless it is public) and
/// its `&'static Operation` among the request's extensions.
pub async fn gate(State(state): State<EdgeState>, path: MatchedPath, mut request: Request, next: Next) -> Response {
    let Some(operation) = Operation::find(request.method(), path.as_str()) else {
        return method_not_allowed(path.as_str());
    };
    request.extensions_mut().insert(operation);
    let (caller, renewed) = match operation.who {
        Who::Public => (Ok(None), None),
        Who::Account | Who::Buyer | Who::Seller => match identify(&state, request.headers()).await {
            Ok((caller, renewed)) => (Ok(Some(caller)), renewed),
            Err(problem) => (Err(problem), None),
        },
    };
    let counted_as = match &caller {
        Ok(Some(caller)) => caller.account_id.clone(),
        // Who has no good token is known by the address alone.
        Ok(None) | Err(_) => site(&state, &request),
    };
    let left = state.quotas().take(&counted_as, state.now_ms());
    let mut response = match left.admit() {
        Ok(()) => answer(&state, operation, caller, request, next).await,
        Err(exceeded) => exceeded.into_response(),
    };
    left.attach(&mut response);
    if let Some(token) = renewed {
        attach(&mut response, token);
    }
    response
}

async fn answer(
    state: &EdgeState,
    operation: &'static Operation,
    caller: Result<Option<Caller>, Problem>,
    mut request: Request,
    next: Next,
) -> Response {
    match caller {
        Err(problem) => return problem.into_response(),
        Ok(None) => {}
        Ok(Some(caller)) => {
            let admitted = operation.admit(&caller);
            if let Err(problem) = admitted.and_then(|()| state.admit_without_second_factor(operation, &caller)) {
                return problem.into_response();
            }
            request.extensions_mut().insert(caller);
        }
    }
    next.run(request).await
}

fn site(state: &EdgeState, request: &Request) -> String {
    let address = ClientAddress::of(request.extensions(), request.headers(), state.proxies());
    format!("address:{}", address.site())
}

/// The header value of a renewed token.
type Renewed = Option<HeaderValue>;

async fn identify(state: &EdgeState, headers: &HeaderMap) -> Result<(Caller, Renewed), Problem> {
    let Some(text) = bearer(headers)? else {
        return Err(Problem::new(
            Code::Unauthenticated,
            "Send an access token: `Authorization: Bearer <token>`.",
        ));
    };
    let Ok(presented) = state.verify_token(text) else {
        security::note(SecurityEvent::TokenRefused);
        return Err(Problem::new(Code::InvalidToken, "The access token is not valid."));
    };
    match presented {
        Presented::Valid(token) => Ok((accept(state, &token)?, None)),
        Presented::Expired(token) => renew(state, &token).await,
    }
}

fn accept(state: &EdgeState, token: &Token<Valid>) -> Result<Caller, Problem> {
    state.may_judge_tokens()?;
    let caller = token.caller();
    security::is_about(&caller.account_id);
    if state.revocations().cover(caller.held()) {
        return Err(session_ended());
    }
    state.uses().record(token.session_id(), token.token_id());
    Ok(caller)
}

/// The session decides; the expired token is only its handle.
async fn renew(state: &EdgeState, token: &Token<Expired>) -> Result<(Caller, Renewed), Problem> {
    let exchange = Exchange {
        session_id: token.session_id().to_owned(),
        handle: Handle::Access {
            token_id: token.token_id().to_owned(),
        },
        new_token_id: state.random_id()?,
        now_ms: state.now_ms(),
    };
    let (grant, access_token) = state.exchange(exchange).await?;
    security::note(SecurityEvent::TokenReissued);
    let header = HeaderValue::try_from(format!("Bearer {access_token}")).map_err(Problem::internal)?;
    let caller = Caller {
        account_id: grant.account_id,
        role: grant.role,
        session_id: grant.session_id,
        credential_version: grant.credential_version,
        has_second_factor: grant.has_second_factor,
    };
    Ok((caller, Some(header)))
}

fn attach(response: &mut Response, token: HeaderValue) {
    let headers = response.headers_mut();
    headers.insert(AUTHORIZATION, token);
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
}

fn method_not_allowed(path: &str) -> Response {
    let methods = Operation::methods(path).join(", ");
    let allow = HeaderValue::try_from(methods).unwrap_or(HeaderValue::from_static(""));
    let allow: (HeaderName, HeaderValue) = (ALLOW, allow);
    Problem::new(Code::MethodNotAllowed, "See the `Allow` header.")
        .header(allow.0, allow.1)
        .into_response()
}
