//! Why a broker refuses a request.

/// A refusal, under Kafka's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum KafkaError {
    /// The broker does not lead the partition.
    #[error("the broker does not lead the partition")]
    NotLeader,
    /// The broker coordinates neither the group nor the transactional id.
    #[error("the broker is not the coordinator")]
    NotCoordinator,
    /// An earlier transaction of the transactional id is still being ended; try again.
    #[error("an earlier transaction is still being ended")]
    ConcurrentTransactions,
    /// The partition has seen a newer epoch of the producer.
    #[error("the producer's epoch is older than one the partition has seen")]
    InvalidProducerEpoch,
    /// The coordinator knows another epoch of the producer.
    #[error("another producer took the transactional id over")]
    ProducerFenced,
    /// The transaction's state does not allow this.
    #[error("the transaction is not in a state for this")]
    InvalidTxnState,
    /// The transactional id belongs to another producer id, or to none.
    #[error("the transactional id does not belong to the producer id")]
    InvalidProducerIdMapping,
    /// The batch does not follow the producer's last one.
    #[error("the sequence number does not follow the last one")]
    OutOfOrderSequence,
    /// A batch was appended before. Only old brokers say so; this cluster answers with the old offset instead.
    #[error("the batch was appended before")]
    DuplicateSequence,
    /// The group has no such member.
    #[error("the group has no such member")]
    UnknownMemberId,
    /// The member's generation is not the group's.
    #[error("the generation is not the group's")]
    IllegalGeneration,
    /// Another member took the instance id over (KIP-345).
    #[error("another member took the instance id over")]
    FencedInstanceId,
    /// The member has to join again.
    #[error("the group is rebalancing")]
    RebalanceInProgress,
    /// A transaction that may change a requested offset is not decided or not written yet; try again (KIP-447).
    #[error("an offset depends on a transaction that has not ended")]
    UnstableOffsetCommit,
    /// The offset is below the log's start or above its end.
    #[error("the offset is outside the log")]
    OffsetOutOfRange,
    /// There is no such topic or partition.
    #[error("there is no such topic or partition")]
    UnknownTopicOrPartition,
    /// The coordinator could not verify a transactional batch at this moment; try again. This is what a `Produce` of the old
    /// protocol gets in place of [`ConcurrentTransactions`](Self::ConcurrentTransactions) (KIP-890).
    #[error("the batch cannot be verified at this moment")]
    NotEnoughReplicas,
    /// A batch without records, or a record without a key for a compacted topic.
    #[error("the record is not valid for the topic")]
    InvalidRecord,
    /// The producer asked for a longer transaction timeout than the brokers allow.
    #[error("the transaction timeout is longer than allowed")]
    InvalidTransactionTimeout,
}
