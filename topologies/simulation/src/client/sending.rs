//! Batches, sequences and the steps of a transaction: what librdkafka's idempotent producer does in its own thread.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode;

use super::Refusal;
use super::flight::Flight;
use super::line::{Line, Target};
use super::producer::initialised;
use crate::cluster::{PartitionId, ProducerEpoch, Request, Response, StoredRecord};
use crate::sometimes::Moment;

/// The transaction of one producer, and what waits to be sent in it.
pub(super) struct Sending {
    transactional_id: String,
    transaction_timeout: Duration,
    producer: Option<ProducerEpoch>,
    /// By partition, the sequence of the next record.
    sequences: BTreeMap<PartitionId, i32>,
    waiting: BTreeMap<PartitionId, Vec<(StoredRecord, usize)>>,
    added: BTreeSet<PartitionId>,
    group: bool,
    /// Batches that are on their way, at most one to a partition.
    flying: Vec<Flight>,
    /// What went wrong in the background.
    failed: Option<Refusal>,
}

impl Sending {
    pub(super) fn new(transactional_id: &str, transaction_timeout: Duration) -> Self {
        Self {
            transactional_id: transactional_id.to_owned(),
            transaction_timeout,
            producer: None,
            sequences: BTreeMap::new(),
            waiting: BTreeMap::new(),
            added: BTreeSet::new(),
            group: false,
            flying: Vec::new(),
            failed: None,
        }
    }

    pub(super) fn transactional_id(&self) -> String {
        self.transactional_id.clone()
    }

    pub(super) fn transaction_timeout(&self) -> Duration {
        self.transaction_timeout
    }

    pub(super) fn producer(&self) -> ProducerEpoch {
        self.producer.unwrap_or(ProducerEpoch { id: -1, epoch: -1 })
    }

    /// Asks for a producer id, and fences whoever has it.
    pub(super) fn init(&mut self, line: &mut Line, deadline: Duration) -> Result<(), Refusal> {
        let request = Request::InitProducerId {
            transactional_id: Some(self.transactional_id.clone()),
            transaction_timeout: self.transaction_timeout,
            current: None,
        };
        let response = line.ask(&self.coordinator(), &request, deadline)?;
        self.producer = initialised(&response);
        self.sequences.clear();
        Ok(())
    }

    pub(super) fn begin(&mut self) {
        self.waiting.clear();
        self.added.clear();
        self.group = false;
        self.flying.clear();
        self.failed = None;
    }

    pub(super) fn push(&mut self, partition: PartitionId, record: StoredRecord, tag: usize) {
        self.waiting.entry(partition).or_default().push((record, tag));
    }

    /// Lets what waits go, and does not wait for the answers. What goes wrong is kept for the next call.
    pub(super) fn send_in_background(&mut self, line: &mut Line, deadline: Duration) {
        if let Err(refusal) = self.add_partitions(line, deadline) {
            self.failed = Some(refusal);
            return;
        }
        let waiting = std::mem::take(&mut self.waiting);
        for (partition, batch) in waiting {
            // Behind one that is on its way another one has to wait.
            if self.flying.iter().any(|flight| flight.partition == partition) {
                self.waiting.insert(partition, batch);
                continue;
            }
            line.kafka().world.reached(Moment::SentAside);
            let (request, tags) = self.batch(partition, batch);
            let flight = Flight::begin(line, partition, tags, request, deadline);
            self.flying.push(flight);
        }
    }

    /// Sends what waits: first what is on its way has to arrive, then the coordinator hears of new partitions, then each leader
    /// gets its batch.
    pub(super) fn send(&mut self, line: &mut Line, deadline: Duration) -> Result<(), Refusal> {
        if let Some(refusal) = self.failed {
            return Err(refusal);
        }
        self.land(line, deadline)?;
        self.add_partitions(line, deadline)?;
        while let Some((partition, batch)) = self.waiting.pop_first() {
            let (request, tags) = self.batch(partition, batch);
            let answer = line.ask(&Target::Leader(partition), &request, deadline);
            self.arrived(line, partition, tags, answer)?;
        }
        Ok(())
    }

    /// Waits for everything that is on its way.
    fn land(&mut self, line: &mut Line, deadline: Duration) -> Result<(), Refusal> {
        while let Some(mut flight) = self.flying.pop() {
            let answer = flight.land(line, deadline);
            let tags = std::mem::take(&mut flight.tags);
            self.arrived(line, flight.partition, tags, answer)?;
        }
        Ok(())
    }

    /// Takes back what is on its way. A request that is waited for is waited for, but no batch is repeated; one that was not
    /// answered leaves its sequence to the next.
    fn take_back(&mut self, line: &mut Line, deadline: Duration) {
        self.flying.iter().for_each(Flight::take_back);
        while let Some(flight) = self.flying.pop() {
            if flight.land(line, deadline).is_ok() {
                self.advance(flight.partition, flight.tags.len());
            } else {
                line.kafka().world.reached(Moment::TakenBack);
            }
        }
    }

    fn add_partitions(&mut self, line: &mut Line, deadline: Duration) -> Result<(), Refusal> {
        let new: Vec<_> = self
            .waiting
            .keys()
            .filter(|partition| !self.added.contains(*partition))
            .copied()
            .collect();
        if new.is_empty() {
            return Ok(());
        }
        let request = Request::AddPartitionsToTxn {
            transactional_id: self.transactional_id.clone(),
            producer: self.producer(),
            partitions: new.clone(),
        };
        line.ask(&self.coordinator(), &request, deadline)?;
        self.added.extend(new);
        Ok(())
    }

    /// A batch with the next sequence of its partition, and what the witness knows its records by.
    fn batch(&self, partition: PartitionId, batch: Vec<(StoredRecord, usize)>) -> (Request, Vec<usize>) {
        let (records, tags) = batch.into_iter().unzip();
        let request = Request::Produce {
            transactional_id: Some(self.transactional_id.clone()),
            producer: self.producer(),
            partition,
            base_sequence: self.sequences.get(&partition).copied().unwrap_or(0),
            records,
        };
        (request, tags)
    }

    /// What became of a batch.
    fn arrived(
        &mut self,
        line: &mut Line,
        partition: PartitionId,
        tags: Vec<usize>,
        answer: Result<Response, Refusal>,
    ) -> Result<(), Refusal> {
        match answer {
            Ok(response) => {
                self.advance(partition, tags.len());
                if let Response::Produced { base_offset } = response {
                    for (offset, tag) in (base_offset..).zip(tags) {
                        line.witness().delivered(tag, offset);
                    }
                }
                Ok(())
            }
            Err(refusal) => {
                let is_late = refusal == Refusal::TimedOut;
                let code = if is_late {
                    RDKafkaErrorCode::MessageTimedOut
                } else {
                    refusal.code()
                };
                line.witness().undelivered(code);
                Err(refusal)
            }
        }
    }

    fn advance(&mut self, partition: PartitionId, records: usize) {
        let sequence = self.sequences.entry(partition).or_insert(0);
        *sequence = sequence.wrapping_add(i32::try_from(records).unwrap_or(i32::MAX));
    }

    /// Tells the coordinator that the transaction has offsets of a group.
    pub(super) fn add_group(&mut self, line: &mut Line, group: &str, deadline: Duration) -> Result<(), Refusal> {
        let request = Request::AddOffsetsToTxn {
            transactional_id: self.transactional_id.clone(),
            producer: self.producer(),
            group: group.to_owned(),
        };
        line.ask(&self.coordinator(), &request, deadline)?;
        self.group = true;
        Ok(())
    }

    /// Ends the transaction. One that no coordinator has heard of ends here.
    ///
    /// A batch that an abort takes back before it was repeated may still be on its way. librdkafka goes on with the same epoch
    /// and gives its sequence to the next batch, as `late_frames` in the tests of `runtime` shows: the broker takes whichever
    /// of the two comes first.
    pub(super) fn end(&mut self, line: &mut Line, commit: bool, deadline: Duration) -> Result<(), Refusal> {
        self.waiting.clear();
        if !commit {
            self.take_back(line, deadline);
        }
        if !self.added.is_empty() || self.group {
            let request = Request::EndTxn {
                transactional_id: self.transactional_id.clone(),
                producer: self.producer(),
                commit,
            };
            line.ask(&self.coordinator(), &request, deadline)?;
        }
        self.begin();
        Ok(())
    }

    fn coordinator(&self) -> Target {
        Target::Coordinator(self.transactional_id.clone())
    }
}
