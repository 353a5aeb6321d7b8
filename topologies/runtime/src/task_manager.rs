//! The tasks of one stream thread: which run, what they commit, and what queries may see of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use planted::Bug;
use streams::store::StoreError;
use streams::{
    ChangelogEnd, Commit, InputOffset, InputRecord, Layout, LogError, OutputBuffer, Processed, Task, TaskError, TaskId,
    TaskLimits, TopicIndex, Topology,
};

use crate::queries::{Hosting, WatchedStore};
use crate::restore::Restored;

/// The running tasks of a stream thread.
pub(crate) struct TaskManager {
    topology: Arc<Topology>,
    layout: Arc<Layout>,
    hosting: Arc<Hosting>,
    limits: TaskLimits,
    tasks: BTreeMap<TaskId, Task>,
    /// Which sub-topology reads a topic, by topic index.
    readers: Vec<Option<u16>>,
}

/// Why a task could not go on.
#[derive(Debug)]
pub(crate) struct TaskFailure {
    pub(crate) task: TaskId,
    pub(crate) error: TaskError,
}

impl TaskManager {
    pub(crate) fn new(topology: Arc<Topology>, layout: Arc<Layout>, hosting: Arc<Hosting>, limits: TaskLimits) -> Self {
        let readers = (0u16..)
            .zip(&layout.topics)
            .map(|(index, _)| {
                let reads = |task: &&streams::TaskLayout| task.inputs.contains(&TopicIndex(index));
                layout.tasks.iter().find(reads).map(|task| task.id.subtopology)
            })
            .collect();
        Self {
            topology,
            layout,
            hosting,
            limits,
            tasks: BTreeMap::new(),
            readers,
        }
    }

    /// Opens a restored task. Queries see it from here on.
    pub(crate) fn open(&mut self, id: TaskId, restored: Restored, inputs: &[InputOffset]) {
        let Restored { store, sequence, .. } = restored;
        let store = Arc::new(WatchedStore::new(store));
        let opened = Task::open(
            &self.topology,
            &self.layout,
            id,
            Arc::clone(&store) as _,
            inputs,
            sequence,
            self.limits,
        );
        let Some(task) = opened else { return };
        self.tasks.insert(id, task);
        let committed = inputs.iter().map(|input| (input.topic, input.next)).collect();
        self.hosting.publish(self.topology.name(), id, store, committed);
    }

    /// Closes a task without a commit and releases its directory.
    pub(crate) fn close(&mut self, id: TaskId) {
        self.hosting.withdraw(self.topology.name(), id);
        self.tasks.remove(&id);
    }

    /// Closes all tasks without a commit.
    pub(crate) fn close_all(&mut self) {
        for id in self.ids() {
            self.close(id);
        }
    }

    pub(crate) fn ids(&self) -> Vec<TaskId> {
        self.tasks.keys().copied().collect()
    }

    /// The task that a record belongs to.
    pub(crate) fn owner(&self, record: &InputRecord<'_>) -> Option<TaskId> {
        let subtopology = self.readers.get(usize::from(record.topic.0)).copied().flatten()?;
        Some(TaskId {
            subtopology,
            partition: record.partition,
        })
    }

    /// Processes a record. `None` when its task does not run here: then it is somebody else's.
    pub(crate) fn process(
        &mut self,
        record: &InputRecord<'_>,
        now_ms: i64,
    ) -> Result<Option<(Processed, bool)>, TaskFailure> {
        let Some(id) = self.owner(record) else { return Ok(None) };
        let Some(task) = self.tasks.get_mut(&id) else {
            return Ok(None);
        };
        match task.process(record, now_ms) {
            Ok(processed) => Ok(Some((processed, task.wants_commit()))),
            Err(error) => Err(TaskFailure { task: id, error }),
        }
    }

    /// Fires due timers. Answers whether more are due.
    pub(crate) fn punctuate(&mut self, now_ms: i64) -> Result<bool, TaskFailure> {
        let mut more = false;
        for (id, task) in &mut self.tasks {
            more |= task
                .punctuate(now_ms)
                .map_err(|error| TaskFailure { task: *id, error })?;
        }
        Ok(more)
    }

    pub(crate) fn has_uncommitted(&self) -> bool {
        self.tasks.values().any(Task::has_uncommitted)
    }

    /// When the next wall-clock timer is due.
    pub(crate) fn next_wall_clock_ms(&self) -> Option<i64> {
        self.tasks.values().filter_map(Task::next_wall_clock_ms).min()
    }

    /// Bytes of outputs that the log does not have yet.
    pub(crate) fn output_bytes(&self) -> usize {
        self.tasks.values().map(|task| task.outputs().size()).sum()
    }

    /// Offers every task's outputs to `send`, which answers whether the log took them.
    pub(crate) fn send_outputs(
        &mut self,
        send: &mut dyn FnMut(TaskId, &OutputBuffer) -> Result<bool, LogError>,
    ) -> Result<(), LogError> {
        for (id, task) in &mut self.tasks {
            if !task.outputs().is_empty() && send(*id, task.outputs())? && !planted::is(Bug::SentTwice) {
                task.outputs_sent();
            }
        }
        Ok(())
    }

    /// Everything uncommitted of all tasks.
    pub(crate) fn prepare_commit(&mut self) -> Vec<Commit> {
        self.tasks
            .values_mut()
            .filter(|task| task.has_uncommitted())
            .map(Task::prepare_commit)
            .collect()
    }

    /// Everything committed is in the log: writes it to the stores and tells waiting queries. Tasks whose store failed are
    /// answered; they are behind their changelogs.
    pub(crate) fn post_commit(&mut self, commits: Vec<Commit>, ends: Vec<ChangelogEnd>) -> Vec<(TaskId, StoreError)> {
        let mut failed = Vec::new();
        for (commit, end) in commits.into_iter().zip(ends) {
            let (id, offsets) = (commit.task, commit.offsets.clone());
            let Some(task) = self.tasks.get_mut(&id) else { continue };
            match task.post_commit(commit, end) {
                Ok(()) => self.hosting.committed(self.topology.name(), id, &offsets),
                Err(error) => failed.push((id, error)),
            }
        }
        failed
    }

    /// Tells waiting queries how far inputs are read, past offsets that hold no record. Only what is committed counts, so
    /// tasks with uncommitted effects are left out.
    pub(crate) fn publish_positions(&self, positions: &[(TaskId, InputOffset)]) {
        for (id, position) in positions {
            if self.tasks.get(id).is_some_and(|task| !task.has_uncommitted()) {
                self.hosting.reached(self.topology.name(), *id, *position);
            }
        }
    }

    /// Nothing uncommitted happened.
    pub(crate) fn abort(&mut self) {
        self.tasks.values_mut().for_each(Task::abort);
    }

    /// Bytes of uncommitted writes and of cached values, for metrics.
    pub(crate) fn memory(&self) -> (usize, usize) {
        let sum = |bytes: fn(&Task) -> usize| self.tasks.values().map(bytes).sum();
        (sum(Task::uncommitted_bytes), sum(Task::cache_bytes))
    }
}
