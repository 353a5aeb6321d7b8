//! A commit as a value: everything of one task that becomes true in one transaction.

use std::collections::BTreeMap;
use std::fmt;

use crate::record::{OutputBuffer, StoreIndex, TopicIndex};

/// The unit of assignment and of state: partition `partition` of every source of sub-topology `subtopology`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// Number of the sub-topology.
    pub subtopology: u16,
    /// Partition of all its sources.
    pub partition: i32,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.subtopology, self.partition)
    }
}

/// The next offset to read of one input partition, to be committed for the consumer group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputOffset {
    /// The source or repartition topic.
    pub topic: TopicIndex,
    /// Its partition.
    pub partition: i32,
    /// The offset after the last processed record.
    pub next: i64,
}

/// What one task puts into one transaction. Made by [`Task::prepare_commit`](crate::commit::prepare_commit),
/// carried out by a [`Log`](crate::log::Log), given back to [`Task::post_commit`](crate::commit::post_commit).
#[derive(Debug)]
pub struct Commit {
    /// The task.
    pub task: TaskId,
    /// This commit's number in the task's life, counted from 1.
    pub sequence: u64,
    /// Records for sinks, repartition topics and the dead-letter topic.
    pub outputs: OutputBuffer,
    /// Records for changelog topics, at most one per key.
    pub changelog: OutputBuffer,
    /// Which store each changelog topic belongs to.
    pub changelog_stores: BTreeMap<TopicIndex, StoreIndex>,
    /// For each changelog topic, the offset after the task's last record there before this commit, where it is known.
    pub changelog_before: ChangelogEnds,
    /// Input progress.
    pub offsets: Vec<InputOffset>,
    /// The task's stream time after this commit.
    pub stream_time_ms: i64,
}

impl Commit {
    /// Whether there is nothing to make true.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty() && self.changelog.is_empty() && self.offsets.is_empty()
    }
}

/// What a log answers for one committed task: for each changelog topic it wrote, the offset after the task's last record there.
pub type ChangelogEnds = BTreeMap<TopicIndex, i64>;
