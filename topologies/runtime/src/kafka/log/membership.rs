//! Membership: what the group gives and takes, and what the client reports.

use planted::Bug;
use rdkafka::types::RDKafkaErrorCode;
use streams::log::Event;
use streams::{LogError, TaskId};

use super::orphans::OrphanWatch;
use super::{KafkaLog, retriable};
use crate::kafka::port::{
    ClientError, ConsumerEvent, FetchedBatch, FetchedRecord, KafkaClient, KafkaConsumer, Partition,
};

impl<C: KafkaClient> KafkaLog<C> {
    /// Takes over what the group and the client have to say. Whatever needs no decision is answered here.
    pub(super) fn collect_events(&mut self, released_early: bool) -> Result<(), LogError> {
        while let Some(event) = self.consumer()?.next_event() {
            match event {
                ConsumerEvent::Assigned(partitions) => self.assigned(&partitions)?,
                ConsumerEvent::Revoked { partitions, lost } => self.revoked(&partitions, lost || released_early)?,
                ConsumerEvent::Error(error) => self.client_error(&error)?,
            }
        }
        Ok(())
    }

    /// The group is answered at once; the inputs follow when the tasks are started.
    fn assigned(&mut self, partitions: &[Partition]) -> Result<(), LogError> {
        let tasks = self.tasks(partitions);
        self.consumer_mut()?
            .assign(&[])
            .map_err(|error| retriable("cannot take tasks over", &error))?;
        self.owned.extend(&tasks);
        if !tasks.is_empty() {
            tracing::info!(tasks = %names(&tasks), "tasks assigned");
            self.pending.push_back(Event::Assigned(tasks));
        }
        Ok(())
    }

    /// The group waits for [`Log::stop`] unless the tasks are lost or there is nothing to give up.
    fn revoked(&mut self, partitions: &[Partition], lost: bool) -> Result<(), LogError> {
        let tasks: Vec<_> = self
            .tasks(partitions)
            .into_iter()
            .filter(|task| self.owned.remove(task))
            .collect();
        if tasks.is_empty() {
            let answered = self.consumer_mut()?.unassign(&[]);
            return answered.map_err(|error| retriable("cannot give tasks up", &error));
        }
        tracing::info!(tasks = %names(&tasks), lost, "tasks revoked");
        if lost && planted::is(Bug::LossUntold) {
            let answered = self.consumer_mut()?.unassign(&[]);
            return answered.map_err(|error| retriable("cannot give tasks up", &error));
        }
        self.revoking.extend(&tasks);
        if lost {
            self.lost.extend(&tasks);
            // It joins again, and whether that comes to its end is looked at as after the first time.
            self.orphans = OrphanWatch::new(&self.config.member_of_group(), self.machine.instant());
        }
        self.pending.push_back(if lost {
            Event::Lost(tasks)
        } else {
            Event::Revoked(tasks)
        });
        Ok(())
    }

    fn client_error(&mut self, error: &ClientError) -> Result<(), LogError> {
        self.health.note(&error.to_string());
        match error.code {
            RDKafkaErrorCode::FencedInstanceId => Err(LogError::Fenced(format!(
                "another process runs as instance {:?}; give every process an instance id of its own",
                self.config.instance_id
            ))),
            RDKafkaErrorCode::GroupAuthorizationFailed | RDKafkaErrorCode::TopicAuthorizationFailed => {
                Err(LogError::Fatal(format!("Kafka denies access: {error}")))
            }
            RDKafkaErrorCode::AllBrokersDown => {
                self.health.set_reachable(false);
                Ok(())
            }
            _ if error.fatal => Err(LogError::Fatal(format!("the Kafka consumer cannot go on: {error}"))),
            _ => {
                tracing::warn!(%error, "Kafka consumer");
                Ok(())
            }
        }
    }

    fn tasks(&self, partitions: &[Partition]) -> Vec<TaskId> {
        partitions
            .iter()
            .filter_map(|partition| self.layout.task_at(partition.partition))
            .collect()
    }

    /// Drops what waits for these tasks; their inputs are removed with the next [`release`](Self::release).
    pub(super) fn forget(&mut self, tasks: &[TaskId]) {
        let stopped = self.inputs.stop(tasks);
        let inputs = &mut self.inputs;
        self.batch.retain(|fetched| {
            let topic = inputs.topic(fetched.topic());
            !stopped
                .iter()
                .any(|input| Some(input.topic) == topic && input.partition == fetched.partition())
        });
        self.releasing.extend(stopped);
    }

    /// Removes the inputs of stopped tasks and thereby lets a rebalance that waits for it go on.
    pub(super) fn release(&mut self, answers_rebalance: bool) -> Result<(), LogError> {
        let released = std::mem::take(&mut self.releasing);
        let list = self.inputs.list(&released);
        let unassigned = self.consumer_mut()?.unassign(&list);
        unassigned.map_err(|error| retriable("cannot give tasks up", &error))?;
        // A revocation that came in the meantime was answered by this call, though nobody had seen it: those tasks are lost.
        self.collect_events(!answers_rebalance)
    }
}

fn names(tasks: &[TaskId]) -> String {
    tasks.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}
