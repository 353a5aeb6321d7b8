//! Writing: transactions get their offsets one after the other, and share the wait for the disk.
//!
//! A write has two steps. Under one lock it gets its offsets, enters the write-ahead log and the memory of the database,
//! and wakes the stream threads that read its partitions: they go on with it at once. Then it waits for a sync, which covers
//! every write before it, so that concurrent writers share one. Only then is it acknowledged, and visible outside of this
//! process's stream threads. What a stream thread makes from a record that is not on disk yet comes later in the same
//! write-ahead log, so no crash can keep the effect and lose the cause.

use std::ops::Range;
use std::sync::atomic::Ordering;

use rocksdb::{ColumnFamily, WriteBatch};

use super::EmbeddedBroker;
use super::database::{Database, RECORDS};
use super::encoding::record_key;
use super::error::EmbeddedError;
use super::offsets::{Committed, counts_key, offset_key};
use super::signal::lock;
use super::topics::Partition;
use super::transaction::Transaction;

/// Bytes that a batch holds for each record beside its stored form: its key, tags and lengths.
const KEY_OVERHEAD: usize = 32;

/// What only one writer at a time touches.
#[derive(Debug, Default)]
pub(super) struct Order {
    /// Group offsets, as in the database.
    pub(super) committed: Committed,
}

/// How far the disk is.
#[derive(Debug, Default)]
pub(super) struct Synced {
    upto: u64,
}

/// The offsets that each slot of a transaction got.
pub(super) type Placed = Vec<Range<i64>>;

impl EmbeddedBroker {
    /// Makes the transaction true and waits until it is on disk.
    pub(super) fn write(&self, transaction: &Transaction<'_>) -> Result<Placed, EmbeddedError> {
        let (placed, number, epoch) = self.enter(transaction)?;
        self.sync(number, epoch)?;
        for (partition, range) in transaction.slots.iter().zip(&placed) {
            partition.durable.fetch_max(range.end, Ordering::AcqRel);
        }
        Ok(placed)
    }

    /// Waits until everything that is written is on disk, and answers the partition's end.
    pub(super) fn durable_end(&self, partition: &Partition) -> Result<i64, EmbeddedError> {
        let (end, number, epoch) = {
            let epoch = self.epoch();
            let order = lock(&self.order);
            self.check_open()?;
            let end = partition.written.load(Ordering::Acquire);
            drop(order);
            (end, self.written.load(Ordering::Acquire), epoch)
        };
        if partition.durable.load(Ordering::Acquire) < end {
            self.sync(number, epoch)?;
            partition.durable.fetch_max(end, Ordering::AcqRel);
        }
        Ok(end)
    }

    /// The first step: offsets, the unsynced write, and the wake-ups.
    fn enter(&self, transaction: &Transaction<'_>) -> Result<(Placed, u64, u64), EmbeddedError> {
        let mut order = lock(&self.order);
        // Read before the write: a sync that fails in between makes this write unclear too.
        let epoch = self.epoch();
        self.check_open()?;
        self.check_fence(transaction)?;
        self.check_space(transaction.size())?;
        if let Some(gone) = transaction
            .slots
            .iter()
            .find(|slot| slot.deleted.load(Ordering::Acquire))
        {
            return Err(EmbeddedError::Unknown(format!(
                "partition {} of a deleted topic",
                gone.index
            )));
        }
        let placed = self.with_database(|database| {
            let (batch, placed) = batch(database, transaction)?;
            database.raw().write(batch).map_err(|cause| self.fail(&cause))?;
            Ok(placed)
        })?;
        order.committed.apply(transaction.group, &transaction.offsets);
        let number = self.written.fetch_add(1, Ordering::AcqRel) + 1;
        for (partition, range) in transaction.slots.iter().zip(&placed) {
            partition.written.store(range.end, Ordering::Release);
            partition.wake();
        }
        Ok((placed, number, epoch))
    }

    /// The second step: waits until write `number` is on disk. Whoever comes first syncs for all.
    fn sync(&self, number: u64, epoch: u64) -> Result<(), EmbeddedError> {
        let mut synced = lock(&self.synced);
        if self.epoch() != epoch {
            return Err(EmbeddedError::Unclear(
                "the embedded log failed while it wrote to the disk".to_owned(),
            ));
        }
        if synced.upto >= number {
            return Ok(());
        }
        let upto = self.written.load(Ordering::Acquire);
        self.with_database(|database| database.raw().flush_wal(true).map_err(|cause| self.fail(&cause)))?;
        synced.upto = upto;
        Ok(())
    }

    fn check_fence(&self, transaction: &Transaction<'_>) -> Result<(), EmbeddedError> {
        let Some(fence) = &transaction.fence else { return Ok(()) };
        if fence.epoch != self.epoch() {
            return Err(EmbeddedError::Fenced(
                "the embedded log was opened again since the input was read".to_owned(),
            ));
        }
        let groups = lock(&self.groups);
        let owns = |commit: &streams::Commit| {
            groups
                .get(transaction.group)
                .is_some_and(|group| group.owns(fence.member, commit.task))
        };
        match fence.commits.iter().find(|commit| !owns(commit)) {
            None => Ok(()),
            Some(commit) => Err(EmbeddedError::Fenced(format!(
                "this thread does not own task {} any more",
                commit.task
            ))),
        }
    }
}

/// A batch in the making, and where its records went so far.
struct Placing<'a> {
    family: &'a ColumnFamily,
    batch: WriteBatch,
    placed: Placed,
}

fn batch(database: &Database, transaction: &Transaction<'_>) -> Result<(WriteBatch, Placed), EmbeddedError> {
    let mut placing = Placing {
        family: database.family(RECORDS)?,
        batch: WriteBatch::with_capacity_bytes(transaction.size() + KEY_OVERHEAD * transaction.records.len()),
        placed: transaction
            .slots
            .iter()
            .map(|slot| next_of(slot)..next_of(slot))
            .collect(),
    };
    for record in &transaction.records {
        placing.put(transaction, record.slot, transaction.stored(record));
    }
    for (topic, partition, next) in &transaction.offsets {
        let key = offset_key(transaction.group, topic, *partition);
        placing.batch.put(key, next.to_be_bytes());
    }
    for (task, counts) in &transaction.counts {
        placing.batch.put(counts_key(transaction.group, *task), counts);
    }
    Ok((placing.batch, placing.placed))
}

impl Placing<'_> {
    fn put(&mut self, transaction: &Transaction<'_>, slot: usize, stored: &[u8]) {
        if let (Some(range), Some(partition)) = (self.placed.get_mut(slot), transaction.slots.get(slot)) {
            self.batch
                .put_cf(self.family, record_key(partition.prefix, range.end), stored);
            range.end += 1;
        }
    }
}

fn next_of(partition: &Partition) -> i64 {
    partition.written.load(Ordering::Acquire)
}
