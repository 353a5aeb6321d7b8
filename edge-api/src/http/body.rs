//! JSON bodies, read strictly: bounded in size and time, no unknown fields, no second key of one name, no array for an object.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use serde::de::DeserializeOwned;

use super::objects::Objects;
use crate::limits::{BODY_BYTES_MAX, BODY_TIMEOUT};
use crate::problem::{Code, Problem};

/// A JSON body of type `T`. `T` denies unknown fields; whatever does not fit is refused with its pointer.
#[derive(Debug, Clone)]
pub struct Body<T>(pub T);

/// A JSON body that may be left out, or null; then it is `T`'s default.
#[derive(Debug, Clone)]
pub struct OptionalBody<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = read(request).await?;
        if !is_json {
            return Err(not_json());
        }
        parse(&bytes).map(Self)
    }
}

impl<S: Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let is_json = is_json(request.headers());
        let bytes = read(request).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        if !is_json {
            return Err(not_json());
        }
        let body: Option<T> = parse(&bytes)?;
        Ok(Self(body.unwrap_or_default()))
    }
}

fn not_json() -> Problem {
    Problem::new(
        Code::UnsupportedMediaType,
        "Send the body as `Content-Type: application/json`.",
    )
}

fn is_json(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return false;
    };
    let Ok(value) = value.to_str() else { return false };
    let mut parts = value.split(';').map(str::trim);
    let is_json = parts
        .next()
        .is_some_and(|media| media.eq_ignore_ascii_case("application/json"));
    is_json && parts.all(|parameter| parameter.is_empty() || parameter.eq_ignore_ascii_case("charset=utf-8"))
}

async fn read(request: Request) -> Result<Bytes, Problem> {
    let reading = axum::body::to_bytes(request.into_body(), BODY_BYTES_MAX);
    match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(error)) if is_too_large(&error) => Err(Problem::new(
            Code::BodyTooLarge,
            format!("A body has {BODY_BYTES_MAX} bytes at most."),
        )),
        Ok(Err(_)) => Err(Problem::new(Code::Malformed, "The body did not arrive whole.")),
        Err(_) => Err(Problem::new(Code::RequestTimeout, "The body did not arrive in time.")),
    }
}

fn is_too_large(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.is::<http_body_util::LengthLimitError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// Reads a JSON document strictly.
pub fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut document = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(Objects(&mut document)).map_err(|error| refuse(&error))?;
    document
        .end()
        .map_err(|_| Problem::new(Code::Malformed, "Something follows the JSON document."))?;
    Ok(value)
}

fn refuse(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    if error.inner().is_data() {
        let words = without_place(&error.inner().to_string());
        let reason = reason(&words);
        return Problem::field(Code::InvalidField, pointer(error.path(), &words, reason), reason, words);
    }
    Problem::new(Code::Malformed, format!("The body is not JSON: {}.", error.inner()))
}

/// The JSON pointer (RFC 6901) of what is at fault. A field that is missing or comes twice is no part of serde's path,
/// but of its words.
fn pointer(path: &serde_path_to_error::Path, words: &str, reason: &str) -> String {
    let field = words
        .split('`')
        .nth(1)
        .filter(|_| matches!(reason, "MISSING_FIELD" | "DUPLICATE_FIELD"));
    let field = field.map(|field| format!("/{}", escape(field))).unwrap_or_default();
    pointer_of_path(path) + &field
}

fn pointer_of_path(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", escape(key)),
            Segment::Enum { variant } => format!("/{}", escape(variant)),
            Segment::Unknown => "/?".to_owned(),
        })
        .collect()
}

/// A machine-readable reason for what serde says in words.
pub(crate) fn reason(words: &str) -> &'static str {
    [
        ("unknown field", "UNKNOWN_FIELD"),
        ("missing field", "MISSING_FIELD"),
        ("duplicate field", "DUPLICATE_FIELD"),
        ("unknown variant", "UNKNOWN_VALUE"),
    ]
    .into_iter()
    .find_map(|(start, reason)| words.starts_with(start).then_some(reason))
    .unwrap_or("INVALID_TYPE")
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// `serde_json` ends its words with a line and a column, which the pointer says better.
fn without_place(words: &str) -> String {
    words
        .rsplit_once(" at line ")
        .map_or(words, |(words, _)| words)
        .to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only read from JSON")]
        lines: Vec<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only read from JSON")]
        quantity: i64,
    }

    fn error_of(text: &str) -> (u16, String, String) {
        let body = parse::<Outer>(text.as_bytes()).unwrap_err().body("r");
        let error = body.errors.first().cloned();
        let (pointer, code) = error.map_or_else(Default::default, |error| (error.pointer, error.code));
        (body.status, pointer, code)
    }

    #[test]
    fn what_does_not_fit_is_refused_with_its_pointer() {
        let cases = [
            (
                r#"{"lines":[{"quantity":1,"price":2}]}"#,
                "/lines/0/price",
                "UNKNOWN_FIELD",
            ),
            (
                r#"{"lines":[{"quantity":1},{"quantity":"2"}]}"#,
                "/lines/1/quantity",
                "INVALID_TYPE",
            ),
            (r#"{"lines":[{"quantity":1.5}]}"#, "/lines/0/quantity", "INVALID_TYPE"),
            (r#"{"lines":[{}]}"#, "/lines/0/quantity", "MISSING_FIELD"),
            (r#"{"lines":[],"lines":[]}"#, "/lines", "DUPLICATE_FIELD"),
            (r#"{"lines":[],"a/b":1}"#, "/a~1b", "UNKNOWN_FIELD"),
        ];
        for (text, pointer, code) in cases {
            assert_eq!(error_of(text), (400, pointer.to_owned(), code.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_no_json_is_malformed() {
        for text in ["", "{", "nul", r#"{"lines":[]} x"#, "\u{feff}{}"] {
            assert_eq!(error_of(text).0, 400, "{text}");
        }
    }
}
