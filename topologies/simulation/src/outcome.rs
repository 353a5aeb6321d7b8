//! What a run has left: everything committed, by topic.

use std::collections::BTreeMap;

use bytes::Bytes;

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
        let mut sorted: Vec<_> = self.records(topic).map(CommittedRecord::pair).collect();
        sorted.sort();
        sorted
    }

    /// The values of each key of a topic, in their order; null is empty.
    #[must_use]
    pub fn by_key(&self, topic: &str) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
        let mut by_key: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (key, value) in self.records(topic).map(CommittedRecord::pair) {
            by_key.entry(key).or_default().push(value);
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

impl CommittedRecord {
    fn pair(&self) -> (Vec<u8>, Vec<u8>) {
        let bytes = |bytes: &Option<Bytes>| bytes.as_deref().unwrap_or_default().to_vec();
        (bytes(&self.record.key), bytes(&self.record.value))
    }
}
