//! A task's stores as they are on disk at one moment, without taking the directory from whoever has it.

use std::path::{Path, PathBuf};

use rocksdb::{ColumnFamily, DB, Options};
use streams::StoreIndex;
use streams::store::{KeyRange, Positions, StoreError, Visitor};

use crate::database::{StoreNames, descriptors, families_on_disk, family_of, positions_of};
use crate::error::from_rocksdb;
use crate::memory::StoreMemory;
use crate::options::options;
use crate::store::visit_range;

/// Times that a database is opened whose owner removes files while they are looked up.
const OPEN_ATTEMPTS_MAX: usize = 3;

/// All stores of one task, for reading alone. Made by [`StateDirectory::open_read_only`](crate::StateDirectory::open_read_only).
///
/// It shows what was on disk when it was opened: of a task that runs, the state at its last flush, with the positions of
/// exactly that state. It writes nothing and holds no lock. Its files stay readable when the owner removes them.
pub struct StoreSnapshot {
    db: DB,
    path: PathBuf,
    stores: StoreNames,
    positions: Positions,
}

impl StoreSnapshot {
    pub(crate) fn open(path: &Path, stores: StoreNames, memory: &StoreMemory) -> Result<Self, StoreError> {
        let mut attempts = 1;
        let db = loop {
            match open(path, memory) {
                Err(_) if attempts < OPEN_ATTEMPTS_MAX => attempts += 1,
                opened => break opened?,
            }
        };
        let positions = positions_of(&db, path)?;
        Ok(Self {
            db,
            path: path.to_owned(),
            stores,
            positions,
        })
    }

    /// Where this state stands.
    #[must_use]
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// The value of `key`, handed to `read` without a copy; answers whether the key is there.
    pub fn get(&self, store: StoreIndex, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        let value = self.db.get_pinned_cf(self.family(store)?, key);
        let value = value.map_err(|error| from_rocksdb(&error, &self.path))?;
        if let Some(value) = &value {
            read(value);
        }
        Ok(value.is_some())
    }

    /// Visits a range in ascending byte order.
    pub fn range(&self, store: StoreIndex, range: KeyRange<'_>, visit: &mut Visitor<'_>) -> Result<(), StoreError> {
        visit_range(&self.db, self.family(store)?, range, false, visit)
            .map_err(|error| from_rocksdb(&error, &self.path))
    }

    fn family(&self, store: StoreIndex) -> Result<&ColumnFamily, StoreError> {
        family_of(&self.db, &self.stores, store, &self.path)
    }
}

impl std::fmt::Debug for StoreSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreSnapshot")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn open(path: &Path, memory: &StoreMemory) -> Result<DB, StoreError> {
    let mut options: Options = options(memory);
    options.create_if_missing(false);
    options.create_missing_column_families(false);
    // All files are opened now, so that none is missing later.
    options.set_max_open_files(-1);
    let families: Vec<_> = descriptors(&options, &families_on_disk(path, &options)?).collect();
    DB::open_cf_descriptors_read_only(&options, path, families, false).map_err(|error| from_rocksdb(&error, path))
}
