//! Transaction markers on their way from a coordinator to the partitions of a transaction.

use super::ids::{PartitionId, ProducerEpoch};

/// The end of a transaction in one partition (Kafka: `WriteTxnMarkers`).
///
/// In the old protocol a partition cannot tell a marker that is written twice from the end of the producer's next
/// transaction. A caller that writes a marker a second time plays a coordinator that has lost the answer to the first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Marker {
    /// The transactional id whose coordinator waits for it.
    pub transactional_id: String,
    /// The producer. After an abort by the coordinator this is an epoch that no client has.
    pub producer: ProducerEpoch,
    /// Where it belongs.
    pub target: MarkerTarget,
    /// Whether the transaction is committed, or aborted.
    pub commit: bool,
    /// Which incarnation of the coordinator sends it: grows by one when the coordinator moves. A partition refuses a marker of
    /// an older incarnation than it has seen of this producer.
    pub coordinator_epoch: i32,
}

/// What a transaction can write to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum MarkerTarget {
    /// A partition.
    Partition(PartitionId),
    /// The offsets of a group. In Kafka they are in a partition too.
    Offsets(String),
}
