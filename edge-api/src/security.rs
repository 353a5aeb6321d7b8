//! The security log: one line for everything that an investigator wants to find again, under one target.
//!
//! A line says what happened (`event`) and, from the span of its request, who (`account_id`, `client`), where (`method`, `route`) and
//! in which request (`request_id`). It has no secret, no e-mail address and nothing that a client wrote. How many lines a client can
//! cause is bounded by its quota.

use axum::response::Response;
use tracing::Span;
use tracing::field::Empty;

use crate::http::peer::ClientAddress;
use crate::metrics;
use crate::problem::{Code, Problem};

/// The target of the log and of the spans of requests.
pub const TARGET: &str = "sluice::security";

/// What an investigator, or an operator of accounts and sessions, wants to know. The names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecurityEvent {
    /// An account was registered.
    Registered,
    /// A login succeeded.
    LoggedIn,
    /// A login failed: wrong address, wrong password, wrong code or a disabled account.
    LoginRefused,
    /// A login with the right password had no code of the second factor.
    SecondFactorRequired,
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// A session was ended by its owner.
    LoggedOut,
    /// All sessions of an account were ended by its owner.
    LoggedOutEverywhere,
    /// A login came with the cookie of another session, which was ended.
    SessionReplaced,
    /// A password was replaced.
    PasswordChanged,
    /// A forgotten password was replaced, by a code of an operator's.
    PasswordReset,
    /// An account was disabled by its owner.
    AccountDisabled,
    /// A secret of a second factor was handed out; it counts for nothing yet.
    SecondFactorBegun,
    /// An account took a second factor.
    SecondFactorEnrolled,
    /// The code that was to confirm a second factor was wrong.
    SecondFactorRefused,
    /// An account gave its second factor up.
    SecondFactorRemoved,
    /// A seller without a second factor wanted to do something else than take one.
    EnrolmentRequired,
    /// The password or the code that was to confirm something was wrong.
    ConfirmationRefused,
    /// A refresh token was exchanged.
    Refreshed,
    /// An expired access token was exchanged on the way.
    TokenReissued,
    /// Something that needs a token was asked for without one.
    TokenMissing,
    /// An access or refresh token was not genuine.
    TokenRefused,
    /// A token's session was over.
    SessionRefused,
    /// A token came a second time; its session was ended.
    ReuseDetected,
    /// A role, or a page of another origin, may not do what was asked.
    RoleRefused,
    /// Somebody asked for what is somebody else's, and was told that it does not exist.
    ForeignObject,
    /// A caller's quota was used up. Said once for as long as that goes on.
    QuotaExceeded,
    /// A password was not looked at, because too many before it were wrong.
    Throttled,
    /// Too many password checks waited.
    HashQueueFull,
    /// What was sent cannot be read, or is outside of its bounds.
    InputRefused,
    /// What was asked for does not fit the state of things.
    RuleRefused,
    /// The gateway failed; the line before says of what.
    RequestFailed,
}

/// How much a line matters.
enum Weight {
    /// As things go: `info`.
    Usual,
    /// Worth a look: `warn`.
    Notable,
}

impl SecurityEvent {
    /// Every event, for the documentation.
    pub const ALL: [Self; 31] = [
        Self::Registered,
        Self::LoggedIn,
        Self::LoginRefused,
        Self::SecondFactorRequired,
        Self::RecoveryCodeUsed,
        Self::LoggedOut,
        Self::LoggedOutEverywhere,
        Self::SessionReplaced,
        Self::PasswordChanged,
        Self::PasswordReset,
        Self::AccountDisabled,
        Self::SecondFactorBegun,
        Self::SecondFactorEnrolled,
        Self::SecondFactorRefused,
        Self::SecondFactorRemoved,
        Self::EnrolmentRequired,
        Self::ConfirmationRefused,
        Self::Refreshed,
        Self::TokenReissued,
        Self::TokenMissing,
        Self::TokenRefused,
        Self::SessionRefused,
        Self::ReuseDetected,
        Self::RoleRefused,
        Self::ForeignObject,
        Self::QuotaExceeded,
        Self::Throttled,
        Self::HashQueueFull,
        Self::InputRefused,
        Self::RuleRefused,
        Self::RequestFailed,
    ];

    /// The value of the field `event`, and of the label of `sluice_auth_events_total`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.row().0
    }

    fn row(self) -> (&'static str, Weight, &'static str) {
        use Weight::{Notable, Usual};
        match self {
            Self::Registered => ("registered", Usual, "an account was registered"),
            Self::LoggedIn => ("logged_in", Usual, "a login succeeded"),
            Self::LoginRefused => ("login_refused", Notable, "a login failed"),
            Self::SecondFactorRequired => ("second_factor_required", Usual, "a login has no code yet"),
            Self::RecoveryCodeUsed => ("recovery_code_used", Notable, "a recovery code was used"),
            Self::LoggedOut => ("logged_out", Usual, "a session was ended"),
            Self::LoggedOutEverywhere => ("logged_out_everywhere", Usual, "all sessions of an account were ended"),
            Self::SessionReplaced => ("session_replaced", Usual, "a login ended the session before it"),
            Self::PasswordChanged => ("password_changed", Usual, "a password was replaced"),
            Self::PasswordReset => ("password_reset", Notable, "a forgotten password was replaced"),
            Self::AccountDisabled => ("account_disabled", Usual, "an account was closed"),
            Self::SecondFactorBegun => (
                "second_factor_begun",
                Usual,
                "a secret of a second factor was handed out",
            ),
            Self::SecondFactorEnrolled => ("second_factor_enrolled", Usual, "an account took a second factor"),
            Self::SecondFactorRefused => ("second_factor_refused", Notable, "a second factor was not confirmed"),
            Self::SecondFactorRemoved => ("second_factor_removed", Notable, "an account gave its second factor up"),
            Self::EnrolmentRequired => ("enrolment_required", Usual, "a second factor has to be taken first"),
            Self::ConfirmationRefused => ("confirmation_refused", Notable, "a confirmation was wrong"),
            Self::Refreshed => ("refreshed", Usual, "a refresh token was exchanged"),
            Self::TokenReissued => ("token_reissued", Usual, "an expired access token was exchanged"),
            Self::TokenMissing => ("token_missing", Usual, "no token was sent"),
            Self::TokenRefused => ("token_refused", Notable, "a token is not genuine"),
            Self::SessionRefused => ("session_refused", Notable, "a token's session is over"),
            Self::ReuseDetected => (
                "reuse_detected",
                Notable,
                "a token came a second time; its session was ended",
            ),
            Self::RoleRefused => ("role_refused", Notable, "a role may not do what was asked"),
            Self::ForeignObject => ("foreign_object", Notable, "somebody asked for what is somebody else's"),
            Self::QuotaExceeded => ("quota_exceeded", Notable, "a quota of requests is used up"),
            Self::Throttled => (
                "throttled",
                Notable,
                "a password was not looked at: too many before it were wrong",
            ),
            Self::HashQueueFull => ("hash_queue_full", Notable, "too many password checks wait"),
            Self::InputRefused => ("input_refused", Usual, "a request was refused for what it sent"),
            Self::RuleRefused => ("rule_refused", Usual, "a request does not fit the state of things"),
            Self::RequestFailed => ("request_failed", Notable, "a request failed"),
        }
    }

    /// What the refusals of this kind are to the log. `None` is said where it is found, or is no matter of security.
    fn of(code: Code) -> Option<Self> {
        match code {
            Code::Malformed
            | Code::InvalidField
            | Code::IdempotencyKeyMissing
            | Code::MethodNotAllowed
            | Code::NotAcceptable
            | Code::RequestTimeout
            | Code::BodyTooLarge
            | Code::UnsupportedMediaType
            | Code::OutOfBounds
            | Code::WeakPassword
            | Code::IdempotencyKeyReused => Some(Self::InputRefused),
            Code::EmailTaken
            | Code::SecondFactorEnrolled
            | Code::OrderTooLate
            | Code::LinesNotReady
            | Code::PreconditionFailed
            | Code::StockTooLow
            | Code::BalanceTooLow
            | Code::TooManyPayouts => Some(Self::RuleRefused),
            Code::Unauthenticated => Some(Self::TokenMissing),
            Code::SessionEnded => Some(Self::SessionRefused),
            Code::TokenReused => Some(Self::ReuseDetected),
            Code::WrongCredentials => Some(Self::LoginRefused),
            Code::SecondFactorRequired => Some(Self::SecondFactorRequired),
            Code::WrongPassword => Some(Self::ConfirmationRefused),
            Code::WrongCode => Some(Self::SecondFactorRefused),
            Code::EnrolmentRequired => Some(Self::EnrolmentRequired),
            Code::Forbidden => Some(Self::RoleRefused),
            Code::TooManyAttempts => Some(Self::Throttled),
            Code::Internal => Some(Self::RequestFailed),
            Code::InvalidToken | Code::NotFound | Code::TooManyRequests | Code::QuotaExceeded => None,
            Code::Unavailable | Code::OutcomePending | Code::TimedOut => None,
        }
    }
}

/// The span of a request: what its lines say of it, these and all others.
pub(crate) fn span(
    request_id: &str,
    trace_id: &str,
    method: &'static str,
    route: &str,
    ClientAddress(client): ClientAddress,
) -> Span {
    tracing::info_span!(target: TARGET, "request", request_id, trace_id, method, route, %client, account_id = Empty)
}

/// From now on the lines of the present request say which account it is about. Said once for each request.
pub(crate) fn is_about(account_id: &str) {
    Span::current().record("account_id", account_id);
}

/// Counts the event and writes its line.
pub(crate) fn note(event: SecurityEvent) {
    write(event, "");
}

/// [`note`] with how it happened, in words of ours.
pub(crate) fn note_how(event: SecurityEvent, how: &str) {
    write(event, how);
}

/// Notes what an answer refuses. Of what was sent the line has the kinds of faults only.
pub(crate) fn note_refusal(response: &Response) {
    let problem = response.extensions().get::<Problem>();
    let status = response.status();
    let by_framework = (status.is_client_error() || status.is_server_error()).then(|| Code::of_status(status));
    let Some(code) = problem.map(Problem::code).or(by_framework) else {
        return;
    };
    if let Some(event) = SecurityEvent::of(code) {
        let reasons: Vec<&str> = problem.map(|problem| problem.reasons().collect()).unwrap_or_default();
        write(event, [&[code.name()], reasons.as_slice()].concat().join(" ").as_str());
    }
}

fn write(event: SecurityEvent, how: &str) {
    let (event, weight, words) = event.row();
    metrics::auth_event(event);
    let how = Some(how).filter(|how| !how.is_empty());
    match weight {
        Weight::Usual => tracing::info!(target: TARGET, event, how, "{words}"),
        Weight::Notable => tracing::warn!(target: TARGET, event, how, "{words}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_event_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = SecurityEvent::ALL.iter().map(|event| event.name()).collect();
        assert_eq!(names.len(), SecurityEvent::ALL.len());
    }
}
