//! What became of a call to a registry, from whatever told about it.

use std::error::Error;

use schema_registry_converter::error::SRCError;
use schema_registry_converter::schema_registry_common::RawError;
use schemas::registry::RegistryError;
use serde::Deserialize;

/// Characters of a foreign answer that are passed on.
const MESSAGE_MAX: usize = 500;

/// Why a call did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fate {
    /// Ask again later.
    Unavailable(String),
    /// The registry's own code for something that is not there, with its message.
    Absent(u32, String),
    /// The schema breaks the subject's level.
    Incompatible(String),
    /// Asking again will not help.
    Refused(String),
}

/// An answer other than success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    status: u16,
    /// The registry's own, finer code; 0 when the answer does not come from a registry.
    code: u32,
    message: String,
}

#[derive(Deserialize)]
struct ErrorBody {
    error_code: u32,
    message: Option<String>,
}

impl Answer {
    /// Reads an answer's body, which may be anything: a proxy answers in HTML.
    pub(super) fn parse(status: u16, body: &str) -> Self {
        match serde_json::from_str::<ErrorBody>(body) {
            Ok(error) => Self {
                status,
                code: error.error_code,
                message: error.message.unwrap_or_default(),
            },
            Err(_) => Self {
                status,
                code: 0,
                message: body.to_owned(),
            },
        }
    }
}

impl Fate {
    /// The fate of a call that was answered.
    pub(super) fn of_answer(answer: &Answer) -> Self {
        let message: String = answer.message.chars().take(MESSAGE_MAX).collect();
        let sentence = format!("status {}, code {}: {message}", answer.status, answer.code);
        match answer.status {
            404 if answer.code > 404 => Self::Absent(answer.code, sentence),
            404 => Self::Refused(format!("{sentence} (is the URL the one of a registry?)")),
            409 => Self::Incompatible(message),
            408 | 425 | 429 => Self::Unavailable(sentence),
            status if status >= 500 => Self::Unavailable(sentence),
            _ => Self::Refused(sentence),
        }
    }

    /// The fate of a call that was not answered, or not in full.
    pub(super) fn of_transport(cause: &reqwest::Error) -> Self {
        Self::Unavailable(chain(cause))
    }

    /// The fate of a call of the client library. It keeps the registry's code, but the status only in words.
    pub(super) fn of_client(error: &SRCError) -> Self {
        let Some(raw) = error.source().and_then(|source| source.downcast_ref::<RawError>()) else {
            return Self::Unavailable(format!(
                "{}: {}",
                error.error,
                error.cause.as_deref().unwrap_or_default()
            ));
        };
        let status = error.error.split(' ').find_map(|word| word.parse().ok());
        Self::of_answer(&Answer {
            status: status.unwrap_or(500),
            code: raw.error_code,
            message: raw.message.clone(),
        })
    }

    /// Whether the registry itself says, with one of these codes, that there is no such thing.
    pub(super) fn is_absence(&self, codes: &[u32]) -> bool {
        matches!(self, Self::Absent(code, _) if codes.contains(code))
    }

    /// The error of the port, with the registry's address for the operator.
    pub(super) fn into_error(self, url: &str) -> RegistryError {
        match self {
            Self::Unavailable(cause) => RegistryError::Unavailable(format!("{url}: {cause}")),
            Self::Incompatible(cause) => RegistryError::Incompatible(cause),
            Self::Absent(_, cause) | Self::Refused(cause) => RegistryError::Refused(format!("{url}: {cause}")),
        }
    }
}

/// An error with its sources: the outer ones of an HTTP client only say that something went wrong.
fn chain(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fate(status: u16, body: &str) -> Fate {
        Fate::of_answer(&Answer::parse(status, body))
    }

    #[test]
    fn only_the_registrys_own_code_says_that_something_is_absent() {
        let absent = fate(404, r#"{"error_code": 40403, "message": "Schema not found"}"#);
        assert!(absent.is_absence(&[40_403]));
        assert!(!absent.is_absence(&[40_401]));
        assert!(!fate(404, "<html>no such page</html>").is_absence(&[40_403]));
        assert!(!fate(404, r#"{"error_code": 404, "message": "HTTP 404"}"#).is_absence(&[40_403]));
    }

    #[test]
    fn every_status_has_a_fate() {
        assert!(matches!(fate(409, r#"{"error_code": 409}"#), Fate::Incompatible(_)));
        assert!(matches!(fate(422, r#"{"error_code": 42201}"#), Fate::Refused(_)));
        assert!(matches!(fate(401, ""), Fate::Refused(_)));
        for status in [408, 429, 500, 502, 503, 504] {
            assert!(matches!(fate(status, ""), Fate::Unavailable(_)));
        }
    }
}
