//! Joins on the same key: stream with table, and table with table.
//!
//! Both sides must have the same number of partitions; [`Topology::place`](crate::Topology::place) refuses others.

use std::sync::Arc;

use crate::builder::{ProcessorSpec, StoreRef};
use crate::dsl::{Change, Stream, Table};
use crate::error::ProcessError;
use crate::processor::{Processor, ProcessorContext};
use crate::record::Record;
use crate::serde::Serde;

impl<K: Clone + Send + 'static, V: Clone + 'static> Stream<K, V> {
    /// Joins each record with the table's present value of its key; a record without one is dropped.
    /// A stream whose key was changed must be [repartitioned](Self::repartition) first.
    #[must_use]
    pub fn join_table<W: Clone + Send + 'static, X: Clone + 'static>(
        &self,
        name: impl Into<String>,
        table: &Table<K, W>,
        join: impl Fn(&K, V, W) -> X + Send + Sync + 'static,
    ) -> Stream<K, X> {
        self.lookup(name, table, move |key, value, other| {
            other.map(|other| join(key, value, other))
        })
    }

    /// Joins each record with the table's present value of its key, or with `None`.
    #[must_use]
    pub fn left_join_table<W: Clone + Send + 'static, X: Clone + 'static>(
        &self,
        name: impl Into<String>,
        table: &Table<K, W>,
        join: impl Fn(&K, V, Option<W>) -> X + Send + Sync + 'static,
    ) -> Stream<K, X> {
        self.lookup(name, table, move |key, value, other| Some(join(key, value, other)))
    }

    fn lookup<W: Clone + Send + 'static, X: Clone + 'static>(
        &self,
        name: impl Into<String>,
        table: &Table<K, W>,
        join: impl Fn(&K, V, Option<W>) -> Option<X> + Send + Sync + 'static,
    ) -> Stream<K, X> {
        let (store, join) = (table.store, Arc::new(join));
        let spec = ProcessorSpec::new(name).store(&store);
        let joined = self.process(spec, move || Lookup {
            store,
            join: Arc::clone(&join),
        });
        joined.keyed(self.rekeyed)
    }
}

struct Lookup<K, W, F> {
    store: StoreRef<K, W>,
    join: Arc<F>,
}

impl<K, V, W, X, F> Processor<K, V, K, X> for Lookup<K, W, F>
where
    K: Clone + Send + 'static,
    W: Clone + Send + 'static,
    X: Clone + 'static,
    F: Fn(&K, V, Option<W>) -> Option<X> + Send + Sync,
{
    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, '_, K, X>,
        record: Record<K, V>,
    ) -> Result<(), ProcessError> {
        let other = context.store(&self.store)?.get(&record.key)?;
        let Record {
            key,
            value,
            timestamp_ms,
            headers,
        } = record;
        let joined = (self.join)(&key, value, other);
        joined.map_or(Ok(()), |value| {
            context.forward(Record {
                key,
                value,
                timestamp_ms,
                headers,
            })
        })
    }
}

impl<K: Clone + Send + 'static, V: Clone + Send + 'static> Table<K, V> {
    /// The table of the keys that both tables have, kept in a store called `name`.
    #[must_use]
    pub fn join<W: Clone + Send + 'static, X: Clone + Send + 'static>(
        &self,
        name: impl Into<String>,
        other: &Table<K, W>,
        value: impl Serde<X> + 'static,
        join: impl Fn(&K, V, W) -> X + Send + Sync + 'static,
    ) -> Table<K, X>
    where
        K: Sized,
    {
        let (name, join) = (name.into(), Arc::new(join));
        let left = {
            let (store, join) = (other.store, Arc::clone(&join));
            let spec = ProcessorSpec::new(format!("{name}-left")).store(&store);
            self.changes.process(spec, move || {
                let join = Arc::clone(&join);
                OneSide {
                    other: store,
                    join: move |key: &K, mine: V, other: W| join(key, mine, other),
                }
            })
        };
        let right = {
            let store = self.store;
            let spec = ProcessorSpec::new(format!("{name}-right")).store(&store);
            other.changes.process(spec, move || {
                let join = Arc::clone(&join);
                OneSide {
                    other: store,
                    join: move |key: &K, mine: W, other: V| join(key, other, mine),
                }
            })
        };
        self.materialise_join(name, &left.merge(&right), value)
    }

    fn materialise_join<X: Clone + Send + 'static>(
        &self,
        name: String,
        joined: &Stream<K, Option<X>>,
        value: impl Serde<X> + 'static,
    ) -> Table<K, X> {
        let key = Arc::clone(&self.key);
        let store = self
            .changes
            .builder
            .shared_store(name.clone(), Arc::clone(&key), Arc::new(value));
        let spec = ProcessorSpec::new(name).store(&store);
        let changes = joined.process(spec, move || super::table::Materialise { store });
        Table {
            changes: changes.keyed(false),
            store,
            key,
        }
    }
}

/// One table's changes looked up in the other table.
struct OneSide<K, W, F> {
    other: StoreRef<K, W>,
    join: F,
}

impl<K, V, W, X, F> Processor<K, Change<V>, K, Option<X>> for OneSide<K, W, F>
where
    K: Clone + Send + 'static,
    W: Clone + Send + 'static,
    X: Clone + 'static,
    F: Fn(&K, V, W) -> X + Send,
{
    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, '_, K, Option<X>>,
        record: Record<K, Change<V>>,
    ) -> Result<(), ProcessError> {
        let other = context.store(&self.other)?.get(&record.key)?;
        let Some(other) = other else { return Ok(()) };
        let value = record.value.new.map(|mine| (self.join)(&record.key, mine, other));
        context.forward(Record {
            key: record.key,
            value,
            timestamp_ms: record.timestamp_ms,
            headers: record.headers,
        })
    }
}
