//! Tasks that come and go: assigned, restored, started, given up.

use std::time::Instant;

use streams::log::{Clock, Log};
use streams::{InputOffset, LogError, TaskId};

use super::StreamThread;
use crate::limits::{LOG_RETRY_WAIT, RESTORE_RETRY_WAIT};
use crate::restore::{RestoreError, Restored};

impl<L: Log, C: Clock> StreamThread<L, C> {
    pub(super) fn assigned(&mut self, tasks: &[TaskId]) -> Result<(), LogError> {
        self.state.joined = true;
        tasks.iter().try_for_each(|task| self.request_restore(*task))
    }

    fn request_restore(&mut self, task: TaskId) -> Result<(), LogError> {
        match self.log.committed(task) {
            Ok(inputs) => self.restorer.request(task, inputs),
            Err(LogError::Retriable(cause)) => {
                tracing::info!(%task, cause, "waiting for the task's committed offsets");
                self.retry_restore.push((Instant::now() + LOG_RETRY_WAIT, task));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(super) fn revoked(&mut self, tasks: &[TaskId]) -> Result<(), LogError> {
        match self.commit() {
            Ok(()) => {}
            Err(LogError::Abortable(cause)) => self.abort(&cause)?,
            Err(error) => return Err(error),
        }
        self.give_up(tasks)
    }

    pub(super) fn lost(&mut self, tasks: &[TaskId]) -> Result<(), LogError> {
        self.abort("tasks were lost")?;
        self.give_up(tasks)
    }

    fn give_up(&mut self, tasks: &[TaskId]) -> Result<(), LogError> {
        for task in tasks {
            self.restorer.cancel(*task);
            self.retry_restore.retain(|(_, waiting)| waiting != task);
            self.tasks.close(*task);
        }
        self.log.stop(tasks)
    }

    pub(super) fn reopen(&mut self, task: TaskId) -> Result<(), LogError> {
        self.log.pause(task)?;
        self.tasks.close(task);
        self.request_restore(task)
    }

    pub(super) fn open_restored(&mut self) -> Result<(), LogError> {
        let now = Instant::now();
        let due: Vec<TaskId> = self
            .retry_restore
            .extract_if(.., |(at, _)| *at <= now)
            .map(|(_, task)| task)
            .collect();
        due.into_iter().try_for_each(|task| self.request_restore(task))?;
        while let Some(outcome) = self.restorer.next_outcome() {
            match outcome.result {
                Ok(restored) => self.start(outcome.task, restored, &outcome.inputs)?,
                Err(RestoreError::Log(LogError::Fatal(cause))) => return Err(LogError::Fatal(cause)),
                Err(error) => {
                    tracing::warn!(task = %outcome.task, %error, "the task's state could not be restored; trying again");
                    self.state.blocked = Some(format!("restoring {}: {error}", outcome.task));
                    self.retry_restore
                        .push((Instant::now() + RESTORE_RETRY_WAIT, outcome.task));
                    continue;
                }
            }
            self.state.blocked = None;
        }
        Ok(())
    }

    /// A task that the log cannot start now is either about to be taken away, which the next event says, or restored again.
    fn start(&mut self, task: TaskId, restored: Restored, inputs: &[InputOffset]) -> Result<(), LogError> {
        match self.log.start(task, inputs) {
            Ok(()) => self.tasks.open(task, restored, inputs),
            Err(LogError::Retriable(cause)) => {
                tracing::info!(%task, cause, "the restored task cannot be started yet");
                self.retry_restore.push((Instant::now() + LOG_RETRY_WAIT, task));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
