//! What went wrong, in the words of RFC 9457.

use axum::http::StatusCode;
use axum::http::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::limits::RETRY_AFTER_SECONDS;

pub use self::code::Code;

mod code;

/// A refusal or a failure on its way to the client. The outermost layer writes it as `application/problem+json`.
#[derive(Debug, Clone)]
pub struct Problem(Box<Contents>);

#[derive(Debug, Clone)]
struct Contents {
    code: Code,
    detail: String,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The answer of a handler.
pub type Answer<T = Response> = Result<T, Problem>;

/// What is wrong with one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body, or the name of a query parameter behind a slash.
    #[schema(example = "/lines/0/quantity")]
    pub pointer: String,
    /// Machine-readable reason.
    #[schema(example = "OUT_OF_RANGE")]
    pub code: String,
    /// The same for people.
    pub detail: String,
}

/// The body of every 4xx and 5xx answer (RFC 9457).
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemBody {
    /// A URN that names the kind of problem.
    #[serde(rename = "type")]
    #[schema(example = "urn:sluice:problem:not-found")]
    pub kind: String,
    /// The kind of problem for people.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What happened this time.
    pub detail: String,
    /// Machine-readable name of the kind; stable.
    #[schema(example = "NOT_FOUND")]
    pub code: String,
    /// The request's id, as in the `X-Request-Id` header.
    pub request_id: String,
    /// The fields at fault, if any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

impl Problem {
    /// A problem of this kind.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let problem = Self(Box::new(Contents {
            code,
            detail: detail.into(),
            errors: Vec::new(),
            headers: Vec::new(),
        }));
        match code.status() {
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => {
                problem.header(RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS))
            }
            StatusCode::UNAUTHORIZED => problem.header(WWW_AUTHENTICATE, code.challenge()),
            _ => problem,
        }
    }

    /// The thing does not exist, or the caller may not know that it does: the answer is the same.
    #[must_use]
    pub fn not_found() -> Self {
        Self::new(Code::NotFound, "There is no such resource.")
    }

    /// A problem with one field.
    pub fn field(code: Code, pointer: impl Into<String>, reason: &str, detail: impl Into<String>) -> Self {
        Self::new(code, "The request is not acceptable; see `errors`.").with_error(FieldError {
            pointer: pointer.into(),
            code: reason.to_owned(),
            detail: detail.into(),
        })
    }

    /// A problem with several fields.
    #[must_use]
    pub fn fields(code: Code, errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(code, "The request is not acceptable; see `errors`.");
        problem.0.errors = errors;
        problem
    }

    /// Something that must not happen did. The cause goes to the log, never to the client.
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a request failed inside the gateway");
        Self::new(
            Code::Internal,
            "The gateway failed. The request id leads to the cause in its log.",
        )
    }

    /// Adds a field error.
    #[must_use]
    pub fn with_error(mut self, error: FieldError) -> Self {
        self.0.errors.push(error);
        self
    }

    /// Adds a response header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Says that another attempt makes sense after so many seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: i64) -> Self {
        self.0.headers.retain(|(name, _)| name != RETRY_AFTER);
        self.header(RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// The kind.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The machine-readable reasons of the fields at fault.
    pub(crate) fn reasons(&self) -> impl Iterator<Item = &str> {
        self.0.errors.iter().map(|error| error.code.as_str())
    }

    /// The body for the request with this id.
    #[must_use]
    pub fn body(&self, request_id: &str) -> ProblemBody {
        let code = self.0.code;
        ProblemBody {
            kind: format!(
                "urn:sluice:problem:{}",
                code.name().to_ascii_lowercase().replace('_', "-")
            ),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            detail: self.0.detail.clone(),
            code: code.name().to_owned(),
            request_id: request_id.to_owned(),
            errors: self.0.errors.clone(),
        }
    }
}

impl IntoResponse for Problem {
    /// A response without a body that carries the problem as an extension: only the outermost layer knows the
    /// request id that belongs into the body.
    fn into_response(self) -> Response {
        let mut response = self.0.code.status().into_response();
        for (name, value) in &self.0.headers {
            response.headers_mut().append(name.clone(), value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<crate::clock::EntropyError> for Problem {
    fn from(error: crate::clock::EntropyError) -> Self {
        Self::internal(error)
    }
}
