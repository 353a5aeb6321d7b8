//! How a task comes to be: its nodes, sources, stores and timers, taken from the topology and the layout.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::timers::{Scheduled, TimerQueue};
use super::{Task, TaskLimits};
use crate::changelog::ChangelogStores;
use crate::commit::{InputOffset, TaskId};
use crate::layout::{Layout, TaskLayout, TopicLayout};
use crate::node::{DecodeSource, Origin, Sink, Slot, TaskState};
use crate::processor::Punctuation;
use crate::record::{OutputBuffer, StoreIndex, TopicIndex};
use crate::store::{KeyValueStore, Positions};
use crate::topology::{NodeDeclaration, Topology};

impl Task {
    /// Opens a task over its restored, committed state. `inputs` are the offsets its inputs are read from and `sequence`
    /// the number of its last commit that changed a store (0 for none). `None` when the layout has no such task.
    #[must_use]
    pub fn open(
        topology: &Topology,
        layout: &Arc<Layout>,
        id: TaskId,
        committed: Arc<dyn KeyValueStore>,
        inputs: &[InputOffset],
        sequence: u64,
        limits: TaskLimits,
    ) -> Option<Self> {
        let own = layout.task(id)?.clone();
        let mut positions = committed.positions();
        positions.sequence = positions.sequence.max(sequence);
        let part = topology.subtopologies.get(usize::from(id.subtopology))?;
        let mut task = Self {
            layout: Arc::clone(layout),
            slots: topology
                .nodes
                .iter()
                .enumerate()
                .map(|(at, node)| slot(node, part.nodes.contains(&at)))
                .collect(),
            sources: sources(topology, &own),
            timers: Vec::new(),
            punctuations: Vec::new(),
            state: state(topology, layout, &own, &committed, &positions, limits),
            committed,
            positions,
            inputs: BTreeMap::new(),
            dead_letters: topology.dead_letters,
            limits,
            spare: Default::default(),
            sent: 0,
            changelog_stores: ChangelogStores::of(layout, &own),
            own,
        };
        task.schedule(topology, &part.nodes);
        task.rewind(inputs);
        Some(task)
    }

    fn schedule(&mut self, topology: &Topology, nodes: &BTreeSet<usize>) {
        for (at, node) in topology.nodes.iter().enumerate().filter(|(at, _)| nodes.contains(at)) {
            for store in &node.stores {
                if let Some(kind) = topology.store(*store).and_then(|store| store.timers) {
                    self.timers.push(TimerQueue {
                        store: *store,
                        kind,
                        node: at,
                        earliest_ms: i64::MIN,
                    });
                }
            }
            for (index, (kind, interval_ms)) in node.punctuations.iter().enumerate() {
                let punctuation = Punctuation {
                    index,
                    kind: *kind,
                    at_ms: 0,
                };
                self.punctuations.push(Scheduled {
                    node: at,
                    punctuation,
                    interval_ms: *interval_ms,
                    next_ms: None,
                });
            }
        }
    }
}

fn slot(node: &NodeDeclaration, mine: bool) -> Slot {
    Slot {
        node: mine.then(|| (node.make)()),
        name: node.name.clone(),
        children: node.children.clone(),
        stores: node.stores.clone(),
        sinks: node.sinks.clone(),
    }
}

fn sources(topology: &Topology, own: &TaskLayout) -> BTreeMap<TopicIndex, (usize, DecodeSource)> {
    let mine = topology.sources.iter().filter(|(topic, _)| own.inputs.contains(topic));
    mine.map(|(topic, (node, make))| (*topic, (*node, make()))).collect()
}

fn state(
    topology: &Topology,
    layout: &Layout,
    own: &TaskLayout,
    committed: &Arc<dyn KeyValueStore>,
    positions: &Positions,
    limits: TaskLimits,
) -> TaskState {
    let open = |index: u16| {
        let mine = own.stores.contains(&StoreIndex(index));
        let declaration = topology.store(StoreIndex(index)).filter(|_| mine)?;
        Some((declaration.open)(Arc::clone(committed), limits.cache_bytes_max))
    };
    let sink = |(index, topic): (u16, &TopicLayout)| {
        let serdes = topology.sinks.get(&TopicIndex(index))?;
        Some(Sink {
            partitions: topic.partitions,
            serdes: Arc::clone(serdes),
        })
    };
    TaskState {
        stores: (0u16..).zip(&topology.stores).map(|(index, _)| open(index)).collect(),
        timers_set: vec![None; topology.stores.len()],
        sinks: (0u16..).zip(&layout.topics).map(sink).collect(),
        outputs: OutputBuffer::default(),
        partition: own.id.partition,
        subtopology: own.id.subtopology,
        now_ms: 0,
        stream_time_ms: if positions.sequence == 0 {
            i64::MIN
        } else {
            positions.stream_time_ms
        },
        origin: Origin::default(),
        trace: None,
    }
}
