//! [`CommandLog`] on Kafka: one idempotent producer for the whole process, each record acknowledged by all replicas.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rdkafka::client::ClientContext;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, ProducerContext, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use streams::LogError;
use streams::partition::partition_for_key;
use tokio::sync::oneshot;

use super::config::KafkaConfig;
use super::leader::ask_leader;
use crate::commands::{Acknowledged, Append, CommandError, CommandLog, CommandRecord};

/// A record that no broker has acknowledged by then is reported as unavailable. Milliseconds.
const DELIVERY_TIMEOUT_MS: u32 = 10_000;
/// Records that wait to be acknowledged at most; the next one is unavailable at once.
const WAITING_RECORDS_MAX: u32 = 20_000;
/// Kilobytes that wait to be acknowledged at most.
const WAITING_KBYTES_MAX: u32 = 16 << 10;
/// Questions about topics wait this long for their answer.
const ANSWER_WAIT: Duration = Duration::from_secs(5);

/// Appends commands, from any number of tokio tasks. Its clones share one producer.
#[derive(Clone)]
pub struct KafkaCommandLog(Arc<Shared>);

struct Shared {
    producer: ThreadedProducer<Reports>,
    reader: BaseConsumer<Reports>,
    partitions: Mutex<BTreeMap<String, i32>>,
}

impl KafkaCommandLog {
    /// A producer on the same brokers as `config`. Nothing is asked of a broker yet.
    pub fn connect(config: &KafkaConfig) -> Result<Self, LogError> {
        let mut producer = config.plain_settings();
        producer
            .set("enable.idempotence", "true")
            .set("acks", "all")
            // While one request is under way the next gathers what comes: alone a command waits for nothing, and the more there are
            // the fewer requests the broker has for each.
            .set("linger.ms", "0")
            .set("max.in.flight", "1")
            .set("message.timeout.ms", DELIVERY_TIMEOUT_MS.to_string())
            .set("queue.buffering.max.messages", WAITING_RECORDS_MAX.to_string())
            .set("queue.buffering.max.kbytes", WAITING_KBYTES_MAX.to_string());
        let mut reader = config.plain_settings();
        // An end covers everything that was acknowledged, also what stands behind an open transaction of somebody else.
        reader
            .set("group.id", format!("{}-ends", config.application_id))
            .set("isolation.level", "read_uncommitted");
        Ok(Self(Arc::new(Shared {
            producer: ThreadedProducer::from_config_and_context(&producer, Reports).map_err(|error| refused(&error))?,
            reader: BaseConsumer::from_config_and_context(&reader, Reports).map_err(|error| refused(&error))?,
            partitions: Mutex::default(),
        })))
    }
}

impl CommandLog for KafkaCommandLog {
    fn append(&self, record: CommandRecord) -> Append<'_> {
        Box::pin(async move {
            let partitions = self.0.partitions_anywhere(&record.topic).await?;
            let acknowledged = self.0.send(&record, partition_for_key(&record.key, partitions))?;
            let answer = acknowledged.await;
            answer.unwrap_or_else(|_| Err(CommandError::Unavailable("the Kafka client was closed".to_owned())))
        })
    }

    fn end_offset(
        &self,
        topic: &str,
        partition: i32,
    ) -> Pin<Box<dyn Future<Output = Result<i64, CommandError>> + Send + '_>> {
        let topic = topic.to_owned();
        Box::pin(async move {
            off_the_runtime(&self.0, move |shared| {
                let reader = &shared.reader;
                let ends = ask_leader(reader, &topic, ANSWER_WAIT, |wait| {
                    reader.fetch_watermarks(&topic, partition, wait)
                });
                ends.map(|(_, end)| end).map_err(|error| command_error(&error))
            })
            .await
        })
    }

    fn partitions(&self, topic: &str) -> Result<i32, CommandError> {
        self.0.partitions(topic)
    }
}

impl Shared {
    /// Hands the record to the client. Answers where its delivery report arrives.
    fn send(&self, record: &CommandRecord, partition: i32) -> Result<oneshot::Receiver<Report>, CommandError> {
        let (report, reported) = oneshot::channel();
        let mut sent = BaseRecord::with_opaque_to(&record.topic, Box::new(report))
            .partition(partition)
            .key(&record.key)
            // The client takes 0 for "now".
            .timestamp(record.timestamp_ms.max(1));
        if let Some(value) = &record.value {
            sent = sent.payload(value);
        }
        if !record.headers.is_empty() {
            let headers = record.headers.iter();
            sent = sent.headers(headers.fold(OwnedHeaders::new(), |all, (key, value)| {
                all.insert(Header {
                    key,
                    value: Some(value),
                })
            }));
        }
        self.producer
            .send(sent)
            .map(|()| reported)
            .map_err(|(error, _)| command_error(&error))
    }

    /// The number of partitions; a topic that is not known yet is asked for on a thread that may wait.
    async fn partitions_anywhere(self: &Arc<Self>, topic: &str) -> Result<i32, CommandError> {
        if let Some(count) = self.known(topic) {
            return Ok(count);
        }
        let topic = topic.to_owned();
        off_the_runtime(self, move |shared| shared.partitions(&topic)).await
    }

    fn partitions(&self, topic: &str) -> Result<i32, CommandError> {
        if let Some(count) = self.known(topic) {
            return Ok(count);
        }
        let metadata = self
            .reader
            .fetch_metadata(Some(topic), ANSWER_WAIT)
            .map_err(|error| command_error(&error))?;
        let count = metadata
            .topics()
            .iter()
            .find(|found| found.name() == topic && found.error().is_none());
        let count = count
            .and_then(|found| i32::try_from(found.partitions().len()).ok())
            .filter(|count| *count > 0);
        let count = count.ok_or_else(|| {
            CommandError::Refused(format!(
                "there is no topic {topic}; create it with `sluice topics apply`"
            ))
        })?;
        self.cache().insert(topic.to_owned(), count);
        Ok(count)
    }

    fn known(&self, topic: &str) -> Option<i32> {
        self.cache().get(topic).copied()
    }

    fn cache(&self) -> MutexGuard<'_, BTreeMap<String, i32>> {
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a call that waits for a broker on a thread that may wait.
async fn off_the_runtime<T: Send + 'static>(
    shared: &Arc<Shared>,
    call: impl FnOnce(&Shared) -> Result<T, CommandError> + Send + 'static,
) -> Result<T, CommandError> {
    let shared = Arc::clone(shared);
    let called = tokio::task::spawn_blocking(move || call(&shared)).await;
    called.unwrap_or_else(|error| Err(CommandError::Unavailable(error.to_string())))
}

type Report = Result<Acknowledged, CommandError>;

/// Passes delivery reports on to whoever waits. Errors that repeat while a broker is down are not printed: each append has its own.
struct Reports;

impl ClientContext for Reports {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka command log");
    }
}

impl ConsumerContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = Box<oneshot::Sender<Report>>;

    fn delivery(&self, result: &DeliveryResult<'_>, report: Self::DeliveryOpaque) {
        let answer = match result {
            Ok(message) => Ok(Acknowledged {
                partition: message.partition(),
                offset: message.offset(),
            }),
            Err((error, _)) => Err(command_error(error)),
        };
        if report.send(answer).is_err() {
            tracing::debug!("nobody waits for this append any more");
        }
    }
}

fn command_error(error: &KafkaError) -> CommandError {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::InvalidRecord
            | RDKafkaErrorCode::TopicAuthorizationFailed,
        ) => CommandError::Refused(error.to_string()),
        _ => CommandError::Unavailable(error.to_string()),
    }
}

fn refused(error: &KafkaError) -> LogError {
    LogError::Fatal(format!("the Kafka client refuses to start: {error}"))
}
