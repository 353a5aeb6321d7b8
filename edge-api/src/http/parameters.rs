//! Path and query parameters, read strictly.

use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::limits::ID_BYTES_MAX;
use crate::problem::{Code, Problem};

/// The id in a path such as `/orders/{id}`. What cannot be an id of ours is answered like an id that does not exist.
#[derive(Debug, Clone)]
pub struct PathId(pub String);

/// Query parameters of type `T`, which denies unknown ones; none may come twice.
#[derive(Debug, Clone)]
pub struct Parameters<T>(pub T);

impl<S: Send + Sync> FromRequestParts<S> for PathId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(id) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| Problem::not_found())?;
        if is_id(&id) {
            Ok(Self(id))
        } else {
            Err(Problem::not_found())
        }
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        match Query::<T>::try_from_uri(&parts.uri) {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(rejection) => Err(refuse(&rejection.body_text())),
        }
    }
}

/// Whether `text` has the form of an id: ASCII letters, digits, `-`, `_` and `.`.
#[must_use]
pub fn is_id(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_allowed)
}

fn refuse(words: &str) -> Problem {
    // The words are "Failed to deserialize query string: <name>: <what>", without the name for unknown parameters.
    let words = words.split_once(": ").map_or(words, |(_, words)| words);
    let (name, words) = match words.split_once(": ") {
        Some((name, words)) => (name, words),
        None => (words.split('`').nth(1).unwrap_or_default(), words),
    };
    Problem::field(
        Code::InvalidField,
        format!("/{name}"),
        super::body::reason(words),
        words,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_no_room_for_paths_spaces_or_novels() {
        assert!(is_id("0a1b2c"));
        assert!(is_id("a.b-c_d"));
        for text in ["", "a/b", "a b", "a\u{e9}", "%2e", &"a".repeat(ID_BYTES_MAX + 1)] {
            assert!(!is_id(text), "{text}");
        }
    }
}
