//! Restore: brings a task's store up to its changelogs, from the store's own position, and checks the last transaction.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use streams::log::{LogReader, StoredRecord};
use streams::store::{KeyValueStore, Positions, StoreError, StoreWrite};
use streams::{Layout, LogError, MemoryStore, OutputBuffer, OutputRecord, StoreIndex, TaskId, TaskLayout, TopicIndex};
use thiserror::Error;

use crate::commit_record::CommitRecord;
use crate::limits::{RESTORE_BATCH_BYTES_MAX, RESTORE_BATCH_RECORDS_MAX};
use crate::state::StateProvider;

/// A task's state, caught up with its changelogs.
pub struct Restored {
    /// The store.
    pub store: Arc<dyn KeyValueStore>,
    /// Number of the task's last commit; 0 for none.
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

/// Restores one task. Damaged state is put aside once and the task restored from the changelogs' beginnings.
pub fn restore(
    layout: &Layout,
    task: TaskId,
    states: &dyn StateProvider,
    reader: &mut dyn LogReader,
    progress: &RestoreProgress,
) -> Result<Restored, RestoreError> {
    match attempt(layout, task, states, reader, progress) {
        Err(RestoreError::Store(StoreError::Corrupted(reason))) => {
            tracing::error!(%task, reason, "the task's state is damaged; it is put aside and rebuilt from its changelogs");
            metrics::counter!("sluice_store_quarantined_total", "application" => layout.application_id.clone())
                .increment(1);
            states.quarantine(task, &reason)?;
            attempt(layout, task, states, reader, progress)
        }
        other => other,
    }
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
    let last = last_commit(layout, task, reader)?;
    let mut replay = Replay {
        layout,
        own,
        store: store.as_ref(),
        positions: store.positions(),
        progress,
        records: 0,
    };
    let gaps = replay.gaps(reader, last.as_ref())?;
    progress
        .total
        .store(gaps.iter().map(Gap::offsets).sum(), Ordering::Relaxed);
    for gap in &gaps {
        replay.close(gap, reader)?;
    }
    let sequence = replay.positions.sequence.max(last.map_or(0, |record| record.sequence));
    let records = replay.records;
    if records > 0 {
        let milliseconds = began.elapsed().as_millis();
        tracing::info!(%task, application = layout.application_id, records, milliseconds, "restored the gap to the changelogs");
    }
    metrics::counter!("sluice_restored_records_total", "application" => layout.application_id.clone())
        .increment(records);
    Ok(Restored {
        store,
        sequence,
        records,
    })
}

/// A task without stores needs no directory.
fn open(layout: &Layout, own: &TaskLayout, states: &dyn StateProvider) -> Result<Arc<dyn KeyValueStore>, StoreError> {
    if own.changelogs.is_empty() {
        return Ok(Arc::new(MemoryStore::default()));
    }
    states.open(own.id, &store_names(layout, own))
}

fn store_names(layout: &Layout, own: &TaskLayout) -> Vec<(StoreIndex, String)> {
    let name = |store: &StoreIndex| layout.stores.get(usize::from(store.0)).cloned();
    own.changelogs
        .iter()
        .filter_map(|(store, _)| Some((*store, name(store)?)))
        .collect()
}

/// The task's newest commit record, or `None` when it never committed.
fn last_commit(
    layout: &Layout,
    task: TaskId,
    reader: &mut dyn LogReader,
) -> Result<Option<CommitRecord>, RestoreError> {
    let (topic, Some(partition)) = (layout.task_topic(), layout.task_partition(task)) else {
        return Ok(None);
    };
    let (first, end) = reader.offsets(&topic, partition)?;
    // The topic is compacted and one transaction holds one record of the task, so the newest is near the end.
    let mut from = end;
    let mut last = None;
    while last.is_none() && from > first {
        from = first.max(from - COMMIT_RECORD_LOOKBACK);
        reader.read(&topic, partition, from, end, &mut |record| {
            last = record
                .value
                .and_then(|value| CommitRecord::from_bytes(value).ok())
                .or(last.take());
            ControlFlow::Continue(())
        })?;
    }
    Ok(last)
}

/// Offsets by which the search for the newest commit record steps back: records and transaction markers alternate.
const COMMIT_RECORD_LOOKBACK: i64 = 64;

/// What one store lacks.
struct Gap {
    store: StoreIndex,
    topic: TopicIndex,
    from: i64,
    to: i64,
    end: i64,
}

impl Gap {
    fn offsets(&self) -> u64 {
        u64::try_from(self.to - self.from).unwrap_or(0)
    }
}

struct Replay<'a> {
    layout: &'a Layout,
    own: &'a TaskLayout,
    store: &'a dyn KeyValueStore,
    positions: Positions,
    progress: &'a RestoreProgress,
    records: u64,
}

impl Replay<'_> {
    fn gaps(&self, reader: &mut dyn LogReader, last: Option<&CommitRecord>) -> Result<Vec<Gap>, RestoreError> {
        let mut gaps = Vec::new();
        for (store, topic) in &self.own.changelogs {
            let Some(layout) = self.layout.topic(*topic) else {
                continue;
            };
            let (first, end) = reader.offsets(&layout.name, self.own.id.partition)?;
            let held = self.positions.changelog.get(store).copied();
            let from = held.unwrap_or(first);
            if from > end {
                let reason = format!(
                    "store position {from} is beyond the end {end} of changelog {}",
                    layout.name
                );
                return Err(StoreError::Corrupted(reason).into());
            }
            if from < first {
                let reason = format!(
                    "store position {from} is before the start {first} of changelog {}",
                    layout.name
                );
                return Err(StoreError::Corrupted(reason).into());
            }
            let to = self.whole_end(reader, &layout.name, last, first..end)?;
            gaps.push(Gap {
                store: *store,
                topic: *topic,
                from,
                to: to.unwrap_or(from).clamp(from, end),
                end,
            });
        }
        Ok(gaps)
    }

    /// The offset after the last record of the last whole transaction in a changelog, `None` when the store has it already.
    fn whole_end(
        &self,
        reader: &mut dyn LogReader,
        changelog: &str,
        last: Option<&CommitRecord>,
        offsets: Range<i64>,
    ) -> Result<Option<i64>, LogError> {
        let Some(written) = last.and_then(|last| last.changelog.get(changelog)) else {
            return Ok(Some(offsets.end));
        };
        if last.is_some_and(|last| last.sequence <= self.positions.sequence) {
            return Ok(None);
        }
        let after = written.after.unwrap_or(offsets.start).max(offsets.start);
        let mut missing = written.records;
        if missing == 0 {
            return Ok(Some(after));
        }
        // Compaction may have taken some of them, but only for later ones: then there is no telling, and everything counts.
        reader
            .read(changelog, self.own.id.partition, after, offsets.end, &mut |_| {
                missing -= 1;
                if missing == 0 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            })
            .map(Some)
    }

    fn close(&mut self, gap: &Gap, reader: &mut dyn LogReader) -> Result<(), RestoreError> {
        let Some(topic) = self.layout.topic(gap.topic) else {
            return Ok(());
        };
        let mut from = gap.from;
        while from < gap.to {
            let mut batch = OutputBuffer::default();
            let read = reader.read(&topic.name, self.own.id.partition, from, gap.to, &mut |record| {
                collect(&mut batch, gap.topic, &record);
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
            self.apply(gap.store, &batch, read)?;
            self.progress
                .done
                .fetch_add(u64::try_from(read - from).unwrap_or(0), Ordering::Relaxed);
            if read <= from {
                let cause = format!("changelog {} ends at {from}, expected {}", topic.name, gap.to);
                return Err(LogError::Retriable(cause).into());
            }
            from = read;
        }
        self.check_tail(gap, reader)
    }

    fn apply(&mut self, store: StoreIndex, batch: &OutputBuffer, read: i64) -> Result<(), StoreError> {
        self.positions.changelog.insert(store, read);
        self.records += u64::try_from(batch.len()).unwrap_or(0);
        let mut writes = batch.iter().filter_map(|record| {
            Some(StoreWrite {
                store,
                key: record.key?,
                value: record.value,
            })
        });
        self.store.restore(&mut writes, &self.positions)
    }

    /// The last commit record tells how far its transaction goes in each changelog. Committed records after that belong
    /// to no whole transaction: a late `EndTxn` committed the beginning of one that never finished (KIP-890). Its inputs were
    /// not committed and are processed again, so its records are left out here and overwritten by the repetition.
    fn check_tail(&self, gap: &Gap, reader: &mut dyn LogReader) -> Result<(), RestoreError> {
        let Some(topic) = self.layout.topic(gap.topic) else {
            return Ok(());
        };
        let mut torn = 0u64;
        if gap.end > gap.to {
            reader.read(&topic.name, self.own.id.partition, gap.to, gap.end, &mut |_| {
                torn += 1;
                ControlFlow::Continue(())
            })?;
        }
        if torn > 0 {
            let (task, changelog) = (self.own.id, &topic.name);
            tracing::error!(%task, changelog, torn, from = gap.to, "torn transaction: records after the last commit record are left out and will be written again");
            metrics::counter!("sluice_torn_transactions_total", "application" => self.layout.application_id.clone())
                .increment(1);
        }
        Ok(())
    }
}

fn collect(batch: &mut OutputBuffer, topic: TopicIndex, record: &StoredRecord<'_>) {
    batch.push(OutputRecord {
        topic,
        partition: 0,
        timestamp_ms: record.timestamp_ms,
        key: record.key,
        value: record.value,
        headers: &record.headers,
    });
}
