//! Consistency tokens: a list that is read with the token of a write has it, through any gateway.
//!
//! An order shows under its own address at once, and in lists a moment later. The answer to a command about an order has a token in
//! `Sluice-Consistency`; a list that is asked for with it waits until it has the order as it was then, or later. A token is
//! no secret and no right: it names an order and a version of it.

use axum::extract::FromRequestParts;
use axum::http::header::HeaderName;
use axum::http::request::Parts;
use utoipa::IntoParams;

use crate::http::cursor;
use crate::http::parameters::is_id;
use crate::problem::{Code, Problem};

/// The header, of answers that give a token and of requests that bring one.
pub const CONSISTENCY: HeaderName = HeaderName::from_static("sluice-consistency");

/// An order in a version, or a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The order.
    pub order_id: String,
    /// Its version, from 1.
    pub version: i64,
}

/// The token of a request, if it has one.
#[derive(Debug, Clone, Default)]
pub struct AsOf(pub Option<Token>);

/// How [`AsOf`] is described.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "it is there to be described")]
pub struct ConsistencyToken {
    /// The token of an earlier answer: the list waits until it has what that answer was about.
    #[param(rename = "Sluice-Consistency", max_length = 1024, pattern = "^[A-Za-z0-9_-]*$")]
    token: Option<String>,
}

impl Token {
    /// The header that gives the token.
    #[must_use]
    pub fn header(&self) -> (HeaderName, String) {
        let text = format!("{} {}", self.version, self.order_id);
        (CONSISTENCY, cursor::encode(text.as_bytes()))
    }

    fn read(text: &str) -> Option<Self> {
        let text = String::from_utf8(cursor::decode(text).ok()?).ok()?;
        let (version, order_id) = text.split_once(' ')?;
        let version = version.parse().ok().filter(|version| *version > 0)?;
        is_id(order_id).then(|| Self {
            order_id: order_id.to_owned(),
            version,
        })
    }
}

/// The answer to a token that is none of ours, or names nothing that the caller may see.
#[must_use]
pub fn invalid() -> Problem {
    Problem::field(
        Code::Malformed,
        "/Sluice-Consistency",
        "INVALID_TOKEN",
        "Use the `Sluice-Consistency` of an earlier answer to you.",
    )
}

impl<S: Sync> FromRequestParts<S> for AsOf {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let Some(value) = parts.headers.get(CONSISTENCY) else {
            return Ok(Self(None));
        };
        let token = value.to_str().ok().and_then(Token::read);
        token.map(|token| Self(Some(token))).ok_or_else(invalid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_nothing_else_is_one() {
        let token = Token {
            order_id: "0a1b".to_owned(),
            version: 7,
        };
        assert_eq!(Token::read(&token.header().1), Some(token));
        for text in [
            "",
            "x",
            "not base64!",
            &cursor::encode(b"7"),
            &cursor::encode(b"0 o"),
            &cursor::encode(b"1 a/b"),
        ] {
            assert_eq!(Token::read(text), None, "{text}");
        }
    }
}
