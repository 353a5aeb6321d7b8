//! A transaction before it has offsets: encoded records and group offsets.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use streams::{Commit, TaskId};

use super::encoding::{self, PartitionPrefix, StoredParts};
use super::error::EmbeddedError;
use super::membership::MemberId;
use super::topics::{Cleanup, Partition, Topic};

/// Bytes that the key, value and headers of one record may have together.
pub const RECORD_BYTES_MAX: usize = 8 << 20;

/// Everything that becomes true together.
#[derive(Debug, Default)]
pub(super) struct Transaction<'a> {
    /// Who must still own what, or nothing is written.
    pub(super) fence: Option<Fence<'a>>,
    /// The partitions that are written to. Records name them by their place here.
    pub(super) slots: Vec<Arc<Partition>>,
    by_prefix: BTreeMap<PartitionPrefix, usize>,
    pub(super) records: Vec<PendingRecord>,
    bytes: Vec<u8>,
    /// The next offset to read of `(topic, partition)`, for the group.
    pub(super) offsets: Vec<(String, i32, i64)>,
    /// By task, how far its outputs are numbered.
    pub(super) counts: Vec<(TaskId, String)>,
    /// The group that `offsets` and `counts` are for.
    pub(super) group: &'a str,
    /// By commit, the slot of its changelog partition, if it wrote there.
    pub(super) changelogs: Vec<Option<usize>>,
}

/// The membership under which a transaction is made.
#[derive(Debug)]
pub(super) struct Fence<'a> {
    pub(super) member: MemberId,
    /// The epoch of the broker in which the member read its input.
    pub(super) epoch: u64,
    pub(super) commits: &'a [Commit],
}

/// A record without its offset.
#[derive(Debug)]
pub(super) struct PendingRecord {
    pub(super) slot: usize,
    range: Range<usize>,
}

impl<'a> Transaction<'a> {
    /// A transaction of a group's member.
    pub(super) fn of_member(group: &'a str, fence: Fence<'a>) -> Self {
        Self {
            fence: Some(fence),
            group,
            ..Self::default()
        }
    }

    /// The place of a partition in this transaction.
    fn slot(&mut self, topic: &Topic, partition: i32) -> Result<usize, EmbeddedError> {
        let partition = topic.partition(partition)?;
        if let Some(slot) = self.by_prefix.get(&partition.prefix) {
            return Ok(*slot);
        }
        let slot = self.slots.len();
        self.slots.push(Arc::clone(partition));
        self.by_prefix.insert(partition.prefix, slot);
        Ok(slot)
    }

    /// Appends a record to a partition.
    pub(super) fn push(
        &mut self,
        topic: &Topic,
        partition: i32,
        record: &StoredParts<'_>,
    ) -> Result<usize, EmbeddedError> {
        check(topic, record)?;
        let slot = self.slot(topic, partition)?;
        let start = self.bytes.len();
        encoding::encode(record, &mut self.bytes);
        let range = start..self.bytes.len();
        self.records.push(PendingRecord { slot, range });
        Ok(slot)
    }

    /// The stored form of one of [`records`](Self::records).
    pub(super) fn stored(&self, record: &PendingRecord) -> &[u8] {
        self.bytes.get(record.range.clone()).unwrap_or_default()
    }

    /// Bytes of all records.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// Refuses what the log never takes.
pub(super) fn check(topic: &Topic, record: &StoredParts<'_>) -> Result<(), EmbeddedError> {
    let size = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len) + record.headers.size();
    if size > RECORD_BYTES_MAX {
        return Err(EmbeddedError::Refused(format!(
            "a record of {size} bytes for {} is larger than {RECORD_BYTES_MAX} bytes",
            topic.name
        )));
    }
    if record.key.is_none() && topic.stored.cleanup == Cleanup::Compact {
        return Err(EmbeddedError::Refused(format!(
            "a record for the compacted topic {} has no key",
            topic.name
        )));
    }
    Ok(())
}
