//! The engine's counters, added up by name.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Result, anyhow};
use metrics::{Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit};

/// Totals of all counters of the process.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counters(Arc<Mutex<BTreeMap<String, Vec<Arc<AtomicU64>>>>>);

impl Counters {
    /// Becomes the recorder of the process.
    pub(crate) fn install() -> Result<Self> {
        let counters = Self::default();
        metrics::set_global_recorder(counters.clone()).map_err(|error| anyhow!("{error}"))?;
        Ok(counters)
    }

    /// The sum over all labels of a counter; 0 for one that does not exist.
    pub(crate) fn total(&self, name: &str) -> u64 {
        let counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters
            .get(name)
            .map_or(0, |parts| parts.iter().map(|part| part.load(Ordering::Relaxed)).sum())
    }
}

impl Recorder for Counters {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        let part = Arc::new(AtomicU64::new(0));
        let mut counters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counters
            .entry(key.name().to_owned())
            .or_default()
            .push(Arc::clone(&part));
        Counter::from_arc(part)
    }

    fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::noop()
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
