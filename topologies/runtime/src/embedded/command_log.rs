//! The edge's end of the embedded log: single records, acknowledged when they are on disk.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use streams::partition::partition_for_key;
use streams::{Header, Headers};
use tokio::sync::{mpsc, oneshot};

use super::EmbeddedBroker;
use super::encoding::StoredParts;
use super::error::EmbeddedError;
use super::topics::Topic;
use super::transaction::{self, Transaction};
use crate::commands::{Acknowledged, Append, CommandError, CommandLog, CommandRecord};

/// Records that wait for the writer; with more, appends are refused as unavailable.
pub const COMMANDS_WAITING_MAX: usize = 4096;
/// Records that share one write.
const COMMANDS_PER_WRITE_MAX: usize = 512;

/// Appends commands to an embedded log. One thread writes for all callers, and whatever came while it waited for the disk goes
/// into its next write. The thread ends when the last clone is dropped.
#[derive(Debug, Clone)]
pub struct EmbeddedCommandLog {
    broker: Arc<EmbeddedBroker>,
    queue: mpsc::Sender<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    topic: Arc<Topic>,
    partition: i32,
    record: CommandRecord,
    headers: Headers,
    answer: oneshot::Sender<Result<Acknowledged, CommandError>>,
}

impl EmbeddedBroker {
    /// The edge's end of this log.
    pub fn command_log(self: &Arc<Self>) -> Result<EmbeddedCommandLog, EmbeddedError> {
        let (queue, waiting) = mpsc::channel(COMMANDS_WAITING_MAX);
        let broker = self.in_background();
        std::thread::Builder::new()
            .name("sluice-commands".to_owned())
            .spawn(move || write_all(&broker, waiting))
            .map_err(|cause| EmbeddedError::Unavailable(format!("the command writer cannot start: {cause}")))?;
        Ok(EmbeddedCommandLog {
            broker: Arc::clone(self),
            queue,
        })
    }
}

impl EmbeddedBroker {
    /// Appends one record to the given partition, answers its offset, and returns when it is on disk.
    /// For many callers at once [`EmbeddedCommandLog`] shares the wait.
    pub fn append(&self, partition: i32, record: &CommandRecord) -> Result<i64, EmbeddedError> {
        let topic = self.topic(&record.topic)?;
        let mut transaction = Transaction::default();
        transaction.push(&topic, partition, &parts(record, &headers(record)))?;
        let placed = self.write(&transaction)?;
        Ok(placed.first().map_or(-1, |range| range.start))
    }
}

impl CommandLog for EmbeddedCommandLog {
    fn append(&self, record: CommandRecord) -> Append<'_> {
        Box::pin(async move {
            let answer = self.enqueue(record)?;
            let stopped = |_| CommandError::Unavailable("the embedded log has stopped".to_owned());
            answer.await.map_err(stopped)?
        })
    }

    fn end_offset(
        &self,
        topic: &str,
        partition: i32,
    ) -> Pin<Box<dyn Future<Output = Result<i64, CommandError>> + Send + '_>> {
        let end = self.broker.bounds(topic, partition).map(|(_, end)| end);
        Box::pin(std::future::ready(end.map_err(CommandError::from)))
    }

    fn partitions(&self, topic: &str) -> Result<i32, CommandError> {
        Ok(self.broker.topic(topic)?.stored.partitions)
    }
}

impl EmbeddedCommandLog {
    fn enqueue(
        &self,
        record: CommandRecord,
    ) -> Result<oneshot::Receiver<Result<Acknowledged, CommandError>>, CommandError> {
        let topic = self.broker.topic(&record.topic)?;
        let partition = partition_for_key(&record.key, topic.stored.partitions);
        let headers = headers(&record);
        transaction::check(&topic, &parts(&record, &headers))?;
        let (answer, answered) = oneshot::channel();
        let waiting = Waiting {
            topic,
            partition,
            record,
            headers,
            answer,
        };
        let full = |_| CommandError::Unavailable(format!("{COMMANDS_WAITING_MAX} records wait for the disk"));
        self.queue.try_send(waiting).map_err(full)?;
        Ok(answered)
    }
}

fn headers(record: &CommandRecord) -> Headers {
    let headers = record.headers.iter().map(|(key, value)| Header {
        key: key.clone(),
        value: Some(Bytes::copy_from_slice(value)),
    });
    Headers::from_list(headers.collect())
}

fn parts<'a>(record: &'a CommandRecord, headers: &Headers) -> StoredParts<'a> {
    StoredParts {
        timestamp_ms: record.timestamp_ms,
        key: Some(&record.key),
        value: record.value.as_deref(),
        headers: headers.clone(),
    }
}

fn write_all(broker: &EmbeddedBroker, mut queue: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::new();
    while queue.blocking_recv_many(&mut batch, COMMANDS_PER_WRITE_MAX) > 0 {
        let written = write(broker, &batch);
        for (position, waiting) in batch.drain(..).enumerate() {
            let answer = match &written {
                Ok(offsets) => offsets
                    .get(position)
                    .map(|offset| Acknowledged {
                        partition: waiting.partition,
                        offset: *offset,
                    })
                    .ok_or_else(|| CommandError::Unavailable("the record was not written".to_owned())),
                Err(cause) => Err(cause.clone().into()),
            };
            // A caller that does not wait any more, for example a closed connection, is no failure of the log.
            drop(waiting.answer.send(answer));
        }
    }
}

/// Writes all records and answers their offsets.
fn write(broker: &EmbeddedBroker, batch: &[Waiting]) -> Result<Vec<i64>, EmbeddedError> {
    let mut transaction = Transaction::default();
    let mut positions = Vec::with_capacity(batch.len());
    let mut counts: BTreeMap<usize, i64> = BTreeMap::new();
    for waiting in batch {
        let record = parts(&waiting.record, &waiting.headers);
        let slot = transaction.push(&waiting.topic, waiting.partition, &record)?;
        let count = counts.entry(slot).or_default();
        positions.push((slot, *count));
        *count += 1;
    }
    let placed = broker.write(&transaction)?;
    let offset = |(slot, position): (usize, i64)| placed.get(slot).map_or(-1, |range| range.start + position);
    Ok(positions.into_iter().map(offset).collect())
}
