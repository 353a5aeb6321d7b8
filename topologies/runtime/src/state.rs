//! Where stream threads get their tasks' committed state from.

use std::sync::Arc;

use state_stores::StateDirectory;
use streams::store::{KeyValueStore, StoreError};
use streams::{StoreIndex, TaskId};

/// Opens the state of tasks. Production: `RocksDB` directories. Simulation and tests: memory.
pub trait StateProvider: Send + Sync {
    /// Opens a task's stores, or makes them empty.
    fn open(&self, task: TaskId, stores: &[(StoreIndex, String)]) -> Result<Arc<dyn KeyValueStore>, StoreError>;

    /// Puts a closed task's damaged state aside, so that the next open starts empty.
    fn quarantine(&self, task: TaskId, reason: &str) -> Result<(), StoreError>;
}

impl StateProvider for StateDirectory {
    fn open(&self, task: TaskId, stores: &[(StoreIndex, String)]) -> Result<Arc<dyn KeyValueStore>, StoreError> {
        Ok(Arc::new(Self::open(self, task, stores)?))
    }

    fn quarantine(&self, task: TaskId, reason: &str) -> Result<(), StoreError> {
        Self::quarantine(self, task, reason).map(drop)
    }
}
