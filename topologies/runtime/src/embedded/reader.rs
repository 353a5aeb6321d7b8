//! Reading ranges of a partition, with and without a group.

use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rocksdb::ReadOptions;
use streams::LogError;
use streams::log::{LogReader, StoredRecord};

use super::EmbeddedBroker;
use super::database::{Database, RECORDS};
use super::encoding::{self, StoredParts, record_key};
use super::error::EmbeddedError;
use super::topics::Partition;

/// Bytes that a long read fetches ahead of itself.
const READ_AHEAD_BYTES: usize = 2 << 20;

/// What is read, for which purpose the database reads differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// A stream thread at the end of the log: in memory, mostly.
    Tail,
    /// A restore or a tool, from disk and once.
    Scan,
}

impl Database {
    /// Visits the records of a partition in `range`, in order. Answers whether `visit` broke.
    pub(super) fn scan(
        &self,
        partition: &Partition,
        range: Range<i64>,
        reading: Reading,
        visit: &mut dyn FnMut(i64, StoredParts<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, EmbeddedError> {
        let mut options = ReadOptions::default();
        options.set_iterate_upper_bound(record_key(partition.prefix, range.end));
        if reading == Reading::Scan {
            options.set_readahead_size(READ_AHEAD_BYTES);
            options.fill_cache(false);
        }
        let mut records = self.raw().raw_iterator_cf_opt(self.family(RECORDS)?, options);
        records.seek(record_key(partition.prefix, range.start));
        while let Some((key, stored)) = records.item() {
            let (Some(offset), Some(parts)) = (encoding::record_offset(key), encoding::decode(stored)) else {
                return Err(EmbeddedError::Damaged(format!(
                    "a record of partition {} cannot be read; restore the log's directory from a backup",
                    partition.index
                )));
            };
            if visit(offset, parts).is_break() {
                return Ok(ControlFlow::Break(()));
            }
            records.next();
        }
        records.status().map_err(|cause| EmbeddedError::reading(&cause))?;
        Ok(ControlFlow::Continue(()))
    }
}

/// Reads any partition of an embedded log: restore, ends, operator tools. Sees records that are on disk, and no others.
#[derive(Debug, Clone)]
pub struct EmbeddedReader {
    broker: Arc<EmbeddedBroker>,
}

impl EmbeddedBroker {
    /// A reader without a group. Any number may read at the same time.
    #[must_use]
    pub fn reader(self: &Arc<Self>) -> EmbeddedReader {
        EmbeddedReader {
            broker: Arc::clone(self),
        }
    }
}

impl LogReader for EmbeddedReader {
    fn partitions(&mut self, topic: &str) -> Result<Option<i32>, LogError> {
        Ok(self.broker.topic(topic).ok().map(|topic| topic.stored.partitions))
    }

    fn offsets(&mut self, topic: &str, partition: i32) -> Result<(i64, i64), LogError> {
        let topic = self.broker.topic(topic)?;
        let partition = topic.partition(partition)?;
        let end = self.broker.durable_end(partition)?;
        Ok((partition.start.load(Ordering::Acquire), end))
    }

    fn read(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        to: i64,
        visit: &mut dyn FnMut(StoredRecord<'_>) -> ControlFlow<()>,
    ) -> Result<i64, LogError> {
        let topic = self.broker.topic(topic)?;
        let partition = topic.partition(partition)?;
        let start = partition.start.load(Ordering::Acquire);
        if from < start {
            return Err(LogError::Fatal(format!(
                "{}/{} begins at offset {start}; the records from {from} on were removed by retention",
                topic.name, partition.index
            )));
        }
        let end = to.min(partition.durable.load(Ordering::Acquire));
        let mut next = from;
        let mut visit = |offset: i64, parts: StoredParts<'_>| {
            next = offset + 1;
            visit(StoredRecord {
                offset,
                timestamp_ms: parts.timestamp_ms,
                key: parts.key,
                value: parts.value,
                headers: parts.headers,
            })
        };
        let broke = self
            .broker
            .with_database(|database| database.scan(partition, from..end, Reading::Scan, &mut visit))?;
        Ok(if broke.is_break() { next } else { end.max(from) })
    }
}
