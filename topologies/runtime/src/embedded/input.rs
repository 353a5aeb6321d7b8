//! One input partition of a stream thread: how far it is read, and what waits.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use streams::{InputRecord, LogError, TaskId, TopicIndex};

use super::EmbeddedBroker;
use super::encoding::StoredParts;
use super::reader::Reading;
use super::topics::Partition;
use crate::origin::ORIGIN;

/// Records of one partition that are handed over before it is the next partition's turn.
const TURN_RECORDS_MAX: usize = 512;

#[derive(Debug)]
pub(super) struct Input {
    pub(super) task: TaskId,
    pub(super) topic: TopicIndex,
    pub(super) name: String,
    pub(super) partition: Arc<Partition>,
    pub(super) position: i64,
}

impl Input {
    /// The end for stream threads of this process.
    pub(super) fn end(&self) -> i64 {
        self.partition.written.load(Ordering::Acquire)
    }

    /// Whether records wait.
    pub(super) fn has_more(&self) -> bool {
        self.position < self.end()
    }

    /// Hands at most [`TURN_RECORDS_MAX`] records before `end` over and moves the position after the last one taken.
    pub(super) fn hand_over(
        &mut self,
        broker: &EmbeddedBroker,
        end: i64,
        take: &mut dyn FnMut(InputRecord<'_>) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, LogError> {
        if self.position >= end {
            return Ok(ControlFlow::Continue(()));
        }
        let start = self.partition.start.load(Ordering::Acquire);
        if self.position < start {
            return Err(LogError::Fatal(removed(
                &self.name,
                self.partition.index,
                self.position,
                start,
            )));
        }
        let (mut taken, mut broke) = (0, false);
        let (topic, partition, from) = (self.topic, Arc::clone(&self.partition), self.position);
        let mut visit = |offset: i64, parts: StoredParts<'_>| {
            self.position = offset + 1;
            taken += 1;
            let record = InputRecord {
                topic,
                partition: partition.index,
                offset,
                timestamp_ms: parts.timestamp_ms,
                key: parts.key,
                value: parts.value,
                headers: parts.headers.without(ORIGIN),
            };
            broke = take(record).is_break();
            if broke || taken == TURN_RECORDS_MAX {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        };
        let scan = broker.with_database(|database| database.scan(&partition, from..end, Reading::Tail, &mut visit))?;
        if scan.is_continue() {
            // Compaction may have removed the last records before the end.
            self.position = end;
        }
        Ok(if broke {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        })
    }
}

/// Says that retention was faster than the reader.
pub(super) fn removed(name: &str, partition: i32, next: i64, start: i64) -> String {
    format!(
        "retention removed offsets {next} to {start} of {name}/{partition} before they were processed; \
         `sluice offsets reset --to-earliest` goes on without them"
    )
}
