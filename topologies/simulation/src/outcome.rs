//! What a run has left: everything committed, by topic.

use std::collections::BTreeMap;

use crate::cluster::{PartitionId, StoredRecord};
use crate::kafka::Kafka;

/// The committed records of a run, and what the application's stores hold.
#[derive(Debug, Clone, Default)]
pub struct Outcome {
    topics: BTreeMap<String, Vec<Vec<CommittedRecord>>>,
}

/// A committed record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedRecord {
    /// Its offset.
    pub offset: i64,
    /// The record.
    pub record: StoredRecord,
}

impl Outcome {
    pub(crate) fn of(kafka: &Kafka) -> Self {
        kafka.look(|cluster| {
            let topics = cluster.topics().map(|topic| {
                let partitions = (0..cluster.partitions(topic)).map(|partition| {
                    let records = cluster.committed_records(PartitionId { topic, partition });
                    let copied = records.map(|(offset, record)| CommittedRecord {
                        offset,
                        record: record.clone(),
                    });
                    copied.collect()
                });
                (cluster.topic_name(topic).to_owned(), partitions.collect())
            });
            Self {
                topics: topics.collect(),
            }
        })
    }

    /// The committed records of a topic by partition, in the order of their offsets; nothing for a topic that is not there.
    #[must_use]
    pub fn partitions(&self, topic: &str) -> &[Vec<CommittedRecord>] {
        self.topics.get(topic).map_or(&[], Vec::as_slice)
    }

    /// The committed records of a topic, one partition after the other.
    pub fn records(&self, topic: &str) -> impl Iterator<Item = &CommittedRecord> {
        self.partitions(topic).iter().flatten()
    }

    /// Keys and values of a topic's committed records, sorted; null is empty.
    #[must_use]
    pub fn sorted(&self, topic: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
        let bytes = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or_else(Vec::new, |bytes| bytes.to_vec());
        let mut sorted: Vec<_> = self
            .records(topic)
            .map(|committed| (bytes(&committed.record.key), bytes(&committed.record.value)))
            .collect();
        sorted.sort();
        sorted
    }

    /// The values of each key of a topic, in their order; null is empty.
    #[must_use]
    pub fn by_key(&self, topic: &str) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
        let bytes = |bytes: &Option<bytes::Bytes>| bytes.as_ref().map_or_else(Vec::new, |bytes| bytes.to_vec());
        let mut by_key: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for committed in self.records(topic) {
            let values = by_key.entry(bytes(&committed.record.key)).or_default();
            values.push(bytes(&committed.record.value));
        }
        by_key
    }

    /// All committed records.
    #[must_use]
    pub fn count(&self) -> u64 {
        let partitions = self.topics.values().flatten();
        partitions
            .map(|records| u64::try_from(records.len()).unwrap_or(0))
            .sum()
    }
}
