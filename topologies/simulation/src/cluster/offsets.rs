//! The committed offsets of one group, after `OffsetMetadataManager` of Kafka 4.

use std::collections::BTreeMap;

use super::error::KafkaError;
use super::ids::{CommittedOffset, PartitionId, ProducerEpoch};
use super::marker::Marker;
use super::producers::Producers;

#[derive(Debug, Default)]
pub(super) struct Offsets {
    committed: BTreeMap<PartitionId, Stored>,
    /// Offsets of transactions that have not ended, by producer id.
    pending: BTreeMap<i64, BTreeMap<PartitionId, Stored>>,
    producers: Producers,
    end: i64,
}

#[derive(Debug)]
struct Stored {
    /// Where it stands among all that was ever stored for the group.
    position: i64,
    offset: CommittedOffset,
}

impl Offsets {
    /// Whether this very epoch of the producer has offsets pending.
    pub(super) fn is_in_transaction(&self, producer: ProducerEpoch) -> bool {
        self.producers.is_in_transaction(producer)
    }

    /// Stores offsets that come true with the commit marker of the producer's transaction.
    pub(super) fn store(
        &mut self,
        producer: ProducerEpoch,
        offsets: Vec<(PartitionId, CommittedOffset)>,
    ) -> Result<(), KafkaError> {
        self.producers.check_epoch(producer)?;
        for (partition, offset) in offsets {
            let position = self.end;
            self.end += 1;
            self.producers.begin(producer, position);
            let pending = self.pending.entry(producer.id).or_default();
            pending.insert(partition, Stored { position, offset });
        }
        Ok(())
    }

    /// Makes the producer's pending offsets true, or drops them. Of two transactions that overlap, the one whose offset was
    /// stored later wins, not the one whose marker is written later: a broker that reads the compacted log must end up alike.
    pub(super) fn write_marker(&mut self, marker: &Marker) -> Result<(), KafkaError> {
        self.producers.end(marker.producer, marker.coordinator_epoch)?;
        self.end += 1;
        let pending = self.pending.remove(&marker.producer.id).unwrap_or_default();
        for (partition, stored) in pending.into_iter().filter(|_| marker.commit) {
            let known = self.committed.get(&partition).map(|known| known.position);
            if known.is_none_or(|known| known < stored.position) {
                self.committed.insert(partition, stored);
            }
        }
        Ok(())
    }

    /// The committed offset of one partition.
    pub(super) fn committed(&self, partition: PartitionId) -> Option<&CommittedOffset> {
        self.committed.get(&partition).map(|stored| &stored.offset)
    }

    /// Whether a transaction may still change the partition's offset.
    pub(super) fn is_pending(&self, partition: PartitionId) -> bool {
        self.pending.values().any(|pending| pending.contains_key(&partition))
    }
}
