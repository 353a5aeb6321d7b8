//! The transaction coordinators of all brokers: which transactional ids there are, and markers that wait to be written.

use std::collections::BTreeMap;
use std::time::Duration;

use super::error::KafkaError;
use super::ids::ProducerEpoch;
use super::marker::{Marker, MarkerTarget};
use super::transaction::{State, Transaction};

#[derive(Debug, Default)]
pub(super) struct Transactions {
    by_id: BTreeMap<String, Transaction>,
    next_producer_id: i64,
    /// Markers that nobody has taken yet.
    markers: Vec<Marker>,
    pub(super) timed_out: u64,
    pub(super) taken_over: u64,
}

impl Transactions {
    /// All transactional ids.
    pub(super) fn ids(&self) -> impl Iterator<Item = String> {
        self.by_id.keys().cloned()
    }

    /// A producer outside transactions.
    pub(super) fn idempotent(&mut self) -> ProducerEpoch {
        let id = take_next(&mut self.next_producer_id);
        ProducerEpoch { id, epoch: 0 }
    }

    /// See [`Transaction::initialise`].
    pub(super) fn initialise(
        &mut self,
        id: &str,
        timeout: Duration,
        current: Option<ProducerEpoch>,
    ) -> Result<ProducerEpoch, KafkaError> {
        let next = &mut self.next_producer_id;
        let transaction = self
            .by_id
            .entry(id.to_owned())
            .or_insert_with(|| Transaction::new(take_next(next)));
        let was_open = matches!(transaction.state, State::Ongoing { .. });
        let producer = transaction.initialise(timeout, current, || take_next(next));
        if was_open {
            self.taken_over += 1;
            self.markers.extend(transaction.markers(id));
        }
        producer
    }

    /// See [`Transaction::add`].
    pub(super) fn add(
        &mut self,
        now: Duration,
        id: &str,
        producer: ProducerEpoch,
        targets: impl IntoIterator<Item = MarkerTarget>,
    ) -> Result<(), KafkaError> {
        self.get_mut(id)?.add(now, producer, targets)
    }

    /// What a partition's leader learns when it asks for a transaction. It passes the refusal on under the names that
    /// `Produce` has for it.
    pub(super) fn verify(&self, id: &str, producer: ProducerEpoch, target: &MarkerTarget) -> Result<(), KafkaError> {
        let transaction = self.by_id.get(id).ok_or(KafkaError::InvalidProducerIdMapping)?;
        transaction.verify(producer, target).map_err(|error| match error {
            KafkaError::ProducerFenced => KafkaError::InvalidProducerEpoch,
            other => other,
        })
    }

    /// See [`Transaction::end`].
    pub(super) fn end(&mut self, id: &str, producer: ProducerEpoch, commit: bool) -> Result<(), KafkaError> {
        let transaction = self.get_mut(id)?;
        transaction.end(producer, commit)?;
        let markers = transaction.markers(id);
        self.markers.extend(markers);
        Ok(())
    }

    /// Aborts transactions that are open for too long, so that their producers are fenced.
    pub(super) fn expire(&mut self, now: Duration) {
        for (id, transaction) in &mut self.by_id {
            if transaction.deadline().is_some_and(|deadline| deadline <= now) {
                transaction.fence();
                self.timed_out += 1;
                self.markers.extend(transaction.markers(id));
            }
        }
    }

    /// When the next open transaction is aborted.
    pub(super) fn next_deadline(&self) -> Option<Duration> {
        self.by_id.values().filter_map(Transaction::deadline).min()
    }

    /// Markers that were decided since the last call.
    pub(super) fn take_markers(&mut self) -> Vec<Marker> {
        std::mem::take(&mut self.markers)
    }

    /// See [`Transaction::written`].
    pub(super) fn written(&mut self, marker: &Marker) {
        if let Some(transaction) = self.by_id.get_mut(&marker.transactional_id) {
            transaction.written(marker);
        }
    }

    /// Another broker became the coordinator of an id. What the old one has not sent, it never sends.
    pub(super) fn reload(&mut self, id: &str) {
        if let Some(transaction) = self.by_id.get_mut(id) {
            transaction.reload();
            self.markers.retain(|marker| marker.transactional_id != id);
            self.markers.extend(transaction.markers(id));
        }
    }

    /// Ids whose transaction is open, or decided but not written.
    pub(super) fn open(&self) -> impl Iterator<Item = (&str, ProducerEpoch)> {
        let is_open =
            |transaction: &Transaction| matches!(transaction.state, State::Ongoing { .. } | State::Prepare { .. });
        let open = self.by_id.iter().filter(move |(_, transaction)| is_open(transaction));
        open.map(|(id, transaction)| (id.as_str(), transaction.producer))
    }

    fn get_mut(&mut self, id: &str) -> Result<&mut Transaction, KafkaError> {
        self.by_id.get_mut(id).ok_or(KafkaError::InvalidProducerIdMapping)
    }
}

fn take_next(next: &mut i64) -> i64 {
    let id = *next;
    *next += 1;
    id
}
