//! The gateway's producer: one record at a time, idempotent, acknowledged when it is durable.

use std::collections::BTreeMap;
use std::future::ready;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use runtime::commands::{Acknowledged, Append, CommandError, CommandLog, CommandRecord};
use runtime::kafka::Witness;
use streams::Headers;
use streams::partition::partition_for_key;

use super::line::{Line, Target};
use super::producer::initialised;
use super::{Refusal, SimClient};
use crate::cluster::{OffsetSpec, PartitionId, ProducerEpoch, Request, Response, StoredRecord};
use crate::world::Phase;

/// A record that no broker has acknowledged by then is reported as unavailable.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(10);
/// A request without an answer counts as lost after this time.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(3);
/// The number of this part of its process.
const PART: u64 = 1;

/// Appends commands from one thread of a simulated process, which waits inside the call.
pub(crate) struct SimCommandLog {
    client: SimClient,
    state: Mutex<State>,
}

struct State {
    line: Line,
    producer: Option<ProducerEpoch>,
    sequences: BTreeMap<PartitionId, i32>,
}

impl SimCommandLog {
    pub(crate) fn new(client: SimClient) -> Self {
        let witness = Witness::new(Arc::default());
        let line = Line::new(&client.kafka, client.process, &witness, REQUEST_TIMEOUT);
        Self {
            client,
            state: Mutex::new(State {
                line,
                producer: None,
                sequences: BTreeMap::new(),
            }),
        }
    }

    /// Appends a record and waits, from inside a thread.
    pub(crate) fn append_now(&self, record: CommandRecord) -> Result<Acknowledged, CommandError> {
        let partitions = self.partitions(&record.topic)?;
        let partition = partition_for_key(&record.key, partitions);
        let id = self.id(&record.topic, partition)?;
        let record = StoredRecord {
            timestamp_ms: record.timestamp_ms,
            key: Some(Bytes::from(record.key)),
            value: record.value.map(Bytes::from),
            headers: headers(record.headers),
        };
        let world = &self.client.kafka.world;
        world.phase(self.client.process, PART, Some(Phase::Commanding));
        // One thread appends, so the lock is free, also while that thread waits.
        let sent = self
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .send(id, record);
        world.phase(self.client.process, PART, None);
        sent.map(|offset| Acknowledged { partition, offset })
    }

    fn id(&self, topic: &str, partition: i32) -> Result<PartitionId, CommandError> {
        let found = self.client.partition(topic, partition);
        found.ok_or_else(|| CommandError::Refused(format!("there is no topic {topic}")))
    }

    fn end_now(&self, topic: &str, partition: i32) -> Result<i64, CommandError> {
        let partition = self.id(topic, partition)?;
        let request = Request::ListOffsets {
            partition,
            which: OffsetSpec::Latest { committed: false },
        };
        let deadline = self.client.kafka.world.now() + REQUEST_TIMEOUT;
        let state = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match state.line.ask(&Target::Leader(partition), &request, deadline) {
            Ok(Response::Offset(end)) => Ok(end),
            _ => Err(unavailable()),
        }
    }
}

impl State {
    fn send(&mut self, partition: PartitionId, record: StoredRecord) -> Result<i64, CommandError> {
        let deadline = self.line.kafka().world.now() + DELIVERY_TIMEOUT;
        let producer = self.producer(deadline)?;
        let base_sequence = self.sequences.get(&partition).copied().unwrap_or(0);
        let request = Request::Produce {
            transactional_id: None,
            producer,
            partition,
            base_sequence,
            records: vec![record],
        };
        match self.line.ask(&Target::Leader(partition), &request, deadline) {
            Ok(Response::Produced { base_offset }) => {
                self.sequences.insert(partition, base_sequence.wrapping_add(1));
                Ok(base_offset)
            }
            // Whether it is there nobody knows; the next record is sent under a new id.
            Ok(_) | Err(Refusal::TimedOut | Refusal::Kafka(_)) => {
                self.producer = None;
                Err(unavailable())
            }
        }
    }

    fn producer(&mut self, deadline: Duration) -> Result<ProducerEpoch, CommandError> {
        if let Some(producer) = self.producer {
            return Ok(producer);
        }
        let request = Request::InitProducerId {
            transactional_id: None,
            transaction_timeout: Duration::ZERO,
            current: None,
        };
        let anywhere = Target::Coordinator(String::new());
        let answer = self
            .line
            .ask(&anywhere, &request, deadline)
            .map_err(|_| unavailable())?;
        self.sequences.clear();
        self.producer = initialised(&answer);
        self.producer.ok_or_else(unavailable)
    }
}

impl CommandLog for SimCommandLog {
    fn append(&self, record: CommandRecord) -> Append<'_> {
        Box::pin(async move { self.append_now(record) })
    }

    fn end_offset(
        &self,
        topic: &str,
        partition: i32,
    ) -> Pin<Box<dyn Future<Output = Result<i64, CommandError>> + Send + '_>> {
        Box::pin(ready(self.end_now(topic, partition)))
    }

    fn partitions(&self, topic: &str) -> Result<i32, CommandError> {
        let known = self
            .client
            .kafka
            .look(|cluster| Some(cluster.partitions(cluster.topic(topic)?)));
        known.ok_or_else(|| CommandError::Refused(format!("there is no topic {topic}")))
    }
}

fn headers(all: Vec<(String, Vec<u8>)>) -> Headers {
    let mut headers = Headers::default();
    for (name, value) in all {
        headers.push(name, value);
    }
    headers
}

fn unavailable() -> CommandError {
    CommandError::Unavailable("no broker has acknowledged the record".to_owned())
}
