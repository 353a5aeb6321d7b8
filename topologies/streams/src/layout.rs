//! A topology placed on a log: real topic names, partition counts, and the tasks that follow from them.

use std::collections::BTreeMap;

use crate::commit::TaskId;
use crate::error::TopologyError;
use crate::record::{StoreIndex, TopicIndex};

/// What a topic is to the topology. It decides who creates the topic and with which cleanup policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TopicKind {
    /// Read, and owned by somebody else.
    Source,
    /// Written, and owned by somebody else. A topic that is read and written is a `Source`.
    Sink,
    /// Internal: written by one sub-topology and read by another; created by the engine, deleted records are fine.
    Repartition,
    /// Internal: the log of the stores of a sub-topology; created by the engine, compacted.
    Changelog,
    /// Internal: records that could not be processed; created by the engine.
    DeadLetters,
}

/// One topic of a placed topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicLayout {
    /// The name in the log.
    pub name: String,
    /// What it is to the topology.
    pub kind: TopicKind,
    /// Number of partitions, at least 1.
    pub partitions: i32,
}

/// One task of a placed topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskLayout {
    /// The task.
    pub id: TaskId,
    /// Source and repartition topics; the task reads partition `id.partition` of each.
    pub inputs: Vec<TopicIndex>,
    /// The task's stores.
    pub stores: Vec<StoreIndex>,
    /// The changelog of all of them; the task owns partition `id.partition` of it. `None` for a task without stores.
    pub changelog: Option<TopicIndex>,
}

/// A topology placed on a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Consumer group, prefix of internal topics and of transactional ids.
    pub application_id: String,
    /// All topics; a [`TopicIndex`] is a position in this list.
    pub topics: Vec<TopicLayout>,
    /// All tasks; a task's position is its partition of the task topic.
    pub tasks: Vec<TaskLayout>,
    /// Names of the stores; a [`StoreIndex`] is a position in this list.
    pub stores: Vec<String>,
}

impl Layout {
    /// The internal topic that carries group membership: one partition per task.
    #[must_use]
    pub fn task_topic(&self) -> String {
        format!("{}-tasks", self.application_id)
    }

    /// The topic at `index`. Indexes come from the same topology, so a miss is a defect and answers `None`.
    #[must_use]
    pub fn topic(&self, index: TopicIndex) -> Option<&TopicLayout> {
        self.topics.get(usize::from(index.0))
    }

    /// Where the topic of that name stands.
    #[must_use]
    pub fn topic_named(&self, name: &str) -> Option<TopicIndex> {
        let position = self.topics.iter().position(|topic| topic.name == name)?;
        u16::try_from(position).ok().map(TopicIndex)
    }

    /// The topics to which tasks write records for others: all but inputs and changelogs.
    pub fn written(&self) -> impl Iterator<Item = &TopicLayout> {
        self.topics.iter().filter(|topic| {
            matches!(
                topic.kind,
                TopicKind::Sink | TopicKind::Repartition | TopicKind::DeadLetters
            )
        })
    }

    /// Where the store of that name stands.
    #[must_use]
    pub fn store_named(&self, name: &str) -> Option<StoreIndex> {
        let position = self.stores.iter().position(|store| store == name)?;
        u16::try_from(position).ok().map(StoreIndex)
    }

    /// The layout of one task.
    #[must_use]
    pub fn task(&self, id: TaskId) -> Option<&TaskLayout> {
        self.tasks.iter().find(|task| task.id == id)
    }

    /// The task's partition of the task topic.
    #[must_use]
    pub fn task_partition(&self, id: TaskId) -> Option<i32> {
        let position = self.tasks.iter().position(|task| task.id == id)?;
        i32::try_from(position).ok()
    }

    /// The task at a partition of the task topic.
    #[must_use]
    pub fn task_at(&self, partition: i32) -> Option<TaskId> {
        let task = self.tasks.get(usize::try_from(partition).ok()?)?;
        Some(task.id)
    }

    /// The task that holds `key` of `store`: the key's partition in the sub-topology that owns the store.
    #[must_use]
    pub fn task_for_key(&self, store: StoreIndex, key: &[u8]) -> Option<TaskId> {
        let owners: Vec<TaskId> = self
            .tasks
            .iter()
            .filter(|task| task.stores.contains(&store))
            .map(|task| task.id)
            .collect();
        let partition = crate::partition::partition_for_key(key, i32::try_from(owners.len()).ok()?);
        owners.into_iter().find(|task| task.partition == partition)
    }
}

/// Number of partitions of each existing topic, by its name in the log.
pub type PartitionCounts = BTreeMap<String, i32>;

/// The common partition count of a sub-topology's inputs, or the mistake in words.
pub(crate) fn copartitioned(subtopology: u16, counts: &[(String, i32)]) -> Result<i32, TopologyError> {
    let first = counts.first().map_or(1, |(_, count)| *count);
    if counts.iter().all(|(_, count)| *count == first) {
        return Ok(first);
    }
    let found = counts
        .iter()
        .map(|(name, count)| format!("{name}={count}"))
        .collect::<Vec<_>>()
        .join(", ");
    Err(TopologyError::NotCopartitioned { subtopology, found })
}
