//! Gives the outputs of a thread's tasks their numbers.

use std::collections::BTreeMap;
use std::sync::Arc;

use planted::Bug;
use streams::{Commit, Layout, LogError, TaskId, TopicIndex};

use super::Origin;

/// Bytes that a broker keeps with a committed offset (`offset.metadata.max.bytes`), less what a transaction's token takes.
const TEXT_BYTES_MAX: usize = 4_096 - 96;

/// How far the numbers of each task are.
#[derive(Debug, Default)]
pub(crate) struct Numbering {
    is_on: bool,
    tasks: BTreeMap<TaskId, Numbers>,
}

/// The numbers of one task: the last one of each topic, by [`TopicIndex`].
#[derive(Debug)]
pub(crate) struct Numbers {
    layout: Arc<Layout>,
    writer: String,
    committed: Vec<u64>,
    given: Vec<u64>,
}

impl Numbering {
    /// Numbers that are given, or only kept: whoever numbers outputs again goes on with them.
    pub(crate) fn new(is_on: bool) -> Self {
        Self {
            is_on,
            tasks: BTreeMap::new(),
        }
    }

    /// Goes on where a task stands by these texts. Of several the furthest counts: not every commit moves every input.
    pub(crate) fn begin<'a>(&mut self, layout: &Arc<Layout>, task: TaskId, texts: impl IntoIterator<Item = &'a str>) {
        let mut committed = vec![0; layout.topics.len()];
        let counts = texts.into_iter().flat_map(str::split_ascii_whitespace);
        for (name, last) in counts.filter_map(|count| count.rsplit_once('=')) {
            let place = layout.topics.iter().position(|topic| topic.name == name);
            // A topic that the topology does not have any more is written by nobody.
            if planted::is(Bug::OutputsUncounted) {
                break;
            }
            if let Some(known) = place.and_then(|place| committed.get_mut(place)) {
                *known = last.parse().unwrap_or(0).max(*known);
            }
        }
        let numbers = Numbers {
            layout: Arc::clone(layout),
            writer: format!("{}/{task}", layout.application_id),
            given: committed.clone(),
            committed,
        };
        self.tasks.insert(task, numbers);
    }

    /// The numbers of a task that has [begun](Self::begin), if outputs are numbered.
    pub(crate) fn of(&mut self, task: TaskId) -> Option<&mut Numbers> {
        self.tasks.get_mut(&task).filter(|_| self.is_on)
    }

    /// Where a task will stand once these commits are true, as a text. [`LogError::Fatal`] for a task that writes to more topics
    /// than can be kept with an offset, about a hundred.
    pub(crate) fn after(&self, task: TaskId, commits: &[Commit]) -> Result<String, LogError> {
        let Some(numbers) = self.tasks.get(&task) else {
            return Ok(String::new());
        };
        let mut given = numbers.given.clone();
        let own = commits.iter().filter(|commit| self.is_on && commit.task == task);
        for record in own.flat_map(|commit| commit.outputs.iter()) {
            count(&mut given, record.topic);
        }
        let topics = numbers.layout.topics.iter().zip(&given).filter(|(_, last)| **last > 0);
        let counts: Vec<_> = topics.map(|(topic, last)| format!("{}={last}", topic.name)).collect();
        let text = counts.join(" ");
        if text.len() > TEXT_BYTES_MAX {
            return Err(LogError::Fatal(format!(
                "task {task} writes to {} topics, whose names are too long to be counted with its offsets \
                 ({TEXT_BYTES_MAX} bytes); give it fewer topics or shorter names",
                counts.len()
            )));
        }
        Ok(text)
    }

    /// Every number that was given is true now.
    pub(crate) fn keep(&mut self) {
        for numbers in self.tasks.values_mut() {
            numbers.committed.copy_from_slice(&numbers.given);
        }
    }

    /// No number that was given since the last commit came true; they are given again.
    pub(crate) fn forget(&mut self) {
        for numbers in self.tasks.values_mut() {
            numbers.given.copy_from_slice(&numbers.committed);
        }
    }

    /// Forgets tasks that are not this thread's any more.
    pub(crate) fn stop(&mut self, tasks: &[TaskId]) {
        self.tasks.retain(|task, _| !tasks.contains(task));
    }
}

impl Numbers {
    /// The next origin of a record to this topic.
    pub(crate) fn next(&mut self, topic: TopicIndex) -> String {
        let (writer, number) = (&self.writer, count(&mut self.given, topic));
        Origin { writer, number }.to_string()
    }
}

/// Counts one more record of a topic.
fn count(counts: &mut [u64], topic: TopicIndex) -> u64 {
    counts.get_mut(usize::from(topic.0)).map_or(0, |last| {
        *last += 1;
        *last
    })
}
