//! What the gateway counts. The names are stable; dashboards and alerts rely on them.
//!
//! | name | kind | labels |
//! |---|---|---|
//! | `sluice_http_requests_total` | counter | method, route, status |
//! | `sluice_http_request_duration_seconds` | histogram | method, route |
//! | `sluice_http_requests_in_flight` | gauge | |
//! | `sluice_auth_events_total` | counter | event |
//! | `sluice_password_hashes_waiting` | gauge | |
//! | `sluice_session_store_errors_total` | counter | |
//! | `sluice_revocations_dropped_total` | counter | |
//! | `sluice_edge_commands_total` | counter | topic, outcome |
//! | `sluice_edge_command_append_seconds` | histogram | topic |
//! | `sluice_edge_view_errors_total` | counter | store, kind |
//! | `sluice_edge_long_polls` | gauge | |
//! | `sluice_edge_streams` | gauge | |

use std::time::Duration;

use ::metrics::{Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

/// Something that an operator of accounts and sessions wants to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthEvent {
    /// An account was registered.
    Registered,
    /// A login succeeded.
    LoggedIn,
    /// A login failed: wrong address, wrong password or a disabled account.
    LoginRefused,
    /// A session was ended by its owner.
    LoggedOut,
    /// All sessions of an account were ended by its owner.
    LoggedOutEverywhere,
    /// A password was replaced.
    PasswordChanged,
    /// An account was disabled by its owner.
    AccountDisabled,
    /// A login with the right password had no code of the second factor.
    SecondFactorRequired,
    /// An account took a second factor.
    SecondFactorEnrolled,
    /// An account gave its second factor up.
    SecondFactorRemoved,
    /// A recovery code was used.
    RecoveryCodeUsed,
    /// A seller without a second factor wanted to do something else than take one.
    EnrolmentRequired,
    /// The password that was to confirm something was wrong.
    ConfirmationRefused,
    /// A refresh token was exchanged.
    Refreshed,
    /// An expired access token was exchanged on the way.
    TokenReissued,
    /// An access or refresh token was not genuine.
    TokenRefused,
    /// A token came a second time; its session was ended.
    ReuseDetected,
    /// A role may not do what was asked.
    RoleRefused,
    /// Too many password checks waited.
    HashQueueFull,
    /// A password was not looked at, because too many before it were wrong.
    Throttled,
}

impl AuthEvent {
    /// The value of the `event` label.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::LoggedIn => "logged_in",
            Self::LoginRefused => "login_refused",
            Self::LoggedOut => "logged_out",
            Self::LoggedOutEverywhere => "logged_out_everywhere",
            Self::PasswordChanged => "password_changed",
            Self::AccountDisabled => "account_disabled",
            Self::SecondFactorRequired => "second_factor_required",
            Self::SecondFactorEnrolled => "second_factor_enrolled",
            Self::SecondFactorRemoved => "second_factor_removed",
            Self::RecoveryCodeUsed => "recovery_code_used",
            Self::EnrolmentRequired => "enrolment_required",
            Self::ConfirmationRefused => "confirmation_refused",
            Self::Refreshed => "refreshed",
            Self::TokenReissued => "token_reissued",
            Self::TokenRefused => "token_refused",
            Self::ReuseDetected => "reuse_detected",
            Self::RoleRefused => "role_refused",
            Self::HashQueueFull => "hash_queue_full",
            Self::Throttled => "throttled",
        }
    }
}

/// Tells the recorder what each metric means. Call it once after the recorder is installed.
pub fn describe() {
    describe_counter!("sluice_http_requests_total", "Requests answered.");
    describe_histogram!(
        "sluice_http_request_duration_seconds",
        Unit::Seconds,
        "Time to the response head."
    );
    describe_gauge!("sluice_http_requests_in_flight", "Requests being answered.");
    describe_counter!("sluice_auth_events_total", "Logins, refusals, token exchanges.");
    describe_gauge!(
        "sluice_password_hashes_waiting",
        "Password checks that wait for their turn."
    );
    describe_counter!(
        "sluice_session_store_errors_total",
        "Calls that the session store did not answer."
    );
    describe_counter!(
        "sluice_revocations_dropped_total",
        "Ended sessions that were forgotten too early, because there are too many."
    );
    describe_counter!("sluice_edge_commands_total", "Commands appended to the log.");
    describe_histogram!(
        "sluice_edge_command_append_seconds",
        Unit::Seconds,
        "Time until a command is durable."
    );
    describe_counter!("sluice_edge_view_errors_total", "Reads of state that had no answer.");
    describe_gauge!("sluice_edge_long_polls", "Reads that wait for a change.");
    describe_gauge!("sluice_edge_streams", "Streams of events.");
}

/// Counts one answered request.
pub fn request_answered(method: &str, route: &str, status: u16, took: Duration) {
    let (method, route) = (method.to_owned(), route.to_owned());
    counter!("sluice_http_requests_total", "method" => method.clone(), "route" => route.clone(), "status" => status.to_string())
        .increment(1);
    histogram!("sluice_http_request_duration_seconds", "method" => method, "route" => route).record(took.as_secs_f64());
}

/// One request more or less is being answered.
pub fn requests_in_flight(change: f64) {
    gauge!("sluice_http_requests_in_flight").increment(change);
}

/// Counts an event of accounts and sessions.
pub fn auth_event(event: AuthEvent) {
    counter!("sluice_auth_events_total", "event" => event.name()).increment(1);
}

/// How many password checks wait.
pub fn hashes_waiting(count: usize) {
    // The count is bounded by a few.
    gauge!("sluice_password_hashes_waiting").set(u32::try_from(count).map_or(f64::MAX, f64::from));
}

/// Counts a call that the session store did not answer.
pub fn session_store_failed() {
    counter!("sluice_session_store_errors_total").increment(1);
}

/// Counts an ended session that was forgotten for want of room.
pub fn revocation_dropped() {
    counter!("sluice_revocations_dropped_total").increment(1);
}

/// Counts a command, and how long it took to be durable.
pub fn command_appended(topic: &'static str, outcome: &'static str, took: Duration) {
    counter!("sluice_edge_commands_total", "topic" => topic, "outcome" => outcome).increment(1);
    histogram!("sluice_edge_command_append_seconds", "topic" => topic).record(took.as_secs_f64());
}

/// Counts a read that had no answer.
pub fn view_failed(store: &str, kind: &'static str) {
    counter!("sluice_edge_view_errors_total", "store" => store.to_owned(), "kind" => kind).increment(1);
}

/// What lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A read that waits for a change.
    LongPoll,
    /// A stream of events.
    Stream,
}

/// Something that lasts is under way; also when it is dropped because the client left.
#[derive(Debug)]
pub struct Counted(Kind);

impl Counted {
    /// Counts it until it is dropped.
    #[must_use]
    pub fn start(kind: Kind) -> Self {
        gauge!(kind.metric()).increment(1.0);
        Self(kind)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        gauge!(self.0.metric()).decrement(1.0);
    }
}

impl Kind {
    fn metric(self) -> &'static str {
        match self {
            Self::LongPoll => "sluice_edge_long_polls",
            Self::Stream => "sluice_edge_streams",
        }
    }
}
