//! The embedded log: what Kafka is to several machines, for one process and with no other process.
//!
//! Topics, partitions, consumer groups and transactions have Kafka's meaning. A transaction is one atomic write to a
//! `RocksDB` database; it is acknowledged when it is on disk, so neither `kill -9` nor a power loss takes it back.
//! In reading order: [`EmbeddedBroker`] (topics, groups, recovery), `sequencer` (how a write becomes true), [`EmbeddedLog`]
//! (a stream thread's end), [`EmbeddedReader`] (restore and tools), [`EmbeddedCommandLog`] (the edge's end), `maintenance`.

mod command_log;
mod database;
mod encoding;
mod error;
mod global_consumer;
mod input;
mod inside;
mod internal_topics;
mod log;
mod maintenance;
mod membership;
mod offsets;
mod reader;
mod sequencer;
mod signal;
mod topics;
mod transaction;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rocksdb::WriteBatch;
use streams::PartitionCounts;

pub use command_log::{COMMANDS_WAITING_MAX, EmbeddedCommandLog};
pub use database::MEMORY_BYTES_MAX;
pub use error::EmbeddedError;
pub use global_consumer::EmbeddedGlobalConsumer;
pub use log::EmbeddedLog;
pub use offsets::GroupOffsets;
pub use reader::EmbeddedReader;
pub use topics::{Cleanup, EmbeddedTopic, PARTITIONS_MAX};
pub use transaction::RECORD_BYTES_MAX;

use database::{Database, DirectoryLock, KEYS, RECORDS};
use inside::Inside;
use membership::Group;
use offsets::Committed;
use sequencer::Order;
use signal::lock;
use topics::{StoredTopic, TOPIC_PREFIX, Topic};

/// Bytes of free disk space below which the log takes no more writes. It leaves room for the memtables that are still to be
/// written and for a compaction, so that `RocksDB` itself does not run into the end of the disk.
pub const FREE_BYTES_MIN: u64 = 256 << 20;

const NEXT_TOPIC_KEY: &[u8] = b"next-topic";

/// Bounds of a broker that an operator may want to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// Bytes of free disk space below which writes are refused as unavailable.
    pub free_bytes_min: u64,
    /// Milliseconds that deletions of compacted topics stay readable, for restores that began before them.
    pub tombstone_retention_ms: i64,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            free_bytes_min: FREE_BYTES_MIN,
            tombstone_retention_ms: maintenance::TOMBSTONE_RETENTION_MS,
        }
    }
}

/// The log of one directory.
///
/// It is closed when its last holder drops it. Threads in the background are none of them: they have a hold of their own on what
/// is inside, so that the database is never closed on one of them, which may happen while the process ends and the C++ library
/// is being torn down.
#[derive(Debug)]
pub struct EmbeddedBroker {
    inside: Arc<Inside>,
    is_background: bool,
}

impl std::ops::Deref for EmbeddedBroker {
    type Target = Inside;

    fn deref(&self) -> &Inside {
        &self.inside
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        if !self.is_background {
            self.close();
        }
    }
}

impl EmbeddedBroker {
    /// Opens or creates the log in `dir`, alone: [`EmbeddedError::InUse`] when another process has it.
    /// Starts one thread for compaction, retention and recovery, which ends when the broker is closed.
    pub fn open(dir: &Path) -> Result<Arc<Self>, EmbeddedError> {
        Self::open_with(dir, EmbeddedOptions::default())
    }

    /// [`open`](Self::open) with other bounds.
    pub fn open_with(dir: &Path, options: EmbeddedOptions) -> Result<Arc<Self>, EmbeddedError> {
        let directory_lock = DirectoryLock::take(dir)?;
        let database = Database::open(dir)?;
        let inside = Inside {
            dir: dir.to_owned(),
            options,
            order: Mutex::default(),
            synced: Mutex::default(),
            groups: Mutex::default(),
            topics: RwLock::default(),
            database: RwLock::new(None),
            written: AtomicU64::new(0),
            epoch: AtomicU64::new(0),
            failed: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            next_member: AtomicU64::new(1),
            opened_ms: maintenance::now_ms(),
            directory: Mutex::new(Some(directory_lock)),
        };
        let broker = Self {
            inside: Arc::new(inside),
            is_background: false,
        };
        broker.load(&mut lock(&broker.order), database)?;
        maintenance::start(&broker)?;
        Ok(Arc::new(broker))
    }

    /// A hold for a thread in the background, which does not keep the log open.
    fn in_background(&self) -> Self {
        Self {
            inside: Arc::clone(&self.inside),
            is_background: true,
        }
    }

    /// Closes the database and gives the directory up, whoever else still holds the broker: every later call answers
    /// [`EmbeddedError::Unavailable`], and another process may open the log.
    pub fn close(&self) {
        // Whoever holds this lock may be opening the database again.
        let _order = lock(&self.order);
        self.closed.store(true, Ordering::Release);
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
        *lock(&self.directory) = None;
    }

    /// All topics, by name.
    #[must_use]
    pub fn topics(&self) -> Vec<EmbeddedTopic> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        let described = topics.values().map(|topic| EmbeddedTopic {
            name: topic.name.clone(),
            partitions: topic.stored.partitions,
            cleanup: topic.stored.cleanup,
        });
        described.collect()
    }

    /// Number of partitions of every topic.
    #[must_use]
    pub fn partition_counts(&self) -> PartitionCounts {
        self.topics()
            .into_iter()
            .map(|topic| (topic.name, topic.partitions))
            .collect()
    }

    /// Creates what is not there, all or nothing. A topic that is there in the same shape is left alone;
    /// one with another number of partitions or another policy is refused, and nothing is created.
    pub fn create_topics(&self, wanted: &[EmbeddedTopic]) -> Result<(), EmbeddedError> {
        let _order = lock(&self.order);
        let existing = self.topics();
        let mut missing = Vec::new();
        for topic in wanted {
            topic.check()?;
            match existing.iter().find(|found| found.name == topic.name) {
                None => missing.push(topic),
                Some(found) if found == topic => {}
                Some(found) => return Err(differs(found, topic)),
            }
        }
        self.add_topics(&missing)
    }

    /// Removes a topic with its records and every group's offsets of it.
    pub fn delete_topic(&self, name: &str) -> Result<(), EmbeddedError> {
        let mut order = lock(&self.order);
        self.check_open()?;
        let topic = self.topic(name)?;
        let mut batch = WriteBatch::default();
        batch.delete([TOPIC_PREFIX, name.as_bytes()].concat());
        order.committed.forget_topic(name, &mut batch);
        self.with_database(|database| {
            // The topic's number is the first half of its partitions' prefix, and the next number is the end of its range.
            let (from, to) = (
                topic.stored.id.to_be_bytes(),
                topic.stored.id.saturating_add(1).to_be_bytes(),
            );
            batch.delete_range_cf(database.family(RECORDS)?, from, to);
            batch.delete_range_cf(database.family(KEYS)?, from, to);
            for partition in &topic.partitions {
                batch.delete(partition.start_key());
                batch.delete(partition.end_key());
                batch.delete(partition.cleaned_key());
                partition.deleted.store(true, Ordering::Release);
            }
            database.write_synced(batch)
        })?;
        self.topics.write().unwrap_or_else(PoisonError::into_inner).remove(name);
        topic.partitions.iter().for_each(|partition| partition.wake());
        Ok(())
    }

    /// The first offset that is still there, and the offset after the last record on disk.
    pub fn bounds(&self, topic: &str, partition: i32) -> Result<(i64, i64), EmbeddedError> {
        let topic = self.topic(topic)?;
        let partition = topic.partition(partition)?;
        Ok((
            partition.start.load(Ordering::Acquire),
            partition.durable.load(Ordering::Acquire),
        ))
    }

    fn add_topics(&self, missing: &[&EmbeddedTopic]) -> Result<(), EmbeddedError> {
        if missing.is_empty() {
            return Ok(());
        }
        let mut next = self.next_topic()?;
        let mut batch = WriteBatch::default();
        let mut added = BTreeMap::new();
        for topic in missing {
            let stored = StoredTopic {
                id: next,
                partitions: topic.partitions,
                cleanup: topic.cleanup,
            };
            let value = serde_json::to_vec(&stored).map_err(|cause| EmbeddedError::Refused(cause.to_string()))?;
            batch.put([TOPIC_PREFIX, topic.name.as_bytes()].concat(), value);
            added.insert(topic.name.clone(), Arc::new(Topic::new(&topic.name, stored)));
            next += 1;
        }
        batch.put(NEXT_TOPIC_KEY, next.to_be_bytes());
        self.write_meta(batch)?;
        self.topics
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .extend(added);
        Ok(())
    }

    fn next_topic(&self) -> Result<u32, EmbeddedError> {
        let stored = self.with_database(|database| database.meta(NEXT_TOPIC_KEY))?;
        let number = stored.and_then(|bytes| Some(u32::from_be_bytes(bytes.try_into().ok()?)));
        Ok(number.unwrap_or(1))
    }

    fn topic(&self, name: &str) -> Result<Arc<Topic>, EmbeddedError> {
        let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
        let topic = topics.get(name).cloned();
        topic.ok_or_else(|| EmbeddedError::Unknown(format!("the topic {name:?} does not exist")))
    }

    /// Writes entries of the column family for topics and offsets, synced. The caller holds `order`.
    fn write_meta(&self, batch: WriteBatch) -> Result<(), EmbeddedError> {
        self.check_open()?;
        self.check_space(batch.size_in_bytes())?;
        self.with_database(|database| database.write_synced(batch))
    }

    fn with_database<T>(&self, work: impl FnOnce(&Database) -> Result<T, EmbeddedError>) -> Result<T, EmbeddedError> {
        let database = self.database.read().unwrap_or_else(PoisonError::into_inner);
        work(database.as_ref().ok_or_else(|| self.absence())?)
    }

    /// Why there is no database.
    fn absence(&self) -> EmbeddedError {
        let sentence = if self.closed.load(Ordering::Acquire) {
            "the embedded log is closed"
        } else {
            "the embedded log is closed after a failure of the disk"
        };
        EmbeddedError::Unavailable(sentence.to_owned())
    }

    fn check_open(&self) -> Result<(), EmbeddedError> {
        if self.failed.load(Ordering::Acquire) {
            let sentence = "the embedded log recovers from a failure of the disk";
            return Err(EmbeddedError::Unavailable(sentence.to_owned()));
        }
        Ok(())
    }

    /// Refuses a write that would bring the disk near its end, before anything of it is written.
    fn check_space(&self, bytes: usize) -> Result<(), EmbeddedError> {
        // Where free space cannot be asked for, the write itself shows whether there is any.
        let Ok(disk) = rustix::fs::statvfs(&self.dir) else {
            return Ok(());
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if free >= self.options.free_bytes_min.saturating_add(bytes as u64) {
            return Ok(());
        }
        Err(EmbeddedError::Unavailable(format!(
            "the disk under {} has {free} bytes left and the log keeps {} free; make room, and writing goes on by itself",
            self.dir.display(),
            self.options.free_bytes_min
        )))
    }

    fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// Takes note that `RocksDB` failed to write: what is not on disk is unclear, and every stream thread begins anew.
    fn fail(&self, cause: &rocksdb::Error) -> EmbeddedError {
        if !self.failed.swap(true, Ordering::AcqRel) {
            tracing::warn!(%cause, "the embedded log could not write; it is opened again");
            self.epoch.fetch_add(1, Ordering::AcqRel);
        }
        lock(&self.groups).values().for_each(Group::wake);
        EmbeddedError::writing(cause)
    }

    /// After a failure: opens the database again, which decides for every unclear write whether it is there, whole or not at all.
    fn recover(&self) -> Result<(), EmbeddedError> {
        let mut order = lock(&self.order);
        let _synced = lock(&self.synced);
        if !self.failed.load(Ordering::Acquire) || self.closed.load(Ordering::Acquire) {
            return Ok(());
        }
        self.check_space(0)?;
        // The old database is closed first: two cannot have the directory at once.
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = None;
        let database = Database::open(&self.dir)?;
        self.load(&mut order, database)?;
        self.failed.store(false, Ordering::Release);
        tracing::info!("the embedded log is open again");
        lock(&self.groups).values().for_each(Group::wake);
        Ok(())
    }

    /// Takes over what the database holds. Topics that are open stay the same objects, since stream threads hold them.
    fn load(&self, order: &mut Order, database: Database) -> Result<(), EmbeddedError> {
        let mut topics = self.topics.write().unwrap_or_else(PoisonError::into_inner);
        for (name, stored) in topics::stored_topics(&database)? {
            let known = topics
                .entry(name.clone())
                .or_insert_with(|| Arc::new(Topic::new(&name, stored)));
            known.load(&database)?;
        }
        order.committed = Committed::load(&database)?;
        *self.database.write().unwrap_or_else(PoisonError::into_inner) = Some(database);
        Ok(())
    }
}

fn differs(found: &EmbeddedTopic, wanted: &EmbeddedTopic) -> EmbeddedError {
    EmbeddedError::Refused(format!(
        "the topic {} exists with {} partitions and {:?}, wanted are {} and {:?}",
        found.name, found.partitions, found.cleanup, wanted.partitions, wanted.cleanup
    ))
}
