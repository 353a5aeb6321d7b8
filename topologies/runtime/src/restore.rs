//! Restore: brings a task's stores up to their changelog, from their own position, and leaves torn transactions out.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use planted::Bug;
use streams::changelog::ChangelogStores;
use streams::log::{LogReader, StoredRecord};
use streams::store::{KeyValueStore, Positions, StoreError};
use streams::{Layout, LogError, MemoryStore, OutputBuffer, OutputRecord, StoreIndex, TaskId, TaskLayout, TopicIndex};
use thiserror::Error;

use crate::commit_record::CommitRecord;
use crate::engine_metrics::{QUARANTINED, RESTORE_SECONDS, RESTORED, TORN};
use crate::limits::{RESTORE_BATCH_BYTES_MAX, RESTORE_BATCH_RECORDS_MAX};
use crate::state::StateProvider;

/// A task's state, caught up with its changelog.
pub struct Restored {
    /// The store.
    pub store: Arc<dyn KeyValueStore>,
    /// Number of the task's last commit that changed a store; 0 for none.
    pub sequence: u64,
    /// Changelog records that were replayed.
    pub records: u64,
}

/// Why a restore did not finish.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RestoreError {
    /// The changelog could not be read.
    #[error("cannot read the changelog: {0}")]
    Log(#[from] LogError),
    /// The state could not be opened or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The task was taken away meanwhile.
    #[error("cancelled")]
    Cancelled,
}

/// How far a restore is; read by other threads.
#[derive(Debug, Default)]
pub struct RestoreProgress {
    /// Offsets still to read when the restore began.
    pub total: AtomicU64,
    /// Offsets read so far.
    pub done: AtomicU64,
    /// Set to end the restore early.
    pub cancelled: AtomicBool,
}

/// Restores one task. Damaged state is put aside once and the task restored from the changelog's beginning.
pub fn restore(
    layout: &Layout,
    task: TaskId,
    states: &dyn StateProvider,
    reader: &mut dyn LogReader,
    progress: &RestoreProgress,
) -> Result<Restored, RestoreError> {
    show_from_zero(&layout.application_id);
    match attempt(layout, task, states, reader, progress) {
        Err(RestoreError::Store(StoreError::Corrupted(reason))) => {
            tracing::error!(%task, reason, "the task's state is damaged; it is put aside and rebuilt from its changelog");
            QUARANTINED.count(&[&layout.application_id]).increment(1);
            if !planted::is(Bug::DamageKept) {
                states.quarantine(task, &reason)?;
            }
            attempt(layout, task, states, reader, progress)
        }
        other => other,
    }
}

/// Shows what only a damage makes count, so that its growth from 0 can be seen.
fn show_from_zero(application: &str) {
    drop(QUARANTINED.count(&[application]));
    drop(TORN.count(&[application]));
}

fn attempt(
    layout: &Layout,
    task: TaskId,
    states: &dyn StateProvider,
    reader: &mut dyn LogReader,
    progress: &RestoreProgress,
) -> Result<Restored, RestoreError> {
    let Some(own) = layout.task(task) else {
        return Err(LogError::Fatal(format!("the topology has no task {task}")).into());
    };
    let began = Instant::now();
    let store = open(layout, own, states)?;
    let mut replay = Replay {
        task,
        stores: ChangelogStores::of(layout, own),
        store: store.as_ref(),
        positions: store.positions(),
        progress,
        records: 0,
    };
    if let Some(topic) = own.changelog.and_then(|topic| layout.topic(topic)) {
        let mut changelog = Changelog::new(&layout.application_id, &topic.name, task.partition, reader)?;
        replay.catch_up(&mut changelog)?;
    }
    let sequence = replay.positions.sequence;
    let records = replay.records;
    if records > 0 {
        let milliseconds = began.elapsed().as_millis();
        tracing::info!(%task, application = layout.application_id, records, milliseconds, "restored the gap to the changelog");
    }
    RESTORED.count(&[&layout.application_id]).increment(records);
    RESTORE_SECONDS
        .distribution(&[&layout.application_id])
        .record(began.elapsed());
    Ok(Restored {
        store,
        sequence,
        records,
    })
}

/// A task without stores needs no directory.
fn open(layout: &Layout, own: &TaskLayout, states: &dyn StateProvider) -> Result<Arc<dyn KeyValueStore>, StoreError> {
    if own.stores.is_empty() {
        return Ok(Arc::new(MemoryStore::default()));
    }
    states.open(own.id, &store_names(layout, own))
}

fn store_names(layout: &Layout, own: &TaskLayout) -> Vec<(StoreIndex, String)> {
    let name = |store: &StoreIndex| layout.stores.get(usize::from(store.0)).cloned();
    own.stores
        .iter()
        .filter_map(|store| Some((*store, name(store)?)))
        .collect()
}

struct Replay<'a> {
    task: TaskId,
    stores: ChangelogStores,
    store: &'a dyn KeyValueStore,
    positions: Positions,
    progress: &'a RestoreProgress,
    records: u64,
}

impl Replay<'_> {
    /// Replays from the store's position to the last commit record.
    fn catch_up(&mut self, changelog: &mut Changelog<'_>) -> Result<(), RestoreError> {
        let from = self.from(changelog)?;
        let Some(last) = changelog.last_commit()? else {
            changelog.report_torn(self.task, from..changelog.end)?;
            return Ok(());
        };
        let mut ranges = changelog.whole(from, &last)?;
        if planted::is(Bug::NothingReplayed) {
            self.positions.changelog = Some(last.offset + 1);
            ranges = [0..0, 0..0];
        }
        if planted::is(Bug::ReplayTooShort) {
            ranges[0].end = ranges[0].start.max(ranges[0].end - 2);
        }
        let offsets = ranges
            .iter()
            .map(|range| u64::try_from(range.end - range.start).unwrap_or(0));
        self.progress.total.store(offsets.sum(), Ordering::Relaxed);
        for range in ranges {
            self.replay(changelog, range)?;
        }
        changelog.report_torn(self.task, last.offset + 1..changelog.end)?;
        if last.record.sequence > self.positions.sequence {
            self.positions.sequence = last.record.sequence;
            self.positions.stream_time_ms = self.positions.stream_time_ms.max(last.record.stream_time_ms);
            self.store.restore(&mut std::iter::empty(), &self.positions)?;
        }
        Ok(())
    }

    /// Where the store stands, which must be inside the changelog.
    fn from(&self, changelog: &Changelog<'_>) -> Result<i64, StoreError> {
        let (first, end, name) = (changelog.first, changelog.end, changelog.topic);
        let from = self.positions.changelog.unwrap_or(first);
        let outside = if from > end {
            format!("beyond the end {end}")
        } else if from < first {
            format!("before the start {first}")
        } else {
            return Ok(from);
        };
        let reason = format!("the position {from} of the stores is {outside} of their changelog {name}");
        Err(StoreError::Corrupted(reason))
    }

    fn replay(&mut self, changelog: &mut Changelog<'_>, range: Range<i64>) -> Result<(), RestoreError> {
        let mut from = range.start;
        while from < range.end {
            let mut batch = OutputBuffer::default();
            let read = changelog.read(from..range.end, &mut |record| {
                collect(&mut batch, &record);
                let full = batch.len() >= RESTORE_BATCH_RECORDS_MAX || batch.size() >= RESTORE_BATCH_BYTES_MAX;
                let stop = full || self.progress.cancelled.load(Ordering::Relaxed);
                if stop {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })?;
            if self.progress.cancelled.load(Ordering::Relaxed) {
                return Err(RestoreError::Cancelled);
            }
            self.apply(&batch, read)?;
            self.progress
                .done
                .fetch_add(u64::try_from(read - from).unwrap_or(0), Ordering::Relaxed);
            if read <= from {
                let (name, to) = (changelog.topic, range.end);
                return Err(LogError::Retriable(format!("changelog {name} ends at {from}, expected {to}")).into());
            }
            from = read;
        }
        Ok(())
    }

    fn apply(&mut self, batch: &OutputBuffer, read: i64) -> Result<(), StoreError> {
        self.positions.changelog = Some(read);
        let (stores, records) = (&self.stores, &mut self.records);
        let mut writes = batch
            .iter()
            .filter_map(|record| stores.write(record.key, record.value))
            .inspect(|_| *records += 1);
        self.store.restore(&mut writes, &self.positions)
    }
}

/// A task's partition of its changelog.
struct Changelog<'a> {
    application: &'a str,
    topic: &'a str,
    partition: i32,
    reader: &'a mut dyn LogReader,
    first: i64,
    end: i64,
}

/// The newest commit record and where it stands.
struct LastCommit {
    offset: i64,
    record: CommitRecord,
}

/// Offsets by which the search for the newest commit record first steps back; each further step is twice as long.
const COMMIT_RECORD_LOOKBACK: i64 = 64;

impl<'a> Changelog<'a> {
    fn new(
        application: &'a str,
        topic: &'a str,
        partition: i32,
        reader: &'a mut dyn LogReader,
    ) -> Result<Self, LogError> {
        let (first, end) = reader.offsets(topic, partition)?;
        Ok(Self {
            application,
            topic,
            partition,
            reader,
            first,
            end,
        })
    }

    fn read(
        &mut self,
        range: Range<i64>,
        visit: &mut dyn FnMut(StoredRecord<'_>) -> ControlFlow<()>,
    ) -> Result<i64, LogError> {
        self.reader
            .read(self.topic, self.partition, range.start, range.end, visit)
    }

    /// It is at the end or, after a torn transaction, near it. `None` when the task never changed a store.
    fn last_commit(&mut self) -> Result<Option<LastCommit>, LogError> {
        let (mut from, mut step) = (self.end, COMMIT_RECORD_LOOKBACK);
        let mut last = None;
        while last.is_none() && from > self.first {
            let to = from;
            from = self.first.max(from - step);
            step = step.saturating_mul(2);
            self.read(from..to, &mut |record| {
                let offset = record.offset;
                if let Some(record) = CommitRecord::of(&record) {
                    last = Some(LastCommit { offset, record });
                }
                ControlFlow::Continue(())
            })?;
        }
        Ok(last)
    }

    /// What to replay from `from` on, one after the other, so that everything up to and with `last` is there and nothing of a torn transaction.
    ///
    /// A late `EndTxn` can commit the beginning of a transaction that never finished (KIP-890). Its inputs were not committed
    /// and were processed again, so its records stand between the commit record before and the repetition. What
    /// compaction takes there was overwritten by later records.
    fn whole(&mut self, from: i64, last: &LastCommit) -> Result<[Range<i64>; 2], LogError> {
        let end = last.offset + 1;
        if from >= end {
            return Ok([from..from, from..from]);
        }
        let after = last.record.after.unwrap_or(self.first).max(self.first);
        let mut own = Vec::new();
        if after < last.offset {
            self.read(after..last.offset, &mut |record| {
                own.push(record.offset);
                ControlFlow::Continue(())
            })?;
        }
        let torn = own.len().saturating_sub(last.record.records);
        let begin = own.get(torn).filter(|_| torn > 0).copied();
        Ok(match begin {
            None => [from..end, end..end],
            Some(begin) => [from..after.max(from), begin.max(from)..end],
        })
    }

    /// Committed records after the last commit record are left out and will be written again, as their inputs are.
    fn report_torn(&mut self, task: TaskId, range: Range<i64>) -> Result<(), LogError> {
        let (from, changelog) = (range.start, self.topic);
        if range.is_empty() {
            return Ok(());
        }
        let mut torn = 0u64;
        self.read(range, &mut |_| {
            torn += 1;
            ControlFlow::Continue(())
        })?;
        if torn > 0 {
            tracing::error!(%task, changelog, torn, from, "torn transaction: records after the last commit record are left out and will be written again");
            TORN.count(&[self.application]).increment(1);
        }
        Ok(())
    }
}

fn collect(batch: &mut OutputBuffer, record: &StoredRecord<'_>) {
    batch.push(OutputRecord {
        topic: TopicIndex(0),
        partition: 0,
        timestamp_ms: record.timestamp_ms,
        key: record.key,
        value: record.value,
        headers: &record.headers,
    });
}
