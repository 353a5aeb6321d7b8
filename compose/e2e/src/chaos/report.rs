//! What a run has shown.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};

use super::fault::Fault;
use super::plan::Strike;

/// What a run has shown.
#[derive(Debug, Default)]
pub struct Report {
    /// What decided everything that was drawn.
    pub seed: u64,
    /// From the first fault to the last order after one.
    pub took: Duration,
    /// How long an order took to be paid before anything went wrong.
    pub undisturbed: Duration,
    /// Every round: its faults, and how long the first order after them took to be paid.
    pub recoveries: Vec<Recovery>,
    /// Faults that this machine cannot make, and why.
    pub left_out: BTreeMap<Fault, String>,
    /// Orders that were accepted, by the status that the topics say.
    pub orders: BTreeMap<String, usize>,
    /// Processes that ended by themselves and were started again, each with its last words.
    pub ended: Vec<String>,
    /// Records that the checker read.
    pub records: usize,
    /// Everything that is wrong; empty when the books are right.
    pub violations: Vec<String>,
}

/// How long the system took to work again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// What went wrong; two that overlap are two.
    pub faults: Vec<Fault>,
    /// From the moment at which all was well again until an order that came then was paid.
    pub after: Duration,
}

impl Report {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            ..Self::default()
        }
    }

    pub(super) fn recovered(&mut self, strikes: &[Strike], after: Duration) {
        self.recoveries.push(Recovery {
            faults: strikes.iter().map(|strike| strike.fault).collect(),
            after,
        });
    }

    /// How often a fault came, and the times after it.
    fn times_of(&self, fault: Fault) -> Vec<Duration> {
        let with = self
            .recoveries
            .iter()
            .filter(|recovery| recovery.faults.contains(&fault));
        sorted(with.map(|recovery| recovery.after))
    }

    fn times(&self) -> Vec<Duration> {
        sorted(self.recoveries.iter().map(|recovery| recovery.after))
    }

    fn injected(&self) -> usize {
        self.recoveries.iter().map(|recovery| recovery.faults.len()).sum()
    }

    /// The same for programs.
    #[must_use]
    pub fn json(&self) -> Value {
        let row = |fault: &Fault| {
            let times = self.times_of(*fault);
            json!({
                "fault": fault.words(),
                "runs": times.len(),
                "recovery_p50_s": seconds(&times, 50),
                "recovery_p99_s": seconds(&times, 99),
            })
        };
        let times = self.times();
        json!({
            "seed": self.seed,
            "seconds": self.took.as_secs_f64(),
            "undisturbed_s": self.undisturbed.as_secs_f64(),
            "faults_injected": self.injected(),
            "faults": Fault::ALL.iter().map(row).collect::<Vec<_>>(),
            "recovery_p50_s": seconds(&times, 50),
            "recovery_p99_s": seconds(&times, 99),
            "orders": self.orders,
            "ended_by_themselves": self.ended,
            "records": self.records,
            "violations": self.violations,
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| fault | runs | paid again after, p50 | p99 |\n|---|---|---|---|")?;
        for fault in Fault::ALL {
            let times = self.times_of(*fault);
            if times.is_empty() {
                continue;
            }
            let (middle, most) = (seconds(&times, 50), seconds(&times, 99));
            writeln!(f, "| {fault} | {} | {middle:.1} s | {most:.1} s |", times.len())?;
        }
        let times = self.times();
        let (middle, most) = (seconds(&times, 50), seconds(&times, 99));
        let orders: usize = self.orders.values().sum();
        write!(
            f,
            "seed {}: {} faults in {:.0} s, recovery p50 {middle:.1} s p99 {most:.1} s, undisturbed {:.1} s; {orders} orders {:?}, {} records, \
             {} processes ended by themselves; {} violations",
            self.seed,
            self.injected(),
            self.took.as_secs_f64(),
            self.undisturbed.as_secs_f64(),
            self.orders,
            self.records,
            self.ended.len(),
            self.violations.len()
        )?;
        self.violations
            .iter()
            .try_for_each(|violation| write!(f, "\n{violation}"))
    }
}

fn sorted(times: impl Iterator<Item = Duration>) -> Vec<Duration> {
    let mut times: Vec<_> = times.collect();
    times.sort();
    times
}

/// The time within which so many percent of all are; 0 when there are none.
fn seconds(sorted: &[Duration], percent: usize) -> f64 {
    let place = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(place).map_or(0.0, Duration::as_secs_f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_smallest_time_within_which_so_many_are() {
        let times: Vec<_> = (1..=100).map(Duration::from_secs).collect();
        assert!((seconds(&times, 50) - 50.0).abs() < f64::EPSILON);
        assert!((seconds(&times, 99) - 99.0).abs() < f64::EPSILON);
        assert!((seconds(times.get(..1).unwrap_or_default(), 99) - 1.0).abs() < f64::EPSILON);
        assert!(seconds(&[], 50).abs() < f64::EPSILON);
    }
}
