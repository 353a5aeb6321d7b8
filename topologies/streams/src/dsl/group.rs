//! Grouped streams: records of one key folded into a table.

use crate::builder::{ProcessorSpec, StoreRef, Topic};
use crate::dsl::{Change, Stream, Table};
use crate::error::ProcessError;
use crate::processor::{Processor, ProcessorContext};
use crate::record::Record;
use crate::serde::{I64Serde, Serde, SharedSerde};
use std::sync::Arc;

/// The name and serdes of a grouping. The name becomes the store's and, where one is needed, the repartition topic's.
pub struct Grouped<K, V> {
    name: String,
    key: SharedSerde<K>,
    value: SharedSerde<V>,
}

impl<K, V> Grouped<K, V> {
    /// A grouping; the name is mandatory because the repartition topic is named after it.
    pub fn new(name: impl Into<String>, key: impl Serde<K> + 'static, value: impl Serde<V> + 'static) -> Self {
        Self {
            name: name.into(),
            key: Arc::new(key),
            value: Arc::new(value),
        }
    }

    pub(crate) fn topic(&self) -> Topic<K, V> {
        Topic {
            name: self.name.clone(),
            key: Arc::clone(&self.key),
            value: Arc::clone(&self.value),
        }
    }
}

/// A stream whose records of one key are in one task.
pub struct GroupedStream<K, V> {
    pub(crate) stream: Stream<K, V>,
    pub(crate) grouped: Grouped<K, V>,
}

impl<K: Clone + Send + 'static, V: Clone + 'static> GroupedStream<K, V> {
    /// Counts the records of each key.
    #[must_use]
    pub fn count(self) -> Table<K, i64> {
        self.aggregate(I64Serde, || 0, |_, _, count| count.saturating_add(1))
    }

    /// Folds the records of each key, beginning with `initial()`.
    #[must_use]
    pub fn aggregate<A: Clone + Send + 'static>(
        self,
        value: impl Serde<A> + 'static,
        initial: impl Fn() -> A + Send + Sync + 'static,
        fold: impl Fn(&K, V, A) -> A + Send + Sync + 'static,
    ) -> Table<K, A> {
        let initial = Arc::new(initial);
        self.fold(Arc::new(value), move |key, value, old: Option<A>| {
            fold(key, value, old.unwrap_or_else(|| initial()))
        })
    }

    /// Folds the records of each key pairwise; the first one stands as it is.
    #[must_use]
    pub fn reduce(self, fold: impl Fn(V, V) -> V + Send + Sync + 'static) -> Table<K, V>
    where
        V: Send,
    {
        let value = Arc::clone(&self.grouped.value);
        self.fold(value, move |_, value, old| match old {
            Some(old) => fold(old, value),
            None => value,
        })
    }

    fn fold<A: Clone + Send + 'static>(
        self,
        value: SharedSerde<A>,
        fold: impl Fn(&K, V, Option<A>) -> A + Send + Sync + 'static,
    ) -> Table<K, A> {
        let Grouped { name, key, .. } = self.grouped;
        let store = self.stream.builder.shared_store(name.clone(), Arc::clone(&key), value);
        let fold = Arc::new(fold);
        let spec = ProcessorSpec::new(name).store(&store);
        let changes = self.stream.process(spec, move || Aggregate {
            store,
            fold: Arc::clone(&fold),
        });
        Table {
            changes: changes.keyed(false),
            store,
            key,
        }
    }
}

struct Aggregate<K, A, F> {
    store: StoreRef<K, A>,
    fold: Arc<F>,
}

impl<K, V, A, F> Processor<K, V, K, Change<A>> for Aggregate<K, A, F>
where
    K: Clone + Send + 'static,
    A: Clone + Send + 'static,
    F: Fn(&K, V, Option<A>) -> A + Send + Sync,
{
    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, '_, K, Change<A>>,
        record: Record<K, V>,
    ) -> Result<(), ProcessError> {
        let mut store = context.store(&self.store)?;
        let old = store.get(&record.key)?;
        let new = (self.fold)(&record.key, record.value, old.clone());
        store.put(&record.key, new.clone())?;
        let value = Change { old, new: Some(new) };
        context.forward(Record {
            key: record.key,
            value,
            timestamp_ms: record.timestamp_ms,
            headers: record.headers,
        })
    }
}
