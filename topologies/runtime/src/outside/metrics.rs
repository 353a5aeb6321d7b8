//! What is counted of calls.

use std::time::Duration;

use crate::metric::{MOMENTS, Metric};

const CALLS: Metric = Metric::counter(
    "sluice_outside_calls_total",
    &["topic", "outcome"],
    "Calls to the outside by what came of them here: answered; silent, timed_out and panicked without an answer; unlogged, whose \
     answer the log did not take; dropped, for which the queue was full; repeated, which was waiting or under way already.",
);
const SECONDS: Metric = Metric::histogram(
    "sluice_outside_call_seconds",
    MOMENTS,
    &["topic"],
    "Time that a call to the outside takes, until its answer is in the log.",
);
const HELD: Metric = Metric::gauge(
    "sluice_outside_calls_held",
    &["topic"],
    "Calls to the outside that wait or are under way in this process.",
);

/// All of them.
pub const METRICS: &[Metric] = &[CALLS, SECONDS, HELD];

/// What came of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Answered,
    Silent,
    TimedOut,
    Panicked,
    Unlogged,
    Dropped,
    Repeated,
}

impl Outcome {
    const ALL: [Self; 7] = [
        Self::Answered,
        Self::Silent,
        Self::TimedOut,
        Self::Panicked,
        Self::Unlogged,
        Self::Dropped,
        Self::Repeated,
    ];

    fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Silent => "silent",
            Self::TimedOut => "timed_out",
            Self::Panicked => "panicked",
            Self::Unlogged => "unlogged",
            Self::Dropped => "dropped",
            Self::Repeated => "repeated",
        }
    }
}

/// Shows what has not happened yet as 0.
pub(super) fn show_from_zero(topic: &str) {
    for outcome in Outcome::ALL {
        drop(CALLS.count(&[topic, outcome.word()]));
    }
    HELD.level(&[topic]).set(0.0);
}

pub(super) fn ended(topic: &str, outcome: Outcome) {
    CALLS.count(&[topic, outcome.word()]).increment(1);
}

pub(super) fn took(topic: &str, time: Duration) {
    SECONDS.distribution(&[topic]).record(time);
}

pub(super) fn held(topic: &str, change: f64) {
    HELD.level(&[topic]).increment(change);
}
