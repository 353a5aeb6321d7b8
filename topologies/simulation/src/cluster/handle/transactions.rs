//! Requests of transactional producers to coordinators.

use std::time::Duration;

use crate::cluster::Cluster;
use crate::cluster::error::KafkaError;
use crate::cluster::ids::{CommittedOffset, Member, PartitionId, ProducerEpoch};
use crate::cluster::marker::MarkerTarget;
use crate::cluster::response::{Answer, Response};

impl Cluster {
    pub(super) fn init_producer_id(
        &mut self,
        transactional_id: Option<String>,
        timeout: Duration,
        current: Option<ProducerEpoch>,
    ) -> Answer {
        let Some(id) = transactional_id else {
            return Ok(Response::ProducerId(self.transactions.idempotent()));
        };
        if timeout > self.settings.max_transaction_timeout {
            return Err(KafkaError::InvalidTransactionTimeout);
        }
        let producer = self.transactions.initialise(&id, timeout, current)?;
        Ok(Response::ProducerId(producer))
    }

    pub(super) fn add_partitions(&mut self, id: &str, producer: ProducerEpoch, partitions: &[PartitionId]) -> Answer {
        if !partitions
            .iter()
            .all(|partition| self.partitions.contains_key(partition))
        {
            return Err(KafkaError::UnknownTopicOrPartition);
        }
        let targets = partitions.iter().copied().map(MarkerTarget::Partition);
        self.transactions.add(self.now, id, producer, targets)?;
        Ok(Response::PartitionsAdded)
    }

    pub(super) fn add_offsets(&mut self, id: &str, producer: ProducerEpoch, group: String) -> Answer {
        let target = MarkerTarget::Offsets(group);
        self.transactions.add(self.now, id, producer, [target])?;
        Ok(Response::OffsetsAdded)
    }

    /// The transaction is verified like that of a batch, and only if the group has no offsets of it yet.
    pub(super) fn store_offsets(
        &mut self,
        id: &str,
        producer: ProducerEpoch,
        group: &str,
        member: &Member,
        offsets: Vec<(PartitionId, CommittedOffset)>,
    ) -> Answer {
        let known = self.offsets.get(group);
        if !known.is_some_and(|known| known.is_in_transaction(producer)) {
            let target = MarkerTarget::Offsets(group.to_owned());
            self.transactions.verify(id, producer, &target)?;
        }
        match self.groups.get(group) {
            Some(known) => known.check_commit(member)?,
            None if member.generation >= 0 => return Err(KafkaError::IllegalGeneration),
            None => {}
        }
        self.offsets
            .entry(group.to_owned())
            .or_default()
            .store(producer, offsets)?;
        Ok(Response::OffsetsCommitted)
    }

    pub(super) fn end_transaction(&mut self, id: &str, producer: ProducerEpoch, commit: bool) -> Answer {
        self.transactions.end(id, producer, commit)?;
        Ok(Response::TxnEnded)
    }
}
