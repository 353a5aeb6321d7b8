//! Runs topologies in memory: the production [`Task`] with several partitions, real commits and rollbacks, no broker, no sleep.

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::builder::{StoreRef, Topic};
use crate::commit::{ChangelogEnds, Commit, InputOffset, TaskId};
use crate::error::{TaskError, TopologyError};
use crate::layout::{Layout, PartitionCounts, TaskLayout, TopicKind};
use crate::memory_store::MemoryStore;
use crate::partition::partition_for_key;
use crate::record::{Headers, InputRecord, OutputRecord, Record, StoreIndex, TopicIndex};
use crate::serde::{Encoded, SerdeError};
use crate::store::{KeyRange, KeyValueStore, StoreError, StoreWrite};
use crate::task::{Task, TaskLimits};
use crate::topology::Topology;

/// How a driver is set up.
#[derive(Debug, Clone, Copy)]
pub struct DriverOptions {
    /// Partitions of every external topic.
    pub partitions: i32,
    /// The clock at the start, in milliseconds since the epoch.
    pub now_ms: i64,
    /// Bounds of each task.
    pub limits: TaskLimits,
}

impl Default for DriverOptions {
    fn default() -> Self {
        Self {
            partitions: 3,
            now_ms: 1_700_000_000_000,
            limits: TaskLimits::default(),
        }
    }
}

/// Why a driver could not go on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DriverError {
    /// A topology could not be placed.
    #[error(transparent)]
    Topology(#[from] TopologyError),
    /// A task failed.
    #[error(transparent)]
    Task(#[from] TaskError),
    /// A store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A test value could not be encoded, or an output could not be read.
    #[error(transparent)]
    Serde(#[from] SerdeError),
    /// The topologies feed each other for ever.
    #[error("still not idle after {0} records")]
    Endless(usize),
}

/// Records that one [`TopologyTestDriver::run_until_idle`] processes at most.
const RECORDS_PER_RUN_MAX: usize = 1_000_000;

/// Key, value and headers of a record.
pub type RawRecord = (Option<Vec<u8>>, Option<Vec<u8>>, Headers);

/// One or more topologies over shared topics in memory.
pub struct TopologyTestDriver {
    deployed: Vec<Deployed>,
    topics: BTreeMap<String, Vec<Vec<Stored>>>,
    appended: u64,
    options: DriverOptions,
    now_ms: i64,
    autocommit: bool,
}

struct Deployed {
    topology: Topology,
    layout: Arc<Layout>,
    tasks: Vec<Driven>,
}

struct Driven {
    task: Task,
    store: Arc<MemoryStore>,
    next: BTreeMap<TopicIndex, i64>,
}

/// A record in the driver's log.
#[derive(Debug, Clone)]
struct Stored {
    number: u64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    timestamp_ms: i64,
    headers: Headers,
}

impl TopologyTestDriver {
    /// Deploys the topologies with all topics empty.
    pub fn new(topologies: Vec<Topology>, options: DriverOptions) -> Result<Self, DriverError> {
        let mut driver = Self {
            deployed: Vec::new(),
            topics: BTreeMap::new(),
            appended: 0,
            options,
            now_ms: options.now_ms,
            autocommit: true,
        };
        for topology in topologies {
            driver.deploy(topology)?;
        }
        Ok(driver)
    }

    /// Appends a record with the clock's time and runs until nothing is left to do.
    pub fn pipe<K, V>(&mut self, topic: &Topic<K, V>, key: &K, value: &V) -> Result<(), DriverError> {
        let (mut key_bytes, mut value_bytes) = (Vec::new(), Vec::new());
        let key = topic.key.serialize(key, &mut key_bytes)?;
        let value = topic.value.serialize(value, &mut value_bytes)?;
        let bytes = |encoded, bytes: Vec<u8>| (encoded == Encoded::Bytes).then_some(bytes);
        let (key, value) = (bytes(key, key_bytes), bytes(value, value_bytes));
        self.append(&topic.name, key, value, self.now_ms, Headers::default());
        self.run_until_idle()
    }

    /// Appends a record of raw bytes and runs until nothing is left to do.
    pub fn pipe_raw(
        &mut self,
        topic: &str,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp_ms: i64,
        headers: Headers,
    ) -> Result<(), DriverError> {
        self.append(
            topic,
            key.map(<[u8]>::to_vec),
            value.map(<[u8]>::to_vec),
            timestamp_ms,
            headers,
        );
        self.run_until_idle()
    }

    /// Whether each record is committed by itself (the start) or only by [`commit`](Self::commit).
    pub fn set_autocommit(&mut self, autocommit: bool) {
        self.autocommit = autocommit;
    }

    /// The clock.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        self.now_ms
    }

    /// Moves the clock forward, fires what came due and runs until nothing is left to do.
    pub fn advance_wall_clock(&mut self, by_ms: i64) -> Result<(), DriverError> {
        self.now_ms += by_ms;
        self.punctuate()?;
        self.run_until_idle()
    }

    /// Processes all waiting records and everything that follows from them.
    pub fn run_until_idle(&mut self) -> Result<(), DriverError> {
        for _ in 0..RECORDS_PER_RUN_MAX {
            if !self.step()? {
                return Ok(());
            }
        }
        Err(DriverError::Endless(RECORDS_PER_RUN_MAX))
    }

    /// Commits all tasks: outputs become visible, and the topologies that read them run on.
    pub fn commit(&mut self) -> Result<(), DriverError> {
        self.commit_all()?;
        self.run_until_idle()
    }

    /// Aborts all tasks' uncommitted effects and rewinds them. The next run processes the same records again.
    pub fn abort(&mut self) {
        for driven in self.deployed.iter_mut().flat_map(|deployed| &mut deployed.tasks) {
            driven.task.abort();
            driven.next = driven
                .task
                .committed_inputs()
                .map(|input| (input.topic, input.next))
                .collect();
        }
    }

    /// Kills every task without a commit and opens it again. With `wipe`, its store is lost and restored from the changelog.
    pub fn crash(&mut self, wipe: bool) -> Result<(), DriverError> {
        for at in 0..self.deployed.len() {
            self.crash_topology(at, wipe)?;
        }
        Ok(())
    }

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
        serde: &dyn crate::serde::Serde<V>,
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
        let name = format!("{}-{store}-changelog", application_id(topology));
        for stored in self.stored(&name) {
            match (&stored.key, &stored.value) {
                (Some(key), Some(value)) => drop(entries.insert(key.clone(), value.clone())),
                (Some(key), None) => drop(entries.remove(key)),
                (None, _) => {}
            }
        }
        entries
    }

    fn deploy(&mut self, topology: Topology) -> Result<(), DriverError> {
        let external = topology
            .external_topics()
            .map(|name| (name.to_owned(), self.options.partitions));
        let counts: PartitionCounts = external.collect();
        let layout = Arc::new(topology.place(&application_id(topology.name()), &counts)?);
        for topic in &layout.topics {
            let width = usize::try_from(topic.partitions).unwrap_or(1);
            self.topics
                .entry(topic.name.clone())
                .or_insert_with(|| vec![Vec::new(); width]);
        }
        let open = |own: &TaskLayout| open(&topology, &layout, own, Arc::default(), &[], 0, self.options.limits);
        let tasks = layout.tasks.iter().filter_map(open).collect();
        self.deployed.push(Deployed {
            topology,
            layout,
            tasks,
        });
        Ok(())
    }

    fn append(
        &mut self,
        topic: &str,
        key: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        timestamp_ms: i64,
        headers: Headers,
    ) {
        let width = self.options.partitions;
        let partition = key.as_deref().map_or(0, |key| partition_for_key(key, width));
        self.append_at(
            topic,
            partition,
            Stored {
                number: 0,
                key,
                value,
                timestamp_ms,
                headers,
            },
        );
    }

    fn append_at(&mut self, topic: &str, partition: i32, mut stored: Stored) -> i64 {
        self.appended += 1;
        stored.number = self.appended;
        let width = usize::try_from(self.options.partitions).unwrap_or(1);
        let partitions = self
            .topics
            .entry(topic.to_owned())
            .or_insert_with(|| vec![Vec::new(); width]);
        let Some(log) = usize::try_from(partition).ok().and_then(|at| partitions.get_mut(at)) else {
            return 0;
        };
        log.push(stored);
        i64::try_from(log.len()).unwrap_or(i64::MAX)
    }

    fn stored(&self, topic: &str) -> Vec<&Stored> {
        let mut all: Vec<&Stored> = self.topics.get(topic).into_iter().flatten().flatten().collect();
        all.sort_by_key(|stored| stored.number);
        all
    }

    /// Processes the oldest waiting record of all tasks. Answers whether there was one.
    fn step(&mut self) -> Result<bool, DriverError> {
        let Some((deployed, task, topic, stored, partition, offset)) = self.oldest() else {
            return Ok(false);
        };
        let now_ms = self.now_ms;
        let Some(driven) = self
            .deployed
            .get_mut(deployed)
            .and_then(|deployed| deployed.tasks.get_mut(task))
        else {
            return Ok(false);
        };
        let record = InputRecord {
            topic,
            partition,
            offset,
            timestamp_ms: stored.timestamp_ms,
            key: stored.key.as_deref(),
            value: stored.value.as_deref(),
            headers: stored.headers.clone(),
        };
        driven.task.process(&record, now_ms)?;
        driven.task.punctuate(now_ms)?;
        driven.next.insert(topic, offset + 1);
        if self.autocommit {
            self.commit_task(deployed, task)?;
        }
        Ok(true)
    }

    fn oldest(&self) -> Option<(usize, usize, TopicIndex, Stored, i32, i64)> {
        let mut oldest: Option<(usize, usize, TopicIndex, &Stored, i32, i64)> = None;
        for (at, deployed) in self.deployed.iter().enumerate() {
            for (task, driven) in deployed.tasks.iter().enumerate() {
                for (topic, next) in &driven.next {
                    let partition = driven.task.id().partition;
                    let name = &deployed.layout.topic(*topic)?.name;
                    let log = self
                        .topics
                        .get(name)
                        .and_then(|logs| logs.get(usize::try_from(partition).ok()?));
                    let stored = log.and_then(|log| log.get(usize::try_from(*next).ok()?));
                    let Some(stored) = stored else { continue };
                    if oldest.is_none_or(|(.., best, _, _)| stored.number < best.number) {
                        oldest = Some((at, task, *topic, stored, partition, *next));
                    }
                }
            }
        }
        oldest.map(|(at, task, topic, stored, partition, next)| (at, task, topic, stored.clone(), partition, next))
    }

    fn punctuate(&mut self) -> Result<(), DriverError> {
        let now_ms = self.now_ms;
        for driven in self.deployed.iter_mut().flat_map(|deployed| &mut deployed.tasks) {
            while driven.task.punctuate(now_ms)? {}
        }
        if self.autocommit { self.commit_all() } else { Ok(()) }
    }

    fn commit_all(&mut self) -> Result<(), DriverError> {
        for deployed in 0..self.deployed.len() {
            let tasks = self.deployed.get(deployed).map_or(0, |deployed| deployed.tasks.len());
            for task in 0..tasks {
                self.commit_task(deployed, task)?;
            }
        }
        Ok(())
    }

    fn commit_task(&mut self, deployed: usize, task: usize) -> Result<(), DriverError> {
        let Some(owner) = self.deployed.get_mut(deployed) else {
            return Ok(());
        };
        let layout = Arc::clone(&owner.layout);
        let Some(driven) = owner.tasks.get_mut(task).filter(|driven| driven.task.has_uncommitted()) else {
            return Ok(());
        };
        let commit = driven.task.prepare_commit();
        let ends = self.append_commit(&layout, &commit);
        let driven = self
            .deployed
            .get_mut(deployed)
            .and_then(|owner| owner.tasks.get_mut(task));
        driven
            .map_or(Ok(()), |driven| driven.task.post_commit(commit, &ends))
            .map_err(DriverError::from)
    }

    fn append_commit(&mut self, layout: &Layout, commit: &Commit) -> ChangelogEnds {
        let mut ends = ChangelogEnds::new();
        for record in commit.outputs.iter().chain(commit.changelog.iter()) {
            let Some(topic) = layout.topic(record.topic) else {
                continue;
            };
            let end = self.append_at(&topic.name, record.partition, stored(&record));
            if topic.kind == TopicKind::Changelog {
                ends.insert(record.topic, end);
            }
        }
        ends
    }

    fn crash_topology(&mut self, at: usize, wipe: bool) -> Result<(), DriverError> {
        let Some(mut deployed) = self
            .deployed
            .get_mut(at)
            .map(|deployed| std::mem::take(&mut deployed.tasks))
        else {
            return Ok(());
        };
        for driven in &mut deployed {
            let own = self
                .deployed
                .get(at)
                .and_then(|owner| owner.layout.task(driven.task.id()).cloned());
            let (Some(owner), Some(own)) = (self.deployed.get(at), own) else {
                continue;
            };
            let store = if wipe {
                self.rebuilt(&owner.layout, &own, driven)?
            } else {
                Arc::clone(&driven.store)
            };
            let inputs: Vec<InputOffset> = driven.task.committed_inputs().collect();
            let sequence = driven.task.sequence();
            let opened = open(
                &owner.topology,
                &owner.layout,
                &own,
                store,
                &inputs,
                sequence,
                self.options.limits,
            );
            if let Some(opened) = opened {
                *driven = opened;
            }
        }
        if let Some(owner) = self.deployed.get_mut(at) {
            owner.tasks = deployed;
        }
        Ok(())
    }

    fn rebuilt(&self, layout: &Layout, own: &TaskLayout, lost: &Driven) -> Result<Arc<MemoryStore>, DriverError> {
        let store = Arc::new(MemoryStore::default());
        let positions = lost.store.positions();
        for (index, topic) in &own.changelogs {
            let log = layout.topic(*topic).and_then(|topic| self.topics.get(&topic.name));
            let log = log.and_then(|logs| logs.get(usize::try_from(own.id.partition).ok()?));
            let mut writes = log.into_iter().flatten().filter_map(|stored| {
                Some(StoreWrite {
                    store: *index,
                    key: stored.key.as_deref()?,
                    value: stored.value.as_deref(),
                })
            });
            store.write(&mut writes, &positions)?;
        }
        Ok(store)
    }
}

fn application_id(topology: &str) -> String {
    format!("test-{topology}")
}

fn open(
    topology: &Topology,
    layout: &Arc<Layout>,
    own: &TaskLayout,
    store: Arc<MemoryStore>,
    inputs: &[InputOffset],
    sequence: u64,
    limits: TaskLimits,
) -> Option<Driven> {
    let id: TaskId = own.id;
    let committed: Arc<dyn KeyValueStore> = Arc::clone(&store) as Arc<dyn KeyValueStore>;
    let task = Task::open(topology, layout, id, committed, inputs, sequence, limits)?;
    let mut next: BTreeMap<TopicIndex, i64> = own.inputs.iter().map(|topic| (*topic, 0)).collect();
    next.extend(inputs.iter().map(|input| (input.topic, input.next)));
    Some(Driven { task, store, next })
}

fn stored(record: &OutputRecord<'_>) -> Stored {
    Stored {
        number: 0,
        key: record.key.map(<[u8]>::to_vec),
        value: record.value.map(<[u8]>::to_vec),
        timestamp_ms: record.timestamp_ms,
        headers: record.headers.clone(),
    }
}

fn collect(store: &MemoryStore, index: StoreIndex, entries: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
    // A memory store does not fail.
    drop(store.range(index, KeyRange::all(), false, &mut |key, value| {
        entries.insert(key.to_vec(), value.to_vec());
        std::ops::ControlFlow::Continue(())
    }));
}
