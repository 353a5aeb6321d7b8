//! The engine's metrics. Names and labels are stable: dashboards and alerts rely on them.

use crate::metric::{MOMENTS, Metric, SPANS};

/// Records taken from inputs.
pub const RECORDS: Metric = Metric::counter(
    "sluice_records_total",
    &["topology", "thread"],
    "Records taken from inputs, those that became dead letters included.",
);
/// Records that were committed to a topic.
pub const OUTPUTS: Metric = Metric::counter(
    "sluice_outputs_total",
    &["topology", "topic"],
    "Records committed to a sink, a repartition topic or the dead letters.",
);
/// Dead letters that were committed.
pub const DEAD_LETTERS: Metric = Metric::counter(
    "sluice_dead_letters_total",
    &["topology", "cause"],
    "Dead letters committed, by the step that refused: key, value, process, encode, timer, punctuation.",
);
/// Commits that came true.
pub const COMMITS: Metric = Metric::counter(
    "sluice_commits_total",
    &["topology", "thread"],
    "Commits that came true.",
);
/// Commits that did not.
pub const COMMIT_FAILURES: Metric = Metric::counter(
    "sluice_commit_failures_total",
    &["topology", "fate"],
    "Commits that did not come true, or of which nobody can tell: abortable, migrated, fenced, fatal.",
);
/// How long a commit takes.
pub const COMMIT_SECONDS: Metric = Metric::histogram(
    "sluice_commit_seconds",
    MOMENTS,
    &["topology"],
    "Time that the log takes to make a commit true.",
);
/// How old records are when they are committed.
pub const RECORD_AGE_SECONDS: Metric = Metric::histogram(
    "sluice_record_age_at_commit_seconds",
    SPANS,
    &["topology"],
    "Age, by its timestamp, of the oldest input record of a commit when that is true: the latency of one hop.",
);
/// Work that was dropped and done again.
pub const ABORTS: Metric = Metric::counter(
    "sluice_aborts_total",
    &["topology", "thread"],
    "Times that uncommitted work was dropped and its inputs read again.",
);
/// Uncommitted bytes.
pub const UNCOMMITTED_BYTES: Metric = Metric::gauge(
    "sluice_uncommitted_bytes",
    &["topology", "thread"],
    "Bytes of uncommitted writes and outputs at the last commit.",
);
/// Cached bytes.
pub const CACHE_BYTES: Metric = Metric::gauge(
    "sluice_store_cache_bytes",
    &["topology", "thread"],
    "Bytes of decoded committed values that tasks keep in front of their stores.",
);
/// What the membership told.
pub const REBALANCES: Metric = Metric::counter(
    "sluice_rebalances_total",
    &["topology", "event"],
    "Times that tasks were assigned to a thread, revoked from it, or lost.",
);
/// Clients that were replaced.
pub const REJOINS: Metric = Metric::counter(
    "sluice_rejoins_total",
    &["topology"],
    "Times that a thread joined its group again with a new client.",
);
/// Errors of tasks.
pub const TASK_ERRORS: Metric = Metric::counter(
    "sluice_task_errors_total",
    &["topology", "fate"],
    "Times that a task could not go on: missing_schema waits for the registry, store closes and restores the task.",
);
/// What became of questions to the registry.
pub const SCHEMA_LOOKUPS: Metric = Metric::counter(
    "sluice_schema_lookups_total",
    &["topology", "outcome"],
    "Questions to the registry about a schema that a record names: known, absent, unavailable.",
);
/// Records that were replayed.
pub const RESTORED: Metric = Metric::counter(
    "sluice_restored_records_total",
    &["application"],
    "Changelog records that were replayed into stores.",
);
/// How long a restore takes.
pub const RESTORE_SECONDS: Metric = Metric::histogram(
    "sluice_restore_seconds",
    SPANS,
    &["application"],
    "Time that the restore of one task takes.",
);
/// Databases that were put aside.
pub const QUARANTINED: Metric = Metric::counter(
    "sluice_store_quarantined_total",
    &["application"],
    "Damaged stores that were put aside and rebuilt from their changelogs.",
);
/// Torn transactions.
pub const TORN: Metric = Metric::counter(
    "sluice_torn_transactions_total",
    &["application"],
    "Torn transactions whose records a restore left out.",
);
/// What the threads do.
pub const THREADS: Metric = Metric::gauge(
    "sluice_threads",
    &["topology", "state"],
    "Stream threads by what they do: joining, restoring, running, blocked.",
);
/// What the tasks do.
pub const TASKS: Metric = Metric::gauge(
    "sluice_tasks",
    &["topology", "state"],
    "Tasks of this process by what they do: restoring, running.",
);
/// What is left of restores.
pub const RESTORE_REMAINING: Metric = Metric::gauge(
    "sluice_restore_remaining_records",
    &["topology"],
    "Changelog offsets that restores have still to read.",
);
/// How far tasks are behind.
pub const LAG: Metric = Metric::gauge(
    "sluice_lag_records",
    &["topology", "topic", "partition"],
    "Offsets of an input of a running task that are readable and not committed yet.",
);

/// All of them.
pub const METRICS: &[Metric] = &[
    RECORDS,
    OUTPUTS,
    DEAD_LETTERS,
    COMMITS,
    COMMIT_FAILURES,
    COMMIT_SECONDS,
    RECORD_AGE_SECONDS,
    ABORTS,
    UNCOMMITTED_BYTES,
    CACHE_BYTES,
    REBALANCES,
    REJOINS,
    TASK_ERRORS,
    SCHEMA_LOOKUPS,
    RESTORED,
    RESTORE_SECONDS,
    QUARANTINED,
    TORN,
    THREADS,
    TASKS,
    RESTORE_REMAINING,
    LAG,
];
