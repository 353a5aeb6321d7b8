//! [`streams::log::LogReader`] on Kafka: ranges of any partition, without a group, in large batches.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode;
use streams::LogError;
use streams::log::{LogReader, StoredRecord};

use super::client::Librdkafka;
use super::config::KafkaConfig;
use super::health::KafkaHealth;
use super::port::{ClientError, FetchedBatch, FetchedRecord, KafkaClient, KafkaConsumer, Partition};
use super::witness::Witness;
use crate::machine::{Machine, OsMachine};

/// Questions to a broker wait this long for their answer.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// Open transactions are waited for so long before the caller is asked to come again.
const SETTLE_WAIT: Duration = Duration::from_millis(500);
/// Between two looks at an open transaction.
const SETTLE_LOOK: Duration = Duration::from_millis(2);
/// A read that gets neither a record nor the end for so long is given up.
const STALL_WAIT: Duration = Duration::from_secs(30);

/// Reads committed records of any partition. One partition at a time, so a restore of several tasks takes several readers.
pub struct KafkaReader<C: KafkaClient = Librdkafka> {
    machine: Arc<dyn Machine>,
    // Records are given back before the consumer is closed.
    batch: <C::Consumer as KafkaConsumer>::Batch,
    consumer: C::Consumer,
}

impl KafkaReader {
    /// A reader on the same brokers as `config`. It belongs to no group; nothing is asked of a broker yet.
    pub fn connect(config: &KafkaConfig, health: Arc<KafkaHealth>) -> Result<Self, LogError> {
        Self::connect_with(&Librdkafka, Arc::new(OsMachine), config, health)
    }
}

impl<C: KafkaClient> KafkaReader<C> {
    /// A reader with a client and a machine of the caller's, as [`connect`](KafkaReader::connect) makes one.
    pub fn connect_with(
        client: &C,
        machine: Arc<dyn Machine>,
        config: &KafkaConfig,
        health: Arc<KafkaHealth>,
    ) -> Result<Self, LogError> {
        let consumer = client.consumer(&config.reader_settings(), Witness::new(health));
        Ok(Self {
            machine,
            batch: Default::default(),
            consumer: consumer.map_err(|error| LogError::Fatal(error.to_string()))?,
        })
    }

    fn read_assigned(&mut self, range: &Range<'_>, visit: Visit<'_>) -> Result<i64, LogError> {
        let mut position = range.from;
        let mut deadline = self.machine.instant() + STALL_WAIT;
        loop {
            if !self.batch.refill(&self.consumer) {
                self.consumer.wait_until(deadline);
                self.report_errors();
                if self.machine.instant() >= deadline {
                    return Err(LogError::Retriable(format!(
                        "no record of {range} came for {} s",
                        STALL_WAIT.as_secs()
                    )));
                }
                continue;
            }
            while let Some(fetched) = self.batch.next() {
                match step(&fetched, range, &mut position, visit)? {
                    ControlFlow::Continue(()) => {}
                    ControlFlow::Break(end) => return Ok(end),
                }
            }
            deadline = self.machine.instant() + STALL_WAIT;
        }
    }

    fn report_errors(&self) {
        while let Some(event) = self.consumer.next_event() {
            tracing::warn!(?event, "Kafka reader");
        }
    }
}

type Visit<'a> = &'a mut dyn FnMut(StoredRecord<'_>) -> ControlFlow<()>;

struct Range<'a> {
    topic: &'a str,
    partition: i32,
    from: i64,
    to: i64,
}

impl std::fmt::Display for Range<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{} from {} to {}", self.topic, self.partition, self.from, self.to)
    }
}

/// Looks at one fetched record. Breaks with the position at which the read ends.
fn step<'a>(
    fetched: &impl FetchedRecord<'a>,
    range: &Range<'_>,
    position: &mut i64,
    visit: Visit<'_>,
) -> Result<ControlFlow<i64>, LogError> {
    if fetched.partition() != range.partition {
        return Ok(ControlFlow::Continue(()));
    }
    match fetched.error() {
        None => {}
        // The end comes with the position that the client has reached: behind markers and what compaction has taken out.
        Some(RDKafkaErrorCode::PartitionEOF) => {
            *position = (*position).max(fetched.offset());
            return Ok(if *position >= range.to {
                ControlFlow::Break(range.to)
            } else {
                ControlFlow::Continue(())
            });
        }
        Some(code) => return read_error(code, &fetched.error_text(), range).map(ControlFlow::Continue),
    }
    if fetched.offset() >= range.to {
        return Ok(ControlFlow::Break(range.to));
    }
    *position = fetched.offset() + 1;
    let visited = visit(StoredRecord {
        offset: fetched.offset(),
        timestamp_ms: fetched.timestamp_ms(),
        key: fetched.key(),
        value: fetched.value(),
        headers: fetched.headers(|_| true),
    });
    let ended = visited.is_break() || *position >= range.to;
    Ok(if ended {
        ControlFlow::Break(*position)
    } else {
        ControlFlow::Continue(())
    })
}

fn read_error(code: RDKafkaErrorCode, text: &str, range: &Range<'_>) -> Result<(), LogError> {
    match code {
        RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange => Err(LogError::Fatal(format!(
            "{range} cannot be read: the partition does not have these offsets any more, or not yet ({text}); read from its first offset"
        ))),
        RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::UnknownTopicOrPartition => {
            Err(LogError::Fatal(format!("{range} cannot be read: {text}")))
        }
        _ => {
            tracing::warn!(%range, ?code, "{text}");
            Ok(())
        }
    }
}

impl<C: KafkaClient> LogReader for KafkaReader<C> {
    fn partitions(&mut self, topic: &str) -> Result<Option<i32>, LogError> {
        self.consumer
            .partition_count(topic, ANSWER_WAIT)
            .map_err(|error| retriable(&error))
    }

    /// A transaction that is over for its producer becomes visible in each partition a moment later. What was committed
    /// before this call must be below the answered end, so the answer waits until no transaction is open below the
    /// partition's present end.
    fn offsets(&mut self, topic: &str, partition: i32) -> Result<(i64, i64), LogError> {
        let last = self.consumer.high_watermark(topic, partition, ANSWER_WAIT);
        let last = last.map_err(|error| retriable(&error))?;
        let deadline = self.machine.instant() + SETTLE_WAIT;
        loop {
            let (first, committed) = self.readable(topic, partition)?;
            if committed >= last {
                return Ok((first, committed));
            }
            if self.machine.instant() >= deadline {
                return Err(LogError::Retriable(format!(
                    "a transaction is open in {topic}/{partition} at offset {committed}"
                )));
            }
            self.machine.sleep(SETTLE_LOOK);
        }
    }

    fn readable(&mut self, topic: &str, partition: i32) -> Result<(i64, i64), LogError> {
        let ends = self.consumer.watermarks(topic, partition, ANSWER_WAIT);
        ends.map_err(|error| retriable(&error))
    }

    fn read(
        &mut self,
        topic: &str,
        partition: i32,
        from: i64,
        to: i64,
        visit: &mut dyn FnMut(StoredRecord<'_>) -> ControlFlow<()>,
    ) -> Result<i64, LogError> {
        if from >= to {
            return Ok(from);
        }
        let range = Range {
            topic,
            partition,
            from,
            to,
        };
        let list = [Partition {
            offset: from,
            ..Partition::new(topic, partition)
        }];
        self.batch.clear();
        self.consumer.assign(&list).map_err(|error| retriable(&error))?;
        let read = self.read_assigned(&range, visit);
        self.batch.clear();
        self.consumer.unassign(&list).map_err(|error| retriable(&error))?;
        read
    }
}

fn retriable(error: &ClientError) -> LogError {
    LogError::Retriable(error.to_string())
}
