//! The port to a Kafka client: what [`KafkaLog`](super::KafkaLog) and [`KafkaReader`](super::KafkaReader) ask of one.
//!
//! [`Librdkafka`](super::Librdkafka) is the client of production. A simulation brings one of its own, so that everything above
//! this port, which decides what is committed and when a producer is not to be trusted, runs there unchanged. The meaning
//! of each call is librdkafka's.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode;
use streams::{Headers, OutputRecord};

use super::group::GroupState;
use super::witness::Witness;

/// Names and values of a client's settings, by librdkafka's names.
pub type Settings = Vec<(String, String)>;

/// What a client says went wrong, with its own advice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientError {
    /// The code.
    pub code: RDKafkaErrorCode,
    /// The sentence.
    pub reason: String,
    /// The handle is of no more use.
    pub fatal: bool,
    /// The same call must be made again.
    pub retriable: bool,
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({:?})", self.reason, self.code)
    }
}

/// A partition of a topic with what a call takes or answers for it.
#[allow(clippy::struct_field_names, reason = "a partition's number is called its partition")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// An offset, or [`NO_OFFSET`].
    pub offset: i64,
    /// Free text kept with a committed offset.
    pub metadata: Vec<u8>,
    /// The error of this element alone.
    pub error: Option<RDKafkaErrorCode>,
}

/// Stands for no offset in a [`Partition`].
pub const NO_OFFSET: i64 = -1001;

impl Partition {
    /// A partition without an offset.
    #[must_use]
    pub fn new(topic: &str, partition: i32) -> Self {
        Self {
            topic: topic.to_owned(),
            partition,
            offset: NO_OFFSET,
            metadata: Vec::new(),
            error: None,
        }
    }
}

/// What the group or the connection has to say to a consumer.
#[derive(Debug)]
pub enum ConsumerEvent {
    /// The group gives partitions of the subscribed topic. Answered by [`KafkaConsumer::assign`].
    Assigned(Vec<Partition>),
    /// The group takes partitions of the subscribed topic. Answered by [`KafkaConsumer::unassign`].
    Revoked {
        /// The partitions.
        partitions: Vec<Partition>,
        /// Whether another member may have them already.
        lost: bool,
    },
    /// The client reports trouble.
    Error(ClientError),
}

/// Makes consumers and producers.
pub trait KafkaClient: Clone + Send + Sync + 'static {
    /// Its consumers.
    type Consumer: KafkaConsumer;
    /// Its producers.
    type Producer: KafkaProducer<Membership = <Self::Consumer as KafkaConsumer>::Membership>;

    /// A consumer with these settings, not subscribed and without partitions.
    fn consumer(&self, settings: &Settings, witness: Arc<Witness>) -> Result<Self::Consumer, ClientError>;

    /// A transactional producer with these settings. Records name a topic by its position in `topics`.
    fn producer(
        &self,
        settings: &Settings,
        topics: &[&str],
        witness: Arc<Witness>,
    ) -> Result<Self::Producer, ClientError>;
}

/// The membership that a transaction is fenced with. Taken anew for every transaction.
pub trait GroupMembership {
    /// Number of the group's present constellation, negative while the consumer is no member.
    fn generation(&self) -> i32;

    /// The name that the group has given to the consumer; empty before that and after it was laid down.
    fn member_id(&self) -> String;
}

/// A consumer whose rebalances are events, which it is told in a queue of their own.
pub trait KafkaConsumer: Send + Sized {
    /// Records that were taken out of it.
    type Batch: FetchedBatch<Self>;
    /// What it knows of its membership.
    type Membership: GroupMembership;

    /// Names a topic so that its records can be told apart by one comparison; see [`FetchedRecord::topic`].
    fn topic(&mut self, name: &str) -> Result<usize, ClientError>;

    /// Joins the group for one topic.
    fn subscribe(&self, topic: &str) -> Result<(), ClientError>;

    /// Leaves the group, also as a static member, and gives up at the deadline.
    fn leave(&mut self, deadline: Instant);

    /// The next event, without waiting.
    fn next_event(&self) -> Option<ConsumerEvent>;

    /// Waits until a record or an event has come since the last wait, or the deadline passes.
    fn wait_until(&self, deadline: Instant);

    /// Begins to fetch these partitions at the offsets given with them. Partitions that are fetched already must not be named.
    /// An empty list is how a rebalance that gave something is answered.
    fn assign(&mut self, partitions: &[Partition]) -> Result<(), ClientError>;

    /// Stops fetching these partitions. An empty list is how a rebalance that took something is answered.
    fn unassign(&mut self, partitions: &[Partition]) -> Result<(), ClientError>;

    /// Goes on reading fetched partitions at other offsets. What was fetched before is forgotten. Answers the partitions with
    /// the error of each that could not be moved.
    fn seek(&self, partitions: &[Partition], timeout: Duration) -> Result<Vec<Partition>, ClientError>;

    /// The group's committed offsets, once no transaction is pending on them.
    fn committed(&self, partitions: &[Partition], timeout: Duration) -> Result<Vec<Partition>, ClientError>;

    /// The position of each partition: after the last record or marker that was handed over.
    fn positions(&self, partitions: &[Partition]) -> Result<Vec<Partition>, ClientError>;

    /// First offset and end of what this consumer may see.
    fn watermarks(&self, topic: &str, partition: i32, timeout: Duration) -> Result<(i64, i64), ClientError>;

    /// The end of a partition, whatever of it this consumer may see.
    fn high_watermark(&self, topic: &str, partition: i32, timeout: Duration) -> Result<i64, ClientError>;

    /// Number of partitions of a topic, asked of a broker; `None` when there is no such topic.
    fn partition_count(&self, topic: &str, timeout: Duration) -> Result<Option<i32>, ClientError>;

    /// Asks the brokers for a group.
    fn group(&self, name: &str, timeout: Duration) -> Result<GroupState, ClientError>;

    /// The membership as it is now.
    fn group_metadata(&self) -> Option<Self::Membership>;

    /// Leaves the group if it is no static member, answering every rebalance on the way, and gives up at the deadline.
    fn close(self, deadline: Instant);
}

/// Records that were taken from a consumer and wait to be looked at.
pub trait FetchedBatch<C>: Default + Send {
    /// A record.
    type Record<'a>: FetchedRecord<'a>
    where
        Self: 'a;

    /// Takes what the consumer has fetched of one partition, without waiting. Only an empty batch is refilled.
    /// Answers whether there is something to look at.
    fn refill(&mut self, consumer: &C) -> bool;

    /// The next record. It is counted as taken.
    fn next(&mut self) -> Option<Self::Record<'_>>;

    /// Drops the waiting records that `keep` refuses.
    fn retain(&mut self, keep: impl FnMut(&Self::Record<'_>) -> bool);

    /// Drops every record, looked at or not.
    fn clear(&mut self);
}

/// One fetched record, or an error that the client delivers in its place.
pub trait FetchedRecord<'a> {
    /// The error that stands here instead of a record.
    fn error(&self) -> Option<RDKafkaErrorCode>;

    /// The sentence of [`error`](Self::error).
    fn error_text(&self) -> String;

    /// Identifies the topic: equal to what [`KafkaConsumer::topic`] answered for it.
    fn topic(&self) -> usize;

    /// The partition.
    fn partition(&self) -> i32;

    /// The offset; of [`RDKafkaErrorCode::PartitionEOF`] the position that the client has reached.
    fn offset(&self) -> i64;

    /// Create time in milliseconds since the epoch.
    fn timestamp_ms(&self) -> i64;

    /// Key bytes, or null.
    fn key(&self) -> Option<&'a [u8]>;

    /// Value bytes, or null.
    fn value(&self) -> Option<&'a [u8]>;

    /// The headers whose names `keep` takes.
    fn headers(&self, keep: impl Fn(&str) -> bool) -> Headers;
}

/// A transactional producer.
pub trait KafkaProducer: Send {
    /// What a transaction is fenced with.
    type Membership;

    /// Waits until a broker is connected, which the leader of a partition of `topic` is asked for. A failure shows in
    /// [`init`](Self::init).
    fn connect(&self, topic: &str, timeout: Duration);

    /// Fences every other producer of the same id and ends its transaction, for good or ill as the coordinator had decided.
    fn init(&self, timeout: Duration) -> Result<(), ClientError>;

    /// Begins a transaction. Nothing is sent yet.
    fn begin(&self) -> Result<(), ClientError>;

    /// Hands one record to the client, which copies it, with its [`ORIGIN`](crate::origin::ORIGIN) as one more header if it has one.
    /// `tag` comes back with the delivery report.
    fn produce(
        &self,
        topic: usize,
        record: &OutputRecord<'_>,
        origin: Option<&str>,
        tag: usize,
    ) -> Result<(), ClientError>;

    /// Puts input progress into the transaction, fenced by the membership.
    fn send_offsets(
        &self,
        offsets: &[Partition],
        member: &Self::Membership,
        timeout: Duration,
    ) -> Result<(), ClientError>;

    /// Waits until every record was reported on, sending at once what still lingers.
    fn flush(&self, timeout: Duration) -> Result<(), ClientError>;

    /// Asks the coordinator to make the transaction true.
    fn commit(&self, timeout: Duration) -> Result<(), ClientError>;

    /// Asks the coordinator to end the transaction without effect.
    fn abort(&self, timeout: Duration) -> Result<(), ClientError>;

    /// Runs the callbacks that wait, and waits for one at most as long as said.
    fn serve(&self, timeout: Duration);

    /// Drops whatever was not sent and ends the handle without making the caller wait.
    /// A transaction that is open on the broker stays open until the next producer of that id or the transaction timeout.
    fn discard(self);
}
