//! Request headers that change what an operation does.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use utoipa::IntoParams;

use crate::limits::{IDEMPOTENCY_KEY_CHARS_MAX, WAIT_SECONDS_MAX};
use crate::problem::{Code, Problem};

/// Headers of answers that a page of another origin may read.
pub const EXPOSED: &str =
    "authorization, etag, location, ratelimit, ratelimit-policy, retry-after, sluice-consistency, x-request-id";

/// The `Idempotency-Key` of a request that needs one. Quoted (a structured-field string) and bare keys are the same.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(pub String);

/// The `Idempotency-Key` of a request that may have one.
#[derive(Debug, Clone)]
pub struct OptionalIdempotencyKey(pub Option<String>);

/// How [`IdempotencyKey`] is described.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is there to be described")]
pub struct RequiredKey {
    /// Names the request: the same key again is the same request.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^([!#-~]+|\"([!#-\\[\\]-~]|\\\\[\"\\\\])+\")$"
    )]
    key: String,
}

/// How [`OptionalIdempotencyKey`] is described.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is there to be described")]
pub struct OptionalKey {
    /// Names the request: the same key again is the same request.
    #[param(
        rename = "Idempotency-Key",
        min_length = 1,
        max_length = 255,
        pattern = "^([!#-~]+|\"([!#-\\[\\]-~]|\\\\[\"\\\\])+\")$"
    )]
    key: Option<String>,
}

/// How long `Prefer: wait=N` (RFC 7240) asks to wait; zero without it.
#[derive(Debug, Clone, Copy)]
pub struct Wait(pub Duration);

/// The versions that the client has already (`If-None-Match`, RFC 9110 section 13.1.2).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known(Vec<String>);

impl Known {
    /// Whether the client has this version.
    #[must_use]
    pub fn has(&self, version: i64) -> bool {
        let (_, etag) = etag(version);
        self.0.iter().any(|known| *known == etag || known == "*")
    }

    /// Whether the client has said that it has some version.
    #[must_use]
    pub fn is_some(&self) -> bool {
        !self.0.is_empty()
    }
}

impl<S: Sync> FromRequestParts<S> for Known {
    type Rejection = std::convert::Infallible;

    /// What is no tag of ours is no version that the client has.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let values = parts.headers.get_all(IF_NONE_MATCH).iter();
        let tags = values
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','));
        let tags = tags.map(|tag| tag.trim().trim_start_matches("W/").to_owned());
        Ok(Self(tags.collect()))
    }
}

/// The version that the client wants to change, and no other (`If-Match`, RFC 9110 section 13.1.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Expected(Option<Vec<String>>);

impl Expected {
    /// The version that the command is for: none where the client takes any. Refuses what stands in another one.
    pub fn version(&self, present: i64) -> Result<Option<i64>, Problem> {
        let Some(tags) = &self.0 else { return Ok(None) };
        let (_, tag) = etag(present);
        if tags.iter().any(|expected| expected == "*") {
            return Ok(None);
        }
        if tags.contains(&tag) {
            return Ok(Some(present));
        }
        Err(with_version(Self::failed(), present))
    }

    /// The answer where something stands in another version than the client wants to change.
    #[must_use]
    pub fn failed() -> Problem {
        Problem::new(
            Code::PreconditionFailed,
            "It has changed since you read it. Read it again, and change that.",
        )
    }
}

impl<S: Sync> FromRequestParts<S> for Expected {
    type Rejection = std::convert::Infallible;

    /// A weak tag is no version (RFC 9110 section 13.1.1), and what is no tag of ours matches nothing.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let values = parts.headers.get_all(IF_MATCH).iter();
        let tags = values.flat_map(|value| value.to_str().unwrap_or_default().split(','));
        let tags: Vec<String> = tags.map(|tag| tag.trim().to_owned()).collect();
        Ok(Self((!tags.is_empty()).then_some(tags)))
    }
}

impl<S: Sync> FromRequestParts<S> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        idempotency_key(&parts.headers)?.map(Self).ok_or_else(|| {
            Problem::new(
                Code::IdempotencyKeyMissing,
                "Send an Idempotency-Key header; the same key again is the same request.",
            )
        })
    }
}

impl<S: Sync> FromRequestParts<S> for OptionalIdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        idempotency_key(&parts.headers).map(Self)
    }
}

impl<S: Sync> FromRequestParts<S> for Wait {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self(wait(&parts.headers)))
    }
}

/// How long the request asks to wait, shortened to [`WAIT_SECONDS_MAX`]. A preference that cannot be read is ignored.
#[must_use]
pub fn wait(headers: &HeaderMap) -> Duration {
    let seconds = headers
        .get_all("prefer")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split([',', ';']))
        .filter_map(|preference| preference.trim().split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, seconds)| seconds.trim().trim_matches('"').parse::<u64>().ok());
    Duration::from_secs(seconds.unwrap_or(0).min(WAIT_SECONDS_MAX))
}

/// A conflict says with which version.
#[must_use]
pub fn with_version(problem: Problem, version: i64) -> Problem {
    let (name, tag) = etag(version);
    match HeaderValue::try_from(tag) {
        Ok(tag) => problem.header(name, tag),
        Err(error) => Problem::internal(error),
    }
}

/// The `ETag` of a version.
#[must_use]
pub fn etag(version: i64) -> (HeaderName, String) {
    (ETAG, format!("\"{version}\""))
}

/// The token of `Authorization: Bearer <token>`; `None` without the header.
pub fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) => value,
        (Some(_), Some(_)) => return Err(Problem::new(Code::InvalidToken, "Two Authorization headers were sent.")),
    };
    let token = value.to_str().ok().and_then(|value| value.split_once(' '));
    match token {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim_start())),
        _ => Err(Problem::new(
            Code::InvalidToken,
            "Send `Authorization: Bearer <access token>`.",
        )),
    }
}

fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all("idempotency-key").iter();
    let value = match (values.next(), values.next()) {
        (None, _) => return Ok(None),
        (Some(value), None) if value.len() <= IDEMPOTENCY_KEY_CHARS_MAX => value.to_str().ok().and_then(unquote),
        (Some(_), _) => None,
    };
    let is_allowed = |key: &String| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
    value.filter(is_allowed).map(Some).ok_or_else(|| {
        Problem::new(
            Code::Malformed,
            format!(
                "An Idempotency-Key is sent once and has 1 to {IDEMPOTENCY_KEY_CHARS_MAX} visible ASCII characters."
            ),
        )
    })
}

/// The content of a structured-field string, or the bare text. `None` if a quote has no partner.
fn unquote(value: &str) -> Option<String> {
    let Some(inner) = value.strip_prefix('"') else {
        return (!value.contains('"')).then(|| value.to_owned());
    };
    let inner = inner.strip_suffix('"')?;
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.push(characters.next().filter(|next| matches!(next, '"' | '\\'))?),
            '"' => return None,
            character => text.push(character),
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn with(name: &'static str, values: &[&str]) -> HeaderMap {
        values
            .iter()
            .map(|value| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn a_quoted_and_a_bare_idempotency_key_are_the_same() {
        let key = |values: &[&str]| idempotency_key(&with("idempotency-key", values));
        assert_eq!(key(&["\"k-1\""]).unwrap(), Some("k-1".to_owned()));
        assert_eq!(key(&["k-1"]).unwrap(), Some("k-1".to_owned()));
        assert_eq!(key(&[r#""a\"b""#]).unwrap(), Some("a\"b".to_owned()));
        assert_eq!(key(&[]).unwrap(), None);
        for bad in [
            &["\"k"] as &[&str],
            &["k\""],
            &[""],
            &["a b"],
            &["a", "b"],
            &[r#""a\b""#],
            &[&"k".repeat(256)],
        ] {
            assert!(key(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_wait_is_bounded_and_what_cannot_be_read_is_none() {
        let seconds = |values: &[&str]| wait(&with("prefer", values)).as_secs();
        assert_eq!(seconds(&["wait=10"]), 10);
        assert_eq!(seconds(&["respond-async, Wait = 3"]), 3);
        assert_eq!(seconds(&["wait=999999"]), WAIT_SECONDS_MAX);
        assert_eq!([seconds(&["wait=-1"]), seconds(&["wait=x"]), seconds(&[])], [0, 0, 0]);
    }

    #[test]
    fn only_one_bearer_token_is_read() {
        assert_eq!(bearer(&with("authorization", &["bearer abc"])).unwrap(), Some("abc"));
        assert_eq!(bearer(&with("authorization", &[])).unwrap(), None);
        for bad in [&["Basic abc"] as &[&str], &["abc"], &["Bearer a", "Bearer b"]] {
            assert!(bearer(&with("authorization", bad)).is_err(), "{bad:?}");
        }
    }
}
