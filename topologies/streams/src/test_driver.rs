//! Runs topologies in memory: the production [`Task`] with several partitions, real commits and rollbacks, no broker, no sleep.

mod reading;
mod running;

use std::collections::BTreeMap;
use std::sync::Arc;

use thiserror::Error;

use crate::builder::Topic;
use crate::commit::{InputOffset, TaskId};
use crate::error::{TaskError, TopologyError};
use crate::layout::{Layout, PartitionCounts, TaskLayout};
use crate::memory_store::MemoryStore;
use crate::partition::partition_for_key;
use crate::record::{Headers, TopicIndex};
use crate::serde::{Encoded, SerdeError};
use crate::store::{KeyValueStore, StoreError};
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
