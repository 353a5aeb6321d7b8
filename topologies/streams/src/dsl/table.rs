//! Tables: the latest value of each key, kept in a store, with a stream of its changes.

use std::sync::Arc;

use crate::builder::{ProcessorSpec, StoreRef, Topic, TopologyBuilder};
use crate::dsl::Stream;
use crate::error::ProcessError;
use crate::processor::{Processor, ProcessorContext};
use crate::record::Record;
use crate::serde::{Serde, SharedSerde};

/// One change of a table: what was and what is; `None` is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<V> {
    /// The value before.
    pub old: Option<V>,
    /// The value after.
    pub new: Option<V>,
}

/// A table that is materialised in a store of the topology.
pub struct Table<K, V> {
    pub(crate) changes: Stream<K, Change<V>>,
    pub(crate) store: StoreRef<K, V>,
    pub(crate) key: SharedSerde<K>,
}

impl TopologyBuilder {
    /// Reads a topic as a table: the latest value of each key, a null value removes it. `name` is the store's.
    pub fn table<K: Clone + Send + 'static, V: Clone + Send + 'static>(
        &self,
        name: impl Into<String>,
        topic: &Topic<K, Option<V>>,
        value: impl Serde<V> + 'static,
    ) -> Table<K, V> {
        let name = name.into();
        let store = self.shared_store(name.clone(), topic.key.clone(), Arc::new(value));
        let changes = self
            .stream(topic)
            .process(ProcessorSpec::new(name).store(&store), move || Materialise { store });
        Table {
            changes: changes.keyed(false),
            store,
            key: Arc::clone(&topic.key),
        }
    }
}

impl<K: Clone + Send + 'static, V: Clone + Send + 'static> Table<K, V> {
    /// The store, for processors that read the table and for queries.
    #[must_use]
    pub fn store(&self) -> StoreRef<K, V> {
        self.store
    }

    /// The table's changes, old and new values.
    #[must_use]
    pub fn changes(&self) -> Stream<K, Change<V>> {
        self.changes.clone()
    }

    /// The table's new values; `None` where a key was removed.
    #[must_use]
    pub fn to_stream(&self) -> Stream<K, Option<V>> {
        self.changes.map_values(|change| change.new)
    }
}

pub(super) struct Materialise<K, V> {
    pub(super) store: StoreRef<K, V>,
}

impl<K, V> Processor<K, Option<V>, K, Change<V>> for Materialise<K, V>
where
    K: Clone + Send + 'static,
    V: Clone + Send + 'static,
{
    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, '_, K, Change<V>>,
        record: Record<K, Option<V>>,
    ) -> Result<(), ProcessError> {
        let mut store = context.store(&self.store)?;
        let old = store.get(&record.key)?;
        match &record.value {
            Some(value) => store.put(&record.key, value.clone())?,
            None => store.delete(&record.key)?,
        }
        let Record {
            key,
            value: new,
            timestamp_ms,
            headers,
        } = record;
        if old.is_none() && new.is_none() {
            return Ok(());
        }
        context.forward(Record {
            key,
            value: Change { old, new },
            timestamp_ms,
            headers,
        })
    }
}
