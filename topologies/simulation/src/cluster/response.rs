//! What brokers answer.

use super::error::KafkaError;
use super::ids::{BrokerId, CommittedOffset, PartitionId, ProducerEpoch, StoredRecord, Ticket, TopicId};

/// A response, or Kafka's error.
pub type Answer = Result<Response, KafkaError>;

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handled {
    /// It is answered.
    Answer(Answer),
    /// Its answer comes later, maybe at once, in [`Cluster::take_answers`](super::Cluster::take_answers).
    Parked(Ticket),
}

/// A successful response, by the request it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// `InitProducerId`: the producer to work under.
    ProducerId(ProducerEpoch),
    /// `AddPartitionsToTxn`.
    PartitionsAdded,
    /// `Produce`: the first record's offset, also for a batch that was appended before.
    Produced {
        /// The offset.
        base_offset: i64,
    },
    /// `AddOffsetsToTxn`.
    OffsetsAdded,
    /// `TxnOffsetCommit`.
    OffsetsCommitted,
    /// `EndTxn`: the decision is final. Its markers may not be written yet.
    TxnEnded,
    /// `Fetch`.
    Fetched(Fetched),
    /// `ListOffsets`: the offset.
    Offset(i64),
    /// `OffsetFetch`: the offsets in the order of the request, none where nothing was committed.
    Offsets(Vec<(PartitionId, Option<CommittedOffset>)>),
    /// `JoinGroup`.
    Joined(Joined),
    /// `Heartbeat`.
    Alive,
    /// `LeaveGroup`.
    Left,
    /// `DescribeGroup`.
    Group(GroupDescription),
    /// `Metadata`.
    Topic(TopicDescription),
}

/// What was read of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Records with their offsets, ascending, maybe with gaps.
    pub records: Vec<(i64, StoredRecord)>,
    /// Where to go on: behind everything that was looked at, also markers, aborted records and gaps.
    pub next: i64,
    /// The first offset of the earliest open transaction, or the high watermark.
    pub last_stable_offset: i64,
    /// Behind the last record. Replication takes no time here, so it is the log's end.
    pub high_watermark: i64,
    /// The first offset that is left.
    pub log_start: i64,
}

/// A membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// The id to use from now on.
    pub member_id: String,
    /// The group's generation.
    pub generation: i32,
    /// The partitions that the member may have now, ascending. What it owns beyond them it must give up and then join again.
    pub assignment: Vec<i32>,
}

/// What a group's coordinator tells about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// The state.
    pub state: GroupState,
    /// The members, by member id. Their assignments are shown in a stable group only, as in Kafka.
    pub members: Vec<MemberDescription>,
}

/// The state of a group, under Kafka's names. `CompletingRebalance` does not occur, as the coordinator assigns by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    /// There is no such group.
    Dead,
    /// It has no members.
    Empty,
    /// It waits for its members to join again.
    PreparingRebalance,
    /// All members have an assignment.
    Stable,
}

/// One member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberDescription {
    /// The id that the coordinator gave.
    pub member_id: String,
    /// The id of a static member, or empty.
    pub instance_id: String,
    /// The client's name.
    pub client_id: String,
    /// The partitions that it was last assigned, ascending.
    pub assignment: Vec<i32>,
}

/// A topic and who leads its partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDescription {
    /// The topic.
    pub topic: TopicId,
    /// The leaders of its partitions, by partition number.
    pub leaders: Vec<BrokerId>,
}
