//! The cluster behind its network: requests that are late, answers that are lost, brokers that are down.
//!
//! A request travels on a connection, which keeps its order, and may be held up there for longer than the client waits. A client
//! that gives up opens another connection and sends again; what is still on the old one arrives whenever it arrives. That
//! is how a late end of a transaction meets the next one.

mod calls;
mod weather;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use calls::Calls;
pub(crate) use calls::{Link, Lost};
pub use weather::Cut;
pub(crate) use weather::Weather;

use crate::cluster::{Answer, BrokerId, Cluster, PartitionId};
use crate::world::{ProcessId, ThreadId, World};

/// A decided marker is written after such a time: until then its transaction is open to readers.
const MARKER_DELAY: std::ops::Range<Duration> = Duration::from_micros(300)..Duration::from_millis(15);

/// The cluster and the network before it. Clones are the same.
#[derive(Clone)]
pub(crate) struct Kafka {
    pub(crate) world: World,
    state: Arc<Mutex<State>>,
}

struct State {
    cluster: Cluster,
    weather: Weather,
    calls: Calls,
    /// Threads that wait for more of a partition.
    readers: BTreeMap<PartitionId, BTreeSet<ThreadId>>,
    /// When the cluster is looked at again for what is due.
    expires_at: Option<Duration>,
    /// When the last of the requests arrives that are on their way.
    arrived_at: Duration,
    committed: bool,
}

impl Kafka {
    pub(crate) fn new(world: World, cluster: Cluster) -> Self {
        let state = State {
            cluster,
            weather: Weather::default(),
            calls: Calls::default(),
            readers: BTreeMap::new(),
            expires_at: None,
            arrived_at: Duration::ZERO,
            committed: false,
        };
        Self {
            world,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Looks at the cluster, from outside the network.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&Cluster) -> T) -> T {
        look(&self.lock().cluster)
    }

    /// Changes the cluster, from outside the network.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Cluster)) {
        change(&mut self.lock().cluster);
        self.follow_up();
    }

    /// Looks at the weather or changes it.
    pub(crate) fn weather<T>(&self, change: impl FnOnce(&mut Weather) -> T) -> T {
        change(&mut self.lock().weather)
    }

    /// When nothing that was sent until now is on its way any more.
    pub(crate) fn arrived_at(&self) -> Duration {
        self.lock().arrived_at
    }

    /// Whether readers can read more since the last [`take_committed`](Self::take_committed).
    pub(crate) fn has_committed(&self) -> bool {
        self.lock().committed
    }

    /// Forgets that readers can read more.
    pub(crate) fn take_committed(&self) {
        self.lock().committed = false;
    }

    /// The current thread is woken when more can be read of one of these.
    pub(crate) fn watch(&self, partitions: &[PartitionId]) {
        let Some(thread) = self.world.current() else { return };
        let mut state = self.lock();
        for partition in partitions {
            state.readers.entry(*partition).or_default().insert(thread);
        }
    }

    /// What the cluster has decided meanwhile: answers, markers, news for readers, deadlines.
    fn follow_up(&self) {
        let (answers, markers, advanced, deadline) = {
            let mut state = self.lock();
            let cluster = &mut state.cluster;
            let found = (
                cluster.take_answers(),
                cluster.take_markers(),
                cluster.take_advanced(),
                cluster.next_deadline(),
            );
            state.committed |= !found.2.is_empty();
            found
        };
        for (ticket, answer) in answers {
            self.answer_parked(ticket, answer);
        }
        for marker in markers {
            let delay = self.world.draw(|random| random.time(MARKER_DELAY));
            let kafka = self.clone();
            let told = format!("  {marker:?}");
            self.world.after(delay, move |world| {
                let now = world.now();
                kafka.lock().cluster.write_marker(now, marker);
                world.note("marker", 0);
                world.tell(0, || told);
                kafka.follow_up();
            });
        }
        for partition in advanced {
            let readers = self.lock().readers.remove(&partition).unwrap_or_default();
            for reader in readers {
                self.world.wake(reader);
            }
        }
        if let Some(deadline) = deadline {
            self.expire_at(deadline);
        }
    }

    fn expire_at(&self, deadline: Duration) {
        let now = self.world.now();
        {
            let mut state = self.lock();
            if state.expires_at.is_some_and(|at| at <= deadline) {
                return;
            }
            state.expires_at = Some(deadline);
        }
        let kafka = self.clone();
        self.world.after(deadline.saturating_sub(now), move |world| {
            {
                let mut state = kafka.lock();
                if state.expires_at == Some(deadline) {
                    state.expires_at = None;
                }
                state.cluster.expire(world.now());
            }
            kafka.follow_up();
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Never held while a thread runs.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who sends to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Route {
    process: ProcessId,
    broker: BrokerId,
}

/// What became of a call.
type Outcome = Result<Answer, Lost>;
