//! What librdkafka does, on the simulated cluster: the port of the Kafka log, spoken as that client speaks it.

mod batch;
mod commands;
mod consumer;
mod fetcher;
mod flight;
mod line;
mod member;
mod producer;
mod sending;

use std::sync::Arc;
use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode;
use runtime::kafka::Witness;
use runtime::kafka::port::{ClientError, KafkaClient, Settings};

pub(crate) use commands::SimCommandLog;
use consumer::SimConsumer;
use producer::SimProducer;

use crate::cluster::{KafkaError, PartitionId};
use crate::kafka::Kafka;
use crate::world::ProcessId;

/// The Kafka client of a simulated process.
#[derive(Clone)]
pub(crate) struct SimClient {
    pub(crate) kafka: Kafka,
    pub(crate) process: ProcessId,
}

impl KafkaClient for SimClient {
    type Consumer = SimConsumer;
    type Producer = SimProducer;

    fn consumer(&self, settings: &Settings, witness: Arc<Witness>) -> Result<SimConsumer, ClientError> {
        Ok(SimConsumer::new(self, settings, witness))
    }

    fn producer(
        &self,
        settings: &Settings,
        topics: &[&str],
        witness: Arc<Witness>,
    ) -> Result<SimProducer, ClientError> {
        Ok(SimProducer::new(self, settings, topics, &witness))
    }
}

impl SimClient {
    fn partition(&self, topic: &str, partition: i32) -> Option<PartitionId> {
        let topic = self.kafka.look(|cluster| cluster.topic(topic))?;
        Some(PartitionId { topic, partition })
    }
}

/// A setting by its name; every setting that is asked for is one that the engine makes.
fn setting<'a>(settings: &'a Settings, name: &str) -> &'a str {
    let found = settings.iter().rev().find(|(known, _)| known == name);
    found.map_or("", |(_, value)| value.as_str())
}

fn milliseconds(settings: &Settings, name: &str) -> Duration {
    Duration::from_millis(setting(settings, name).parse().unwrap_or(0))
}

/// Why a request was not answered as hoped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// The caller's time is over.
    TimedOut,
    /// A broker refuses.
    Kafka(KafkaError),
}

impl Refusal {
    fn code(self) -> RDKafkaErrorCode {
        use RDKafkaErrorCode as Code;
        match self {
            Self::TimedOut => Code::OperationTimedOut,
            Self::Kafka(error) => match error {
                KafkaError::NotLeader => Code::NotLeaderForPartition,
                KafkaError::NotCoordinator => Code::NotCoordinator,
                KafkaError::ConcurrentTransactions => Code::ConcurrentTransactions,
                KafkaError::InvalidProducerEpoch => Code::InvalidProducerEpoch,
                KafkaError::ProducerFenced => Code::ProducerFenced,
                KafkaError::InvalidTxnState => Code::InvalidTransactionalState,
                KafkaError::InvalidProducerIdMapping => Code::InvalidProducerIdMapping,
                KafkaError::OutOfOrderSequence => Code::OutOfOrderSequenceNumber,
                KafkaError::DuplicateSequence => Code::DuplicateSequenceNumber,
                KafkaError::UnknownMemberId => Code::UnknownMemberId,
                KafkaError::IllegalGeneration => Code::IllegalGeneration,
                KafkaError::FencedInstanceId => Code::FencedInstanceId,
                KafkaError::RebalanceInProgress => Code::RebalanceInProgress,
                KafkaError::UnstableOffsetCommit => Code::UnstableOffsetCommit,
                KafkaError::OffsetOutOfRange => Code::OffsetOutOfRange,
                KafkaError::UnknownTopicOrPartition => Code::UnknownTopicOrPartition,
                KafkaError::NotEnoughReplicas => Code::NotEnoughReplicas,
                KafkaError::InvalidRecord => Code::InvalidRecord,
                KafkaError::InvalidTransactionTimeout => Code::InvalidTransactionTimeout,
            },
        }
    }

    fn error(self, what: &str) -> ClientError {
        let code = self.code();
        ClientError {
            code,
            reason: format!("{what}: {code}"),
            fatal: false,
            // Where the caller's time is over, librdkafka keeps the operation and asks to call again.
            retriable: self == Self::TimedOut,
        }
    }
}
