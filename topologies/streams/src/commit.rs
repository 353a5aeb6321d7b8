//! A commit as a value: everything of one task that becomes true in one transaction.

use std::fmt;

use crate::record::{OutputBuffer, TopicIndex};

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
    /// How many commits of the task have changed its stores, this one included.
    pub sequence: u64,
    /// Records for sinks, repartition topics and the dead-letter topic.
    pub outputs: OutputBuffer,
    /// How many such records the log has taken ahead of this commit ([`Log::send`](crate::log::Log::send)).
    pub sent: usize,
    /// Records for the task's changelog, at most one per key. The log adds the commit record as the last one when there are any.
    pub changelog: OutputBuffer,
    /// The changelog topic; `None` for a task without stores.
    pub changelog_topic: Option<TopicIndex>,
    /// The offset after the task's last record in its changelog before this commit, where it is known.
    pub changelog_before: ChangelogEnd,
    /// Input progress.
    pub offsets: Vec<InputOffset>,
    /// The task's stream time after this commit.
    pub stream_time_ms: i64,
}

impl Commit {
    /// Whether there is nothing to make true.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.outputs.is_empty() && self.sent == 0 && self.changelog.is_empty() && self.offsets.is_empty()
    }
}

/// What a log answers for one committed task: the offset after its commit record, `None` when the commit changed no store.
pub type ChangelogEnd = Option<i64>;
