//! Names and small values that requests, responses and state share.

use bytes::Bytes;
use streams::record::Headers;

/// A topic, by the order of creation. Never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicId(pub u32);

/// A partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId {
    /// The topic.
    pub topic: TopicId,
    /// The partition's number, from 0.
    pub partition: i32,
}

/// A broker, numbered from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BrokerId(pub u32);

/// The identity of a producer (KIP-98): of two epochs of one id, only the higher one may still write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProducerEpoch {
    /// The producer id, or -1 for a producer that is not idempotent.
    pub id: i64,
    /// The epoch, from 0.
    pub epoch: i16,
}

impl ProducerEpoch {
    /// A producer that is not idempotent: its batches are appended without any check.
    pub const NONE: Self = Self { id: -1, epoch: -1 };
}

/// A record as a partition keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Create time in milliseconds since the epoch, as the producer gave it.
    pub timestamp_ms: i64,
    /// Key bytes, or null.
    pub key: Option<Bytes>,
    /// Value bytes, or null (a tombstone on a compacted topic).
    pub value: Option<Bytes>,
    /// Headers.
    pub headers: Headers,
}

/// What a member says about itself in requests to its group's coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The id that the coordinator gave, or empty for a committer outside the group.
    pub member_id: String,
    /// The id of a static member (KIP-345), or empty for a dynamic one.
    pub instance_id: String,
    /// The generation of the member's last join, or -1 for a committer outside the group.
    pub generation: i32,
}

/// How far a group has read a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The offset of the next record to read.
    pub next: i64,
    /// What the committer stored with it.
    pub metadata: String,
}

/// Stands for a request whose answer comes later, in [`Cluster::take_answers`](super::Cluster::take_answers).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What becomes of old records of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// They are deleted from the beginning of the log.
    Delete,
    /// The newest record of each key stays. Records without a key are refused.
    Compact,
}
