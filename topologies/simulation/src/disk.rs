//! Crashable disks: what a store has not made durable is lost with its process, as `RocksDB` loses what no flush has written.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runtime::StateProvider;
use streams::store::{KeyRange, KeyValueStore, Positions, StoreError, StoreWrite, Visitor};
use streams::{MemoryStore, StoreIndex, TaskId};

use crate::sometimes::Moment;
use crate::world::{ProcessId, World};

/// Times in a thousand that a write is followed by a flush.
const FLUSHED: u64 = 50;
/// How long a write takes on a slow disk.
const SLOW_WRITE: std::ops::Range<Duration> = Duration::from_millis(20)..Duration::from_millis(800);

/// The disk of one instance. It outlives the instance's processes; clones are the same disk.
#[derive(Clone)]
pub(crate) struct Disk {
    world: World,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    tasks: BTreeMap<Place, TaskDirectory>,
    is_full: bool,
    is_slow: bool,
}

/// Application and task.
type Place = (String, TaskId);

/// What is on the disk of one task.
#[derive(Default)]
struct TaskDirectory {
    durable: Image,
    /// Written and not durable yet, in order.
    written: Vec<Batch>,
    holder: Option<ProcessId>,
    is_damaged: bool,
}

type Image = (BTreeMap<(StoreIndex, Vec<u8>), Vec<u8>>, Positions);
type Batch = (Vec<(StoreIndex, Vec<u8>, Option<Vec<u8>>)>, Positions);

impl Disk {
    pub(crate) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            state: Arc::default(),
        }
    }

    /// The state of one application, as a process of this disk's instance opens it.
    pub(crate) fn states(&self, process: ProcessId, application: &str) -> DiskStates {
        DiskStates {
            disk: self.clone(),
            process,
            application: application.to_owned(),
        }
    }

    pub(crate) fn set_full(&self, is_full: bool) {
        self.lock().is_full = is_full;
    }

    pub(crate) fn set_slow(&self, is_slow: bool) {
        self.lock().is_slow = is_slow;
    }

    /// Damages one of the tasks' directories.
    pub(crate) fn damage(&self) {
        let mut state = self.lock();
        let count = u64::try_from(state.tasks.len()).unwrap_or(0);
        if count == 0 {
            return;
        }
        let at = self.world.draw(|random| random.within(0..count));
        let directory = usize::try_from(at).ok().and_then(|at| state.tasks.values_mut().nth(at));
        if let Some(directory) =
            directory.filter(|directory| directory.holder.is_none_or(|holder| !self.world.is_alive(holder)))
        {
            directory.is_damaged = true;
        }
    }

    /// What the stores of a task hold, for the oracle: everything written, durable or not.
    pub(crate) fn contents(&self, application: &str, task: TaskId) -> Option<Image> {
        let state = self.lock();
        let directory = state.tasks.get(&(application.to_owned(), task))?;
        let mut image = directory.durable.clone();
        directory.written.iter().for_each(|batch| apply(&mut image, batch));
        Some(image)
    }

    /// The tasks of an application that a live process has open.
    pub(crate) fn open_tasks(&self, application: &str) -> Vec<TaskId> {
        let state = self.lock();
        let open = state.tasks.iter().filter(|((of, _), directory)| {
            of == application && directory.holder.is_some_and(|holder| self.world.is_alive(holder))
        });
        open.map(|((_, task), _)| *task).collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Never held while a thread waits.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn apply(image: &mut Image, (writes, positions): &Batch) {
    for (store, key, value) in writes {
        match value {
            Some(value) => image.0.insert((*store, key.clone()), value.clone()),
            None => image.0.remove(&(*store, key.clone())),
        };
    }
    image.1.clone_from(positions);
}

/// The state of one application on a disk.
pub(crate) struct DiskStates {
    disk: Disk,
    process: ProcessId,
    application: String,
}

impl StateProvider for DiskStates {
    fn open(&self, task: TaskId, _: &[(StoreIndex, String)]) -> Result<Arc<dyn KeyValueStore>, StoreError> {
        let world = &self.disk.world;
        world.step(self.process);
        let place = (self.application.clone(), task);
        let mut state = self.disk.lock();
        let is_full = state.is_full;
        let directory = state.tasks.entry(place.clone()).or_default();
        if directory.holder.is_some_and(|holder| world.is_alive(holder)) {
            return Err(StoreError::Locked(format!("task {task} is open")));
        }
        directory.survive(world);
        if directory.is_damaged {
            world.reached(Moment::StoreDamaged);
            return Err(StoreError::Corrupted("a checksum does not match".to_owned()));
        }
        if is_full {
            world.reached(Moment::DiskFull);
            return Err(StoreError::Io("no space left on device".to_owned()));
        }
        directory.holder = Some(self.process);
        let live = MemoryStore::default();
        directory.fill(&live)?;
        Ok(Arc::new(DiskStore {
            disk: self.disk.clone(),
            process: self.process,
            place,
            live,
        }))
    }

    fn quarantine(&self, task: TaskId, _: &str) -> Result<(), StoreError> {
        self.disk.world.step(self.process);
        let place = (self.application.clone(), task);
        self.disk.lock().tasks.insert(place, TaskDirectory::default());
        Ok(())
    }
}

impl TaskDirectory {
    /// What is left after the process before: what it had flushed, and some of what it had not.
    fn survive(&mut self, world: &World) {
        let count = u64::try_from(self.written.len()).unwrap_or(0);
        let kept = world.draw(|random| random.within(0..count + 1));
        let kept = usize::try_from(kept).unwrap_or(0);
        if kept < self.written.len() {
            world.reached(Moment::StoreLostWrites);
        }
        for batch in self.written.drain(..).take(kept) {
            apply(&mut self.durable, &batch);
        }
    }

    fn flush(&mut self) {
        for batch in self.written.drain(..) {
            apply(&mut self.durable, &batch);
        }
    }

    fn fill(&self, live: &MemoryStore) -> Result<(), StoreError> {
        let (entries, positions) = &self.durable;
        let mut writes = entries.iter().map(|((store, key), value)| StoreWrite {
            store: *store,
            key,
            value: Some(value),
        });
        live.write(&mut writes, positions)
    }
}

/// The stores of one task on a disk, held open by a process.
struct DiskStore {
    disk: Disk,
    process: ProcessId,
    place: Place,
    live: MemoryStore,
}

impl KeyValueStore for DiskStore {
    fn get(&self, store: StoreIndex, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        self.live.get(store, key, read)
    }

    fn range(
        &self,
        store: StoreIndex,
        range: KeyRange<'_>,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        self.live.range(store, range, reverse, visit)
    }

    fn write(&self, writes: &mut dyn Iterator<Item = StoreWrite<'_>>, positions: &Positions) -> Result<(), StoreError> {
        let world = &self.disk.world;
        world.step(self.process);
        if self.disk.lock().is_slow {
            let time = world.draw(|random| random.time(SLOW_WRITE));
            world.sleep(time);
        }
        let batch: Batch = (
            writes
                .map(|write| (write.store, write.key.to_vec(), write.value.map(<[u8]>::to_vec)))
                .collect(),
            positions.clone(),
        );
        if self.disk.lock().is_full {
            world.reached(Moment::DiskFull);
            return Err(StoreError::Io("no space left on device".to_owned()));
        }
        let mut copied = batch.0.iter().map(|(store, key, value)| StoreWrite {
            store: *store,
            key,
            value: value.as_deref(),
        });
        self.live.write(&mut copied, positions)?;
        let is_flushed = world.draw(|random| random.permille(FLUSHED));
        let mut state = self.disk.lock();
        if let Some(directory) = state.tasks.get_mut(&self.place) {
            directory.written.push(batch);
            if is_flushed {
                directory.flush();
            }
        }
        world.is_at_rest(self.process);
        Ok(())
    }

    fn restore(
        &self,
        writes: &mut dyn Iterator<Item = StoreWrite<'_>>,
        positions: &Positions,
    ) -> Result<(), StoreError> {
        let is_empty = self.live.positions().changelog.is_none();
        let moment = if is_empty {
            Moment::RestoredFromNothing
        } else {
            Moment::GapReplayed
        };
        self.disk.world.reached(moment);
        self.write(writes, positions)
    }

    fn positions(&self) -> Positions {
        self.live.positions()
    }
}

impl Drop for DiskStore {
    /// Closing makes everything durable; being killed makes nothing so.
    fn drop(&mut self) {
        if !self.disk.world.is_alive(self.process) {
            return;
        }
        if let Some(directory) = self.disk.lock().tasks.get_mut(&self.place) {
            directory.flush();
            directory.holder = None;
        }
    }
}
