//! What happens in the background: compaction, retention, eviction of members that hang, and recovery after a failure of the disk.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use std::ops::ControlFlow;

use rocksdb::{Direction, IteratorMode, WriteBatch};

use super::EmbeddedBroker;
use super::database::{Database, KEYS, META, RECORDS};
use super::encoding::{self, StoredParts, joined, record_key};
use super::error::EmbeddedError;
use super::reader::Reading;
use super::signal::lock;
use super::topics::{Cleanup, Partition, Topic};

/// Milliseconds that a deletion on a compacted topic stays readable (Kafka: `delete.retention.ms`), a day.
pub(super) const TOMBSTONE_RETENTION_MS: i64 = 86_400_000;
/// Milliseconds that the log must be open before it removes deletions, so that a store that stood still meanwhile is restored first.
const TOMBSTONE_GRACE_MS: i64 = 3_600_000;
/// Time between two rounds.
const ROUND_INTERVAL: Duration = Duration::from_millis(500);
/// Records of one partition that one round looks at in one step.
const STEP_RECORDS_MAX: usize = 4096;
/// Steps that one round spends on one partition; the rest is for the next round, so that every partition gets its turn.
const STEPS_MAX: usize = 64;

const TOMBSTONE_PREFIX: &[u8] = b"tombstone/";

/// Milliseconds since the epoch.
pub(super) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Starts the thread that does the rounds until the broker is closed.
pub(super) fn start(broker: &EmbeddedBroker) -> Result<(), EmbeddedError> {
    let broker = broker.in_background();
    let rounds = move || {
        while !broker.closed.load(Ordering::Acquire) {
            let maintained = broker.maintain(now_ms());
            if let Err(cause) = maintained
                && !broker.closed.load(Ordering::Acquire)
            {
                tracing::warn!(%cause, "the embedded log could not be maintained; the next round tries again");
            }
            std::thread::park_timeout(ROUND_INTERVAL);
        }
    };
    std::thread::Builder::new()
        .name("sluice-maintenance".to_owned())
        .spawn(rounds)
        .map(drop)
        .map_err(|cause| EmbeddedError::Unavailable(format!("the maintenance thread cannot start: {cause}")))
}

impl EmbeddedBroker {
    /// One round of compaction, retention, eviction and recovery, as of `now_ms` (milliseconds since the epoch).
    /// The broker calls it by itself; its work is bounded, and the next round goes on where it ended.
    pub fn maintain(&self, now_ms: i64) -> Result<(), EmbeddedError> {
        self.recover()?;
        lock(&self.groups).values_mut().for_each(|group| group.evict(now_ms));
        let topics: Vec<Arc<Topic>> = {
            let topics = self.topics.read().unwrap_or_else(PoisonError::into_inner);
            topics.values().cloned().collect()
        };
        for topic in topics {
            for partition in &topic.partitions {
                self.maintain_partition(&topic, partition, now_ms)?;
            }
        }
        self.remove_tombstones(now_ms)
    }

    fn maintain_partition(&self, topic: &Topic, partition: &Partition, now_ms: i64) -> Result<(), EmbeddedError> {
        for _ in 0..STEPS_MAX {
            let more = match partition.cleanup {
                Cleanup::Compact => self.compact(partition, now_ms)?,
                Cleanup::Delete { retention_ms } if retention_ms < 0 => false,
                Cleanup::Delete { retention_ms } => {
                    self.expire(topic, partition, now_ms.saturating_sub(retention_ms))?
                }
            };
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// One step of compaction: of the records that are new since the last step, removes what they supersede. Answers whether there is more.
    fn compact(&self, partition: &Partition, now_ms: i64) -> Result<bool, EmbeddedError> {
        let cleaned = partition.cleaned.load(Ordering::Acquire);
        let durable = partition.durable.load(Ordering::Acquire);
        if cleaned >= durable {
            return Ok(false);
        }
        self.with_database(|database| {
            let step = Step::read(database, partition, cleaned, durable)?;
            let mut batch = WriteBatch::default();
            step.supersede(database, partition, now_ms, &mut batch)?;
            batch.put(partition.cleaned_key(), step.next.to_be_bytes());
            self.write_step(database, partition, batch)?;
            partition.cleaned.store(step.next, Ordering::Release);
            Ok(step.next < durable)
        })
    }

    /// One step of retention: removes records older than `cutoff_ms` from the beginning. Answers whether there may be more.
    fn expire(&self, topic: &Topic, partition: &Partition, cutoff_ms: i64) -> Result<bool, EmbeddedError> {
        let start = partition.start.load(Ordering::Acquire);
        let unread = lock(&self.order).committed.lowest(&topic.name, partition.index);
        let end = partition.durable.load(Ordering::Acquire);
        let limit = unread.unwrap_or(end).min(end);
        if start >= limit {
            return Ok(false);
        }
        self.with_database(|database| {
            let (mut seen, mut next) = (0, start);
            let broke = database.scan(partition, start..limit, Reading::Tail, &mut |offset, record| {
                if record.timestamp_ms >= cutoff_ms || seen == STEP_RECORDS_MAX {
                    return ControlFlow::Break(());
                }
                seen += 1;
                next = offset + 1;
                ControlFlow::Continue(())
            })?;
            if next == start {
                return Ok(false);
            }
            let mut batch = WriteBatch::default();
            let (from, to) = (record_key(partition.prefix, start), record_key(partition.prefix, next));
            batch.delete_range_cf(database.family(RECORDS)?, from, to);
            batch.put(partition.start_key(), next.to_be_bytes());
            self.write_step(database, partition, batch)?;
            partition.start.store(next, Ordering::Release);
            Ok(broke.is_break() && seen == STEP_RECORDS_MAX)
        })
    }

    /// Removes deletions whose time is over, and what is left of their keys.
    fn remove_tombstones(&self, now_ms: i64) -> Result<(), EmbeddedError> {
        let retention_ms = self.options.tombstone_retention_ms;
        if now_ms.saturating_sub(self.opened_ms) < retention_ms.min(TOMBSTONE_GRACE_MS) {
            return Ok(());
        }
        let cutoff = now_ms.saturating_sub(retention_ms).max(0).to_be_bytes();
        self.with_database(|database| {
            let mut batch = WriteBatch::default();
            let mode = IteratorMode::From(TOMBSTONE_PREFIX, Direction::Forward);
            for entry in database
                .raw()
                .iterator_cf(database.family(META)?, mode)
                .take(STEP_RECORDS_MAX)
            {
                let (entry, key) = entry.map_err(|cause| EmbeddedError::reading(&cause))?;
                let Some(tombstone) = Tombstone::parse(&entry) else {
                    break;
                };
                if tombstone.since_ms > &cutoff {
                    break;
                }
                tombstone.remove(database, &key, &mut batch)?;
                batch.delete(&entry);
            }
            if batch.is_empty() {
                Ok(())
            } else {
                database.write_synced(batch)
            }
        })
    }

    /// Writes a step. The end goes with it, since the step may remove the last record, from which the end is read at start.
    fn write_step(
        &self,
        database: &Database,
        partition: &Partition,
        mut batch: WriteBatch,
    ) -> Result<(), EmbeddedError> {
        let durable = partition.durable.load(Ordering::Acquire);
        batch.put(partition.end_key(), durable.to_be_bytes());
        if partition.deleted.load(Ordering::Acquire) {
            return Ok(());
        }
        // Not synced: a step that a power loss takes back is made again, and the next commit's sync covers it.
        database.raw().write(batch).map_err(|cause| self.fail(&cause))
    }
}

/// The latest record of each key among some records.
struct Step {
    latest: BTreeMap<Vec<u8>, Latest>,
    /// Offsets that a later record of the same step supersedes.
    superseded: Vec<i64>,
    next: i64,
}

#[derive(Clone, Copy)]
struct Latest {
    offset: i64,
    tombstone: bool,
}

impl Step {
    fn read(database: &Database, partition: &Partition, from: i64, to: i64) -> Result<Self, EmbeddedError> {
        let mut step = Self {
            latest: BTreeMap::new(),
            superseded: Vec::new(),
            next: to,
        };
        let mut seen = 0;
        let mut visit = |offset: i64, record: StoredParts<'_>| {
            if seen == STEP_RECORDS_MAX {
                step.next = offset;
                return ControlFlow::Break(());
            }
            seen += 1;
            let latest = Latest {
                offset,
                tombstone: record.value.is_none(),
            };
            let former = step.latest.insert(record.key.unwrap_or_default().to_vec(), latest);
            step.superseded.extend(former.map(|former| former.offset));
            ControlFlow::Continue(())
        };
        // Whether the step broke shows in `next`.
        let _broke = database.scan(partition, from..to, Reading::Tail, &mut visit)?;
        Ok(step)
    }

    fn supersede(
        &self,
        database: &Database,
        partition: &Partition,
        now_ms: i64,
        batch: &mut WriteBatch,
    ) -> Result<(), EmbeddedError> {
        let (records, keys) = (database.family(RECORDS)?, database.family(KEYS)?);
        for offset in &self.superseded {
            batch.delete_cf(records, record_key(partition.prefix, *offset));
        }
        for (key, latest) in &self.latest {
            let index = joined(&[&partition.prefix, key]);
            let former = database
                .raw()
                .get_pinned_cf(keys, &index)
                .map_err(|cause| EmbeddedError::reading(&cause))?;
            // After a crash a step may meet its own work again; a record never supersedes itself.
            let former = former
                .and_then(|bytes| encoding::number(&bytes))
                .filter(|offset| *offset < latest.offset);
            if let Some(offset) = former {
                batch.delete_cf(records, record_key(partition.prefix, offset));
            }
            batch.put_cf(keys, &index, latest.offset.to_be_bytes());
            if latest.tombstone {
                let record = record_key(partition.prefix, latest.offset);
                batch.put(joined(&[TOMBSTONE_PREFIX, &now_ms.max(0).to_be_bytes(), &record]), key);
            }
        }
        Ok(())
    }
}

/// A deletion that waits to be removed, read from its entry in the database.
struct Tombstone<'a> {
    since_ms: &'a [u8; 8],
    prefix: &'a [u8],
    record: &'a [u8],
}

impl<'a> Tombstone<'a> {
    fn parse(entry: &'a [u8]) -> Option<Self> {
        let (since_ms, record) = entry.strip_prefix(TOMBSTONE_PREFIX)?.split_first_chunk::<8>()?;
        let prefix = record.get(..8)?;
        Some(Self {
            since_ms,
            prefix,
            record,
        })
    }

    fn remove(&self, database: &Database, key: &[u8], batch: &mut WriteBatch) -> Result<(), EmbeddedError> {
        let keys = database.family(KEYS)?;
        let index = joined(&[self.prefix, key]);
        let latest = database
            .raw()
            .get_pinned_cf(keys, &index)
            .map_err(|cause| EmbeddedError::reading(&cause))?;
        if latest.is_some_and(|latest| Some(&*latest) == self.record.get(8..)) {
            batch.delete_cf(keys, &index);
            batch.delete_cf(database.family(RECORDS)?, self.record);
        }
        Ok(())
    }
}
