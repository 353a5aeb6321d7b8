//! The topics that the engine keeps for a topology.

use streams::layout::TopicKind;
use streams::{Layout, TopicLayout};

use super::topics::{Cleanup, EmbeddedTopic};
use super::{EmbeddedBroker, EmbeddedError};

/// Milliseconds that records of a repartition topic stay after they were read, an hour.
const REPARTITION_RETENTION_MS: i64 = 3_600_000;
/// Milliseconds that dead letters stay, 30 days: time for an operator to look at them and replay them.
const DEAD_LETTER_RETENTION_MS: i64 = 2_592_000_000;

impl EmbeddedBroker {
    /// Creates the topology's repartition, changelog and dead-letter topics, or checks that they are as the layout has them.
    pub fn create_internal_topics(&self, layout: &Layout) -> Result<(), EmbeddedError> {
        let topics: Vec<EmbeddedTopic> = layout.topics.iter().filter_map(internal).collect();
        self.create_topics(&topics)
    }
}

fn internal(topic: &TopicLayout) -> Option<EmbeddedTopic> {
    let delete = |retention_ms| Some(Cleanup::Delete { retention_ms });
    let cleanup = match topic.kind {
        TopicKind::Source | TopicKind::Sink => None,
        TopicKind::Repartition => delete(REPARTITION_RETENTION_MS),
        TopicKind::Changelog => Some(Cleanup::Compact),
        TopicKind::DeadLetters => delete(DEAD_LETTER_RETENTION_MS),
    }?;
    Some(EmbeddedTopic {
        name: topic.name.clone(),
        partitions: topic.partitions,
        cleanup,
    })
}
