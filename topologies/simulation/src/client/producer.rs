//! A transactional producer: what each call of the port does, in the words of librdkafka's documentation.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rdkafka::types::RDKafkaErrorCode;
use runtime::kafka::Witness;
use runtime::kafka::port::{ClientError, KafkaProducer, Partition, Settings};
use runtime::origin::ORIGIN;
use streams::OutputRecord;

use super::consumer::Membership;
use super::line::{Line, Target};
use super::sending::Sending;
use super::{Refusal, SimClient, milliseconds, setting};
use crate::cluster::{CommittedOffset, KafkaError, PartitionId, Request, Response, StoredRecord};
use crate::sometimes::Moment;
use crate::world::Phase;

/// Times in a thousand that lingering records go out right after a record came, as they do when it has lingered long enough.
const LINGER_OVER: u64 = 60;

/// A producer of a simulated process. One thread uses it.
pub(crate) struct SimProducer {
    client: SimClient,
    topics: Vec<String>,
    state: Mutex<State>,
}

struct State {
    line: Line,
    sending: Sending,
    /// Why the handle is of no more use.
    fatal: Option<ClientError>,
    number: u64,
}

impl SimProducer {
    pub(super) fn new(client: &SimClient, settings: &Settings, topics: &[&str], witness: &Arc<Witness>) -> Self {
        let (kafka, process) = (&client.kafka, client.process);
        let request_timeout = milliseconds(settings, "socket.timeout.ms");
        let state = State {
            line: Line::new(kafka, process, witness, request_timeout),
            sending: Sending::new(
                setting(settings, "transactional.id"),
                milliseconds(settings, "transaction.timeout.ms"),
            ),
            fatal: None,
            number: kafka.world.draw(|random| random.within(0..u64::MAX)),
        };
        Self {
            client: client.clone(),
            topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // One thread uses a producer, so the lock is free, also while that thread waits.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn deadline(&self, timeout: Duration) -> Duration {
        self.client.kafka.world.now() + timeout
    }

    fn offsets(&self, offsets: &[Partition]) -> Vec<(PartitionId, CommittedOffset)> {
        let committed = |offset: &Partition| {
            let committed = CommittedOffset {
                next: offset.offset,
                metadata: String::from_utf8_lossy(&offset.metadata).into_owned(),
            };
            Some((self.client.partition(&offset.topic, offset.partition)?, committed))
        };
        offsets.iter().filter_map(committed).collect()
    }
}

impl State {
    /// What a refusal makes of the handle.
    fn failed(&mut self, what: &str, refusal: Refusal) -> ClientError {
        let fenced = matches!(
            refusal,
            Refusal::Kafka(
                KafkaError::ProducerFenced | KafkaError::InvalidProducerEpoch | KafkaError::InvalidProducerIdMapping
            )
        );
        if !fenced {
            return refusal.error(what);
        }
        self.line.kafka().world.reached(Moment::Fenced);
        let error = ClientError {
            code: RDKafkaErrorCode::Fenced,
            fatal: true,
            ..refusal.error(what)
        };
        self.fatal = Some(error.clone());
        error
    }

    fn usable(&self) -> Result<(), ClientError> {
        self.fatal.clone().map_or(Ok(()), Err)
    }

    fn phase(&self, phase: Option<Phase>) {
        self.line.kafka().world.phase(self.line.process(), self.number, phase);
    }

    fn send(&mut self, deadline: Duration) -> Result<(), ClientError> {
        let sent = self.sending.send(&mut self.line, deadline);
        sent.map_err(|refusal| self.failed("records cannot be sent", refusal))
    }
}

impl KafkaProducer for SimProducer {
    type Membership = Membership;

    fn connect(&self, _: &str, _: Duration) {}

    fn init(&self, timeout: Duration) -> Result<(), ClientError> {
        let state = &mut *self.state();
        let begun = state.sending.init(&mut state.line, self.deadline(timeout));
        begun.map_err(|refusal| state.failed("cannot initialise the producer", refusal))
    }

    fn begin(&self) -> Result<(), ClientError> {
        let mut state = self.state();
        state.usable()?;
        state.sending.begin();
        Ok(())
    }

    fn produce(
        &self,
        topic: usize,
        record: &OutputRecord<'_>,
        origin: Option<&str>,
        tag: usize,
    ) -> Result<(), ClientError> {
        let state = &mut *self.state();
        state.usable()?;
        let partition = self
            .topics
            .get(topic)
            .and_then(|topic| self.client.partition(topic, record.partition))
            .ok_or_else(|| Refusal::Kafka(KafkaError::UnknownTopicOrPartition).error("cannot produce"))?;
        let mut headers = record.headers.clone();
        if let Some(origin) = origin {
            headers.push(ORIGIN, origin.to_owned());
        }
        let copy = StoredRecord {
            timestamp_ms: record.timestamp_ms,
            key: record.key.map(Bytes::copy_from_slice),
            value: record.value.map(Bytes::copy_from_slice),
            headers,
        };
        state.sending.push(partition, copy, tag);
        state.phase(Some(Phase::Produced));
        if self.client.kafka.world.draw(|random| random.permille(LINGER_OVER)) {
            // What goes wrong in the background is reported by the flush.
            let deadline = self.deadline(state.sending.transaction_timeout());
            state.sending.send_in_background(&mut state.line, deadline);
        }
        Ok(())
    }

    fn send_offsets(&self, offsets: &[Partition], member: &Membership, timeout: Duration) -> Result<(), ClientError> {
        let state = &mut *self.state();
        state.usable()?;
        let deadline = self.deadline(timeout);
        let group = member.group.clone();
        let sent = state
            .sending
            .add_group(&mut state.line, &group, deadline)
            .and_then(|()| {
                let request = Request::TxnOffsetCommit {
                    transactional_id: state.sending.transactional_id(),
                    producer: state.sending.producer(),
                    group: group.clone(),
                    member: member.member.clone(),
                    offsets: self.offsets(offsets),
                };
                state.line.ask(&Target::Coordinator(group), &request, deadline)
            });
        match sent {
            Ok(_) => {
                state.phase(Some(Phase::OffsetsSent));
                Ok(())
            }
            Err(refusal) => Err(state.failed("offsets were not taken", refusal)),
        }
    }

    fn flush(&self, timeout: Duration) -> Result<(), ClientError> {
        let state = &mut *self.state();
        state.usable()?;
        state.send(self.deadline(timeout))
    }

    fn commit(&self, timeout: Duration) -> Result<(), ClientError> {
        let state = &mut *self.state();
        state.usable()?;
        let deadline = self.deadline(timeout);
        state.send(deadline)?;
        state.phase(Some(Phase::Ending));
        let ended = state.sending.end(&mut state.line, true, deadline);
        match ended {
            Ok(()) => {
                state.phase(Some(Phase::Ended));
                Ok(())
            }
            Err(refusal) => Err(state.failed("the transaction was not committed", refusal)),
        }
    }

    fn abort(&self, timeout: Duration) -> Result<(), ClientError> {
        let state = &mut *self.state();
        state.usable()?;
        let ended = state.sending.end(&mut state.line, false, self.deadline(timeout));
        state.phase(None);
        ended.map_err(|refusal| state.failed("the transaction was not aborted", refusal))
    }

    fn serve(&self, timeout: Duration) {
        self.client.kafka.world.sleep(timeout);
    }

    fn discard(self) {
        self.state().phase(None);
    }
}

/// The answer to an initialisation.
pub(super) fn initialised(response: &Response) -> Option<crate::cluster::ProducerEpoch> {
    match response {
        Response::ProducerId(producer) => Some(*producer),
        _ => None,
    }
}
