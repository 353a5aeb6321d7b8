//! What the tests of this crate share: an application's directory, batches, and a model of what a store must hold.

#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use state_stores::{RocksDbStore, StateDirectory, StoreBudget, StoreMemory};
use streams::store::{KeyRange, KeyValueStore, Positions, StoreError, StoreWrite};
use streams::{StoreIndex, TaskId};
use tempfile::TempDir;

/// The stores of every task in these tests.
pub(crate) const STORES: [(StoreIndex, &str); 3] = [
    (StoreIndex(0), "orders"),
    (StoreIndex(1), "timers"),
    (StoreIndex(4), "holds"),
];

pub(crate) const TASK: TaskId = TaskId {
    subtopology: 0,
    partition: 3,
};

/// Content of all stores of a task.
pub(crate) type Content = BTreeMap<StoreIndex, BTreeMap<Vec<u8>, Vec<u8>>>;

/// One write with its own bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnedWrite {
    pub(crate) store: StoreIndex,
    pub(crate) key: Vec<u8>,
    pub(crate) value: Option<Vec<u8>>,
}

/// A directory for one test. Memory serves where there is such a disk: the death of a process does not tell it from a
/// real one, and nothing here cuts the power.
pub(crate) fn temporary_directory() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory)
    } else {
        tempfile::tempdir()
    }
    .unwrap()
}

/// Limits so small that a few writes already flush, and a few restored records are already ingested.
pub(crate) fn tight_budget() -> StoreBudget {
    StoreBudget {
        unflushed_writes_max: 60,
        ingest_records_min: 3,
        ..StoreBudget::with_memory(8 << 20)
    }
}

pub(crate) fn state_directory(root: &Path) -> StateDirectory {
    StateDirectory::new(root, "sluice-orders", StoreMemory::new(tight_budget()).unwrap()).unwrap()
}

pub(crate) fn try_open(state: &StateDirectory, task: TaskId) -> Result<RocksDbStore, StoreError> {
    state.open(task, &STORES.map(|(index, name)| (index, name.to_owned())))
}

pub(crate) fn open(state: &StateDirectory) -> RocksDbStore {
    try_open(state, TASK).unwrap()
}

pub(crate) fn rocksdb_path(state: &StateDirectory, task: TaskId) -> PathBuf {
    state.path().join(task.to_string()).join("rocksdb")
}

/// Positions after the batch of that number.
pub(crate) fn positions(sequence: u64) -> Positions {
    if sequence == 0 {
        return Positions {
            changelog: None,
            sequence,
            stream_time_ms: i64::MIN,
        };
    }
    let offset = i64::try_from(sequence).unwrap() * 10;
    Positions {
        changelog: Some(offset),
        sequence,
        stream_time_ms: offset * 1_000,
    }
}

pub(crate) fn borrowed(writes: &[OwnedWrite]) -> impl Iterator<Item = StoreWrite<'_>> {
    writes.iter().map(|write| StoreWrite {
        store: write.store,
        key: &write.key,
        value: write.value.as_deref(),
    })
}

pub(crate) fn apply(content: &mut Content, writes: &[OwnedWrite]) {
    for write in writes {
        let entries = content.entry(write.store).or_default();
        match &write.value {
            Some(value) => entries.insert(write.key.clone(), value.clone()),
            None => entries.remove(&write.key),
        };
    }
    content.retain(|_, entries| !entries.is_empty());
}

/// Everything in the stores, by a range read in the given direction.
pub(crate) fn try_content(store: &dyn KeyValueStore, reverse: bool) -> Result<Content, StoreError> {
    let mut content = Content::new();
    for (index, _) in STORES {
        for (key, value) in entries(store, index, KeyRange::all(), reverse)? {
            content.entry(index).or_default().insert(key, value);
        }
    }
    Ok(content)
}

pub(crate) fn content(store: &dyn KeyValueStore) -> Content {
    try_content(store, false).unwrap()
}

/// Keys and values in the order of their visit.
pub(crate) type Visited = Vec<(Vec<u8>, Vec<u8>)>;

/// What a range read visits.
pub(crate) fn entries(
    store: &dyn KeyValueStore,
    index: StoreIndex,
    range: KeyRange<'_>,
    reverse: bool,
) -> Result<Visited, StoreError> {
    let mut visited = Vec::new();
    store.range(index, range, reverse, &mut |key, value| {
        visited.push((key.to_vec(), value.to_vec()));
        ControlFlow::Continue(())
    })?;
    Ok(visited)
}

pub(crate) fn value(store: &dyn KeyValueStore, index: StoreIndex, key: &[u8]) -> Option<Vec<u8>> {
    let mut value = None;
    let found = store
        .get(index, key, &mut |bytes| value = Some(bytes.to_vec()))
        .unwrap();
    assert_eq!(found, value.is_some());
    value
}

/// A batch that says in every store how many batches there were, adds a key that no other batch touches, and moves
/// other keys about.
pub(crate) fn numbered_batch(sequence: u64) -> Vec<OwnedWrite> {
    let write = |store, key: String, value| OwnedWrite {
        store,
        key: key.into_bytes(),
        value,
    };
    let mut writes = Vec::new();
    for (store, name) in STORES {
        let value = format!("{name}:{sequence}").into_bytes();
        let mut put = |key: String, value: Option<&Vec<u8>>| writes.push(write(store, key, value.cloned()));
        put("count".to_owned(), Some(&value));
        put(format!("once-{sequence}"), Some(&value));
        put(format!("key-{}", sequence % 17), Some(&value));
        put(format!("key-{}", sequence % 5), None);
    }
    writes
}

/// What a store holds after that many numbered batches.
pub(crate) fn numbered_content(sequence: u64) -> Content {
    let mut content = Content::new();
    (1..=sequence).for_each(|number| apply(&mut content, &numbered_batch(number)));
    content
}

/// Writes the numbered batches from `from` to `to`, both included.
pub(crate) fn write_numbered(store: &RocksDbStore, from: u64, to: u64) {
    for number in from..=to {
        store
            .write(&mut borrowed(&numbered_batch(number)), &positions(number))
            .unwrap();
    }
}
