//! How a metric is declared: once, in a table, with everything that dashboards and people rely on.
//!
//! Each crate that measures has a table of its own. What a process shows is described, documented and checked from the tables.

use metrics::{Counter, Gauge, Histogram, Label, Unit};

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Metric {
    /// Its name in Prometheus. Counters end in `_total`, and the unit is in the name.
    pub name: &'static str,
    /// What kind of number it is.
    pub kind: Kind,
    /// The names of its labels, each of which has few values.
    pub labels: &'static [&'static str],
    /// What it says, in one sentence.
    pub meaning: &'static str,
}

/// What kind of number a metric is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows, until the process ends.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts values by these upper bounds.
    Histogram(&'static [f64]),
}

/// Bounds for what takes from half a millisecond to ten seconds: commits, requests, appends.
pub const MOMENTS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// Bounds for what takes from milliseconds to hours: the age of records, the way of an order, a restore.
pub const SPANS: &[f64] = &[
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1_800.0, 7_200.0,
];

impl Metric {
    /// Declares a counter.
    #[must_use]
    pub const fn counter(name: &'static str, labels: &'static [&'static str], meaning: &'static str) -> Self {
        Self::new(name, Kind::Counter, labels, meaning)
    }

    /// Declares a gauge.
    #[must_use]
    pub const fn gauge(name: &'static str, labels: &'static [&'static str], meaning: &'static str) -> Self {
        Self::new(name, Kind::Gauge, labels, meaning)
    }

    /// Declares a histogram with these upper bounds.
    #[must_use]
    pub const fn histogram(
        name: &'static str,
        bounds: &'static [f64],
        labels: &'static [&'static str],
        meaning: &'static str,
    ) -> Self {
        Self::new(name, Kind::Histogram(bounds), labels, meaning)
    }

    const fn new(name: &'static str, kind: Kind, labels: &'static [&'static str], meaning: &'static str) -> Self {
        Self {
            name,
            kind,
            labels,
            meaning,
        }
    }

    /// The counter with these values of its labels, in their order. It is shown from here on, also while it is 0: an alert
    /// on the growth of a counter misses what happened before the counter was first seen.
    pub fn count(&self, values: &[&str]) -> Counter {
        let counter = metrics::counter!(self.name, self.labelled(values));
        counter.increment(0);
        counter
    }

    /// The gauge with these values of its labels, in their order.
    pub fn level(&self, values: &[&str]) -> Gauge {
        metrics::gauge!(self.name, self.labelled(values))
    }

    /// The histogram with these values of its labels, in their order.
    pub fn distribution(&self, values: &[&str]) -> Histogram {
        metrics::histogram!(self.name, self.labelled(values))
    }

    /// Tells the recorder what it means.
    pub fn describe(&self) {
        match (self.kind, self.unit()) {
            (Kind::Counter, Some(unit)) => metrics::describe_counter!(self.name, unit, self.meaning),
            (Kind::Counter, None) => metrics::describe_counter!(self.name, self.meaning),
            (Kind::Gauge, Some(unit)) => metrics::describe_gauge!(self.name, unit, self.meaning),
            (Kind::Gauge, None) => metrics::describe_gauge!(self.name, self.meaning),
            (Kind::Histogram(_), Some(unit)) => metrics::describe_histogram!(self.name, unit, self.meaning),
            (Kind::Histogram(_), None) => metrics::describe_histogram!(self.name, self.meaning),
        }
    }

    /// Its unit, which its name tells.
    #[must_use]
    pub fn unit(&self) -> Option<Unit> {
        let name = self.name.trim_end_matches("_total");
        if name.ends_with("_seconds") {
            Some(Unit::Seconds)
        } else if name.ends_with("_bytes") {
            Some(Unit::Bytes)
        } else {
            None
        }
    }

    fn labelled(&self, values: &[&str]) -> Vec<Label> {
        debug_assert_eq!(self.labels.len(), values.len(), "{}", self.name);
        let labels = self.labels.iter().zip(values);
        labels
            .map(|(name, value)| Label::new(*name, (*value).to_owned()))
            .collect()
    }
}

impl Kind {
    /// Prometheus' word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram(_) => "histogram",
        }
    }
}

/// A number as gauges hold it.
#[must_use]
#[allow(
    clippy::cast_precision_loss,
    reason = "gauges are floats; 52 bits of bytes or records are exact enough"
)]
pub fn float(number: u64) -> f64 {
    number as f64
}
