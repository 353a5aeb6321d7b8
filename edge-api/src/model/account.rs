//! Accounts and tokens.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::checks::Checks;
use super::time::rfc3339;
use crate::auth::Role;
use crate::auth::passwords::{Context, weakness};
use crate::limits::{EMAIL_CHARS_MAX, NAME_CHARS_MAX, PASSWORD_CHARS_MAX};
use crate::problem::{Code, Problem};
use crate::sessions::OpenSession;

/// Asks for an account.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Address under which the account logs in; letter case does not matter.
    #[schema(
        example = "ann@example.org",
        max_length = 254,
        pattern = "^ *[^@\\s\\x00-\\x1f\\x7f-\\x9f]{1,64}@[^@\\s.\\x00-\\x1f\\x7f-\\x9f][^@\\s\\x00-\\x1f\\x7f-\\x9f]* *$"
    )]
    pub email: String,
    /// 12 to 128 characters, any of them; no rules of composition.
    #[schema(min_length = 12, max_length = 128)]
    pub password: String,
    /// Name shown to others.
    #[schema(
        example = "Ann",
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    pub name: String,
    /// What the account is for.
    pub role: Role,
}

/// Asks for tokens.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The address of the account.
    #[schema(example = "ann@example.org")]
    pub email: String,
    /// Its password.
    pub password: String,
    /// For an account with a second factor: six digits of its authenticator app, or a recovery code.
    #[schema(example = "287082")]
    pub code: Option<String>,
}

/// Asks for new tokens.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// The refresh token of the last answer. Each is good once.
    pub refresh_token: String,
}

/// Asks for another password.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password until now.
    pub current_password: String,
    /// 12 to 128 characters, any of them; no rules of composition.
    #[schema(min_length = 12, max_length = 128)]
    pub new_password: String,
}

/// Asks for another password in the place of a forgotten one.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordReset {
    /// The address of the account.
    #[schema(example = "ann@example.org")]
    pub email: String,
    /// The code that an operator has made. It is good once, and for half an hour.
    pub reset_code: String,
    /// 12 to 128 characters, any of them; no rules of composition.
    #[schema(min_length = 12, max_length = 128)]
    pub new_password: String,
    /// For an account with a second factor: six digits of its authenticator app, or a recovery code.
    #[schema(example = "287082")]
    pub code: Option<String>,
}

/// Asks for the end of the account.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// The account's password.
    pub password: String,
}

/// Asks for the end of sessions.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionEnding {
    /// The account's password.
    pub password: String,
}

/// One open session.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Session)]
pub struct SessionBody {
    /// The session.
    pub session_id: String,
    /// Whether the request came from it.
    pub is_current: bool,
    /// When somebody logged in. RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub began_at: String,
    /// When it got its present access token. RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub renewed_at: String,
}

/// The open sessions of an account; there are never many.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SessionList {
    /// In the order in which they began.
    pub items: Vec<SessionBody>,
}

/// A new account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Registered {
    /// The account.
    pub account_id: String,
    /// Its role.
    pub role: Role,
}

/// The tokens of a session.
#[derive(Clone, Serialize, ToSchema)]
pub struct Tokens {
    /// Send it as `Authorization: Bearer <access_token>`.
    pub access_token: String,
    /// Exchange it at `POST /auth/refresh`. Good once.
    pub refresh_token: String,
    /// Always `Bearer`.
    pub token_type: &'static str,
    /// Seconds for which the access token is good.
    pub expires_in: i64,
}

/// The caller's own account.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Me {
    /// The account.
    pub account_id: String,
    /// Its role.
    pub role: Role,
    /// Its name; null in the first moment after the registration.
    pub name: Option<String>,
}

impl Registration {
    /// Checks the bounds and the strength of the password; `words` are those of the deployment.
    pub fn check(&self, words: &[String]) -> Result<(), Problem> {
        let mut checks = Checks::new();
        if !is_email(&self.email) {
            checks.report("/email", "INVALID_EMAIL", "An e-mail address such as ann@example.org.");
        }
        checks.text("/name", &self.name, NAME_CHARS_MAX);
        checks.finish()?;
        let context = Context {
            known: &self.email,
            texts: &[&self.email, &self.name],
            words,
        };
        weakness(&self.password, context).map_or(Ok(()), |detail| Err(weak_password("/password", &detail)))
    }
}

impl PasswordChange {
    /// Checks the strength of the new password; `words` are those of the deployment.
    pub fn check(&self, words: &[String]) -> Result<(), Problem> {
        let context = Context {
            known: &self.current_password,
            texts: &[],
            words,
        };
        weakness(&self.new_password, context).map_or(Ok(()), |detail| Err(weak_password("/new_password", &detail)))
    }
}

impl PasswordReset {
    /// Checks the strength of the new password; `words` are those of the deployment.
    pub fn check(&self, words: &[String]) -> Result<(), Problem> {
        let context = Context {
            known: &self.email,
            texts: &[&self.email],
            words,
        };
        weakness(&self.new_password, context).map_or(Ok(()), |detail| Err(weak_password("/new_password", &detail)))
    }
}

impl SessionBody {
    /// As the holder of the session `current_id` sees it.
    #[must_use]
    pub fn new(session: &OpenSession, current_id: &str) -> Self {
        Self {
            session_id: session.session_id.clone(),
            is_current: session.session_id == current_id,
            began_at: rfc3339(session.began_at_ms),
            renewed_at: rfc3339(session.renewed_at_ms),
        }
    }
}

impl Login {
    /// Whether the request can belong to an account at all. What cannot is answered like a wrong password.
    #[must_use]
    pub fn is_possible(&self) -> bool {
        self.email.chars().count() <= EMAIL_CHARS_MAX && self.password.chars().count() <= PASSWORD_CHARS_MAX
    }
}

/// The answer to a password that is guessed first.
pub(crate) fn weak_password(pointer: &str, detail: &str) -> Problem {
    Problem::field(Code::WeakPassword, pointer, "WEAK_PASSWORD", detail)
}

/// A local part of 64 characters at most, an `@`, and a domain, none of them empty, without space or control characters, with spaces
/// around them or not. More than that only a mail to the address can tell.
fn is_email(email: &str) -> bool {
    let is_short = email.chars().count() <= EMAIL_CHARS_MAX;
    let email = email.trim_matches(' ');
    let has_parts = email.rsplit_once('@').is_some_and(|(local, domain)| {
        (1..=64).contains(&local.chars().count())
            && !domain.is_empty()
            && !domain.starts_with('.')
            && !local.contains('@')
    });
    has_parts && is_short && !email.chars().any(|c| c.is_control() || c.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_local_part_and_a_domain() {
        for email in ["ann@example.org", " Ann@Example.org ", "a@b", "김@예.kr"] {
            assert!(is_email(email), "{email}");
        }
        for email in [
            "",
            "ann",
            "@example.org",
            "ann@",
            "a b@example.org",
            "a@b@c",
            "ann@.org",
            "a\u{0}@b",
        ] {
            assert!(!is_email(email), "{email}");
        }
    }
}
