//! Tasks that come and go: assigned, restored, started, given up.

use planted::Bug;
use streams::log::Log;
use streams::{InputOffset, LogError, TaskId};

use super::{StreamThread, beyond_retries};
use crate::limits::{LOG_RETRY_WAIT, RESTORE_RETRY_WAIT};
use crate::restore::{RestoreError, Restored};

impl<L: Log> StreamThread<L> {
    pub(super) fn assigned(&mut self, tasks: &[TaskId]) -> Result<(), LogError> {
        self.metrics.membership("assigned");
        self.state.joined = true;
        tasks.iter().try_for_each(|task| self.request_restore(*task))
    }

    fn request_restore(&mut self, task: TaskId) -> Result<(), LogError> {
        match self.log.committed(task) {
            Ok(inputs) => self.restorer.request(task, inputs),
            Err(LogError::Retriable(cause)) => {
                tracing::info!(%task, cause, "waiting for the task's committed offsets");
                self.retry_restore.push((self.now() + LOG_RETRY_WAIT, task));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(super) fn revoked(&mut self, tasks: &[TaskId]) -> Result<(), LogError> {
        self.metrics.membership("revoked");
        match self.commit() {
            Ok(()) => self.give_up(tasks),
            Err(LogError::Abortable(cause)) => self.drop_and_give_up(&cause, tasks),
            Err(error) => Err(error),
        }
    }

    pub(super) fn lost(&mut self, tasks: &[TaskId]) -> Result<(), LogError> {
        self.metrics.membership("lost");
        // Until the group gives tasks again, this thread has nothing that could be read.
        self.state.joined = false;
        self.drop_and_give_up("tasks were lost", tasks)
    }

    /// Tasks that go are given up before the others' inputs go back: a log may not be able to move inputs of both.
    fn drop_and_give_up(&mut self, cause: &str, tasks: &[TaskId]) -> Result<(), LogError> {
        self.drop_uncommitted(cause);
        let given_up = self.give_up(tasks);
        given_up.and_then(|()| self.log.abort()).map_err(beyond_retries)
    }

    fn give_up(&mut self, tasks: &[TaskId]) -> Result<(), LogError> {
        // What this thread waited for may have gone with them; if not, it finds that out again.
        (self.state.blocked, self.schema_wait) = (None, None);
        for task in tasks {
            self.restorer.cancel(*task);
            self.retry_restore.retain(|(_, waiting)| waiting != task);
            if !planted::is(Bug::RevokedKept) {
                self.tasks.close(*task);
            }
        }
        self.log.stop(tasks)
    }

    pub(super) fn reopen(&mut self, task: TaskId) -> Result<(), LogError> {
        self.log.pause(task)?;
        self.tasks.close(task);
        self.request_restore(task)
    }

    pub(super) fn open_restored(&mut self) -> Result<(), LogError> {
        let now = self.now();
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
                    self.retry_restore.push((self.now() + RESTORE_RETRY_WAIT, outcome.task));
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
                self.retry_restore.push((self.now() + LOG_RETRY_WAIT, task));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
