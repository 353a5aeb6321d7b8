//! What a stream thread has made true: counts it, and tells an observer.

mod together;

use std::sync::Arc;

use metrics::Counter;
use streams::{Commit, InputRecord, Layout, OutputBuffer, OutputRecord, TaskId, TopicKind, dead_letter};

use crate::engine_metrics::{DEAD_LETTERS, OUTPUTS};

/// Sees the records that a thread commits, for metrics and logs of what they say. It is not part of processing: a record that was
/// made true just before a crash may never be told of, and none is told of twice.
pub trait OutputObserver: Send {
    /// Whether inputs that belong to a trace are to be told of.
    fn follows_inputs(&self) -> bool {
        false
    }

    /// A record that a task has processed and that has headers. It counts as the outputs do.
    fn input(&mut self, _task: TaskId, _topic: &str, _record: &InputRecord<'_>) {}

    /// Whether records of this topic are to be told of.
    fn wants(&self, topic: &str) -> bool;

    /// A record that a task sends. It counts once [`committed`](Self::committed) is called, and never after
    /// [`dropped`](Self::dropped).
    fn output(&mut self, task: TaskId, topic: &str, record: &OutputRecord<'_>);

    /// All records since the last call are true.
    fn committed(&mut self);

    /// None of the records since the last commit came true.
    fn dropped(&mut self);
}

/// Makes the observer of one stream thread.
pub type MakeOutputObserver = Arc<dyn Fn(&Layout) -> Box<dyn OutputObserver> + Send + Sync>;

pub use together::together;

/// Why a record becomes a dead letter: the steps that its header tells.
const CAUSES: [&str; 6] = ["key", "value", "process", "encode", "timer", "punctuation"];

/// The outputs of one thread since its last commit.
pub(crate) struct OutputWatch {
    topology: String,
    topics: Vec<Watched>,
    causes: Vec<(&'static str, Counter, u64)>,
    layout: Arc<Layout>,
    observer: Option<Box<dyn OutputObserver>>,
    follows_inputs: bool,
}

struct Watched {
    /// Of a topic that the topology also reads only once something is written to it.
    outputs: Option<Counter>,
    seen: u64,
    is_dead_letters: bool,
    is_wanted: bool,
}

impl OutputWatch {
    pub(crate) fn new(topology: &str, layout: Arc<Layout>, observer: Option<Box<dyn OutputObserver>>) -> Self {
        let watched = |topic: &streams::TopicLayout| {
            let is_output = match topic.kind {
                TopicKind::Sink | TopicKind::Repartition | TopicKind::DeadLetters => true,
                TopicKind::Source | TopicKind::Changelog => false,
            };
            Watched {
                outputs: is_output.then(|| OUTPUTS.count(&[topology, &topic.name])),
                seen: 0,
                is_dead_letters: topic.kind == TopicKind::DeadLetters,
                is_wanted: observer.as_ref().is_some_and(|observer| observer.wants(&topic.name)),
            }
        };
        let topics = layout.topics.iter().map(watched).collect();
        let causes = CAUSES.map(|cause| (cause, DEAD_LETTERS.count(&[topology, cause]), 0));
        Self {
            topology: topology.to_owned(),
            topics,
            causes: causes.into(),
            layout,
            follows_inputs: observer.as_ref().is_some_and(|observer| observer.follows_inputs()),
            observer,
        }
    }

    /// Whether a processed record is to be told of. It is asked of every record.
    pub(crate) fn follows(&self, record: &InputRecord<'_>) -> bool {
        self.follows_inputs && !record.headers.is_empty()
    }

    /// Takes note of a record that was processed and [is followed](Self::follows).
    pub(crate) fn see_input(&mut self, task: TaskId, record: &InputRecord<'_>) {
        if let (Some(observer), Some(topic)) = (&mut self.observer, self.layout.topic(record.topic)) {
            observer.input(task, &topic.name, record);
        }
    }

    /// Takes note of what commits are about to make true.
    pub(crate) fn see_all(&mut self, commits: &[Commit]) {
        for commit in commits {
            self.see(commit.task, &commit.outputs);
        }
    }

    /// Takes note of outputs that become true with the next commit.
    pub(crate) fn see(&mut self, task: TaskId, outputs: &OutputBuffer) {
        for record in outputs.iter() {
            let Some(topic) = self.topics.get_mut(usize::from(record.topic.0)) else {
                continue;
            };
            topic.seen += 1;
            if topic.is_dead_letters {
                count_cause(&mut self.causes, &record);
            }
            let name = self.layout.topic(record.topic).filter(|_| topic.is_wanted);
            if let (Some(observer), Some(topic)) = (&mut self.observer, name) {
                observer.output(task, &topic.name, &record);
            }
        }
    }

    /// What was seen is true.
    pub(crate) fn keep(&mut self) {
        for (topic, layout) in self.topics.iter_mut().zip(&self.layout.topics) {
            let seen = std::mem::take(&mut topic.seen);
            if seen > 0 {
                let counter = || OUTPUTS.count(&[&self.topology, &layout.name]);
                topic.outputs.get_or_insert_with(counter).increment(seen);
            }
        }
        for (_, counter, seen) in &mut self.causes {
            counter.increment(std::mem::take(seen));
        }
        if let Some(observer) = &mut self.observer {
            observer.committed();
        }
    }

    /// What was seen since the last commit did not come true.
    pub(crate) fn forget(&mut self) {
        self.topics.iter_mut().for_each(|topic| topic.seen = 0);
        self.causes.iter_mut().for_each(|(_, _, seen)| *seen = 0);
        if let Some(observer) = &mut self.observer {
            observer.dropped();
        }
    }
}

fn count_cause(causes: &mut [(&'static str, Counter, u64)], record: &OutputRecord<'_>) {
    let cause = record.headers.last(dead_letter::headers::STAGE).unwrap_or_default();
    let known = causes.iter_mut().find(|(name, ..)| name.as_bytes() == cause);
    if let Some((.., seen)) = known {
        *seen += 1;
    }
}
