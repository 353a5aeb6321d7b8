//! What clients ask brokers, one variant for each API of the Kafka protocol that sluice's client uses.

use std::time::Duration;

use super::ids::{CommittedOffset, Member, PartitionId, ProducerEpoch, StoredRecord, TopicId};

/// A request. Each says which broker it belongs to; any other broker refuses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    /// Makes a producer, and ends and fences what an earlier one of the transactional id has left open.
    /// To the id's coordinator, or to any broker without an id.
    InitProducerId {
        /// The transactional id, or none for a producer that is only idempotent.
        transactional_id: Option<String>,
        /// How long a transaction may be open before the coordinator aborts it.
        transaction_timeout: Duration,
        /// What the client has now, when it wants to go on under a higher epoch (KIP-360). It is fenced if others came since.
        current: Option<ProducerEpoch>,
    },
    /// Adds partitions to the transaction, which begins with that. To the id's coordinator.
    AddPartitionsToTxn {
        /// The transactional id.
        transactional_id: String,
        /// The producer.
        producer: ProducerEpoch,
        /// The partitions.
        partitions: Vec<PartitionId>,
    },
    /// Appends one batch. To the partition's leader.
    Produce {
        /// The transactional id, or none for a batch outside transactions.
        transactional_id: Option<String>,
        /// The producer, or [`ProducerEpoch::NONE`].
        producer: ProducerEpoch,
        /// The partition.
        partition: PartitionId,
        /// The sequence number of the first record, from 0 in each epoch and partition.
        base_sequence: i32,
        /// The records, at least one.
        records: Vec<StoredRecord>,
    },
    /// Adds a group's offsets to the transaction. To the id's coordinator.
    AddOffsetsToTxn {
        /// The transactional id.
        transactional_id: String,
        /// The producer.
        producer: ProducerEpoch,
        /// The group.
        group: String,
    },
    /// Stores offsets that come true with the transaction (KIP-447). To the group's coordinator.
    TxnOffsetCommit {
        /// The transactional id.
        transactional_id: String,
        /// The producer.
        producer: ProducerEpoch,
        /// The group.
        group: String,
        /// The member on whose behalf they are committed.
        member: Member,
        /// The offsets.
        offsets: Vec<(PartitionId, CommittedOffset)>,
    },
    /// Decides the transaction. To the id's coordinator. It does not say which transaction: a late duplicate decides whatever
    /// transaction of the same producer and epoch is open then.
    EndTxn {
        /// The transactional id.
        transactional_id: String,
        /// The producer.
        producer: ProducerEpoch,
        /// Whether to commit, or to abort.
        commit: bool,
    },
    /// Reads records. To the partition's leader. Never waits: a long poll is for the caller to build.
    Fetch {
        /// The partition.
        partition: PartitionId,
        /// The first offset wanted.
        offset: i64,
        /// Whether only committed records are wanted (`isolation.level=read_committed`).
        committed: bool,
        /// Most records in the answer.
        max_records: usize,
    },
    /// Asks for the beginning or the end of a partition. To its leader.
    ListOffsets {
        /// The partition.
        partition: PartitionId,
        /// Which one.
        which: OffsetSpec,
    },
    /// Reads a group's committed offsets. To its coordinator.
    OffsetFetch {
        /// The group.
        group: String,
        /// The partitions.
        partitions: Vec<PartitionId>,
        /// Whether to refuse while a transaction may still change one of them (KIP-447).
        require_stable: bool,
    },
    /// Joins a group, or joins it again in a rebalance. To its coordinator. The coordinator assigns partitions itself, so that
    /// this one exchange is Kafka's `JoinGroup` and `SyncGroup`.
    JoinGroup {
        /// The group.
        group: String,
        /// The member's id, empty at first.
        member_id: String,
        /// The id of a static member (KIP-345), or empty.
        instance_id: String,
        /// The client's name, for those who look.
        client_id: String,
        /// How long a member may be silent.
        session_timeout: Duration,
        /// How long a rebalance waits for the member; more than zero.
        rebalance_timeout: Duration,
        /// The topic whose partitions it wants.
        topic: TopicId,
        /// The partitions that it still has (KIP-429).
        owned: Vec<i32>,
    },
    /// Keeps the session alive and asks whether to join again. To the group's coordinator.
    Heartbeat {
        /// The group.
        group: String,
        /// The member.
        member: Member,
    },
    /// Leaves the group. To its coordinator.
    LeaveGroup {
        /// The group.
        group: String,
        /// The member; its generation does not matter. A static one may leave its member id empty.
        member: Member,
    },
    /// Asks who is in a group. To its coordinator.
    DescribeGroup {
        /// The group.
        group: String,
    },
    /// Asks for a topic's partitions and their leaders. To any broker.
    Metadata {
        /// The topic's name.
        topic: String,
    },
}

impl Request {
    /// The name of the API.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::InitProducerId { .. } => "InitProducerId",
            Self::AddPartitionsToTxn { .. } => "AddPartitionsToTxn",
            Self::Produce { .. } => "Produce",
            Self::AddOffsetsToTxn { .. } => "AddOffsetsToTxn",
            Self::TxnOffsetCommit { .. } => "TxnOffsetCommit",
            Self::EndTxn { .. } => "EndTxn",
            Self::Fetch { .. } => "Fetch",
            Self::ListOffsets { .. } => "ListOffsets",
            Self::OffsetFetch { .. } => "OffsetFetch",
            Self::JoinGroup { .. } => "JoinGroup",
            Self::Heartbeat { .. } => "Heartbeat",
            Self::LeaveGroup { .. } => "LeaveGroup",
            Self::DescribeGroup { .. } => "DescribeGroup",
            Self::Metadata { .. } => "Metadata",
        }
    }
}

/// A place in a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OffsetSpec {
    /// The first offset that is left.
    Earliest,
    /// The end.
    Latest {
        /// Whether the last stable offset is meant, or the high watermark.
        committed: bool,
    },
}
