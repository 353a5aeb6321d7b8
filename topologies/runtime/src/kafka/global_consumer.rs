//! [`GlobalConsumer`] on Kafka: one client for every partition of a topic, without a group.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode;
use streams::LogError;
use streams::log::StoredRecord;

use super::client::Librdkafka;
use super::config::KafkaConfig;
use super::health::KafkaHealth;
use super::port::{FetchedBatch, FetchedRecord, KafkaClient, KafkaConsumer, Partition};
use super::witness::Witness;
use crate::global_table::GlobalConsumer;
use crate::machine::{Machine, OsMachine};

/// Questions to a broker wait this long for their answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);

/// Reads committed records of every partition of one topic.
pub struct KafkaGlobalConsumer<C: KafkaClient = Librdkafka> {
    machine: Arc<dyn Machine>,
    // Records are given back before the consumer is closed.
    batch: <C::Consumer as KafkaConsumer>::Batch,
    consumer: C::Consumer,
    topic: String,
    /// Partitions whose end has not been reached yet.
    behind: BTreeSet<i32>,
}

impl KafkaGlobalConsumer {
    /// Begins to read `topic` on the brokers of `config`. [`LogError::Retriable`] while no broker answers or the topic is not there.
    pub fn connect(config: &KafkaConfig, topic: &str, health: Arc<KafkaHealth>) -> Result<Self, LogError> {
        Self::connect_with(&Librdkafka, Arc::new(OsMachine), config, topic, health)
    }
}

impl<C: KafkaClient> KafkaGlobalConsumer<C> {
    /// Reads with a client and a machine of the caller's, as [`connect`](KafkaGlobalConsumer::connect) does.
    pub fn connect_with(
        client: &C,
        machine: Arc<dyn Machine>,
        config: &KafkaConfig,
        topic: &str,
        health: Arc<KafkaHealth>,
    ) -> Result<Self, LogError> {
        let unanswered = |error: super::port::ClientError| LogError::Retriable(error.to_string());
        let consumer = client.consumer(&config.global_settings(), Witness::new(health));
        let mut consumer = consumer.map_err(|error| LogError::Fatal(error.to_string()))?;
        let count = consumer.partition_count(topic, ANSWER_WAIT).map_err(unanswered)?;
        let count = count.ok_or_else(|| LogError::Retriable(format!("there is no topic {topic}")))?;
        let mut list = Vec::new();
        for partition in 0..count {
            let (first, _) = consumer.watermarks(topic, partition, ANSWER_WAIT).map_err(unanswered)?;
            list.push(Partition {
                offset: first,
                ..Partition::new(topic, partition)
            });
        }
        consumer.assign(&list).map_err(unanswered)?;
        Ok(Self {
            machine,
            batch: Default::default(),
            consumer,
            topic: topic.to_owned(),
            behind: (0..count).collect(),
        })
    }
}

impl<C: KafkaClient> GlobalConsumer for KafkaGlobalConsumer<C> {
    fn poll(&mut self, wait: Duration, take: &mut dyn FnMut(StoredRecord<'_>)) -> Result<bool, LogError> {
        if !self.batch.refill(&self.consumer) {
            self.consumer.wait_until(self.machine.instant() + wait);
        }
        while let Some(event) = self.consumer.next_event() {
            tracing::debug!(?event, topic = self.topic, "a global table's client");
        }
        while self.batch.refill(&self.consumer) {
            self.hand_over(take)?;
        }
        Ok(self.behind.is_empty())
    }
}

impl<C: KafkaClient> KafkaGlobalConsumer<C> {
    fn hand_over(&mut self, take: &mut dyn FnMut(StoredRecord<'_>)) -> Result<(), LogError> {
        while let Some(fetched) = self.batch.next() {
            match fetched.error() {
                None => take(StoredRecord {
                    offset: fetched.offset(),
                    timestamp_ms: fetched.timestamp_ms(),
                    key: fetched.key(),
                    value: fetched.value(),
                    headers: fetched.headers(|_| false),
                }),
                Some(RDKafkaErrorCode::PartitionEOF) => drop(self.behind.remove(&fetched.partition())),
                Some(code) => {
                    let (topic, text) = (&self.topic, fetched.error_text());
                    return Err(LogError::Migrated(format!(
                        "{topic} cannot be read on: {text} ({code:?})"
                    )));
                }
            }
        }
        Ok(())
    }
}
