//! What the gateway counts. The names are stable; dashboards and alerts rely on them.

use std::time::Duration;

use runtime::metric::{MOMENTS, Metric};

use crate::security::SecurityEvent;

/// Requests that were answered.
pub const REQUESTS: Metric = Metric::counter(
    "sluice_http_requests_total",
    &["method", "route", "status"],
    "Requests answered, by the template of their route.",
);
/// How long an answer takes.
pub const REQUEST_SECONDS: Metric = Metric::histogram(
    "sluice_http_request_duration_seconds",
    MOMENTS,
    &["method", "route"],
    "Time to the response head; a long poll includes its wait.",
);
/// Requests under way.
pub const IN_FLIGHT: Metric = Metric::gauge("sluice_http_requests_in_flight", &[], "Requests being answered.");
/// Requests beyond the quota.
pub const QUOTA_REFUSALS: Metric = Metric::counter(
    "sluice_quota_refusals_total",
    &[],
    "Requests refused because their account or address has used its quota up.",
);
/// What happened to accounts and sessions.
pub const AUTH_EVENTS: Metric = Metric::counter(
    "sluice_auth_events_total",
    &["event"],
    "Logins, refusals, token exchanges; throttled is a guess too many.",
);
/// Password checks that wait.
pub const HASHES_WAITING: Metric = Metric::gauge(
    "sluice_password_hashes_waiting",
    &[],
    "Password checks that wait for their turn.",
);
/// Failures of the session store.
pub const SESSION_STORE_ERRORS: Metric = Metric::counter(
    "sluice_session_store_errors_total",
    &[],
    "Calls that the session store did not answer.",
);
/// Whether the session store answers.
pub const SESSION_STORE_REACHABLE: Metric = Metric::gauge(
    "sluice_session_store_reachable",
    &[],
    "1 while the session store answers.",
);
/// Ended sessions that were forgotten.
pub const REVOCATIONS_DROPPED: Metric = Metric::counter(
    "sluice_revocations_dropped_total",
    &[],
    "Ended sessions that were forgotten too early, because there are too many.",
);
/// Commands that were appended.
pub const COMMANDS: Metric = Metric::counter(
    "sluice_edge_commands_total",
    &["topic", "outcome"],
    "Commands given to the log: stored, unavailable, refused.",
);
/// How long an append takes.
pub const APPEND_SECONDS: Metric = Metric::histogram(
    "sluice_edge_command_append_seconds",
    MOMENTS,
    &["topic"],
    "Time until a command is durable.",
);
/// Reads that had no answer.
pub const VIEW_ERRORS: Metric = Metric::counter(
    "sluice_edge_view_errors_total",
    &["store", "kind"],
    "Reads of state that had no answer.",
);
/// Reads that wait.
pub const LONG_POLLS: Metric = Metric::gauge("sluice_edge_long_polls", &[], "Reads that wait for a change.");
/// Streams of events.
pub const STREAMS: Metric = Metric::gauge("sluice_edge_streams", &[], "Streams of events that are open.");

/// All of them.
pub const METRICS: &[Metric] = &[
    REQUESTS,
    REQUEST_SECONDS,
    IN_FLIGHT,
    QUOTA_REFUSALS,
    AUTH_EVENTS,
    HASHES_WAITING,
    SESSION_STORE_ERRORS,
    SESSION_STORE_REACHABLE,
    REVOCATIONS_DROPPED,
    COMMANDS,
    APPEND_SECONDS,
    VIEW_ERRORS,
    LONG_POLLS,
    STREAMS,
];

/// Events whose growth alerts and dashboards watch.
const WATCHED: [SecurityEvent; 6] = [
    SecurityEvent::LoggedIn,
    SecurityEvent::LoginRefused,
    SecurityEvent::Throttled,
    SecurityEvent::HashQueueFull,
    SecurityEvent::ReuseDetected,
    SecurityEvent::TokenRefused,
];

/// Shows what has not happened yet as 0. Call it once, where there is a gateway.
pub fn show_from_zero() {
    for event in WATCHED {
        drop(AUTH_EVENTS.count(&[event.name()]));
    }
    for counter in [QUOTA_REFUSALS, SESSION_STORE_ERRORS, REVOCATIONS_DROPPED] {
        drop(counter.count(&[]));
    }
    for gauge in [IN_FLIGHT, HASHES_WAITING, LONG_POLLS, STREAMS] {
        gauge.level(&[]).set(0.0);
    }
}

/// Counts one answered request.
pub fn request_answered(method: &str, route: &str, status: u16, took: Duration) {
    REQUESTS.count(&[method, route, &status.to_string()]).increment(1);
    REQUEST_SECONDS.distribution(&[method, route]).record(took);
}

/// One request more or less is being answered.
pub fn requests_in_flight(change: f64) {
    IN_FLIGHT.level(&[]).increment(change);
}

/// Counts a request beyond its caller's quota.
pub fn quota_refused() {
    QUOTA_REFUSALS.count(&[]).increment(1);
}

/// Whether the session store answered when somebody last asked.
pub fn session_store_is(reachable: bool) {
    SESSION_STORE_REACHABLE.level(&[]).set(f64::from(u8::from(reachable)));
}

/// Counts an event of the security log.
pub(crate) fn auth_event(name: &'static str) {
    AUTH_EVENTS.count(&[name]).increment(1);
}

/// How many password checks wait.
pub fn hashes_waiting(count: usize) {
    // The count is bounded by a few.
    HASHES_WAITING
        .level(&[])
        .set(u32::try_from(count).map_or(f64::MAX, f64::from));
}

/// Counts a call that the session store did not answer.
pub fn session_store_failed() {
    SESSION_STORE_ERRORS.count(&[]).increment(1);
}

/// Counts an ended session that was forgotten for want of room.
pub fn revocation_dropped() {
    REVOCATIONS_DROPPED.count(&[]).increment(1);
}

/// Counts a command, and how long it took to be durable.
pub fn command_appended(topic: &'static str, outcome: &'static str, took: Duration) {
    COMMANDS.count(&[topic, outcome]).increment(1);
    APPEND_SECONDS.distribution(&[topic]).record(took);
}

/// Counts a read that had no answer.
pub fn view_failed(store: &str, kind: &'static str) {
    VIEW_ERRORS.count(&[store, kind]).increment(1);
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
        kind.metric().level(&[]).increment(1.0);
        Self(kind)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.metric().level(&[]).decrement(1.0);
    }
}

impl Kind {
    fn metric(self) -> Metric {
        match self {
            Self::LongPoll => LONG_POLLS,
            Self::Stream => STREAMS,
        }
    }
}
