//! What a stream thread measures. Names and labels are stable; dashboards depend on them.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};

/// The metrics of one stream thread, labelled with its topology and number.
pub(crate) struct ThreadMetrics {
    records: Counter,
    dead_letters: Counter,
    commits: Counter,
    commit_seconds: Histogram,
    aborts: Counter,
    uncommitted_bytes: Gauge,
    cache_bytes: Gauge,
}

impl ThreadMetrics {
    pub(crate) fn new(topology: &str, thread: usize) -> Self {
        let labels = [("topology", topology.to_owned()), ("thread", thread.to_string())];
        Self {
            records: metrics::counter!("sluice_records_total", &labels),
            dead_letters: metrics::counter!("sluice_dead_letters_total", &labels),
            commits: metrics::counter!("sluice_commits_total", &labels),
            commit_seconds: metrics::histogram!("sluice_commit_seconds", &labels),
            aborts: metrics::counter!("sluice_aborts_total", &labels),
            uncommitted_bytes: metrics::gauge!("sluice_uncommitted_bytes", &labels),
            cache_bytes: metrics::gauge!("sluice_store_cache_bytes", &labels),
        }
    }

    pub(crate) fn processed(&self, records: u64, dead_letters: u64) {
        self.records.increment(records + dead_letters);
        self.dead_letters.increment(dead_letters);
    }

    pub(crate) fn committed(&self, took: Duration) {
        self.commits.increment(1);
        self.commit_seconds.record(took);
    }

    pub(crate) fn aborted(&self) {
        self.aborts.increment(1);
    }

    #[allow(
        clippy::cast_precision_loss,
        reason = "gauges are floats; 52 bits of bytes are exact enough"
    )]
    pub(crate) fn memory(&self, (uncommitted, cached): (usize, usize)) {
        self.uncommitted_bytes.set(uncommitted as f64);
        self.cache_bytes.set(cached as f64);
    }
}
