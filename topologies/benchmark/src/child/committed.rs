//! A log that counts what is committed: only that is certain, because aborted records are processed again.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use streams::log::{Event, Log};
use streams::{ChangelogEnd, Commit, InputOffset, InputRecord, LogError, OutputBuffer, TaskId, TopicIndex};

/// Passes everything on and adds up how far the inputs are committed. The inputs have no gaps, so offsets are records.
pub(crate) struct Committed<L> {
    log: L,
    total: Arc<AtomicU64>,
    next: BTreeMap<(TopicIndex, i32), i64>,
}

impl<L> Committed<L> {
    /// Counts into `total`.
    pub(crate) fn new(log: L, total: Arc<AtomicU64>) -> Self {
        Self {
            log,
            total,
            next: BTreeMap::new(),
        }
    }

    fn advance(&mut self, offset: &InputOffset) {
        let before = self
            .next
            .insert((offset.topic, offset.partition), offset.next)
            .unwrap_or(offset.next);
        let records = u64::try_from(offset.next - before).unwrap_or(0);
        self.total.fetch_add(records, Ordering::Relaxed);
    }
}

impl<L: Log> Log for Committed<L> {
    fn poll(&mut self, timeout: Duration) -> Result<Event, LogError> {
        self.log.poll(timeout)
    }

    fn drain(&mut self, take: &mut dyn FnMut(InputRecord<'_>) -> ControlFlow<()>) -> Result<(), LogError> {
        self.log.drain(take)
    }

    fn committed(&mut self, task: TaskId) -> Result<Vec<InputOffset>, LogError> {
        self.log.committed(task)
    }

    fn start(&mut self, task: TaskId, from: &[InputOffset]) -> Result<(), LogError> {
        self.next.extend(
            from.iter()
                .map(|offset| ((offset.topic, offset.partition), offset.next)),
        );
        self.log.start(task, from)
    }

    fn positions(&mut self) -> Result<Vec<(TaskId, InputOffset)>, LogError> {
        self.log.positions()
    }

    fn pause(&mut self, task: TaskId) -> Result<(), LogError> {
        self.log.pause(task)
    }

    fn stop(&mut self, tasks: &[TaskId]) -> Result<(), LogError> {
        self.log.stop(tasks)
    }

    fn send(&mut self, task: TaskId, outputs: &OutputBuffer) -> Result<bool, LogError> {
        self.log.send(task, outputs)
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<Vec<ChangelogEnd>, LogError> {
        let ends = self.log.commit(commits)?;
        commits
            .iter()
            .flat_map(|commit| &commit.offsets)
            .for_each(|offset| self.advance(offset));
        Ok(ends)
    }

    fn abort(&mut self) -> Result<(), LogError> {
        self.log.abort()
    }

    fn close(&mut self) {
        self.log.close();
    }
}
