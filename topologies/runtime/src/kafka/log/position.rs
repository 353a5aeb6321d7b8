//! Positions: where inputs begin, how they go back, and what it means when a record is not there.

use std::time::Duration;

use planted::Bug;
use rdkafka::types::RDKafkaErrorCode;
use streams::{InputOffset, LogError, TaskId, TopicIndex};

use super::{KafkaLog, retriable, token};
use crate::kafka::port::{FetchedBatch, KafkaClient, KafkaConsumer, Partition};

/// One attempt to start a task waits this long for committed offsets. Pending transactions of a dead owner can hold them
/// back for the whole transaction timeout, and other tasks of the thread should not wait for that.
const START_WAIT: Duration = Duration::from_millis(200);
/// Asking for the first offset of a partition takes no longer.
const WATERMARK_WAIT: Duration = Duration::from_secs(5);
/// A rewind takes no longer.
const SEEK_WAIT: Duration = Duration::from_secs(5);

impl<C: KafkaClient> KafkaLog<C> {
    /// Where each input of a task begins: after what the group has committed, or at the first record there is. And how far the
    /// commit of each says that the task's outputs are numbered.
    pub(super) fn begin_offsets(&self, task: TaskId) -> Result<(Vec<InputOffset>, Vec<String>), LogError> {
        let inputs = self.inputs.of_task(task);
        let list: Vec<_> = inputs
            .iter()
            .map(|(topic, partition)| Partition::new(self.inputs.name(*topic), *partition))
            .collect();
        let committed = self
            .consumer()?
            .committed(&list, START_WAIT)
            .map_err(|error| retriable("the committed offsets are not settled", &error))?;
        let counts = committed.iter().map(|found| token::kept(&found.metadata).1.to_owned());
        let begun = inputs.iter().zip(&committed).map(|((topic, partition), found)| {
            let next = self.begin_offset(found)?;
            Ok(InputOffset {
                topic: *topic,
                partition: *partition,
                next,
            })
        });
        Ok((begun.collect::<Result<_, LogError>>()?, counts.collect()))
    }

    fn begin_offset(&self, found: &Partition) -> Result<i64, LogError> {
        match found.error {
            Some(code) => Err(LogError::Retriable(format!(
                "the committed offset of {} is not to be had: {code}",
                found.topic
            ))),
            None if found.offset >= 0 => Ok(found.offset),
            None => self
                .consumer()?
                .watermarks(&found.topic, found.partition, WATERMARK_WAIT)
                .map(|(first, end)| if planted::is(Bug::BeginsAtTheEnd) { end } else { first })
                .map_err(|error| retriable("the first offset is not to be had", &error)),
        }
    }

    /// Goes back to the committed offsets and forgets what was fetched.
    pub(super) fn rewind(&mut self) -> Result<(), LogError> {
        self.batch.clear();
        let offsets = self.inputs.committed();
        if offsets.is_empty() {
            return Ok(());
        }
        let list = self.inputs.list(&offsets);
        let sought = self.consumer()?.seek(&list, SEEK_WAIT);
        if sought.is_ok_and(|moved| moved.iter().all(|partition| partition.error.is_none())) {
            return Ok(());
        }
        if !self.revoking.is_empty() {
            return Err(LogError::Retriable(
                "inputs cannot be rewound before the revoked tasks are given up".to_owned(),
            ));
        }
        // A partition that was added a moment ago cannot be sought yet; it can be taken out and added at the right place.
        let consumer = self.consumer_mut()?;
        let again = consumer.unassign(&list).and_then(|()| consumer.assign(&list));
        again.map_err(|error| retriable("inputs cannot be rewound", &error))?;
        self.collect_events(true)
    }

    /// What an error in place of a record means: the partition cannot go on, or the client goes on by itself.
    pub(super) fn fetch_error(
        &self,
        code: RDKafkaErrorCode,
        text: &str,
        (topic, partition): (Option<TopicIndex>, i32),
    ) -> Result<(), LogError> {
        let name = topic.map_or("", |topic| self.inputs.name(topic));
        match (code, topic) {
            (RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange, Some(topic)) => {
                Err(self.gone(topic, partition, text))
            }
            (RDKafkaErrorCode::AutoOffsetReset | RDKafkaErrorCode::OffsetOutOfRange, None) => Err(lost(name, text)),
            (RDKafkaErrorCode::TopicAuthorizationFailed, _) => {
                Err(LogError::Fatal(format!("Kafka denies reading {name}: {text}")))
            }
            _ => {
                self.health.note(text);
                tracing::warn!(topic = name, ?code, "{text}");
                Ok(())
            }
        }
    }

    /// Records that were deleted before this thread has read them. Where the group has committed beyond what the thread knows
    /// of, another one has processed them: the task is not this thread's any more, and it was not told yet.
    fn gone(&self, topic: TopicIndex, partition: i32, text: &str) -> LogError {
        let name = self.inputs.name(topic);
        let own = self.inputs.committed().into_iter();
        let own = own.filter(|input| (input.topic, input.partition) == (topic, partition));
        let own = own.map(|input| input.next).max().unwrap_or(0);
        let asked = self
            .consumer()
            .map(|consumer| consumer.committed(&[Partition::new(name, partition)], START_WAIT));
        let found = match asked {
            Ok(Ok(found)) => found.into_iter().find(|found| found.error.is_none()),
            Ok(Err(_)) | Err(_) => None,
        };
        match found {
            Some(found) if found.offset > own && !planted::is(Bug::ProcessedTakenForLost) => {
                LogError::Migrated(format!(
                    "records {own} to {} of {name}/{partition} were processed by another thread of the group and deleted since",
                    found.offset
                ))
            }
            Some(_) => lost(name, text),
            None => LogError::Abortable(format!(
                "the next record of {name} is not there any more ({text}), and who has read it is not to be had"
            )),
        }
    }
}

/// Nobody has processed what is gone.
fn lost(topic: &str, text: &str) -> LogError {
    LogError::Fatal(format!(
        "the next record of {topic} is not there any more ({text}); decide with `sluice offsets reset` where to go on"
    ))
}
