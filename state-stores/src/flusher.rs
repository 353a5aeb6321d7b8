//! The one thread that writes memtables to disk: when enough was written, when it is old, when memory is short.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use rocksdb::WriteBufferManager;
use streams::store::StoreError;

use crate::database::Database;
use crate::memory::StoreBudget;

/// Longest time between two looks at the databases.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);
/// Memtables smaller than this are not flushed for want of memory: the many small files would cost more than they free.
const CROWDED_FLUSH_BYTES_MIN: u64 = 1 << 20;

/// An open database, or nothing once its store is closed. A flush holds the lock shared, so closing waits for its end.
type Slot = RwLock<Option<Arc<Database>>>;
type Slots = Arc<Mutex<Vec<Arc<Slot>>>>;

/// Handle of the flushing thread. The thread ends with it.
pub(crate) struct Flusher {
    slots: Slots,
    nudges: SyncSender<()>,
}

/// A database's place among those that are flushed; given up when dropped, after a running flush has ended.
pub(crate) struct Registration {
    slots: Slots,
    slot: Arc<Slot>,
}

impl Flusher {
    /// Starts the thread.
    pub(crate) fn start(budget: &StoreBudget, write_buffers: WriteBufferManager) -> Result<Self, StoreError> {
        // One waiting nudge is enough: a sweep looks at everything.
        let (nudges, wake_ups) = sync_channel(1);
        let slots = Slots::default();
        let sweep = Sweep {
            slots: Arc::clone(&slots),
            write_buffers,
            budget: budget.clone(),
        };
        std::thread::Builder::new()
            .name("store-flusher".to_owned())
            .spawn(move || sweep.run(&wake_ups))
            .map_err(|error| StoreError::Io(format!("the thread that flushes stores does not start: {error}")))?;
        Ok(Self { slots, nudges })
    }

    /// Puts a database under the thread's care.
    pub(crate) fn register(&self, database: Arc<Database>) -> Registration {
        let slot = Arc::new(RwLock::new(Some(database)));
        lock(&self.slots).push(Arc::clone(&slot));
        Registration {
            slots: Arc::clone(&self.slots),
            slot,
        }
    }

    /// Asks for a look at the databases soon. Never waits.
    pub(crate) fn nudge(&self) {
        match self.nudges.try_send(()) {
            // A full channel means that a look is already due, a closed one that the process is ending.
            Ok(()) | Err(_) => {}
        }
    }

    /// Asks each open database for something.
    pub(crate) fn map<T>(&self, ask: impl Fn(&Database) -> T) -> Vec<T> {
        let slots = lock(&self.slots).clone();
        slots.iter().filter_map(|slot| with_open(slot, &ask)).collect()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        lock(&self.slots).retain(|slot| !Arc::ptr_eq(slot, &self.slot));
        *self.slot.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

struct Sweep {
    slots: Slots,
    write_buffers: WriteBufferManager,
    budget: StoreBudget,
}

impl Sweep {
    fn run(&self, wake_ups: &Receiver<()>) {
        while wake_ups.recv_timeout(SWEEP_INTERVAL) != Err(RecvTimeoutError::Disconnected) {
            let slots = lock(&self.slots).clone();
            for slot in &slots {
                with_open(slot, |database| self.flush_if_due(database));
            }
            if self.write_buffers.get_usage() >= self.budget.memtable_bytes / 4 * 3 {
                flush_largest(&slots);
            }
        }
    }

    fn flush_if_due(&self, database: &Database) {
        let (unflushed, age) = database.unflushed(Instant::now());
        if unflushed >= self.budget.unflushed_writes_max || age >= self.budget.unflushed_max {
            flush(database);
        }
    }
}

// RocksDB itself flushes only the database that is being written to, however little it holds.
fn flush_largest(slots: &[Arc<Slot>]) {
    let sizes = slots
        .iter()
        .map(|slot| with_open(slot, Database::memtable_bytes).unwrap_or(0));
    let largest = slots.iter().zip(sizes).max_by_key(|(_, bytes)| *bytes);
    if let Some((slot, CROWDED_FLUSH_BYTES_MIN..)) = largest {
        with_open(slot, flush);
    }
}

fn flush(database: &Database) {
    // The next write of the task meets the same failure and gives it to the engine, so here it is only told.
    if let Err(error) = database.flush() {
        tracing::warn!(%error, database = %database.path().display(), "a store could not be flushed");
    }
}

fn with_open<T>(slot: &Slot, ask: impl FnOnce(&Database) -> T) -> Option<T> {
    let database = slot.read().unwrap_or_else(PoisonError::into_inner);
    database.as_deref().map(ask)
}

fn lock(slots: &Slots) -> std::sync::MutexGuard<'_, Vec<Arc<Slot>>> {
    slots.lock().unwrap_or_else(PoisonError::into_inner)
}
