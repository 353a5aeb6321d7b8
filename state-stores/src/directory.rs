//! The state directory of one application: its tasks, their locks, and what to do with damaged or unwanted ones.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use streams::store::StoreError;
use streams::{StoreIndex, TaskId};

use crate::database::{Database, StoreNames};
use crate::error::{defect, from_io};
use crate::format;
use crate::lock::DirectoryLock;
use crate::memory::StoreMemory;
use crate::snapshot::StoreSnapshot;
use crate::store::RocksDbStore;

/// Damaged databases kept for inspection, per application. The oldest goes when one more comes.
pub const QUARANTINED_MAX: usize = 4;

const QUARANTINE: &str = "quarantine";
const REASON: &str = "SLUICE-REASON";

/// `<root>/<application id>`: the tasks of one application on this machine.
#[derive(Debug, Clone)]
pub struct StateDirectory {
    path: PathBuf,
    memory: StoreMemory,
}

/// A task whose state is on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskOnDisk {
    /// The task.
    pub task: TaskId,
    /// Bytes of all its files.
    pub bytes: u64,
    /// When a file of it last changed. State older than the changelog's tombstone retention must be wiped, not caught
    /// up: tombstones that it missed may be compacted away.
    pub changed_at: SystemTime,
}

impl StateDirectory {
    /// Names the directory; nothing is read or made yet. An application id that is not a plain directory name is refused.
    pub fn new(root: &Path, application_id: &str, memory: StoreMemory) -> Result<Self, StoreError> {
        if application_id.is_empty() || application_id.starts_with('.') || application_id.contains(['/', '\\', '\0']) {
            return Err(defect(format!(
                "the application id {application_id:?} is not a directory name"
            )));
        }
        Ok(Self {
            path: root.join(application_id),
            memory,
        })
    }

    /// `<root>/<application id>`.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a task's stores, or makes them empty, and holds the task's lock until the store is dropped.
    ///
    /// Afterwards the task has exactly `stores`. Column families of other stores are dropped: they would miss the
    /// changes that the changelog forgets, and the changelog can rebuild them. For the same reason all stores start empty
    /// when one of them was not there before.
    pub fn open(&self, task: TaskId, stores: &[(StoreIndex, String)]) -> Result<RocksDbStore, StoreError> {
        let directory = self.task_path(task);
        let (rocksdb, scratch) = (directory.join("rocksdb"), directory.join("scratch"));
        let lock = self.lock(task)?;
        if rocksdb.exists() {
            format::check(&directory.join("format"))?;
        } else {
            format::write(&directory.join("format"))?;
        }
        make(&rocksdb)?;
        remove(&scratch)?;
        make(&scratch)?;
        let names: StoreNames = stores.iter().cloned().collect();
        let (database, positions) = Database::open(&rocksdb, names, &self.memory, lock)?;
        Ok(RocksDbStore::new(database, positions, self.memory.clone(), scratch))
    }

    /// A task's stores as they are on disk, for reading, whether or not a process has the task open. Nothing is made, changed
    /// or locked.
    pub fn open_read_only(&self, task: TaskId, stores: &[(StoreIndex, String)]) -> Result<StoreSnapshot, StoreError> {
        let directory = self.task_path(task);
        format::check(&directory.join("format"))?;
        let names: StoreNames = stores.iter().cloned().collect();
        StoreSnapshot::open(&directory.join("rocksdb"), names, &self.memory)
    }

    /// Moves a closed task's database away, with `reason` beside it, so that the next open starts empty and restores.
    /// Answers where it went. Keeps at most [`QUARANTINED_MAX`] databases.
    pub fn quarantine(&self, task: TaskId, reason: &str) -> Result<PathBuf, StoreError> {
        let _lock = self.lock(task)?;
        let quarantine = self.path.join(QUARANTINE);
        make(&quarantine)?;
        let kept = quarantined(&quarantine)?;
        let number = kept.last().map_or(1, |(number, _)| number + 1);
        let place = quarantine.join(format!("{task}-{number}"));
        let from = self.task_path(task).join("rocksdb");
        fs::rename(&from, &place).map_err(|error| from_io(&error, &from))?;
        // The reason is for people; the database is out of the way without it.
        drop(fs::write(place.join(REASON), format!("{reason}\n")));
        tracing::error!(%task, reason, place = %place.display(), "damaged state is put aside and restored from its changelogs");
        let surplus = (kept.len() + 1).saturating_sub(QUARANTINED_MAX);
        kept.iter().take(surplus).try_for_each(|(_, path)| remove(path))?;
        Ok(place)
    }

    /// Removes the state of one closed task.
    pub fn wipe_task(&self, task: TaskId) -> Result<(), StoreError> {
        let lock = self.lock(task)?;
        self.remove_state(task, &lock)
    }

    /// Removes the state of all tasks of the application. When any of them is open, nothing is removed.
    pub fn wipe(&self) -> Result<(), StoreError> {
        let tasks = self.tasks()?;
        let locked = tasks.iter().map(|found| Ok((found.task, self.lock(found.task)?)));
        let locked: Vec<(TaskId, DirectoryLock)> = locked.collect::<Result<_, StoreError>>()?;
        locked
            .iter()
            .try_for_each(|(task, lock)| self.remove_state(*task, lock))
    }

    /// The tasks that have state here, in order.
    pub fn tasks(&self) -> Result<Vec<TaskOnDisk>, StoreError> {
        let mut tasks = Vec::new();
        for path in entries(&self.path)? {
            let task = path.file_name().and_then(|name| parse_task(name.to_str()?));
            if let Some(task) = task.filter(|_| path.join("rocksdb").is_dir()) {
                let (bytes, changed_at) = measure(&path.join("rocksdb"))?;
                tasks.push(TaskOnDisk {
                    task,
                    bytes,
                    changed_at,
                });
            }
        }
        tasks.sort_by_key(|found| found.task);
        Ok(tasks)
    }

    fn task_path(&self, task: TaskId) -> PathBuf {
        self.path.join(task.to_string())
    }

    fn lock(&self, task: TaskId) -> Result<DirectoryLock, StoreError> {
        let directory = self.task_path(task);
        make(&directory)?;
        DirectoryLock::acquire(&directory.join("lock"))
    }

    // The lock file stays: removing a file that others may be about to lock would let two processes hold the task.
    // The database goes in one step, so that a crash leaves it whole or gone and never looking damaged.
    fn remove_state(&self, task: TaskId, _held: &DirectoryLock) -> Result<(), StoreError> {
        let directory = self.task_path(task);
        let (rocksdb, scratch) = (directory.join("rocksdb"), directory.join("scratch"));
        remove(&scratch)?;
        match fs::rename(&rocksdb, &scratch) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(from_io(&error, &rocksdb)),
            _ => remove(&scratch),
        }
    }
}

fn parse_task(name: &str) -> Option<TaskId> {
    let (subtopology, partition) = name.split_once('_')?;
    Some(TaskId {
        subtopology: subtopology.parse().ok()?,
        partition: partition.parse().ok()?,
    })
}

/// Quarantined databases by number, oldest first.
fn quarantined(quarantine: &Path) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let numbered = |path: PathBuf| {
        let number = path.file_name()?.to_str()?.rsplit_once('-')?.1.parse().ok()?;
        Some((number, path))
    };
    let mut found: Vec<_> = entries(quarantine)?.into_iter().filter_map(numbered).collect();
    found.sort();
    Ok(found)
}

/// Bytes of the files in a directory, and the latest change of one.
fn measure(directory: &Path) -> Result<(u64, SystemTime), StoreError> {
    let (mut bytes, mut changed_at) = (0, SystemTime::UNIX_EPOCH);
    for path in entries(directory)? {
        // A file that compaction removed after the listing counts nothing.
        let Ok(metadata) = fs::metadata(&path) else {
            continue;
        };
        bytes += metadata.len();
        changed_at = changed_at.max(metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH));
    }
    Ok((bytes, changed_at))
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let listed = fs::read_dir(directory).and_then(|found| found.map(|entry| Ok(entry?.path())).collect());
    match listed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other.map_err(|error| from_io(&error, directory)),
    }
}

pub(crate) fn make(directory: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(directory).map_err(|error| from_io(&error, directory))
}

fn remove(directory: &Path) -> Result<(), StoreError> {
    match fs::remove_dir_all(directory) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(from_io(&error, directory)),
        _ => Ok(()),
    }
}
