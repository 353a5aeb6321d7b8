//! Commits: what goes into a transaction, and what became of it.

use std::time::Duration;

use planted::Bug;
use streams::{ChangelogEnd, Commit, InputOffset, LogError, TaskId};

use super::{KafkaLog, token};
use crate::kafka::port::{GroupMembership, KafkaClient, KafkaConsumer, Partition};
use crate::kafka::transaction::{Failure, Work};

/// What a heartbeat may take beyond its interval.
const HEARTBEAT_SLACK: Duration = Duration::from_secs(1);

impl<C: KafkaClient> KafkaLog<C> {
    /// Whether a task is still this thread's to commit for.
    pub(super) fn check_owned(&self, task: TaskId) -> Result<(), LogError> {
        if self.lost.contains(&task) || !self.inputs.is_started(task) {
            return Err(LogError::Migrated(format!("task {task} is not this thread's")));
        }
        Ok(())
    }

    /// The offsets of a transaction. Each task is there with one input at least, so that every transaction leaves its token.
    pub(super) fn offsets_of(&self, commits: &[Commit]) -> Vec<(TaskId, InputOffset)> {
        let commits = commits.iter().filter(|commit| !commit.is_empty());
        commits
            .flat_map(|commit| {
                let unmoved = commit
                    .offsets
                    .is_empty()
                    .then(|| self.inputs.any_of(commit.task))
                    .flatten();
                let offsets = commit.offsets.iter().copied().chain(unmoved);
                offsets.map(|offset| (commit.task, offset))
            })
            .collect()
    }

    /// Carries one transaction out and settles what became of it.
    pub(super) fn transaction(
        &mut self,
        commits: &[Commit],
        offsets: &[(TaskId, InputOffset)],
    ) -> Result<Vec<ChangelogEnd>, LogError> {
        let done = self.carry_out(commits, offsets);
        match &done {
            Ok(_) => self.numbering.keep(),
            // Nothing was begun; what was sent ahead is on its way still.
            Err(LogError::Retriable(_)) => {}
            Err(_) => self.numbering.forget(),
        }
        done
    }

    fn carry_out(
        &mut self,
        commits: &[Commit],
        offsets: &[(TaskId, InputOffset)],
    ) -> Result<Vec<ChangelogEnd>, LogError> {
        self.ready_producers()?;
        let token = self.tokens.next();
        let list = self.kept_with(&token, commits, offsets)?;
        let member = self
            .consumer()?
            .group_metadata()
            .filter(|member| member.generation() >= 0);
        let member = member
            .ok_or_else(|| LogError::Abortable("this thread is between two memberships of its group".to_owned()))?;
        let work = Work {
            commits,
            offsets: &list,
            member: &member,
        };
        match self.transactions.run(&work, &mut self.numbering) {
            Ok(ends) => {
                self.health.set_reachable(true);
                Ok(ends)
            }
            Err(Failure::Unknown { reason, ends }) => self.settle(&reason, &list, &token).map(|()| ends),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    /// The offsets as the client takes them, each with the transaction's token and its task's numbers.
    fn kept_with(
        &self,
        token: &str,
        commits: &[Commit],
        offsets: &[(TaskId, InputOffset)],
    ) -> Result<Vec<Partition>, LogError> {
        let named = offsets
            .iter()
            .filter_map(|(task, offset)| Some((*task, self.inputs.partition(offset)?)));
        let kept = named.map(|(task, partition)| {
            Ok(Partition {
                metadata: token::metadata(token, &self.numbering.after(task, commits)?),
                ..partition
            })
        });
        kept.collect()
    }

    /// The fate of a transaction that did not come true.
    pub(super) fn failed(&mut self, failure: Failure) -> LogError {
        match failure {
            Failure::Abortable(reason) => LogError::Abortable(reason),
            Failure::Fenced(reason) => self.fenced(reason),
            Failure::Impossible(reason) => LogError::Fatal(reason),
            Failure::Unknown { reason, .. } => LogError::Migrated(format!("outcome unknown ({reason})")),
        }
    }

    /// Asks the committed offsets what became of a transaction whose end went unanswered. A new producer of the same id comes
    /// first: its initialisation makes the coordinator finish the transaction one way or the other.
    fn settle(&mut self, reason: &str, offsets: &[Partition], token: &str) -> Result<(), LogError> {
        let unknown =
            |cause: &dyn std::fmt::Display| LogError::Migrated(format!("outcome unknown ({reason}): {cause}"));
        if planted::is(Bug::UnansweredTakenForCommitted) {
            return Ok(());
        }
        if planted::is(Bug::UnansweredTakenForAborted) {
            return Err(LogError::Abortable(reason.to_owned()));
        }
        match self.ready_producers() {
            Err(LogError::Fatal(reason)) => return Err(LogError::Fatal(reason)),
            ready => ready.map_err(|error| unknown(&error))?,
        }
        let found = self.consumer()?.committed(offsets, self.config.transaction_deadline());
        let found = found.map_err(|error| unknown(&error))?;
        let found = found.iter().find(|partition| partition.error.is_none());
        let found = found.ok_or_else(|| unknown(&"no committed offset can be read"))?;
        if token::kept(&found.metadata).0 == token || planted::is(Bug::TokenIgnored) {
            tracing::info!(reason, "a transaction whose end went unanswered was found committed");
            return Ok(());
        }
        Err(LogError::Abortable(reason.to_owned()))
    }

    /// Replaces producers that were given up, which ends whatever transaction of theirs is still open.
    pub(super) fn ready_producers(&mut self) -> Result<(), LogError> {
        self.collect_events(false)?;
        self.transactions
            .ready(self.machine.instant() + self.config.transaction_deadline())
    }

    /// A transaction that lasted too long and a process that was replaced look alike to a producer. The group knows the
    /// difference and tells it with the next heartbeat: waiting for that keeps this thread from driving out its own heir.
    fn fenced(&mut self, reason: String) -> LogError {
        let deadline = self.machine.instant() + self.config.heartbeat_interval() + HEARTBEAT_SLACK;
        while self.machine.instant() < deadline {
            if let Err(error) = self.collect_events(false) {
                return error;
            }
            match self.consumer() {
                Ok(consumer) => consumer.wait_until(deadline),
                Err(error) => return error,
            }
        }
        LogError::Migrated(reason)
    }
}
