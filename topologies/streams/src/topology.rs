//! A topology: what is read, what is kept, what is written, and how the processors between them are connected.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::commit::TaskId;
use crate::error::TopologyError;
use crate::layout::{Layout, PartitionCounts, TaskLayout, TopicKind, TopicLayout, copartitioned};
use crate::node::{MakeNode, MakeSource};
use crate::overlay::ErasedOverlay;
use crate::record::{StoreIndex, TopicIndex};
use crate::store::KeyValueStore;
use crate::timers::PunctuationType;

/// A topic as the topology knows it: internal topics have their short names here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicDeclaration {
    /// The name without the application's prefix.
    pub name: String,
    /// What the topic is to the topology.
    pub kind: TopicKind,
    /// For repartition topics, a fixed number of partitions; otherwise the sub-topology that writes it decides.
    pub partitions: Option<i32>,
}

/// A store as the topology knows it.
pub struct StoreDeclaration {
    /// The store's name.
    pub name: String,
    /// Whether its entries are timers.
    pub timers: Option<PunctuationType>,
    pub(crate) open: OpenOverlay,
}

/// Opens a store's overlay over committed state, with a bound on its cache in bytes.
pub(crate) type OpenOverlay = Arc<dyn Fn(Arc<dyn KeyValueStore>, usize) -> Box<dyn ErasedOverlay> + Send + Sync>;

/// A node of the processor graph.
pub struct NodeDeclaration {
    /// The node's name, unique in the topology.
    pub name: String,
    /// What it does.
    pub kind: NodeKind,
    /// Nodes that get what it forwards.
    pub children: Vec<usize>,
    /// Stores that it may use.
    pub stores: Vec<StoreIndex>,
    /// Topics that it may send to.
    pub sinks: Vec<TopicIndex>,
    /// Periodic calls.
    pub punctuations: Vec<(PunctuationType, i64)>,
    pub(crate) make: MakeNode,
}

/// What a node does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeKind {
    /// Reads a topic.
    Source(TopicIndex),
    /// Calls a processor.
    Processor,
    /// Writes a topic.
    Sink(TopicIndex),
}

/// A sink's serdes, with their types erased.
pub(crate) type SinkSerdes = Arc<dyn Any + Send + Sync>;

/// A built topology. Cheap to share; every task makes its own processors from it.
pub struct Topology {
    pub(crate) name: String,
    pub(crate) topics: Vec<TopicDeclaration>,
    pub(crate) sinks: BTreeMap<TopicIndex, SinkSerdes>,
    pub(crate) stores: Vec<StoreDeclaration>,
    pub(crate) nodes: Vec<NodeDeclaration>,
    pub(crate) sources: BTreeMap<TopicIndex, (usize, MakeSource)>,
    pub(crate) dead_letters: TopicIndex,
    pub(crate) subtopologies: Vec<Subtopology>,
}

/// A connected part of the graph: its tasks are independent of every other part's.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subtopology {
    /// Positions of its nodes.
    pub nodes: BTreeSet<usize>,
    /// Topics that it reads.
    pub inputs: BTreeSet<TopicIndex>,
    /// Its stores.
    pub stores: BTreeSet<StoreIndex>,
    /// Topics that it writes.
    pub outputs: BTreeSet<TopicIndex>,
    /// The changelog of its stores, if it has any.
    pub changelog: Option<TopicIndex>,
}

impl Topology {
    /// The topology's name: also the name of its deployable.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All topics; a [`TopicIndex`] is a position in this list.
    #[must_use]
    pub fn topics(&self) -> &[TopicDeclaration] {
        &self.topics
    }

    /// All stores; a [`StoreIndex`] is a position in this list.
    #[must_use]
    pub fn stores(&self) -> &[StoreDeclaration] {
        &self.stores
    }

    /// All nodes in the order of their declaration.
    #[must_use]
    pub fn nodes(&self) -> &[NodeDeclaration] {
        &self.nodes
    }

    /// The independent parts, numbered in the order of their first node.
    #[must_use]
    pub fn subtopologies(&self) -> &[Subtopology] {
        &self.subtopologies
    }

    /// Names of the topics that must exist before the topology starts: sources and sinks.
    pub fn external_topics(&self) -> impl Iterator<Item = &str> {
        let external = |topic: &&TopicDeclaration| matches!(topic.kind, TopicKind::Source | TopicKind::Sink);
        self.topics.iter().filter(external).map(|topic| topic.name.as_str())
    }

    /// Places the topology on a log whose external topics have these partition counts.
    pub fn place(&self, application_id: &str, counts: &PartitionCounts) -> Result<Layout, TopologyError> {
        let partitions = self.partition_counts(counts)?;
        let topic = |declaration: &TopicDeclaration, partitions: &i32| TopicLayout {
            name: physical_name(application_id, declaration),
            kind: declaration.kind,
            partitions: *partitions,
        };
        Ok(Layout {
            application_id: application_id.to_owned(),
            topics: self
                .topics
                .iter()
                .zip(&partitions)
                .map(|(decl, count)| topic(decl, count))
                .collect(),
            tasks: self.tasks(&partitions)?,
            stores: self.stores.iter().map(|store| store.name.clone()).collect(),
        })
    }

    /// The partition count of every topic, in the order of `topics`: external ones are given, repartition topics take the
    /// largest count among the sub-topologies that write them, changelogs the count of their sub-topology.
    fn partition_counts(&self, counts: &PartitionCounts) -> Result<Vec<i32>, TopologyError> {
        let mut known: Vec<Option<i32>> = Vec::with_capacity(self.topics.len());
        for topic in &self.topics {
            known.push(match topic.kind {
                TopicKind::Source | TopicKind::Sink => {
                    let missing = || TopologyError::MissingTopic(topic.name.clone());
                    Some(*counts.get(&topic.name).ok_or_else(missing)?)
                }
                TopicKind::DeadLetters => Some(1),
                TopicKind::Repartition | TopicKind::Changelog => topic.partitions,
            });
        }
        // A chain of n repartition topics settles after n rounds.
        for _ in 0..=self.subtopologies.len() {
            for part in &self.subtopologies {
                self.settle(part, &mut known);
            }
        }
        Ok(known.into_iter().map(|count| count.unwrap_or(1)).collect())
    }

    fn settle(&self, part: &Subtopology, known: &mut [Option<i32>]) {
        let count_of = |known: &[Option<i32>], topic: &TopicIndex| known.get(usize::from(topic.0)).copied().flatten();
        let Some(width) = part.inputs.iter().filter_map(|topic| count_of(known, topic)).max() else {
            return;
        };
        let repartitions = part
            .outputs
            .iter()
            .copied()
            .filter(|topic| self.is_open_repartition(*topic));
        for topic in part.changelog.into_iter().chain(repartitions) {
            if let Some(slot) = known.get_mut(usize::from(topic.0)) {
                *slot = (*slot).max(Some(width));
            }
        }
    }

    fn is_open_repartition(&self, topic: TopicIndex) -> bool {
        self.topics
            .get(usize::from(topic.0))
            .is_some_and(|topic| topic.kind == TopicKind::Repartition && topic.partitions.is_none())
    }

    fn tasks(&self, partitions: &[i32]) -> Result<Vec<TaskLayout>, TopologyError> {
        let mut tasks = Vec::new();
        for (subtopology, part) in (0u16..).zip(&self.subtopologies) {
            let count = |topic: &TopicIndex| partitions.get(usize::from(topic.0)).copied().unwrap_or(1);
            let name = |topic: &TopicIndex| self.topics.get(usize::from(topic.0)).map_or("", |topic| &topic.name);
            let inputs: Vec<_> = part
                .inputs
                .iter()
                .map(|topic| (name(topic).to_owned(), count(topic)))
                .collect();
            for partition in 0..copartitioned(subtopology, &inputs)? {
                tasks.push(TaskLayout {
                    id: TaskId { subtopology, partition },
                    inputs: part.inputs.iter().copied().collect(),
                    stores: part.stores.iter().copied().collect(),
                    changelog: part.changelog,
                });
            }
        }
        Ok(tasks)
    }

    pub(crate) fn store(&self, index: StoreIndex) -> Option<&StoreDeclaration> {
        self.stores.get(usize::from(index.0))
    }
}

/// The name of a topic in the log.
fn physical_name(application_id: &str, topic: &TopicDeclaration) -> String {
    match topic.kind {
        TopicKind::Source | TopicKind::Sink => topic.name.clone(),
        TopicKind::Repartition => format!("{application_id}-{}-repartition", topic.name),
        TopicKind::Changelog => format!("{application_id}-{}-changelog", topic.name),
        TopicKind::DeadLetters => format!("{application_id}-dead-letters"),
    }
}
