//! What holds for every application, whatever its topology.

mod changelogs;
mod origins;

pub(crate) use changelogs::check_changelogs;
pub(crate) use origins::check_origins;

use std::collections::BTreeSet;

use streams::partition::partition_for_key;
use streams::{Layout, TaskId, TopicKind};

use crate::cluster::PartitionId;
use crate::deployment::{Deployment, Placed};
use crate::kafka::Kafka;
use crate::outcome::Outcome;

/// Whether every committed input was processed and nothing is open. Otherwise what is waited for, in words.
pub(crate) fn unfinished(kafka: &Kafka, placed: &[Placed]) -> Option<String> {
    kafka.look(|cluster| {
        if let Some((id, _)) = cluster.open_transactions().into_iter().next() {
            return Some(format!("the transaction of {id} is open"));
        }
        for Placed { layout, .. } in placed {
            for task in &layout.tasks {
                for input in task.inputs.iter().filter_map(|input| layout.topic(*input)) {
                    let topic = cluster.topic(&input.name)?;
                    let partition = task.id.partition;
                    let at = PartitionId { topic, partition };
                    let committed = cluster.committed_offset(&layout.application_id, at).unwrap_or(0);
                    if let Some((last, _)) = cluster.committed_since(at, committed).last() {
                        let (name, application) = (&input.name, &layout.application_id);
                        return Some(format!(
                            "{application} stands at {committed} of {name}/{partition}, whose last record is {last}"
                        ));
                    }
                }
            }
        }
        None
    })
}

/// A task with state that no live process has open, in words.
pub(crate) fn unopened(deployment: &Deployment) -> Option<String> {
    let disks = deployment.disks();
    deployment.placed().iter().find_map(|Placed { layout, .. }| {
        let application = &layout.application_id;
        let open: BTreeSet<TaskId> = disks.iter().flat_map(|disk| disk.open_tasks(application)).collect();
        let mut with_state = layout.tasks.iter().filter(|task| !task.stores.is_empty());
        let task = with_state.find(|task| !open.contains(&task.id))?;
        Some(format!("nobody runs task {} of {application}", task.id))
    })
}

/// Records that nobody could process. A topology that expects some says so in its check.
pub(crate) fn check_dead_letters(outcome: &Outcome, placed: &[Placed]) -> Vec<String> {
    let layouts = placed.iter().flat_map(|placed| &placed.layout.topics);
    let dead = layouts.filter(|topic| topic.kind == TopicKind::DeadLetters);
    dead.filter_map(|topic| {
        let count = outcome.records(&topic.name).count();
        (count > 0).then(|| format!("{count} records of {} could not be processed", topic.name))
    })
    .collect()
}

/// Records with a key stand where their key says, in every topic that the application writes.
pub(crate) fn check_partitions(outcome: &Outcome, layout: &Layout) -> Vec<String> {
    let written = layout
        .topics
        .iter()
        .filter(|topic| matches!(topic.kind, TopicKind::Sink | TopicKind::Repartition));
    let mut violations = Vec::new();
    for topic in written {
        for (partition, records) in (0..).zip(outcome.partitions(&topic.name)) {
            let keys = records.iter().filter_map(|committed| committed.record.key.as_ref());
            let astray = keys
                .filter(|key| partition_for_key(key, topic.partitions) != partition)
                .count();
            if astray > 0 {
                violations.push(format!(
                    "{astray} records of {}/{partition} belong elsewhere",
                    topic.name
                ));
            }
        }
    }
    violations
}
