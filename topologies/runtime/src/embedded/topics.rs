//! Topics and partitions of the embedded log: what is stored about them, and where each partition stands.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use rocksdb::{Direction, IteratorMode};
use serde::{Deserialize, Serialize};

use super::database::{Database, META, RECORDS};
use super::encoding::{self, PartitionPrefix, joined, partition_prefix, record_key};
use super::error::EmbeddedError;
use super::signal::{Signal, lock};

pub(super) const TOPIC_PREFIX: &[u8] = b"topic/";
const START_PREFIX: &[u8] = b"start/";
const END_PREFIX: &[u8] = b"end/";
const CLEANED_PREFIX: &[u8] = b"cleaned/";

/// What happens to old records of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cleanup {
    /// Of each key the latest record stays; offsets keep gaps, as in Kafka.
    Compact,
    /// Records older than `retention_ms` go, from the oldest on, but none that a group with committed offsets has yet to read.
    Delete {
        /// Milliseconds since the record's timestamp; negative keeps records for ever.
        retention_ms: i64,
    },
}

/// A topic as it is created and listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmbeddedTopic {
    /// Letters, digits, `.`, `_` and `-`, at most 249 of them, as in Kafka.
    pub name: String,
    /// Number of partitions, from 1 to [`PARTITIONS_MAX`].
    pub partitions: i32,
    /// What happens to old records.
    pub cleanup: Cleanup,
}

/// Partitions that one topic may have.
pub const PARTITIONS_MAX: i32 = 1024;
/// Characters of a topic's name, as in Kafka.
const NAME_MAX: usize = 249;

impl EmbeddedTopic {
    pub(super) fn check(&self) -> Result<(), EmbeddedError> {
        let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if self.name.is_empty() || self.name.len() > NAME_MAX || !self.name.chars().all(good) {
            return Err(EmbeddedError::Refused(format!("{:?} is no topic name", self.name)));
        }
        if !(1..=PARTITIONS_MAX).contains(&self.partitions) {
            return Err(EmbeddedError::Refused(format!(
                "the topic {} cannot have {} partitions; 1 to {PARTITIONS_MAX} are possible",
                self.name, self.partitions
            )));
        }
        Ok(())
    }
}

/// A topic as it is stored under its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredTopic {
    /// A number that no other topic of this log ever had.
    pub(super) id: u32,
    pub(super) partitions: i32,
    pub(super) cleanup: Cleanup,
}

/// An open topic.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) stored: StoredTopic,
    pub(super) partitions: Vec<Arc<Partition>>,
}

impl Topic {
    /// A topic whose partitions are empty.
    pub(super) fn new(name: &str, stored: StoredTopic) -> Self {
        let partitions = (0..stored.partitions).map(|index| Arc::new(Partition::new(&stored, index)));
        Self {
            name: name.to_owned(),
            partitions: partitions.collect(),
            stored,
        }
    }

    pub(super) fn partition(&self, index: i32) -> Result<&Arc<Partition>, EmbeddedError> {
        let partition = usize::try_from(index).ok().and_then(|index| self.partitions.get(index));
        partition.ok_or_else(|| EmbeddedError::Unknown(format!("the topic {} has no partition {index}", self.name)))
    }

    /// Reads from the database where each partition stands.
    pub(super) fn load(&self, database: &Database) -> Result<(), EmbeddedError> {
        self.partitions
            .iter()
            .try_for_each(|partition| partition.load(database))
    }
}

/// Where a partition stands. Readers look at the atomics without a lock; the sequencer advances them.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) index: i32,
    pub(super) prefix: PartitionPrefix,
    pub(super) cleanup: Cleanup,
    /// The first offset that is still there.
    pub(super) start: AtomicI64,
    /// The offset after the last record in the database: stream threads of this process read up to here.
    pub(super) written: AtomicI64,
    /// The offset after the last record on disk: everybody else reads up to here.
    pub(super) durable: AtomicI64,
    /// The offset up to which compaction has passed.
    pub(super) cleaned: AtomicI64,
    pub(super) deleted: AtomicBool,
    readers: Mutex<Vec<Weak<Signal>>>,
}

impl Partition {
    fn new(topic: &StoredTopic, index: i32) -> Self {
        Self {
            index,
            prefix: partition_prefix(topic.id, index),
            cleanup: topic.cleanup,
            start: AtomicI64::new(0),
            written: AtomicI64::new(0),
            durable: AtomicI64::new(0),
            cleaned: AtomicI64::new(0),
            deleted: AtomicBool::new(false),
            readers: Mutex::default(),
        }
    }

    /// Wakes `signal` at every record from here on, until it is dropped.
    pub(super) fn subscribe(&self, signal: &Arc<Signal>) {
        let mut readers = lock(&self.readers);
        readers.retain(|reader| reader.strong_count() > 0 && !reader.ptr_eq(&Arc::downgrade(signal)));
        readers.push(Arc::downgrade(signal));
    }

    /// Ends what [`subscribe`](Self::subscribe) began.
    pub(super) fn unsubscribe(&self, signal: &Arc<Signal>) {
        lock(&self.readers).retain(|reader| !reader.ptr_eq(&Arc::downgrade(signal)));
    }

    /// Wakes everybody who reads this partition.
    pub(super) fn wake(&self) {
        for reader in lock(&self.readers).iter() {
            if let Some(signal) = reader.upgrade() {
                signal.raise();
            }
        }
    }

    pub(super) fn start_key(&self) -> Vec<u8> {
        joined(&[START_PREFIX, &self.prefix])
    }

    /// Where the end is kept before the last record of the partition is removed.
    pub(super) fn end_key(&self) -> Vec<u8> {
        joined(&[END_PREFIX, &self.prefix])
    }

    pub(super) fn cleaned_key(&self) -> Vec<u8> {
        joined(&[CLEANED_PREFIX, &self.prefix])
    }

    fn load(&self, database: &Database) -> Result<(), EmbeddedError> {
        let stored = |key: Vec<u8>| -> Result<i64, EmbeddedError> {
            Ok(database.meta(&key)?.as_deref().and_then(encoding::number).unwrap_or(0))
        };
        let start = stored(self.start_key())?;
        let end = stored(self.end_key())?
            .max(self.after_last_record(database)?)
            .max(start);
        self.start.store(start, Ordering::Release);
        self.cleaned.store(stored(self.cleaned_key())?, Ordering::Release);
        self.durable.store(end, Ordering::Release);
        self.written.store(end, Ordering::Release);
        Ok(())
    }

    fn after_last_record(&self, database: &Database) -> Result<i64, EmbeddedError> {
        let last = record_key(self.prefix, i64::MAX);
        let mode = IteratorMode::From(&last, Direction::Reverse);
        let found = database.raw().iterator_cf(database.family(RECORDS)?, mode).next();
        let Some(found) = found else { return Ok(0) };
        let (key, _) = found.map_err(|cause| EmbeddedError::reading(&cause))?;
        let own = key.starts_with(&self.prefix);
        Ok(encoding::record_offset(&key)
            .filter(|_| own)
            .map_or(0, |offset| offset + 1))
    }
}

/// All topics that the database has.
pub(super) fn stored_topics(database: &Database) -> Result<Vec<(String, StoredTopic)>, EmbeddedError> {
    let mode = IteratorMode::From(TOPIC_PREFIX, Direction::Forward);
    let mut topics = Vec::new();
    for entry in database.raw().iterator_cf(database.family(META)?, mode) {
        let (key, value) = entry.map_err(|cause| EmbeddedError::reading(&cause))?;
        let Some(name) = key.strip_prefix(TOPIC_PREFIX) else {
            break;
        };
        let name = String::from_utf8_lossy(name).into_owned();
        let stored = serde_json::from_slice(&value).map_err(|cause| {
            EmbeddedError::Damaged(format!("the entry of the topic {name} cannot be read: {cause}"))
        })?;
        topics.push((name, stored));
    }
    Ok(topics)
}
