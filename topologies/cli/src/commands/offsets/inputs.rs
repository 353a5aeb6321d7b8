//! The partitions that a topology reads, and where it stands in them.

use std::ops::ControlFlow;

use streams::log::LogReader;
use streams::{Layout, LogError, TopicKind};

use crate::platform::Platform;

/// One partition that a topology reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// Whether the topology itself fills it: then it is reset with the state and not by offset.
    pub(super) repartition: bool,
    /// The first offset that is still there.
    pub(super) first: i64,
    /// The offset after the last committed record.
    pub(super) end: i64,
    /// The committed next offset; a topology without one begins at `first`.
    pub(super) committed: Option<i64>,
}

impl Input {
    /// Where the topology goes on reading.
    pub(super) fn position(&self) -> i64 {
        self.committed.unwrap_or(self.first)
    }

    pub(super) fn name(&self) -> (String, i32) {
        (self.topic.clone(), self.partition)
    }
}

impl std::fmt::Display for Input {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.topic, self.partition)
    }
}

/// How the first offset and the end of a partition are found.
pub(super) type Ends = fn(&mut dyn LogReader, &str, i32) -> Result<(i64, i64), LogError>;

/// Every partition that a placed topology reads, in the order of topic and partition. A topic that does not exist yet is left out.
pub(super) fn inputs(
    platform: &dyn Platform,
    reader: &mut dyn LogReader,
    layout: &Layout,
    ends: Ends,
) -> anyhow::Result<Vec<Input>> {
    let existing = platform.topics()?;
    let read = layout
        .topics
        .iter()
        .filter(|topic| matches!(topic.kind, TopicKind::Source | TopicKind::Repartition));
    let mut partitions: Vec<(String, i32, bool)> = read
        .filter(|topic| existing.contains_key(&topic.name))
        .flat_map(|topic| {
            let repartition = topic.kind == TopicKind::Repartition;
            (0..topic.partitions).map(move |partition| (topic.name.clone(), partition, repartition))
        })
        .collect();
    partitions.sort();
    let names: Vec<(String, i32)> = partitions
        .iter()
        .map(|(topic, partition, _)| (topic.clone(), *partition))
        .collect();
    let committed = platform.group_offsets(&layout.application_id, &names)?;
    let input = |(topic, partition, repartition): (String, i32, bool)| {
        let (first, end) = ends(reader, &topic, partition)?;
        let committed = committed.get(&(topic.clone(), partition)).copied();
        Ok(Input {
            topic,
            partition,
            repartition,
            first,
            end,
            committed,
        })
    };
    partitions.into_iter().map(input).collect()
}

/// The offset and the time of the first record at or after a position; `None` when there is none.
pub(super) fn next_record(
    reader: &mut dyn LogReader,
    input: &Input,
    position: i64,
) -> anyhow::Result<Option<(i64, i64)>> {
    let mut found = None;
    let from = position.max(input.first);
    reader.read(&input.topic, input.partition, from, input.end, &mut |record| {
        found = Some((record.offset, record.timestamp_ms));
        ControlFlow::Break(())
    })?;
    Ok(found)
}
