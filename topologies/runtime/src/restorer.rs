//! Restores off the stream thread, so that running tasks go on meanwhile.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, channel};

use streams::log::LogReader;
use streams::{InputOffset, Layout, LogError, TaskId};

use crate::limits::{RESTORE_END_LOOK, RESTORE_END_WAIT_MAX, RESTORES_AT_ONCE_MAX};
use crate::machine::Machine;
use crate::restore::{RestoreError, RestoreProgress, Restored, restore};
use crate::state::StateProvider;

/// Makes a reader for one restore.
pub type MakeReader = Arc<dyn Fn() -> Result<Box<dyn LogReader>, LogError> + Send + Sync>;

/// The restores of one stream thread. At most [`RESTORES_AT_ONCE_MAX`] run, the others wait in the order of their tasks.
pub(crate) struct Restorer {
    layout: Arc<Layout>,
    states: Arc<dyn StateProvider>,
    make_reader: MakeReader,
    machine: Arc<dyn Machine>,
    wanted: BTreeMap<TaskId, Vec<InputOffset>>,
    running: BTreeMap<TaskId, Running>,
    /// Threads that have not reported yet, those of cancelled restores included.
    threads: usize,
    finished: (Sender<Finished>, Receiver<Finished>),
}

struct Running {
    inputs: Vec<InputOffset>,
    progress: Arc<RestoreProgress>,
}

struct Finished {
    task: TaskId,
    result: Result<Restored, RestoreError>,
}

/// A restore that ended.
pub(crate) struct RestoreOutcome {
    pub(crate) task: TaskId,
    pub(crate) inputs: Vec<InputOffset>,
    pub(crate) result: Result<Restored, RestoreError>,
}

impl Restorer {
    pub(crate) fn new(
        layout: Arc<Layout>,
        states: Arc<dyn StateProvider>,
        make_reader: MakeReader,
        machine: Arc<dyn Machine>,
    ) -> Self {
        let (wanted, running) = (BTreeMap::new(), BTreeMap::new());
        Self {
            layout,
            states,
            make_reader,
            machine,
            wanted,
            running,
            threads: 0,
            finished: channel(),
        }
    }

    /// Restores a task that will read its inputs from `inputs`.
    pub(crate) fn request(&mut self, task: TaskId, inputs: Vec<InputOffset>) {
        self.wanted.insert(task, inputs);
        self.start_waiting();
    }

    /// The task is no longer wanted; what its restore did stays on disk and counts next time.
    pub(crate) fn cancel(&mut self, task: TaskId) {
        self.wanted.remove(&task);
        if let Some(running) = self.running.remove(&task) {
            running.progress.cancelled.store(true, Ordering::Relaxed);
        }
    }

    /// Ends every restore and waits, at most [`RESTORE_END_WAIT_MAX`], until none holds a state directory any more.
    pub(crate) fn cancel_all(&mut self) {
        let tasks: Vec<TaskId> = self.wanted.keys().chain(self.running.keys()).copied().collect();
        for task in tasks {
            self.cancel(task);
        }
        let deadline = self.machine.instant() + RESTORE_END_WAIT_MAX;
        while self.threads > 0 {
            if let Ok(finished) = self.finished.1.try_recv() {
                drop(finished);
                self.threads -= 1;
            } else if self.machine.instant() < deadline {
                self.machine.sleep(RESTORE_END_LOOK);
            } else {
                tracing::warn!(restores = self.threads, "restores are still ending");
                return;
            }
        }
    }

    /// A restore that has ended since the last call.
    pub(crate) fn next_outcome(&mut self) -> Option<RestoreOutcome> {
        while let Ok(Finished { task, result }) = self.finished.1.try_recv() {
            self.threads -= 1;
            // An outcome of a task that was cancelled meanwhile is dropped, and with it the lock on its directory.
            if matches!(result, Err(RestoreError::Cancelled)) {
                continue;
            }
            let Some(running) = self.running.remove(&task) else {
                continue;
            };
            self.start_waiting();
            return Some(RestoreOutcome {
                task,
                inputs: running.inputs,
                result,
            });
        }
        self.start_waiting();
        None
    }

    /// Offsets that each restore has still to read.
    pub(crate) fn remaining(&self) -> BTreeMap<TaskId, u64> {
        let waiting = self.wanted.keys().map(|task| (*task, 0));
        let running = self.running.iter().map(|(task, running)| {
            let total = running.progress.total.load(Ordering::Relaxed);
            (
                *task,
                total.saturating_sub(running.progress.done.load(Ordering::Relaxed)),
            )
        });
        waiting.chain(running).collect()
    }

    fn start_waiting(&mut self) {
        while self.running.len() < RESTORES_AT_ONCE_MAX {
            let Some((task, inputs)) = self.wanted.pop_first() else {
                return;
            };
            let progress = Arc::new(RestoreProgress::default());
            self.running.insert(
                task,
                Running {
                    inputs,
                    progress: Arc::clone(&progress),
                },
            );
            self.spawn(task, progress);
        }
    }

    fn spawn(&mut self, task: TaskId, progress: Arc<RestoreProgress>) {
        self.threads += 1;
        let (layout, states) = (Arc::clone(&self.layout), Arc::clone(&self.states));
        let (make_reader, finished) = (Arc::clone(&self.make_reader), self.finished.0.clone());
        let failed = self.finished.0.clone();
        let work = move || {
            let result = make_reader()
                .map_err(RestoreError::from)
                .and_then(|mut reader| restore(&layout, task, states.as_ref(), reader.as_mut(), &progress));
            // Nobody listens any more when the stream thread has ended.
            drop(finished.send(Finished { task, result }));
        };
        if let Err(error) = self.machine.spawn(format!("restore-{task}"), Box::new(work)) {
            let result = Err(LogError::Retriable(format!("cannot start a restore thread: {error}")).into());
            drop(failed.send(Finished { task, result }));
        }
    }
}

impl Drop for Restorer {
    fn drop(&mut self) {
        self.cancel_all();
    }
}
