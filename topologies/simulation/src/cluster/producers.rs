//! What a partition remembers of its producers: epochs, the last batches, open transactions.
//!
//! Follows `ProducerStateManager` and `ProducerAppendInfo` of Kafka 4 for clients of the old transaction protocol.

use std::collections::{BTreeMap, VecDeque};

use super::error::KafkaError;
use super::ids::ProducerEpoch;

/// All producers of one partition.
#[derive(Debug, Default)]
pub(super) struct Producers {
    by_id: BTreeMap<i64, State>,
    /// Transactional batches that were not appended yet: epoch and lowest sequence number seen (KIP-890).
    verifying: BTreeMap<i64, (i16, i32)>,
}

#[derive(Debug)]
struct State {
    epoch: i16,
    /// The last batches of this epoch, oldest first.
    batches: VecDeque<Batch>,
    /// The first offset of the open transaction.
    transaction: Option<i64>,
    coordinator_epoch: i32,
}

#[derive(Debug)]
struct Batch {
    first_sequence: i32,
    last_sequence: i32,
    base_offset: i64,
}

/// A batch as far as its producer's state is concerned.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sequenced {
    pub(super) producer: ProducerEpoch,
    pub(super) transactional: bool,
    pub(super) first_sequence: i32,
    pub(super) records: usize,
}

impl Producers {
    /// Whether this very epoch of the producer has a transaction open here.
    pub(super) fn is_in_transaction(&self, producer: ProducerEpoch) -> bool {
        let state = self.by_id.get(&producer.id);
        state.is_some_and(|state| state.epoch == producer.epoch && state.transaction.is_some())
    }

    /// The first offset of the earliest open transaction.
    pub(super) fn first_open(&self) -> Option<i64> {
        self.by_id.values().filter_map(|state| state.transaction).min()
    }

    /// Notes that a batch is about to be verified with the transaction's coordinator.
    pub(super) fn begin_verification(&mut self, batch: Sequenced) {
        let (id, epoch) = (batch.producer.id, batch.producer.epoch);
        let (known, lowest) = self.verifying.entry(id).or_insert((epoch, batch.first_sequence));
        if *known == epoch {
            *lowest = batch.first_sequence.min(*lowest);
        }
    }

    /// The old offset of a batch that was appended before; an error for one that cannot be appended.
    pub(super) fn check(&self, batch: Sequenced) -> Result<Option<i64>, KafkaError> {
        let state = self.by_id.get(&batch.producer.id);
        if let Some(offset) = state.and_then(|state| state.duplicate(batch)) {
            return Ok(Some(offset));
        }
        self.check_epoch(batch.producer)?;
        let verifying = self.verifying.get(&batch.producer.id);
        if batch.transactional && verifying.is_some_and(|(_, lowest)| batch.first_sequence > *lowest) {
            return Err(KafkaError::OutOfOrderSequence);
        }
        state.map_or(Ok(()), |state| state.check_sequence(batch)).map(|()| None)
    }

    /// Refuses epochs that are older than the last one.
    pub(super) fn check_epoch(&self, producer: ProducerEpoch) -> Result<(), KafkaError> {
        match self.by_id.get(&producer.id) {
            Some(state) if producer.epoch < state.epoch => Err(KafkaError::InvalidProducerEpoch),
            _ => Ok(()),
        }
    }

    /// Takes note of a checked batch that was appended; of `remembered` batches duplicates are recognised.
    pub(super) fn appended(&mut self, batch: Sequenced, base_offset: i64, remembered: usize) {
        if batch.transactional {
            self.begin(batch.producer, base_offset);
        }
        let batches = &mut self.state(batch.producer).batches;
        batches.push_back(Batch {
            first_sequence: batch.first_sequence,
            last_sequence: batch.last_sequence(),
            base_offset,
        });
        if batches.len() > remembered {
            batches.pop_front();
        }
    }

    /// Begins the producer's transaction here, unless it is open already.
    pub(super) fn begin(&mut self, producer: ProducerEpoch, offset: i64) {
        self.verifying.remove(&producer.id);
        self.state(producer).transaction.get_or_insert(offset);
    }

    /// Ends the producer's transaction and answers its first offset, if it had one open here.
    pub(super) fn end(&mut self, producer: ProducerEpoch, coordinator_epoch: i32) -> Result<Option<i64>, KafkaError> {
        self.check_epoch(producer)?;
        let known = self.by_id.get(&producer.id).map(|state| state.coordinator_epoch);
        if known.is_some_and(|known| coordinator_epoch < known) {
            return Err(KafkaError::NotCoordinator);
        }
        self.verifying.remove(&producer.id);
        let state = self.state(producer);
        state.coordinator_epoch = coordinator_epoch;
        Ok(state.transaction.take())
    }

    /// The producer's state under this epoch; a new epoch forgets the batches of the old one.
    fn state(&mut self, producer: ProducerEpoch) -> &mut State {
        let state = self.by_id.entry(producer.id).or_insert_with(|| State {
            epoch: producer.epoch,
            batches: VecDeque::new(),
            transaction: None,
            coordinator_epoch: -1,
        });
        if state.epoch != producer.epoch {
            state.epoch = producer.epoch;
            state.batches.clear();
        }
        state
    }
}

impl State {
    fn duplicate(&self, batch: Sequenced) -> Option<i64> {
        let (first, last) = (batch.first_sequence, batch.last_sequence());
        let is_same = |known: &&Batch| known.first_sequence == first && known.last_sequence == last;
        let known = self.batches.iter().filter(|_| self.epoch == batch.producer.epoch);
        known.into_iter().find(is_same).map(|known| known.base_offset)
    }

    fn check_sequence(&self, batch: Sequenced) -> Result<(), KafkaError> {
        let last = match self.batches.back() {
            Some(last) if self.epoch == batch.producer.epoch => last.last_sequence,
            _ => -1,
        };
        if batch.first_sequence != after(last, 1) {
            return Err(KafkaError::OutOfOrderSequence);
        }
        if self.transaction.is_some() && !batch.transactional {
            return Err(KafkaError::InvalidTxnState);
        }
        Ok(())
    }
}

impl Sequenced {
    fn last_sequence(self) -> i32 {
        let more = i32::try_from(self.records).unwrap_or(i32::MAX).saturating_sub(1);
        after(self.first_sequence, more)
    }
}

/// Sequence numbers begin again at 0 after the highest.
fn after(sequence: i32, steps: i32) -> i32 {
    sequence
        .checked_add(steps)
        .unwrap_or_else(|| steps - (i32::MAX - sequence) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_begin_again_at_zero_after_the_highest() {
        assert_eq!(after(-1, 1), 0);
        assert_eq!(after(i32::MAX - 1, 1), i32::MAX);
        assert_eq!(after(i32::MAX, 1), 0);
        assert_eq!(after(i32::MAX - 1, 4), 2);
    }
}
