//! What this process hosts: for each topology its layout, its running tasks and what they have committed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};

use streams::{InputOffset, Layout, TaskId, TopicIndex};
use tokio::sync::watch;

use super::watched::WatchedStore;

/// The running tasks of this process, by topology. Shared between stream threads, which publish, and queries, which read.
#[derive(Default)]
pub struct Hosting {
    topologies: RwLock<BTreeMap<String, Hosted>>,
}

/// One topology.
struct Hosted {
    layout: Arc<Layout>,
    tasks: BTreeMap<TaskId, Published>,
    threads: BTreeMap<usize, ThreadState>,
}

/// A running task. Its progress is told from here alone, so that whoever waits for some learns when the task is withdrawn.
struct Published {
    task: HostedTask,
    progress: watch::Sender<Inputs>,
}

/// A running task as queries see it.
#[derive(Clone)]
pub(crate) struct HostedTask {
    pub(crate) store: Arc<WatchedStore>,
    pub(crate) committed: watch::Receiver<Inputs>,
}

/// The committed next offset of each input.
pub(crate) type Inputs = BTreeMap<TopicIndex, i64>;

/// What a stream thread is doing, for readiness and operators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ThreadState {
    /// Whether the thread is a member of its group.
    pub joined: bool,
    /// Tasks that are being restored: offsets still to read.
    pub restoring: BTreeMap<TaskId, u64>,
    /// Tasks that run.
    pub running: BTreeSet<TaskId>,
    /// Why the thread cannot go on now, in words; `None` when it can.
    pub blocked: Option<String>,
}

/// How far a running task has committed one of its inputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputPosition {
    /// The topology.
    pub topology: String,
    /// The topic that is read.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// The committed next offset.
    pub next: i64,
}

impl Hosted {
    fn positions(&self, topology: &str) -> Vec<InputPosition> {
        let mut positions = Vec::new();
        for (id, published) in &self.tasks {
            for (topic, next) in published.progress.borrow().iter() {
                positions.extend(self.layout.topic(*topic).map(|topic| InputPosition {
                    topology: topology.to_owned(),
                    topic: topic.name.clone(),
                    partition: id.partition,
                    next: *next,
                }));
            }
        }
        positions
    }
}

impl Hosting {
    /// Makes a topology known, so that its keys can be routed even when none of its tasks is here.
    pub fn register(&self, topology: &str, layout: Arc<Layout>) {
        let hosted = Hosted {
            layout,
            tasks: BTreeMap::new(),
            threads: BTreeMap::new(),
        };
        self.write(|topologies| topologies.insert(topology.to_owned(), hosted));
    }

    /// The layout of a known topology.
    #[must_use]
    pub fn layout(&self, topology: &str) -> Option<Arc<Layout>> {
        self.read(|topologies| topologies.get(topology).map(|hosted| Arc::clone(&hosted.layout)))
    }

    /// Names of the known topologies.
    #[must_use]
    pub fn topologies(&self) -> Vec<String> {
        self.read(|topologies| topologies.keys().cloned().collect())
    }

    /// What each stream thread of each topology is doing.
    #[must_use]
    pub fn threads(&self) -> Vec<(String, usize, ThreadState)> {
        self.read(|topologies| {
            let threads = |(name, hosted): (&String, &Hosted)| {
                let name = name.clone();
                let states = hosted.threads.clone().into_iter();
                states
                    .map(move |(thread, state)| (name.clone(), thread, state))
                    .collect::<Vec<_>>()
            };
            topologies.iter().flat_map(threads).collect()
        })
    }

    /// How far the running tasks of this process have committed each of their inputs.
    #[must_use]
    pub fn positions(&self) -> Vec<InputPosition> {
        self.read(|topologies| {
            let of_topology = |(name, hosted): (&String, &Hosted)| hosted.positions(name);
            topologies.iter().flat_map(of_topology).collect()
        })
    }

    /// Why this process is not ready to serve, or an empty list when it is.
    #[must_use]
    pub fn obstacles(&self) -> Vec<String> {
        self.threads()
            .into_iter()
            .filter_map(|(topology, thread, state)| obstacle(&topology, thread, &state))
            .collect()
    }

    pub(crate) fn set_thread(&self, topology: &str, thread: usize, state: ThreadState) {
        self.write(|topologies| {
            if let Some(hosted) = topologies.get_mut(topology) {
                hosted.threads.insert(thread, state);
            }
        });
    }

    pub(crate) fn publish(&self, topology: &str, task: TaskId, store: Arc<WatchedStore>, inputs: Inputs) {
        let (progress, committed) = watch::channel(inputs);
        let published = Published {
            task: HostedTask { store, committed },
            progress,
        };
        self.write(|topologies| {
            if let Some(topology) = topologies.get_mut(topology) {
                topology.tasks.insert(task, published);
            }
        });
    }

    /// Tells waiting queries what a task has committed.
    pub(crate) fn committed(&self, topology: &str, task: TaskId, offsets: &[InputOffset]) {
        self.with_progress(topology, task, |progress| {
            progress.send_modify(|inputs| {
                inputs.extend(offsets.iter().map(|offset| (offset.topic, offset.next)));
            });
        });
    }

    /// Tells waiting queries that a task has seen everything before an offset. Wakes nobody when that is known.
    pub(crate) fn reached(&self, topology: &str, task: TaskId, position: InputOffset) {
        self.with_progress(topology, task, |progress| {
            progress.send_if_modified(|inputs| {
                let known = inputs.entry(position.topic).or_insert(position.next);
                let further = *known < position.next;
                *known = position.next.max(*known);
                further
            });
        });
    }

    pub(crate) fn withdraw(&self, topology: &str, task: TaskId) {
        let withdrawn = self.write(|topologies| topologies.get_mut(topology)?.tasks.remove(&task));
        if let Some(published) = withdrawn {
            published.task.store.end();
        }
    }

    pub(crate) fn task(&self, topology: &str, task: TaskId) -> Option<HostedTask> {
        self.read(|topologies| Some(topologies.get(topology)?.tasks.get(&task)?.task.clone()))
    }

    fn with_progress(&self, topology: &str, task: TaskId, tell: impl FnOnce(&watch::Sender<Inputs>)) {
        self.read(|topologies| {
            if let Some(published) = topologies.get(topology).and_then(|hosted| hosted.tasks.get(&task)) {
                tell(&published.progress);
            }
        });
    }

    fn read<T>(&self, read: impl FnOnce(&BTreeMap<String, Hosted>) -> T) -> T {
        // The map is whole at every moment, so a panicking holder leaves it usable.
        read(&self.topologies.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, write: impl FnOnce(&mut BTreeMap<String, Hosted>) -> T) -> T {
        write(&mut self.topologies.write().unwrap_or_else(PoisonError::into_inner))
    }
}

fn obstacle(topology: &str, thread: usize, state: &ThreadState) -> Option<String> {
    if let Some(reason) = &state.blocked {
        return Some(format!("{topology}, thread {thread}: {reason}"));
    }
    if !state.joined {
        return Some(format!("{topology}, thread {thread}: joining the group"));
    }
    if state.restoring.is_empty() {
        return None;
    }
    let remaining: u64 = state.restoring.values().sum();
    Some(format!(
        "{topology}, thread {thread}: restoring {} tasks, {remaining} offsets to read",
        state.restoring.len()
    ))
}
