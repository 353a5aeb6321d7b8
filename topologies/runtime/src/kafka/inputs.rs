//! The inputs that are being read: which task they belong to and what the group has committed for them.

use std::collections::BTreeMap;
use std::sync::Arc;

use streams::{InputOffset, Layout, TaskId, TopicIndex};

use super::port::{ClientError, KafkaConsumer, Partition};

/// Started tasks with the committed offset of each input, and the topics as the client identifies them.
pub(super) struct Inputs {
    layout: Arc<Layout>,
    topics: Vec<(usize, TopicIndex)>,
    recent: (usize, TopicIndex),
    started: BTreeMap<TaskId, Vec<InputOffset>>,
}

impl Inputs {
    /// Makes every input topic of the layout known to the consumer.
    pub(super) fn new(layout: Arc<Layout>, consumer: &mut impl KafkaConsumer) -> Result<Self, ClientError> {
        let mut indexes: Vec<TopicIndex> = layout
            .tasks
            .iter()
            .flat_map(|task| task.inputs.iter().copied())
            .collect();
        indexes.sort_unstable();
        indexes.dedup();
        let named = indexes.iter().filter_map(|index| Some((*index, layout.topic(*index)?)));
        let topics: Vec<_> = named
            .map(|(index, topic)| Ok((consumer.topic(&topic.name)?, index)))
            .collect::<Result<_, ClientError>>()?;
        Ok(Self {
            recent: topics.first().copied().unwrap_or((0, TopicIndex(0))),
            layout,
            topics,
            started: BTreeMap::new(),
        })
    }

    /// The topic that a fetched record names. Almost always the one of the record before.
    #[inline]
    pub(super) fn topic(&mut self, identity: usize) -> Option<TopicIndex> {
        if self.recent.0 != identity {
            self.recent = *self.topics.iter().find(|(known, _)| *known == identity)?;
        }
        Some(self.recent.1)
    }

    /// The input partitions of a task, or nothing for a task that the layout does not have.
    pub(super) fn of_task(&self, task: TaskId) -> Vec<(TopicIndex, i32)> {
        let inputs = self.layout.task(task).map(|task| task.inputs.as_slice());
        inputs
            .unwrap_or_default()
            .iter()
            .map(|topic| (*topic, task.partition))
            .collect()
    }

    pub(super) fn is_started(&self, task: TaskId) -> bool {
        self.started.contains_key(&task)
    }

    pub(super) fn start(&mut self, task: TaskId, offsets: Vec<InputOffset>) {
        self.started.insert(task, offsets);
    }

    /// Forgets tasks. Answers those of their inputs that were being read.
    pub(super) fn stop(&mut self, tasks: &[TaskId]) -> Vec<InputOffset> {
        tasks
            .iter()
            .filter_map(|task| self.started.remove(task))
            .flatten()
            .collect()
    }

    pub(super) fn stop_all(&mut self) {
        self.started.clear();
    }

    /// Every input that is being read with its task, at its committed offset.
    pub(super) fn started(&self) -> Vec<(TaskId, InputOffset)> {
        let inputs = |(task, offsets): (&TaskId, &Vec<InputOffset>)| {
            let task = *task;
            offsets.clone().into_iter().map(move |offset| (task, offset))
        };
        self.started.iter().flat_map(inputs).collect()
    }

    /// Everything that is being read, at its committed offset.
    pub(super) fn committed(&self) -> Vec<InputOffset> {
        self.started.values().flatten().copied().collect()
    }

    /// Some input of the task at its committed offset, for transactions that make no input progress.
    pub(super) fn any_of(&self, task: TaskId) -> Option<InputOffset> {
        self.started.get(&task)?.first().copied()
    }

    /// Remembers what a transaction has made true.
    pub(super) fn advance(&mut self, task: TaskId, offsets: &[InputOffset]) {
        let Some(known) = self.started.get_mut(&task) else {
            return;
        };
        for offset in offsets {
            if let Some(known) = known.iter_mut().find(|known| same_partition(known, offset)) {
                known.next = offset.next;
            }
        }
    }

    /// The offsets as the client takes them.
    pub(super) fn list(&self, offsets: &[InputOffset]) -> Vec<Partition> {
        offsets.iter().filter_map(|offset| self.partition(offset)).collect()
    }

    /// One offset as the client takes it; nothing for a topic that the layout does not have.
    pub(super) fn partition(&self, offset: &InputOffset) -> Option<Partition> {
        Some(Partition {
            offset: offset.next,
            ..Partition::new(&self.layout.topic(offset.topic)?.name, offset.partition)
        })
    }

    pub(super) fn name(&self, topic: TopicIndex) -> &str {
        self.layout.topic(topic).map_or("", |topic| topic.name.as_str())
    }
}

/// Whether two offsets are about the same partition.
pub(super) fn same_partition(one: &InputOffset, other: &InputOffset) -> bool {
    (one.topic, one.partition) == (other.topic, other.partition)
}
