//! Counts and times of all orders.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::drive::Outcome;
use crate::terminal;

/// Different errors that a summary shows.
const ERRORS_SHOWN_MAX: usize = 10;

/// What a plot of latencies needs.
const PERCENTILES: [f64; 12] = [0.0, 25.0, 50.0, 75.0, 90.0, 95.0, 98.0, 99.0, 99.5, 99.8, 99.9, 100.0];

/// What became of the orders so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    orders: u64,
    accepted: Vec<Duration>,
    settled: Vec<Duration>,
    by_status: BTreeMap<String, u64>,
    failed: u64,
    errors: BTreeMap<String, u64>,
}

/// What became of all orders.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    orders: u64,
    accepted: usize,
    settled: usize,
    failed: u64,
    retries: usize,
    seconds: f64,
    settled_per_second: f64,
    by_status: BTreeMap<String, u64>,
    post_ms: Latencies,
    post_to_final_ms: Latencies,
    /// Milliseconds that so many hundredths of the POSTs took at most.
    post_ms_by_percentile: Vec<(f64, f64)>,
    /// Streams that were open to the end.
    pub(super) idle_streams: usize,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    errors: BTreeMap<String, u64>,
}

/// Milliseconds by percentile; nothing was measured where all are zero.
#[derive(Debug, Default, PartialEq, Serialize)]
struct Latencies {
    p50: f64,
    p99: f64,
    p999: f64,
    max: f64,
}

impl Tally {
    /// Counts one order.
    pub(super) fn add(&mut self, outcome: Outcome) {
        self.orders += 1;
        self.accepted.extend(outcome.accepted_after);
        self.settled.extend(outcome.settled_after);
        let reason = outcome
            .cancel_reason
            .map_or_else(String::new, |reason| format!(" {reason}"));
        let status = outcome
            .status
            .map_or_else(|| "unknown".to_owned(), |status| status + &reason);
        *self.by_status.entry(status).or_default() += 1;
        if let Some(error) = outcome.error {
            self.failed += 1;
            if self.errors.len() < ERRORS_SHOWN_MAX || self.errors.contains_key(&error) {
                *self.errors.entry(error).or_default() += 1;
            }
        }
    }

    /// The result after all orders.
    pub(super) fn summary(mut self, took: Duration, retries: usize) -> Summary {
        let seconds = took.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let settled_per_second = if seconds > 0.0 {
            self.settled.len() as f64 / seconds
        } else {
            0.0
        };
        Summary {
            orders: self.orders,
            accepted: self.accepted.len(),
            settled: self.settled.len(),
            failed: self.failed,
            retries,
            seconds,
            settled_per_second,
            by_status: self.by_status,
            post_ms: Latencies::of(&mut self.accepted),
            post_to_final_ms: Latencies::of(&mut self.settled),
            // Sorted by the line before.
            post_ms_by_percentile: PERCENTILES
                .map(|hundredths| (hundredths, at(&self.accepted, hundredths)))
                .into(),
            idle_streams: 0,
            errors: self.errors,
        }
    }
}

impl Latencies {
    fn of(samples: &mut [Duration]) -> Self {
        samples.sort_unstable();
        Self {
            p50: at(samples, 50.0),
            p99: at(samples, 99.0),
            p999: at(samples, 99.9),
            max: at(samples, 100.0),
        }
    }

    fn row(&self, name: &str) -> Vec<String> {
        let cells = [self.p50, self.p99, self.p999, self.max];
        std::iter::once(name.to_owned())
            .chain(cells.iter().map(|ms| format!("{ms:.1}")))
            .collect()
    }
}

/// Milliseconds that so many hundredths of sorted samples do not exceed.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts are far below 2^52 and hundredths are not negative"
)]
fn at(samples: &[Duration], hundredths: f64) -> f64 {
    // Of 1,000 samples 99.9 are 999 and not, by rounding, a hair more.
    let rank = (samples.len() as f64 * hundredths / 100.0 - 1e-6).ceil().max(1.0) as usize - 1;
    samples.get(rank).map_or(0.0, |sample| sample.as_secs_f64() * 1_000.0)
}

impl Summary {
    /// Whether every order was accepted and has a final status.
    pub(super) fn is_clean(&self) -> bool {
        self.failed == 0
    }

    /// Writes the summary for people.
    pub(super) fn print(&self) -> anyhow::Result<()> {
        let Self {
            orders,
            accepted,
            settled,
            failed,
            retries,
            seconds,
            settled_per_second,
            ..
        } = self;
        terminal::line(format!(
            "{orders} orders: {accepted} accepted, {settled} settled, {failed} failed, {retries} requests sent again, \
             {seconds:.1} s, {settled_per_second:.1} orders/s"
        ))?;
        for (status, count) in &self.by_status {
            terminal::line(format!("  {count:>8}  {status}"))?;
        }
        let rows = [
            self.post_ms.row("POST"),
            self.post_to_final_ms.row("POST to final status"),
        ];
        terminal::table(&["MILLISECONDS", "P50", "P99", "P99.9", "MAX"], &rows)?;
        self.errors
            .iter()
            .try_for_each(|(error, count)| terminal::line(format!("error, {count} times: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_that_so_many_do_not_exceed() {
        let mut samples: Vec<Duration> = (1..=1_000).rev().map(Duration::from_millis).collect();
        let expected = Latencies {
            p50: 500.0,
            p99: 990.0,
            p999: 999.0,
            max: 1_000.0,
        };
        assert_eq!(Latencies::of(&mut samples), expected);
        assert_eq!(Latencies::of(&mut []), Latencies::default());
        let one = Latencies {
            p50: 7.0,
            p99: 7.0,
            p999: 7.0,
            max: 7.0,
        };
        assert_eq!(Latencies::of(&mut [Duration::from_millis(7)]), one);
    }
}
