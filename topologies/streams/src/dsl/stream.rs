//! Streams: records one after the other.

use std::any::Any;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::builder::{FunctionNode, ProcessorSpec, SinkRef, Topic, TopologyBuilder};
use crate::dsl::{Grouped, GroupedStream};
use crate::error::ProcessError;
use crate::layout::TopicKind;
use crate::node::{MakeNode, NodeScope};
use crate::processor::{Processor, ProcessorContext, ProcessorNode, send, take_record};
use crate::record::Record;
use crate::topology::NodeKind;

/// A stream of records with keys `K` and values `V` at one point of the topology.
///
/// Stateless steps have positional names in [`describe`](crate::Topology::describe); every step that keeps state takes a name.
pub struct Stream<K, V> {
    pub(crate) builder: TopologyBuilder,
    pub(crate) node: usize,
    /// Whether a step since the source changed keys, so that records of one key may be in several partitions.
    pub(crate) rekeyed: bool,
    types: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Clone for Stream<K, V> {
    fn clone(&self) -> Self {
        Self {
            builder: self.builder.clone(),
            node: self.node,
            rekeyed: self.rekeyed,
            types: PhantomData,
        }
    }
}

impl<K: Clone + 'static, V: Clone + 'static> Stream<K, V> {
    pub(crate) fn new(builder: TopologyBuilder, node: usize, rekeyed: bool) -> Self {
        Self {
            builder,
            node,
            rekeyed,
            types: PhantomData,
        }
    }

    /// The same point of the topology, said to have changed keys or not.
    pub(crate) fn keyed(self, rekeyed: bool) -> Self {
        Self { rekeyed, ..self }
    }

    /// Keeps the records for which `keep` holds.
    #[must_use]
    pub fn filter(&self, keep: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> Self {
        self.step("filter", self.rekeyed, move |record: Record<K, V>, out| {
            if keep(&record.key, &record.value) {
                out(record)
            } else {
                Ok(())
            }
        })
    }

    /// Replaces the value. The key, and so the partition, stays.
    #[must_use]
    pub fn map_values<W: Clone + 'static>(&self, map: impl Fn(V) -> W + Send + Sync + 'static) -> Stream<K, W> {
        self.step("map-values", self.rekeyed, move |record: Record<K, V>, out| {
            let (key, value) = (record.key, map(record.value));
            out(Record {
                key,
                value,
                timestamp_ms: record.timestamp_ms,
                headers: record.headers,
            })
        })
    }

    /// Replaces key and value. A stateful step after it repartitions first.
    #[must_use]
    pub fn map<L: Clone + 'static, W: Clone + 'static>(
        &self,
        map: impl Fn(K, V) -> (L, W) + Send + Sync + 'static,
    ) -> Stream<L, W> {
        self.step("map", true, move |record: Record<K, V>, out| {
            let (key, value) = map(record.key, record.value);
            out(Record {
                key,
                value,
                timestamp_ms: record.timestamp_ms,
                headers: record.headers,
            })
        })
    }

    /// Replaces each record by any number of records. A stateful step after it repartitions first.
    #[must_use]
    pub fn flat_map<L: Clone + 'static, W: Clone + 'static, I: IntoIterator<Item = (L, W)>>(
        &self,
        map: impl Fn(K, V) -> I + Send + Sync + 'static,
    ) -> Stream<L, W> {
        self.step("flat-map", true, move |record: Record<K, V>, out| {
            let (timestamp_ms, headers) = (record.timestamp_ms, record.headers);
            map(record.key, record.value).into_iter().try_for_each(|(key, value)| {
                out(Record {
                    key,
                    value,
                    timestamp_ms,
                    headers: headers.clone(),
                })
            })
        })
    }

    /// Looks at each record without changing it.
    #[must_use]
    pub fn peek(&self, look: impl Fn(&K, &V) + Send + Sync + 'static) -> Self {
        self.step("peek", self.rekeyed, move |record: Record<K, V>, out| {
            look(&record.key, &record.value);
            out(record)
        })
    }

    /// Splits the stream: the first stream has the records for which `choose` holds, the second the others.
    #[must_use]
    pub fn branch(&self, choose: impl Fn(&K, &V) -> bool + Send + Sync + 'static) -> (Self, Self) {
        let choose = Arc::new(choose);
        let not = Arc::clone(&choose);
        (
            self.filter(move |key, value| choose(key, value)),
            self.filter(move |key, value| !not(key, value)),
        )
    }

    /// Both streams' records as one stream. There is no order between the two.
    #[must_use]
    pub fn merge(&self, other: &Self) -> Self {
        let merged = self.step("merge", self.rekeyed || other.rekeyed, |record: Record<K, V>, out| {
            out(record)
        });
        self.builder.graph.borrow_mut().connect(other.node, merged.node);
        merged
    }

    /// Hands each record to a processor. One is made for each task.
    pub fn process<P, L, W>(
        &self,
        spec: ProcessorSpec,
        supplier: impl Fn() -> P + Send + Sync + 'static,
    ) -> Stream<L, W>
    where
        P: Processor<K, V, L, W> + 'static,
        L: Clone + 'static,
        W: Clone + 'static,
    {
        let make: MakeNode = Arc::new(move || {
            Box::new(ProcessorNode {
                processor: supplier(),
                types: PhantomData,
            })
        });
        let mut graph = self.builder.graph.borrow_mut();
        let node = graph.add_node(spec.name, NodeKind::Processor, make);
        if let Some(declaration) = graph.node_mut(node) {
            declaration.stores = spec.stores;
            declaration.sinks = spec.sinks;
            declaration.punctuations = spec.punctuations;
        }
        graph.connect(self.node, node);
        drop(graph);
        Stream::new(self.builder.clone(), node, true)
    }

    /// Writes each record to a topic.
    pub fn to(&self, topic: &Topic<K, V>) {
        self.write(topic, TopicKind::Sink, None);
    }

    /// Writes to an internal topic and reads it back, so that all records of a key meet in one task. The topic's name is
    /// `<application>-<name>-repartition`; without `partitions` it is as wide as the widest part that writes it.
    #[must_use]
    pub fn repartition(&self, topic: &Topic<K, V>, partitions: Option<i32>) -> Self {
        self.write(topic, TopicKind::Repartition, partitions);
        let node = self
            .builder
            .graph
            .borrow_mut()
            .add_source(topic, TopicKind::Repartition, partitions);
        Self::new(self.builder.clone(), node, false)
    }

    /// Groups by the present key; repartitions first when a step changed it.
    #[must_use]
    pub fn group_by_key(&self, grouped: Grouped<K, V>) -> GroupedStream<K, V> {
        let stream = if self.rekeyed {
            self.repartition(&grouped.topic(), None)
        } else {
            self.clone()
        };
        GroupedStream { stream, grouped }
    }

    fn write(&self, topic: &Topic<K, V>, kind: TopicKind, partitions: Option<i32>) {
        let mut graph = self.builder.graph.borrow_mut();
        let index = graph.add_sink(topic, kind, partitions);
        let sink = SinkRef::new(index);
        let make: MakeNode = Arc::new(move || {
            Box::new(FunctionNode(move |scope: &mut NodeScope<'_>, record: &mut dyn Any| {
                let record = take_record::<K, V>(record)?;
                send(scope, sink, &record)
            }))
        });
        let node = graph.add_node(topic.name.clone(), NodeKind::Sink(index), make);
        if let Some(declaration) = graph.node_mut(node) {
            declaration.sinks.push(index);
        }
        graph.connect(self.node, node);
    }

    /// Adds a stateless node that calls `act` with each record and a function that forwards.
    pub(crate) fn step<L: Clone + 'static, W: Clone + 'static>(
        &self,
        what: &str,
        rekeyed: bool,
        act: impl Fn(Record<K, V>, &mut dyn FnMut(Record<L, W>) -> Result<(), ProcessError>) -> Result<(), ProcessError>
        + Send
        + Sync
        + 'static,
    ) -> Stream<L, W> {
        let act = Arc::new(act);
        let make: MakeNode = Arc::new(move || {
            let act = Arc::clone(&act);
            Box::new(FunctionNode(move |scope: &mut NodeScope<'_>, record: &mut dyn Any| {
                let record = take_record(record)?;
                act(record, &mut |out| ProcessorContext::new(scope).forward(out))
            }))
        });
        let mut graph = self.builder.graph.borrow_mut();
        let name = graph.positional_name(what);
        let node = graph.add_node(name, NodeKind::Processor, make);
        graph.connect(self.node, node);
        drop(graph);
        Stream::new(self.builder.clone(), node, rekeyed)
    }
}
