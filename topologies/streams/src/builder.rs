//! Declares a topology: topics, stores, timers and the processors between them.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::rc::Rc;
use std::sync::Arc;

use crate::dsl::Stream;
use crate::error::{ProcessError, TopologyError};
use crate::layout::TopicKind;
use crate::node::{MakeNode, MakeSource, Node, NodeScope};
use crate::overlay::{ErasedOverlay, Overlay, StoreSerdes};
use crate::processor::ProcessorContext;
use crate::record::{InputRecord, Record, StoreIndex, TopicIndex};
use crate::serde::{Serde, SharedSerde};
use crate::store::KeyValueStore;
use crate::subtopology::subtopologies;
use crate::timers::{PunctuationType, TimerKeySerde, TimerRef, UnitSerde};
use crate::topology::{NodeDeclaration, NodeKind, SinkSerdes, StoreDeclaration, TopicDeclaration, Topology};

/// A topic with the serdes of its records.
pub struct Topic<K, V> {
    /// The topic's name in the log.
    pub name: String,
    /// The serde of its keys.
    pub key: SharedSerde<K>,
    /// The serde of its values.
    pub value: SharedSerde<V>,
}

impl<K, V> Topic<K, V> {
    /// A topic and its serdes.
    pub fn new(name: impl Into<String>, key: impl Serde<K> + 'static, value: impl Serde<V> + 'static) -> Self {
        Self {
            name: name.into(),
            key: Arc::new(key),
            value: Arc::new(value),
        }
    }
}

impl<K, V> Clone for Topic<K, V> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            key: Arc::clone(&self.key),
            value: Arc::clone(&self.value),
        }
    }
}

/// A typed handle to a declared store. Made by [`TopologyBuilder::store`].
pub struct StoreRef<K, V> {
    pub(crate) index: StoreIndex,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Clone for StoreRef<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for StoreRef<K, V> {}

/// A typed handle to a topic that processors send to. Made by [`TopologyBuilder::sink`].
pub struct SinkRef<K, V> {
    pub(crate) topic: TopicIndex,
    types: PhantomData<fn(K, V)>,
}

impl<K, V> SinkRef<K, V> {
    pub(crate) fn new(topic: TopicIndex) -> Self {
        Self {
            topic,
            types: PhantomData,
        }
    }
}

impl<K, V> Clone for SinkRef<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Copy for SinkRef<K, V> {}

/// A sink's name and serdes, as the erased graph keeps them.
pub(crate) struct TypedSink<K, V> {
    pub(crate) topic: String,
    pub(crate) key: SharedSerde<K>,
    pub(crate) value: SharedSerde<V>,
}

/// The declaration of one processor: everything it may touch stands here, and nothing else can be touched.
#[derive(Debug, Clone)]
pub struct ProcessorSpec {
    pub(crate) name: String,
    pub(crate) stores: Vec<StoreIndex>,
    pub(crate) sinks: Vec<TopicIndex>,
    pub(crate) punctuations: Vec<(PunctuationType, i64)>,
}

impl ProcessorSpec {
    /// A processor of that name, which must be unique in the topology and stable across versions.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            stores: Vec::new(),
            sinks: Vec::new(),
            punctuations: Vec::new(),
        }
    }

    /// It uses this store.
    #[must_use]
    pub fn store<K, V>(mut self, store: &StoreRef<K, V>) -> Self {
        self.stores.push(store.index);
        self
    }

    /// It sets these timers and is called when they come due.
    #[must_use]
    pub fn timers<K>(mut self, timers: &TimerRef<K>) -> Self {
        self.stores.push(timers.store);
        self
    }

    /// It sends to this topic.
    #[must_use]
    pub fn sink<K, V>(mut self, sink: &SinkRef<K, V>) -> Self {
        self.sinks.push(sink.topic);
        self
    }

    /// It is called every `interval_ms` milliseconds (at least 1) of that clock. Missed intervals are not caught up.
    #[must_use]
    pub fn punctuate(mut self, kind: PunctuationType, interval_ms: i64) -> Self {
        self.punctuations.push((kind, interval_ms.max(1)));
        self
    }
}

/// Collects declarations; mistakes are reported by [`build`](Self::build).
#[derive(Clone)]
pub struct TopologyBuilder {
    pub(crate) graph: Rc<RefCell<Graph>>,
}

/// The declarations so far.
#[derive(Default)]
pub(crate) struct Graph {
    name: String,
    topics: Vec<TopicDeclaration>,
    sinks: BTreeMap<TopicIndex, SinkSerdes>,
    stores: Vec<StoreDeclaration>,
    nodes: Vec<NodeDeclaration>,
    sources: BTreeMap<TopicIndex, (usize, MakeSource)>,
    mistakes: Vec<TopologyError>,
}

impl TopologyBuilder {
    /// An empty topology of that name.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let graph = Graph {
            name: name.into(),
            ..Graph::default()
        };
        Self {
            graph: Rc::new(RefCell::new(graph)),
        }
    }

    /// Reads a topic from its committed offsets.
    #[must_use]
    pub fn stream<K: Clone + 'static, V: Clone + 'static>(&self, topic: &Topic<K, V>) -> Stream<K, V> {
        let node = self.graph.borrow_mut().add_source(topic, TopicKind::Source, None);
        Stream::new(self.clone(), node, false)
    }

    /// Declares a topic that processors send to.
    #[must_use]
    pub fn sink<K: 'static, V: 'static>(&self, topic: &Topic<K, V>) -> SinkRef<K, V> {
        let topic = self.graph.borrow_mut().add_sink(topic, TopicKind::Sink, None);
        SinkRef::new(topic)
    }

    /// Declares a key-value store. The engine makes and names a changelog for the stores of each sub-topology.
    pub fn store<K: Send + 'static, V: Clone + Send + 'static>(
        &self,
        name: impl Into<String>,
        key: impl Serde<K> + 'static,
        value: impl Serde<V> + 'static,
    ) -> StoreRef<K, V> {
        self.shared_store(name.into(), Arc::new(key), Arc::new(value))
    }

    pub(crate) fn shared_store<K: Send + 'static, V: Clone + Send + 'static>(
        &self,
        name: String,
        key: SharedSerde<K>,
        value: SharedSerde<V>,
    ) -> StoreRef<K, V> {
        let index = self.graph.borrow_mut().add_store(name, key, value, None);
        StoreRef {
            index,
            types: PhantomData,
        }
    }

    /// Declares a timer store. Exactly one processor sets and receives its timers.
    pub fn timers<K: 'static>(
        &self,
        name: impl Into<String>,
        key: impl Serde<K> + 'static,
        kind: PunctuationType,
    ) -> TimerRef<K> {
        let (keys, units) = (Arc::new(TimerKeySerde), Arc::new(UnitSerde));
        let store = self.graph.borrow_mut().add_store(name.into(), keys, units, Some(kind));
        TimerRef {
            store,
            key: Arc::new(key),
        }
    }

    /// Checks the declarations and makes the topology.
    pub fn build(self) -> Result<Topology, TopologyError> {
        self.graph.take().build()
    }
}

impl Graph {
    pub(crate) fn add_source<K: Clone + 'static, V: Clone + 'static>(
        &mut self,
        topic: &Topic<K, V>,
        kind: TopicKind,
        partitions: Option<i32>,
    ) -> usize {
        let index = self.add_topic(&topic.name, kind, partitions);
        if self.sources.contains_key(&index) {
            self.mistakes.push(TopologyError::DuplicateName(topic.name.clone()));
        }
        let make: MakeNode =
            Arc::new(|| Box::new(FunctionNode(|_: &mut NodeScope<'_>, _: &mut dyn std::any::Any| Ok(()))));
        let node = self.add_node(topic.name.clone(), NodeKind::Source(index), make);
        self.sources
            .insert(index, (node, source(topic.key.clone(), topic.value.clone())));
        node
    }

    pub(crate) fn add_sink<K: 'static, V: 'static>(
        &mut self,
        topic: &Topic<K, V>,
        kind: TopicKind,
        partitions: Option<i32>,
    ) -> TopicIndex {
        let index = self.add_topic(&topic.name, kind, partitions);
        let serdes: TypedSink<K, V> = TypedSink {
            topic: topic.name.clone(),
            key: topic.key.clone(),
            value: topic.value.clone(),
        };
        let other_types = self
            .sinks
            .get(&index)
            .is_some_and(|known| !known.is::<TypedSink<K, V>>());
        if other_types {
            self.mistakes.push(TopologyError::DuplicateName(topic.name.clone()));
        }
        self.sinks.insert(index, Arc::new(serdes));
        index
    }

    pub(crate) fn add_node(&mut self, name: String, kind: NodeKind, make: MakeNode) -> usize {
        let processor = matches!(kind, NodeKind::Processor);
        if processor && self.nodes.iter().any(|node| node.name == name && node.kind == kind) {
            self.mistakes.push(TopologyError::DuplicateName(name.clone()));
        }
        let declaration = NodeDeclaration {
            name,
            kind,
            children: Vec::new(),
            stores: Vec::new(),
            sinks: Vec::new(),
            punctuations: Vec::new(),
            make,
        };
        self.nodes.push(declaration);
        self.nodes.len() - 1
    }

    pub(crate) fn connect(&mut self, parent: usize, child: usize) {
        if let Some(node) = self.nodes.get_mut(parent) {
            node.children.push(child);
        }
    }

    pub(crate) fn node_mut(&mut self, node: usize) -> Option<&mut NodeDeclaration> {
        self.nodes.get_mut(node)
    }

    /// A name for a stateless step, which nothing outside `describe` refers to.
    pub(crate) fn positional_name(&self, what: &str) -> String {
        format!("{what}-{}", self.nodes.len())
    }

    fn add_topic(&mut self, name: &str, kind: TopicKind, partitions: Option<i32>) -> TopicIndex {
        let external = |kind| matches!(kind, TopicKind::Source | TopicKind::Sink);
        let same = |topic: &TopicDeclaration| {
            topic.name == name && (topic.kind == kind || (external(topic.kind) && external(kind)))
        };
        if let Some(position) = self.topics.iter().position(same) {
            if let (Some(topic), TopicKind::Source) = (self.topics.get_mut(position), kind) {
                topic.kind = kind;
            }
            return TopicIndex(index(position));
        }
        self.topics.push(TopicDeclaration {
            name: name.to_owned(),
            kind,
            partitions,
        });
        TopicIndex(index(self.topics.len() - 1))
    }

    fn add_store<K: Send + 'static, V: Clone + Send + 'static>(
        &mut self,
        name: String,
        key: SharedSerde<K>,
        value: SharedSerde<V>,
        timers: Option<PunctuationType>,
    ) -> StoreIndex {
        if self.stores.iter().any(|store| store.name == name) {
            self.mistakes.push(TopologyError::DuplicateName(name.clone()));
        }
        let store = StoreIndex(index(self.stores.len()));
        let serdes = Arc::new(StoreSerdes {
            name: name.clone(),
            key,
            value,
        });
        let open = move |committed: Arc<dyn KeyValueStore>, cache_bytes_max| {
            let overlay = Overlay::new(store, Arc::clone(&serdes), committed, cache_bytes_max);
            Box::new(overlay) as Box<dyn ErasedOverlay>
        };
        self.stores.push(StoreDeclaration {
            name,
            timers,
            open: Arc::new(open),
        });
        store
    }

    fn build(mut self) -> Result<Topology, TopologyError> {
        self.check()?;
        let dead_letters = self.add_topic("dead-letters", TopicKind::DeadLetters, Some(1));
        let mut subtopologies = subtopologies(&self.nodes);
        for (number, part) in subtopologies
            .iter_mut()
            .enumerate()
            .filter(|(_, part)| !part.stores.is_empty())
        {
            part.changelog = Some(self.add_topic(&number.to_string(), TopicKind::Changelog, None));
        }
        Ok(Topology {
            name: self.name,
            topics: self.topics,
            sinks: self.sinks,
            stores: self.stores,
            nodes: self.nodes,
            sources: self.sources,
            dead_letters,
            subtopologies,
        })
    }

    fn check(&mut self) -> Result<(), TopologyError> {
        if let Some(mistake) = self.mistakes.pop() {
            return Err(mistake);
        }
        if self.sources.is_empty() {
            return Err(TopologyError::NoSource);
        }
        let stores = self.stores.iter().map(|store| &store.name);
        let names = self
            .topics
            .iter()
            .map(|topic| &topic.name)
            .chain(stores)
            .chain([&self.name]);
        if let Some(bad) = names.into_iter().find(|name| !is_topic_name(name)) {
            return Err(TopologyError::BadName(bad.clone()));
        }
        let used: BTreeSet<StoreIndex> = self.nodes.iter().flat_map(|node| node.stores.iter().copied()).collect();
        let unused = (0u16..)
            .zip(&self.stores)
            .find(|(index, _)| !used.contains(&StoreIndex(*index)));
        unused.map_or(Ok(()), |(_, store)| Err(TopologyError::UnusedStore(store.name.clone())))
    }
}

/// Longest name of a topic or topology; with prefix and suffix it stays within Kafka's 249 characters.
const NAME_LENGTH_MAX: usize = 120;

fn is_topic_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    !name.is_empty() && name.len() <= NAME_LENGTH_MAX && name.chars().all(legal)
}

/// Topologies are written by hand; more declarations than a `u16` counts would not compile in reasonable time.
fn index(position: usize) -> u16 {
    u16::try_from(position).unwrap_or(u16::MAX)
}

/// The decoder of a source: bytes to a typed record, forwarded from the source's node.
fn source<K: Clone + 'static, V: Clone + 'static>(key: SharedSerde<K>, value: SharedSerde<V>) -> MakeSource {
    Arc::new(move || {
        let (key, value) = (Arc::clone(&key), Arc::clone(&value));
        Box::new(move |input: &InputRecord<'_>, scope: &mut NodeScope<'_>| {
            let record = Record {
                key: key.deserialize(input.key).map_err(ProcessError::Key)?,
                value: value.deserialize(input.value).map_err(ProcessError::Value)?,
                timestamp_ms: scope.state.origin.timestamp_ms,
                headers: input.headers.clone(),
            };
            ProcessorContext::new(scope).forward(record)
        })
    })
}

/// A node that is one function.
pub(crate) struct FunctionNode<F>(pub(crate) F);

impl<F> Node for FunctionNode<F>
where
    F: FnMut(&mut NodeScope<'_>, &mut dyn std::any::Any) -> Result<(), ProcessError> + Send,
{
    fn process(&mut self, scope: &mut NodeScope<'_>, record: &mut dyn std::any::Any) -> Result<(), ProcessError> {
        (self.0)(scope, record)
    }
}
