//! What a stream thread measures: for each turn and each commit, never for each record.

use std::time::Duration;

use metrics::{Counter, Gauge, Histogram};
use streams::{LogError, TaskError};

use crate::engine_metrics as engine;
use crate::metric::float;
use crate::schema_resolver::Resolution;

/// The metrics of one stream thread, labelled with its topology and, where it matters, its number.
pub(crate) struct ThreadMetrics {
    topology: String,
    records: Counter,
    commits: Counter,
    commit_seconds: Histogram,
    record_age_seconds: Histogram,
    aborts: Counter,
    uncommitted_bytes: Gauge,
    cache_bytes: Gauge,
}

/// The fates of a commit that did not come true.
const COMMIT_FATES: [&str; 4] = ["abortable", "migrated", "fenced", "fatal"];
/// What a membership tells.
const MEMBERSHIP_EVENTS: [&str; 3] = ["assigned", "revoked", "lost"];
/// Why a task cannot go on.
const TASK_FATES: [&str; 2] = ["missing_schema", "store"];
/// What becomes of a question to the registry.
const LOOKUP_OUTCOMES: [&str; 3] = ["known", "absent", "unavailable"];

impl ThreadMetrics {
    pub(crate) fn new(topology: &str, thread: usize) -> Self {
        let number = thread.to_string();
        let labels = [topology, number.as_str()];
        show(engine::COMMIT_FAILURES, topology, &COMMIT_FATES);
        show(engine::REBALANCES, topology, &MEMBERSHIP_EVENTS);
        show(engine::TASK_ERRORS, topology, &TASK_FATES);
        show(engine::SCHEMA_LOOKUPS, topology, &LOOKUP_OUTCOMES);
        drop(engine::REJOINS.count(&[topology]));
        Self {
            records: engine::RECORDS.count(&labels),
            commits: engine::COMMITS.count(&labels),
            commit_seconds: engine::COMMIT_SECONDS.distribution(&[topology]),
            record_age_seconds: engine::RECORD_AGE_SECONDS.distribution(&[topology]),
            aborts: engine::ABORTS.count(&labels),
            uncommitted_bytes: engine::UNCOMMITTED_BYTES.level(&labels),
            cache_bytes: engine::CACHE_BYTES.level(&labels),
            topology: topology.to_owned(),
        }
    }

    pub(crate) fn processed(&self, records: u64) {
        self.records.increment(records);
    }

    /// `oldest_ms` is the timestamp of the oldest input record, where there was one.
    pub(crate) fn committed(&self, took: Duration, oldest_ms: Option<i64>, now_ms: i64) {
        self.commits.increment(1);
        self.commit_seconds.record(took);
        if let Some(oldest_ms) = oldest_ms {
            let age_ms = u64::try_from(now_ms.saturating_sub(oldest_ms)).unwrap_or(0);
            self.record_age_seconds.record(Duration::from_millis(age_ms));
        }
    }

    pub(crate) fn commit_failed(&self, error: &LogError) {
        let fate = match error {
            LogError::Retriable(_) | LogError::Abortable(_) => "abortable",
            LogError::Migrated(_) => "migrated",
            LogError::Fenced(_) => "fenced",
            LogError::Fatal(_) => "fatal",
        };
        engine::COMMIT_FAILURES.count(&[&self.topology, fate]).increment(1);
    }

    pub(crate) fn aborted(&self) {
        self.aborts.increment(1);
    }

    pub(crate) fn membership(&self, event: &str) {
        engine::REBALANCES.count(&[&self.topology, event]).increment(1);
    }

    pub(crate) fn task_failed(&self, error: &TaskError) {
        let fate = match error {
            TaskError::MissingSchema(_) => "missing_schema",
            TaskError::Store(_) => "store",
        };
        engine::TASK_ERRORS.count(&[&self.topology, fate]).increment(1);
    }

    pub(crate) fn schema_asked(&self, resolution: &Resolution) {
        let outcome = match resolution {
            Resolution::Known => "known",
            Resolution::Absent => "absent",
            Resolution::Unavailable(_) => "unavailable",
        };
        engine::SCHEMA_LOOKUPS.count(&[&self.topology, outcome]).increment(1);
    }

    pub(crate) fn memory(&self, (uncommitted, cached): (usize, usize)) {
        self.uncommitted_bytes.set(float(uncommitted as u64));
        self.cache_bytes.set(float(cached as u64));
    }
}

/// Shows a counter with each of these values, so that its growth from 0 can be seen.
fn show(metric: crate::metric::Metric, topology: &str, values: &[&str]) {
    for value in values {
        drop(metric.count(&[topology, value]));
    }
}
