//! What a test may look at: topics, stores, and what a store would be if it were rebuilt.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::{Deployed, DriverError, RawRecord, Stored, TopologyTestDriver};
use crate::builder::{StoreRef, Topic};
use crate::changelog::split_changelog_key;
use crate::layout::TopicKind;
use crate::memory_store::MemoryStore;
use crate::record::{Record, StoreIndex};
use crate::serde::Serde;
use crate::store::{KeyRange, KeyValueStore};

impl TopologyTestDriver {
    /// All records of a topic in the order they were appended.
    pub fn read<K, V>(&self, topic: &Topic<K, V>) -> Result<Vec<Record<K, V>>, DriverError> {
        let read = |stored: &Stored| -> Result<Record<K, V>, DriverError> {
            Ok(Record {
                key: topic.key.deserialize(stored.key.as_deref())?,
                value: topic.value.deserialize(stored.value.as_deref())?,
                timestamp_ms: stored.timestamp_ms,
                headers: stored.headers.clone(),
            })
        };
        self.stored(&topic.name).into_iter().map(read).collect()
    }

    /// All records of a topic as bytes, in the order they were appended: key, value, headers.
    #[must_use]
    pub fn read_raw(&self, topic: &str) -> Vec<RawRecord> {
        let raw = |stored: &Stored| (stored.key.clone(), stored.value.clone(), stored.headers.clone());
        self.stored(topic).into_iter().map(raw).collect()
    }

    /// The committed bytes of `key` in a store, wherever its task is.
    #[must_use]
    pub fn store_get(&self, topology: &str, store: &str, key: &[u8]) -> Option<Vec<u8>> {
        self.store_entries(topology, store).remove(key)
    }

    /// The committed value of a key in a typed store of the topology.
    pub fn store_value<K, V>(
        &self,
        topology: &str,
        store: StoreRef<K, V>,
        key: &[u8],
        serde: &dyn Serde<V>,
    ) -> Result<Option<V>, DriverError> {
        let deployed = self
            .deployed
            .iter()
            .find(|deployed| deployed.topology.name() == topology);
        let name = deployed
            .and_then(|deployed| deployed.topology.store(store.index))
            .map_or("", |store| &store.name);
        let bytes = self.store_get(topology, name, key);
        Ok(bytes.map(|bytes| serde.deserialize(Some(&bytes))).transpose()?)
    }

    /// All committed entries of a store across its tasks.
    #[must_use]
    pub fn store_entries(&self, topology: &str, store: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut entries = BTreeMap::new();
        for deployed in self
            .deployed
            .iter()
            .filter(|deployed| deployed.topology.name() == topology)
        {
            let Some(index) = deployed.layout.store_named(store) else {
                continue;
            };
            for driven in &deployed.tasks {
                collect(driven.store.as_ref(), index, &mut entries);
            }
        }
        entries
    }

    /// What a store would hold if it were rebuilt from its changelog: must equal [`store_entries`](Self::store_entries).
    #[must_use]
    pub fn changelog_entries(&self, topology: &str, store: &str) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut entries = BTreeMap::new();
        for stored in self.changelogs(topology).flat_map(|topic| self.stored(topic)) {
            let Some((_, key)) = stored
                .key
                .as_deref()
                .and_then(split_changelog_key)
                .filter(|(name, _)| *name == store)
            else {
                continue;
            };
            match &stored.value {
                Some(value) => drop(entries.insert(key.to_vec(), value.clone())),
                None => drop(entries.remove(key)),
            }
        }
        entries
    }

    fn changelogs(&self, topology: &str) -> impl Iterator<Item = &str> {
        let own = move |deployed: &&Deployed| deployed.topology.name() == topology;
        let topics = self
            .deployed
            .iter()
            .filter(own)
            .flat_map(|deployed| &deployed.layout.topics);
        topics
            .filter(|topic| topic.kind == TopicKind::Changelog)
            .map(|topic| topic.name.as_str())
    }

    fn stored(&self, topic: &str) -> Vec<&Stored> {
        let mut all: Vec<&Stored> = self.topics.get(topic).into_iter().flatten().flatten().collect();
        all.sort_by_key(|stored| stored.number);
        all
    }
}

fn collect(store: &MemoryStore, index: StoreIndex, entries: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    // A memory store does not fail.
    drop(store.range(index, KeyRange::all(), false, &mut |key, value| {
        entries.insert(key.to_vec(), value.to_vec());
        ControlFlow::Continue(())
    }));
}
