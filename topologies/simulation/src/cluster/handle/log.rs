//! Requests to the leaders of partitions.

use crate::cluster::Cluster;
use crate::cluster::error::KafkaError;
use crate::cluster::ids::{PartitionId, ProducerEpoch, StoredRecord};
use crate::cluster::marker::MarkerTarget;
use crate::cluster::partition::Partition;
use crate::cluster::producers::Sequenced;
use crate::cluster::request::OffsetSpec;
use crate::cluster::response::{Answer, Response, TopicDescription};

pub(super) struct Batch {
    pub(super) transactional_id: Option<String>,
    pub(super) producer: ProducerEpoch,
    pub(super) base_sequence: i32,
    pub(super) records: Vec<StoredRecord>,
}

impl Cluster {
    pub(super) fn produce(&mut self, id: PartitionId, batch: Batch) -> Answer {
        let transactions = &self.transactions;
        let partition = self
            .partitions
            .get_mut(&id)
            .ok_or(KafkaError::UnknownTopicOrPartition)?;
        let sequenced = Sequenced {
            producer: batch.producer,
            transactional: batch.transactional_id.is_some(),
            first_sequence: batch.base_sequence,
            records: batch.records.len(),
        };
        let verify = || match &batch.transactional_id {
            Some(name) => transactions
                .verify(name, batch.producer, &MarkerTarget::Partition(id))
                .map_err(retriable),
            None => Ok(()),
        };
        let end = partition.high_watermark();
        let base_offset = partition.produce(sequenced, batch.records, verify)?;
        if partition.high_watermark() > end {
            self.advanced.insert(id);
        }
        Ok(Response::Produced { base_offset })
    }

    pub(super) fn fetch(&self, id: PartitionId, offset: i64, committed: bool, max_records: usize) -> Answer {
        let fetched = self.partition(id)?.fetch(offset, committed, max_records)?;
        Ok(Response::Fetched(fetched))
    }

    pub(super) fn list_offset(&self, id: PartitionId, which: OffsetSpec) -> Answer {
        Ok(Response::Offset(self.partition(id)?.offset(which)))
    }

    pub(super) fn metadata(&self, topic: &str) -> Answer {
        let topic = self.topic(topic).ok_or(KafkaError::UnknownTopicOrPartition)?;
        let partitions = 0..self.partitions(topic);
        let leaders = partitions.map(|partition| self.leader(PartitionId { topic, partition }));
        Ok(Response::Topic(TopicDescription {
            topic,
            leaders: leaders.collect(),
        }))
    }

    fn partition(&self, id: PartitionId) -> Result<&Partition, KafkaError> {
        self.partitions.get(&id).ok_or(KafkaError::UnknownTopicOrPartition)
    }
}

/// Producers of the old protocol would not try again after "concurrent transactions".
fn retriable(error: KafkaError) -> KafkaError {
    match error {
        KafkaError::ConcurrentTransactions => KafkaError::NotEnoughReplicas,
        other => other,
    }
}
