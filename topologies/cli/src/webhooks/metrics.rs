//! What is counted of deliveries.

use std::time::Duration;

use commerce::webhook::Outcome;
use runtime::metric::{MOMENTS, Metric};

const DELIVERIES: Metric = Metric::counter(
    "sluice_webhook_deliveries_total",
    &["endpoint", "outcome"],
    "Events that were offered to an endpoint, by what came of it: delivered; refused, and tried again; gone, and given up.",
);
const SECONDS: Metric = Metric::histogram(
    "sluice_webhook_delivery_seconds",
    MOMENTS,
    &["endpoint"],
    "Time until an endpoint has answered, or has failed to.",
);

/// All of them.
pub(crate) const METRICS: &[Metric] = &[DELIVERIES, SECONDS];

/// Shows what has not happened yet as 0.
pub(super) fn show_from_zero(endpoint: &str) {
    for outcome in [Outcome::Delivered, Outcome::Refused, Outcome::Gone] {
        drop(DELIVERIES.count(&[endpoint, word(outcome)]));
    }
}

pub(super) fn delivered(endpoint: &str, outcome: Outcome, time: Duration) {
    DELIVERIES.count(&[endpoint, word(outcome)]).increment(1);
    SECONDS.distribution(&[endpoint]).record(time);
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Delivered => "delivered",
        Outcome::Refused => "refused",
        Outcome::Gone => "gone",
        Outcome::NotWanted => "not_wanted",
    }
}
