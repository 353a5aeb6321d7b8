//! A task: one partition of a sub-topology, its processors and its state. Pure: it is told the time and handed its records.
//!
//! Here is what it does with a record; `opening` is how it begins, `timers` what it does as time passes, and `commit` how its
//! effects become true or are forgotten.

mod commit;
mod opening;
mod timers;

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::changelog::ChangelogStores;
use crate::commit::TaskId;
use crate::dead_letter;
use crate::error::{ProcessError, TaskError};
use crate::layout::{Layout, TaskLayout};
use crate::node::{DecodeSource, NodeScope, Origin, Slot, TaskState};
use crate::record::{InputRecord, OutputBuffer, OutputMark, TopicIndex};
use crate::serde::SerdeError;
use crate::store::{KeyValueStore, Positions};
use crate::trace::TraceContext;

pub use timers::TIMERS_PER_CALL_MAX;
use timers::{Scheduled, TimerQueue};

/// Bounds of one task's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskLimits {
    /// Decoded committed values kept in front of each store, in bytes; 0 switches the cache off.
    pub cache_bytes_max: usize,
    /// Uncommitted writes and outputs at which the shell commits early, in bytes.
    pub uncommitted_bytes_max: usize,
}

impl Default for TaskLimits {
    fn default() -> Self {
        Self {
            cache_bytes_max: 16 << 20,
            uncommitted_bytes_max: 8 << 20,
        }
    }
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processed {
    /// Its effects are part of the next commit.
    Done,
    /// It was refused; its dead letter is part of the next commit.
    DeadLettered,
    /// It had been processed before; nothing was done. A log delivers records again only after a rewind.
    Repeated,
}

/// One task with its uncommitted effects. Effects become true only through a [`Commit`].
pub struct Task {
    layout: Arc<Layout>,
    own: TaskLayout,
    slots: Vec<Slot>,
    sources: BTreeMap<TopicIndex, (usize, DecodeSource)>,
    timers: Vec<TimerQueue>,
    punctuations: Vec<Scheduled>,
    state: TaskState,
    committed: Arc<dyn KeyValueStore>,
    positions: Positions,
    inputs: BTreeMap<TopicIndex, InputProgress>,
    dead_letters: TopicIndex,
    limits: TaskLimits,
    spare: (OutputBuffer, OutputBuffer),
    /// Outputs since the last commit that the log has already.
    sent: usize,
    changelog_stores: ChangelogStores,
}

/// How far an input partition was processed and committed, as next offsets.
#[derive(Debug, Clone, Copy)]
struct InputProgress {
    processed: i64,
    committed: i64,
}

impl Task {
    /// The task's id.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.own.id
    }

    /// The committed state, for queries.
    #[must_use]
    pub fn committed(&self) -> &Arc<dyn KeyValueStore> {
        &self.committed
    }

    /// Number of the last commit that changed a store, 0 for none.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.positions.sequence
    }

    /// Processes one record at wall-clock time `now_ms`.
    ///
    /// A refused record becomes a dead letter and is `Ok`. On an error nothing happened and the same record may be given again.
    pub fn process(&mut self, record: &InputRecord<'_>, now_ms: i64) -> Result<Processed, TaskError> {
        let progress = self.inputs.entry(record.topic).or_insert(InputProgress {
            processed: 0,
            committed: 0,
        });
        if record.offset < progress.processed {
            return Ok(Processed::Repeated);
        }
        let stream_time_before = self.begin_record(record, now_ms);
        let mark = self.state.outputs.mark();
        let result = self.run_source(record);
        let processed = match result {
            Ok(()) => {
                self.keep_record();
                Processed::Done
            }
            Err(error) => {
                self.undo_record(mark);
                if let Some(fate) = task_error(&error) {
                    self.state.stream_time_ms = stream_time_before;
                    return Err(fate);
                }
                self.bury(record, &error);
                Processed::DeadLettered
            }
        };
        if let Some(progress) = self.inputs.get_mut(&record.topic) {
            progress.processed = record.offset + 1;
        }
        Ok(processed)
    }

    /// Uncommitted outputs that the log does not have yet.
    #[must_use]
    pub fn outputs(&self) -> &OutputBuffer {
        &self.state.outputs
    }

    /// The log has taken [`outputs`](Self::outputs) ahead of the commit.
    pub fn outputs_sent(&mut self) {
        self.sent += self.state.outputs.len();
        self.state.outputs.clear();
    }

    /// Bytes of uncommitted writes, and of outputs that the log does not have yet.
    #[must_use]
    pub fn uncommitted_bytes(&self) -> usize {
        let stores: usize = self
            .state
            .stores
            .iter()
            .flatten()
            .map(|store| store.dirty_bytes())
            .sum();
        stores + self.state.outputs.size()
    }

    /// Whether the shell should commit now, whatever the interval.
    #[must_use]
    pub fn wants_commit(&self) -> bool {
        self.uncommitted_bytes() >= self.limits.uncommitted_bytes_max
    }

    /// Bytes of cached committed values.
    #[must_use]
    pub fn cache_bytes(&self) -> usize {
        self.state
            .stores
            .iter()
            .flatten()
            .map(|store| store.cache_bytes())
            .sum()
    }

    /// Whether there is anything to commit.
    #[must_use]
    pub fn has_uncommitted(&self) -> bool {
        self.inputs
            .values()
            .any(|progress| progress.processed != progress.committed)
            || !self.state.outputs.is_empty()
            || self.sent > 0
            || self.state.stores.iter().flatten().any(|store| store.dirty_bytes() > 0)
    }

    fn begin_record(&mut self, record: &InputRecord<'_>, now_ms: i64) -> i64 {
        let timestamp_ms = if record.timestamp_ms < 0 {
            now_ms
        } else {
            record.timestamp_ms
        };
        let before = self.state.stream_time_ms;
        self.state.now_ms = now_ms;
        self.state.stream_time_ms = before.max(timestamp_ms);
        self.state.origin = Origin {
            offset: record.offset,
            timestamp_ms,
            headers: record.headers.clone(),
        };
        self.state.trace = self.step_of(record);
        before
    }

    /// The step in which this task processes a record that belongs to a trace.
    fn step_of(&self, record: &InputRecord<'_>) -> Option<TraceContext> {
        if record.headers.is_empty() {
            return None;
        }
        let context = TraceContext::of(&record.headers)?;
        let topic = &self.layout.topic(record.topic)?.name;
        Some(context.step(&self.layout.application_id, topic, record.partition, record.offset))
    }

    fn run_source(&mut self, record: &InputRecord<'_>) -> Result<(), ProcessError> {
        let Some((node, decode)) = self.sources.get_mut(&record.topic) else {
            return Err(ProcessError::refused(
                "the record is from a topic that this task does not read",
            ));
        };
        let mut scope = NodeScope {
            slots: &mut self.slots,
            state: &mut self.state,
            current: *node,
        };
        decode(record, &mut scope)
    }

    fn keep_record(&mut self) {
        self.state
            .stores
            .iter_mut()
            .flatten()
            .for_each(|store| store.keep_record());
        for queue in &mut self.timers {
            if let Some(set) = self.state.timers_set.get(usize::from(queue.store.0)).copied().flatten() {
                queue.earliest_ms = queue.earliest_ms.min(set);
            }
        }
        self.state.timers_set.iter_mut().for_each(|set| *set = None);
    }

    fn undo_record(&mut self, mark: OutputMark) {
        self.state.outputs.rollback(mark);
        self.state
            .stores
            .iter_mut()
            .flatten()
            .for_each(|store| store.undo_record());
        self.state.timers_set.iter_mut().for_each(|set| *set = None);
    }

    fn bury(&mut self, record: &InputRecord<'_>, error: &ProcessError) {
        let source = self.layout.topic(record.topic).map_or("", |topic| topic.name.as_str());
        let task = self.own.id.to_string();
        dead_letter::write(&mut self.state.outputs, self.dead_letters, source, &task, record, error);
    }
}

/// The fate of an error that is not the record's own fault.
fn task_error(error: &ProcessError) -> Option<TaskError> {
    match error {
        ProcessError::Store(error) => Some(TaskError::Store(error.clone())),
        ProcessError::Key(SerdeError::MissingSchema(id)) | ProcessError::Value(SerdeError::MissingSchema(id)) => {
            Some(TaskError::MissingSchema(*id))
        }
        ProcessError::Key(_) | ProcessError::Value(_) | ProcessError::Refused(_) | ProcessError::Encode { .. } => None,
    }
}
