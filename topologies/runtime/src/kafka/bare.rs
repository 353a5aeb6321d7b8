//! Consume, produce, commit: what a careful program does with the client alone. The floor for what the engine costs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode;
use streams::LogError;

use super::client::{Batch, Consumer, Librdkafka, Producer};
use super::config::KafkaConfig;
use super::health::KafkaHealth;
use super::port::{ClientError, FetchedBatch, FetchedRecord, KafkaClient, KafkaConsumer, KafkaProducer, Partition};
use super::witness::Witness;

/// One wait for room in the client's queue.
const QUEUE_WAIT: Duration = Duration::from_millis(10);
/// Each call of a transaction takes no longer.
const CALL_WAIT: Duration = Duration::from_secs(60);

/// Copies a topic in transactions, with one consumer and one producer on one thread, without group, tasks or state.
pub struct BareCopy {
    // Records are given back before the consumer is closed.
    batch: Batch,
    consumer: Consumer,
    producer: Producer,
    input: String,
    /// By partition, the next offset.
    next: Vec<i64>,
}

impl BareCopy {
    /// Begins at the first record of each of the input's partitions. The output has as many.
    pub fn connect(config: &KafkaConfig, input: &str, output: &str, partitions: i32) -> Result<Self, LogError> {
        let health = Arc::new(KafkaHealth::default());
        let inputs = usize::try_from(partitions).unwrap_or(1);
        let witness = || Witness::new(Arc::clone(&health));
        let consumer = Librdkafka.consumer(&config.consumer_settings(inputs), witness());
        let consumer = consumer.map_err(fatal)?;
        let id = format!("{}-bare", config.application_id);
        let producer = Librdkafka.producer(&config.producer_settings(&id, false), &[output], witness());
        let producer = producer.map_err(fatal)?;
        producer.init(CALL_WAIT).map_err(fatal)?;
        let mut next = Vec::new();
        for partition in 0..partitions {
            next.push(consumer.watermarks(input, partition, CALL_WAIT).map_err(fatal)?.0);
        }
        let mut bare = Self {
            batch: Batch::default(),
            consumer,
            producer,
            input: input.to_owned(),
            next,
        };
        let positions = bare.positions();
        bare.consumer.assign(&positions).map_err(fatal)?;
        Ok(bare)
    }

    /// Copies what comes within `interval` in one transaction, and answers how many records that were.
    pub fn turn(&mut self, interval: Duration) -> Result<u64, LogError> {
        let deadline = Instant::now() + interval;
        self.producer.begin().map_err(fatal)?;
        let mut copied = 0;
        while Instant::now() < deadline {
            self.batch.refill(&self.consumer);
            if self.batch.is_empty() {
                self.consumer.wait_until(deadline);
            }
            copied += self.copy_batch()?;
        }
        let member = self
            .consumer
            .group_metadata()
            .ok_or_else(|| LogError::Fatal("no group".to_owned()))?;
        self.producer
            .send_offsets(&self.positions(), &member, CALL_WAIT)
            .map_err(fatal)?;
        self.producer.commit(CALL_WAIT).map_err(fatal)?;
        Ok(copied)
    }

    fn copy_batch(&mut self) -> Result<u64, LogError> {
        let mut copied = 0;
        while let Some(fetched) = self.batch.next() {
            if let Some(code) = fetched.error() {
                return Err(LogError::Fatal(format!("cannot read: {code}")));
            }
            let (partition, key, value) = (fetched.partition(), fetched.key(), fetched.value());
            while let Err(code) = self.producer.produce_plain(partition, key, value) {
                if code != RDKafkaErrorCode::QueueFull {
                    return Err(LogError::Fatal(format!("cannot produce: {code}")));
                }
                self.producer.serve(QUEUE_WAIT);
            }
            if let Some(next) = usize::try_from(partition).ok().and_then(|at| self.next.get_mut(at)) {
                *next = fetched.offset() + 1;
            }
            copied += 1;
        }
        Ok(copied)
    }

    fn positions(&self) -> Vec<Partition> {
        let at = |(partition, next): (i32, &i64)| Partition {
            offset: *next,
            ..Partition::new(&self.input, partition)
        };
        (0..).zip(&self.next).map(at).collect()
    }
}

#[allow(clippy::needless_pass_by_value, reason = "it is the function that `map_err` takes")]
fn fatal(error: ClientError) -> LogError {
    LogError::Fatal(error.to_string())
}
