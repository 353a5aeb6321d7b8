//! A Kafka cluster as a state machine: requests in, answers out, and time as an argument.
//!
//! It behaves as brokers of Kafka 4 do towards librdkafka, which speaks the old transaction protocol: the producer's epoch
//! stays the same from one transaction to the next (KIP-98, KIP-360, KIP-447, part 1 of KIP-890). The hazards of that
//! protocol are kept on purpose, as they are what the engine has to live with:
//!
//! * `EndTxn` does not say which transaction it ends. A late duplicate ends whatever is open then.
//! * A late `Produce` of an earlier transaction is accepted into the next one that has its partition, if its sequence number
//!   fits.
//! * A late `TxnOffsetCommit` of an earlier transaction replaces the offsets of the next one.
//! * A late `AddPartitionsToTxn` or `AddOffsetsToTxn` begins a transaction that nobody ends; its timeout fences the producer.
//! * A marker that is written twice may end the producer's next transaction in that partition.
//! * A static member that comes back while it was giving partitions up gets its old assignment; nobody gets the rest.
//! * A static member that misses a rebalance stays in the group, and what it works on may be given away: its generation is all
//!   that shuts it out.
//! * A late first `JoinGroup` of a static member fences the incarnation that was answered.
//!
//! Not modelled: lost or unreplicated writes, transactional ids and producers that expire, quotas, `OffsetCommit` outside of
//! transactions, and the new group protocol (KIP-848).

mod cleaning;
mod elections;
mod error;
mod group;
mod handle;
mod ids;
mod marker;
mod offsets;
mod oracles;
mod partition;
mod producers;
mod request;
mod response;
mod settings;
mod timers;
mod topics;
mod transaction;
mod transactions;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub use self::error::KafkaError;
pub use self::ids::{
    BrokerId, CommittedOffset, Member, PartitionId, Policy, ProducerEpoch, StoredRecord, Ticket, TopicId,
};
pub use self::marker::{Marker, MarkerTarget};
pub use self::request::{OffsetSpec, Request};
pub use self::response::{
    Answer, Fetched, GroupDescription, GroupState, Handled, Joined, MemberDescription, Response, TopicDescription,
};
pub use self::settings::Settings;
use group::Group;
use offsets::Offsets;
use partition::Partition;
use topics::Topics;
use transactions::Transactions;

/// All brokers of a cluster, and what they keep.
#[derive(Debug)]
pub struct Cluster {
    settings: Settings,
    now: Duration,
    topics: Topics,
    partitions: BTreeMap<PartitionId, Partition>,
    /// Where partitions, groups and transactional ids were moved; all others are where they were placed at first.
    leaders: BTreeMap<PartitionId, BrokerId>,
    coordinators: BTreeMap<String, BrokerId>,
    transactions: Transactions,
    groups: BTreeMap<String, Group>,
    offsets: BTreeMap<String, Offsets>,
    /// Number of tickets given so far.
    tickets: u64,
    answers: Vec<(Ticket, Answer)>,
    advanced: BTreeSet<PartitionId>,
}

impl Cluster {
    /// A cluster without topics, at time 0.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            now: Duration::ZERO,
            topics: Topics::default(),
            partitions: BTreeMap::new(),
            leaders: BTreeMap::new(),
            coordinators: BTreeMap::new(),
            transactions: Transactions::default(),
            groups: BTreeMap::new(),
            offsets: BTreeMap::new(),
            tickets: 0,
            answers: Vec::new(),
            advanced: BTreeSet::new(),
        }
    }

    /// Creates a topic. A topic of that name that exists already stays as it is.
    pub fn create_topic(&mut self, name: &str, partitions: i32, policy: Policy) -> TopicId {
        if let Some(topic) = self.topic(name) {
            return topic;
        }
        let topic = self.topics.add(name, partitions);
        for partition in 0..partitions {
            let id = PartitionId { topic, partition };
            let log = Partition::new(policy, self.settings.remembered_batches);
            self.partitions.insert(id, log);
        }
        topic
    }

    /// The topic of that name.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<TopicId> {
        self.topics.find(name)
    }

    /// The topic's name, or an empty one for a topic that this cluster does not have.
    #[must_use]
    pub fn topic_name(&self, topic: TopicId) -> &str {
        self.topics.name(topic)
    }

    /// Number of partitions of the topic; 0 for a topic that this cluster does not have.
    #[must_use]
    pub fn partitions(&self, topic: TopicId) -> i32 {
        self.topics.partitions(topic)
    }

    /// The broker that partition requests have to go to.
    #[must_use]
    pub fn leader(&self, partition: PartitionId) -> BrokerId {
        let moved = self.leaders.get(&partition).copied();
        moved.unwrap_or_else(|| self.place(partition.topic.0.wrapping_add(partition.partition.unsigned_abs())))
    }

    /// The broker that coordinates a group or a transactional id. One of the same name as the other shares its broker.
    #[must_use]
    pub fn coordinator(&self, key: &str) -> BrokerId {
        let moved = self.coordinators.get(key).copied();
        moved.unwrap_or_else(|| self.place(hash(key)))
    }

    /// Makes another broker the leader. Nothing is lost.
    pub fn move_leader(&mut self, partition: PartitionId, broker: BrokerId) {
        self.leaders.insert(partition, broker);
    }

    /// Makes another broker the coordinator of the group or transactional id. Nothing is lost, but joins that wait are
    /// refused, sessions begin again, and all markers of a decided transaction are written (and come up in
    /// [`take_markers`](Self::take_markers)) once more, as the new broker does not know which ones were.
    pub fn move_coordinator(&mut self, key: &str, broker: BrokerId) {
        if self.coordinator(key) != broker {
            self.coordinators.insert(key.to_owned(), broker);
            self.transactions.reload(key);
            self.with_group(key, Group::reload);
        }
    }

    fn place(&self, number: u32) -> BrokerId {
        BrokerId(number % self.settings.brokers.max(1))
    }
}

/// FNV-1a: any fixed function would do that spreads keys over brokers.
fn hash(key: &str) -> u32 {
    let mix = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    key.bytes().fold(0x811c_9dc5, mix)
}
