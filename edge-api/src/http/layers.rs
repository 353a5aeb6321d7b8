//! What happens around every request, from the outside in: request id, metrics and security headers; problems
//! written as JSON; panics caught; time limited.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    STRICT_TRANSPORT_SECURITY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use tracing::Instrument as _;

use super::headers::wait;
use super::peer::ClientAddress;
use super::trace;
use crate::console::Dressed;
use crate::limits::REQUEST_TIMEOUT;
use crate::metrics;
use crate::problem::{Code, Problem};
use crate::security;
use crate::state::EdgeState;

/// The id of a request, made by the gateway: what a client sends is not believed.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// Headers of every answer but the console's files: it is data, nobody caches it, frames it or sniffs its type.
const SECURITY_HEADERS: [(HeaderName, &str); 7] = [
    (CACHE_CONTROL, "no-store"),
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'; sandbox",
    ),
    (REFERRER_POLICY, "no-referrer"),
    (STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains"),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

/// Gives the request an id, counts and times it, and dresses the answer.
pub async fn observe(State(state): State<EdgeState>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let _in_flight = InFlight::start();
    let request_id = match state.random_id() {
        Ok(id) => id,
        Err(problem) => return dress(write_problem(problem.into_response(), ""), ""),
    };
    request.extensions_mut().insert(RequestId(request_id.clone()));
    let method = method_label(request.method());
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map(|path| path.as_str().to_owned());
    let route = route.unwrap_or_else(|| "unmatched".to_owned());
    let trace_id = trace::trace_id(request.headers(), &request_id);
    let client = ClientAddress::of(request.extensions(), request.headers(), state.proxies());
    let span = security::span(&request_id, &trace_id, method, &route, client);
    let trace = trace::Followed::begin(state.spans(), request.headers(), &request_id);
    let running = next.run(request).instrument(span.clone());
    let response = trace::within(trace.clone(), running).await;
    span.in_scope(|| security::note_refusal(&response));
    let response = dress(write_problem(response, &request_id), &request_id);
    let status = response.status().as_u16();
    if let Some(trace) = trace {
        trace.end(method, &route, status, &request_id);
    }
    metrics::request_answered(method, &route, status, started.elapsed());
    span.in_scope(|| tracing::debug!(status, took = ?started.elapsed(), "answered"));
    response
}

/// Ends a request that takes longer than it may. A long poll may take its wait in addition.
pub async fn limit_time(request: Request, next: Next) -> Response {
    let limit = REQUEST_TIMEOUT + wait(request.headers());
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Problem::new(Code::TimedOut, "The operation took too long. Its outcome is not known.").into_response()
        }
    }
}

/// The answer for a handler that panicked. The cause is in the log, through the panic hook.
#[must_use]
pub fn panicked(_: Box<dyn std::any::Any + Send>) -> Response {
    Problem::internal("a handler panicked").into_response()
}

/// A method as a metric label: a client cannot make up new ones.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "other",
    }
}

/// Writes every 4xx and 5xx as `application/problem+json`, also those that the framework made.
#[must_use]
pub fn write_problem(mut response: Response, request_id: &str) -> Response {
    let status = response.status();
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if status.is_client_error() || status.is_server_error() => {
            let code = Code::of_status(status);
            Problem::new(code, format!("{}.", code.title()))
        }
        None => return response,
    };
    let body = serde_json::to_vec(&problem.body(request_id)).unwrap_or_default();
    let (mut parts, _) = response.into_parts();
    parts.status = problem.code().status();
    parts
        .headers
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    parts.headers.remove(axum::http::header::CONTENT_LENGTH);
    Response::from_parts(parts, body.into())
}

fn dress(response: Response, request_id: &str) -> Response {
    let mut response = secured(response);
    if let Ok(id) = HeaderValue::from_str(request_id) {
        response.headers_mut().insert("x-request-id", id);
    }
    response
}

/// Writes the headers of data, unless it is a page, which has its own.
pub(crate) fn secured(mut response: Response) -> Response {
    let is_page = response.extensions_mut().remove::<Dressed>().is_some();
    let headers = response.headers_mut();
    for (name, value) in SECURITY_HEADERS.iter().filter(|_| !is_page) {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

/// One request under way; also when it is dropped because the client left.
struct InFlight;

impl InFlight {
    fn start() -> Self {
        metrics::requests_in_flight(1.0);
        Self
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        metrics::requests_in_flight(-1.0);
    }
}
