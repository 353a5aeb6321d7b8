//! One transactional id as its coordinator knows it: a state machine after `TransactionMetadata` and
//! `TransactionCoordinator` of Kafka 4, in the old protocol where the epoch stays the same from transaction to transaction.

use std::collections::BTreeSet;
use std::time::Duration;

use super::error::KafkaError;
use super::ids::ProducerEpoch;
use super::marker::{Marker, MarkerTarget};

/// The last epoch that clients are given. One more is left for fencing whoever has it.
const LAST_EPOCH: i16 = i16::MAX - 1;

/// "No epoch", "no producer id".
const NONE: i16 = -1;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Empty,
    Ongoing {
        since: Duration,
    },
    /// Decided; markers are being written.
    Prepare {
        commit: bool,
    },
    Complete {
        commit: bool,
    },
}

#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) producer: ProducerEpoch,
    /// The epoch and the id before, while a client that did not get the answer may ask again (KIP-360).
    last: ProducerEpoch,
    timeout: Duration,
    pub(super) state: State,
    targets: BTreeSet<MarkerTarget>,
    /// Targets whose marker this incarnation of the coordinator has not seen written.
    unwritten: BTreeSet<MarkerTarget>,
    coordinator_epoch: i32,
}

impl Transaction {
    /// A transactional id that was never used; its first epoch is still to come.
    pub(super) fn new(producer_id: i64) -> Self {
        let none = |id| ProducerEpoch { id, epoch: NONE };
        Self {
            producer: none(producer_id),
            last: none(-1),
            timeout: Duration::ZERO,
            state: State::Empty,
            targets: BTreeSet::new(),
            unwritten: BTreeSet::new(),
            coordinator_epoch: 0,
        }
    }

    /// The next epoch, or the end of what is open, for which the client has to ask again.
    pub(super) fn initialise(
        &mut self,
        timeout: Duration,
        current: Option<ProducerEpoch>,
        fresh_id: impl FnOnce() -> i64,
    ) -> Result<ProducerEpoch, KafkaError> {
        if !current.is_none_or(|current| self.may_continue(current)) {
            return Err(KafkaError::ProducerFenced);
        }
        match self.state {
            State::Prepare { .. } => return Err(KafkaError::ConcurrentTransactions),
            State::Ongoing { .. } => {
                self.fence();
                return Err(KafkaError::ConcurrentTransactions);
            }
            State::Empty | State::Complete { .. } => self.next_epoch(current, fresh_id)?,
        }
        self.timeout = timeout;
        self.state = State::Empty;
        Ok(self.producer)
    }

    /// Adds targets; the first ones begin the transaction.
    pub(super) fn add(
        &mut self,
        now: Duration,
        producer: ProducerEpoch,
        targets: impl IntoIterator<Item = MarkerTarget>,
    ) -> Result<(), KafkaError> {
        self.check_producer(producer)?;
        match self.state {
            State::Prepare { .. } => return Err(KafkaError::ConcurrentTransactions),
            State::Ongoing { .. } => {}
            State::Empty | State::Complete { .. } => self.state = State::Ongoing { since: now },
        }
        self.targets.extend(targets);
        Ok(())
    }

    /// Whether the target belongs to the open transaction of this producer (KIP-890: `verifyOnly`).
    pub(super) fn verify(&self, producer: ProducerEpoch, target: &MarkerTarget) -> Result<(), KafkaError> {
        self.check_producer(producer)?;
        match self.state {
            State::Prepare { .. } => Err(KafkaError::ConcurrentTransactions),
            _ if self.targets.contains(target) => Ok(()),
            _ => Err(KafkaError::InvalidTxnState),
        }
    }

    /// Decides the transaction. Nothing in the request says which one is meant.
    pub(super) fn end(&mut self, producer: ProducerEpoch, commit: bool) -> Result<(), KafkaError> {
        self.check_producer(producer)?;
        match self.state {
            State::Ongoing { .. } => {
                self.prepare(commit);
                Ok(())
            }
            State::Prepare { commit: decided } if decided == commit => Err(KafkaError::ConcurrentTransactions),
            State::Complete { commit: decided } if decided == commit => Ok(()),
            State::Empty | State::Prepare { .. } | State::Complete { .. } => Err(KafkaError::InvalidTxnState),
        }
    }

    /// Aborts under an epoch that no client has.
    pub(super) fn fence(&mut self) {
        self.producer.epoch = self.producer.epoch.saturating_add(1);
        self.last.epoch = NONE;
        self.prepare(false);
    }

    /// When an open transaction is aborted.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self.state {
            State::Ongoing { since } => Some(since.saturating_add(self.timeout)),
            _ => None,
        }
    }

    /// The markers that are still to be written.
    pub(super) fn markers(&self, transactional_id: &str) -> Vec<Marker> {
        let State::Prepare { commit } = self.state else {
            return Vec::new();
        };
        let marker = |target: &MarkerTarget| Marker {
            transactional_id: transactional_id.to_owned(),
            producer: self.producer,
            target: target.clone(),
            commit,
            coordinator_epoch: self.coordinator_epoch,
        };
        self.unwritten.iter().map(marker).collect()
    }

    /// A marker was written. With the last one the transaction has ended.
    pub(super) fn written(&mut self, marker: &Marker) {
        let State::Prepare { commit } = self.state else {
            return;
        };
        let is_ours = marker.producer == self.producer && marker.coordinator_epoch == self.coordinator_epoch;
        if is_ours && marker.commit == commit {
            self.unwritten.remove(&marker.target);
            self.complete_if_written(commit);
        }
    }

    /// Another broker took over: it does not know which markers were written, and writes all of them.
    pub(super) fn reload(&mut self) {
        self.coordinator_epoch += 1;
        if matches!(self.state, State::Prepare { .. }) {
            self.unwritten.clone_from(&self.targets);
        }
    }

    fn check_producer(&self, producer: ProducerEpoch) -> Result<(), KafkaError> {
        if producer.id != self.producer.id {
            Err(KafkaError::InvalidProducerIdMapping)
        } else if producer.epoch != self.producer.epoch {
            Err(KafkaError::ProducerFenced)
        } else {
            Ok(())
        }
    }

    /// Whether a client that names its producer is still, or was just before its last request, the owner of the id.
    fn may_continue(&self, current: ProducerEpoch) -> bool {
        self.producer.epoch == NONE
            || current.id == self.producer.id
            || (current.id == self.last.id && current.epoch >= LAST_EPOCH)
    }

    fn next_epoch(&mut self, current: Option<ProducerEpoch>, fresh_id: impl FnOnce() -> i64) -> Result<(), KafkaError> {
        let before = self.producer;
        let is_exhausted = before.epoch >= LAST_EPOCH;
        if is_exhausted && current.is_none_or(|current| current.epoch == before.epoch) {
            self.producer = ProducerEpoch {
                id: fresh_id(),
                epoch: 0,
            };
        } else {
            match current {
                Some(current) if before.epoch != NONE && current.epoch != before.epoch => {
                    // A client that did not get the answer to its last request gets the same one again.
                    let is_retry = current.epoch == self.last.epoch;
                    return is_retry.then_some(()).ok_or(KafkaError::ProducerFenced);
                }
                _ => self.producer.epoch += 1,
            }
        }
        let epoch = if current.is_some() { before.epoch } else { NONE };
        self.last = ProducerEpoch { id: before.id, epoch };
        Ok(())
    }

    fn prepare(&mut self, commit: bool) {
        self.state = State::Prepare { commit };
        self.unwritten.clone_from(&self.targets);
        self.complete_if_written(commit);
    }

    fn complete_if_written(&mut self, commit: bool) {
        if self.unwritten.is_empty() {
            self.state = State::Complete { commit };
            self.targets.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_epoch(epoch: i16) -> Transaction {
        let mut transaction = Transaction::new(7);
        transaction.producer.epoch = epoch;
        transaction
    }

    #[test]
    fn the_last_epoch_is_followed_by_a_fresh_producer_id() {
        let mut transaction = at_epoch(LAST_EPOCH - 1);
        let mut next = || transaction.initialise(Duration::ZERO, None, || 8);
        assert_eq!(
            next(),
            Ok(ProducerEpoch {
                id: 7,
                epoch: LAST_EPOCH
            })
        );
        assert_eq!(next(), Ok(ProducerEpoch { id: 8, epoch: 0 }));
    }

    #[test]
    fn a_client_of_the_last_epoch_gets_the_fresh_id_again_when_it_asks_twice() {
        let mut transaction = at_epoch(LAST_EPOCH);
        let current = Some(transaction.producer);
        let mut next = || transaction.initialise(Duration::ZERO, current, || 8);
        assert_eq!(next(), Ok(ProducerEpoch { id: 8, epoch: 0 }));
        assert_eq!(next(), Ok(ProducerEpoch { id: 8, epoch: 0 }));
    }

    #[test]
    fn whoever_has_the_last_epoch_can_still_be_fenced() {
        let mut transaction = at_epoch(LAST_EPOCH);
        let old = transaction.producer;
        assert_eq!(transaction.add(Duration::ZERO, old, []), Ok(()));
        transaction.fence();
        assert_eq!(transaction.end(old, true), Err(KafkaError::ProducerFenced));
        assert_eq!(
            transaction.initialise(Duration::ZERO, None, || 8),
            Ok(ProducerEpoch { id: 8, epoch: 0 })
        );
    }
}
