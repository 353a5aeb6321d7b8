//! The processor graph of one task with its types erased, and how a record travels through it.
//!
//! A record is passed by a reference to an `Option` on the caller's stack, so forwarding allocates nothing. The graph has no
//! cycles, so a node that is being called is never called again below itself and can be taken out of its slot meanwhile.

use std::any::Any;
use std::sync::Arc;

use crate::error::ProcessError;
use crate::overlay::ErasedOverlay;
use crate::processor::Punctuation;
use crate::record::{Headers, InputRecord, OutputBuffer, StoreIndex, TopicIndex};
use crate::timers::FiredTimer;
use crate::topology::SinkSerdes;
use crate::trace::TraceContext;

/// Makes a fresh node for a task.
pub(crate) type MakeNode = Arc<dyn Fn() -> Box<dyn Node> + Send + Sync>;

/// Decodes an input record and forwards it from a source node.
pub(crate) type DecodeSource = Box<dyn FnMut(&InputRecord<'_>, &mut NodeScope<'_>) -> Result<(), ProcessError> + Send>;

/// Makes a fresh decoder for a task.
pub(crate) type MakeSource = Arc<dyn Fn() -> DecodeSource + Send + Sync>;

/// A node with its record types erased: `record` is an `Option<Record<K, V>>` of the node's input types, `Some` on entry.
pub(crate) trait Node: Send {
    fn process(&mut self, scope: &mut NodeScope<'_>, record: &mut dyn Any) -> Result<(), ProcessError>;

    fn on_timer(&mut self, _scope: &mut NodeScope<'_>, _timer: &FiredTimer) -> Result<(), ProcessError> {
        Ok(())
    }

    fn on_punctuate(&mut self, _scope: &mut NodeScope<'_>, _punctuation: Punctuation) -> Result<(), ProcessError> {
        Ok(())
    }
}

/// One node in its place.
pub(crate) struct Slot {
    pub(crate) node: Option<Box<dyn Node>>,
    pub(crate) name: String,
    pub(crate) children: Vec<usize>,
    pub(crate) stores: Vec<StoreIndex>,
    pub(crate) sinks: Vec<TopicIndex>,
}

/// Everything of a task that nodes can reach.
pub(crate) struct TaskState {
    pub(crate) stores: Vec<Option<Box<dyn ErasedOverlay>>>,
    /// For each timer store, the earliest time a timer was set for during the present record.
    pub(crate) timers_set: Vec<Option<i64>>,
    pub(crate) sinks: Vec<Option<Sink>>,
    pub(crate) outputs: OutputBuffer,
    pub(crate) partition: i32,
    pub(crate) subtopology: u16,
    pub(crate) now_ms: i64,
    pub(crate) stream_time_ms: i64,
    pub(crate) origin: Origin,
    /// The step that the present record is processed in, where it belongs to a trace.
    pub(crate) trace: Option<TraceContext>,
}

/// Where a node may send: a topic's partition count and serdes.
pub(crate) struct Sink {
    pub(crate) partitions: i32,
    pub(crate) serdes: SinkSerdes,
}

/// The input record that is being processed; kept for headers and diagnostics.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    pub(crate) offset: i64,
    pub(crate) timestamp_ms: i64,
    pub(crate) headers: Headers,
}

/// A node's view while it is called.
pub(crate) struct NodeScope<'a> {
    pub(crate) slots: &'a mut [Slot],
    pub(crate) state: &'a mut TaskState,
    pub(crate) current: usize,
}

impl NodeScope<'_> {
    /// Number of nodes that get what the current node forwards.
    pub(crate) fn child_count(&self) -> usize {
        self.slots.get(self.current).map_or(0, |slot| slot.children.len())
    }

    /// Hands a record to the n-th child of the current node.
    pub(crate) fn forward(&mut self, nth: usize, record: &mut dyn Any) -> Result<(), ProcessError> {
        let child = self
            .slots
            .get(self.current)
            .and_then(|slot| slot.children.get(nth))
            .copied();
        let Some(child) = child else { return Ok(()) };
        self.call(child, |node, scope| node.process(scope, record))
    }

    /// Calls a node in its own scope.
    pub(crate) fn call(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut dyn Node, &mut NodeScope<'_>) -> Result<(), ProcessError>,
    ) -> Result<(), ProcessError> {
        let Some(mut taken) = self.slots.get_mut(node).and_then(|slot| slot.node.take()) else {
            return Ok(());
        };
        let mut scope = NodeScope {
            slots: self.slots,
            state: self.state,
            current: node,
        };
        let result = act(taken.as_mut(), &mut scope);
        if let Some(slot) = self.slots.get_mut(node) {
            slot.node = Some(taken);
        }
        result
    }

    /// The current node's name.
    pub(crate) fn name(&self) -> &str {
        self.slots.get(self.current).map_or("", |slot| &slot.name)
    }

    /// A store's overlay, if the current node declared it and the types are its own.
    pub(crate) fn store<T: 'static>(&mut self, index: StoreIndex) -> Result<&mut T, ProcessError> {
        let declared = self
            .slots
            .get(self.current)
            .is_some_and(|slot| slot.stores.contains(&index));
        if !declared {
            return Err(ProcessError::refused(format!(
                "processor {:?} uses a store that it did not declare",
                self.name()
            )));
        }
        self.state
            .stores
            .get_mut(usize::from(index.0))
            .and_then(Option::as_mut)
            .and_then(|overlay| overlay.as_any().downcast_mut())
            .ok_or_else(|| ProcessError::refused("a store reference belongs to another topology"))
    }

    /// A sink, if the current node declared it, and where its records go.
    pub(crate) fn sink(&mut self, topic: TopicIndex) -> Result<(&Sink, &mut OutputBuffer), ProcessError> {
        let slot = self.slots.get(self.current);
        let declared = slot.is_some_and(|slot| slot.sinks.contains(&topic));
        let sink = self.state.sinks.get(usize::from(topic.0)).and_then(Option::as_ref);
        match sink.filter(|_| declared) {
            Some(sink) => Ok((sink, &mut self.state.outputs)),
            None => Err(ProcessError::refused(format!(
                "processor {:?} sends to a topic that it did not declare",
                slot.map_or("", |slot| &slot.name)
            ))),
        }
    }
}
