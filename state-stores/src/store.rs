//! The [`KeyValueStore`] port over one task's database.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use rocksdb::{ColumnFamily, DB, ReadOptions, WriteBatch};
use streams::StoreIndex;
use streams::store::{KeyRange, KeyValueStore, Positions, StoreError, StoreWrite, Visitor};

use crate::database::Database;
use crate::flusher::Registration;
use crate::memory::StoreMemory;
use crate::restore::ingest;

/// All stores of one task, on disk. Made by [`StateDirectory::open`](crate::StateDirectory::open).
///
/// One thread writes; any number of threads read. Dropping the last reference flushes and closes the database and gives
/// up the directory's lock; until then the directory cannot be quarantined, wiped or opened again.
pub struct RocksDbStore {
    // Declared first: the flusher lets go of the database before the last reference to it goes.
    _registration: Registration,
    database: Arc<Database>,
    memory: StoreMemory,
    positions: RwLock<Positions>,
    scratch: PathBuf,
}

impl RocksDbStore {
    pub(crate) fn new(database: Database, positions: Positions, memory: StoreMemory, scratch: PathBuf) -> Self {
        let database = Arc::new(database);
        Self {
            _registration: memory.register(Arc::clone(&database)),
            database,
            memory,
            positions: RwLock::new(positions),
            scratch,
        }
    }

    /// Makes everything written durable now, as closing does and as happens by itself within the limits of
    /// [`StoreBudget`](crate::StoreBudget). Readers and the writer go on meanwhile.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.database.flush()
    }

    /// Bytes of table files of this task.
    #[must_use]
    pub fn sst_bytes(&self) -> u64 {
        self.database.sst_bytes()
    }

    fn commit(&self, batch: WriteBatch, positions: &Positions) -> Result<(), StoreError> {
        self.database.write(batch, positions)?;
        self.positions
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .clone_from(positions);
        self.memory.written(self.database.unflushed_writes());
        Ok(())
    }

    fn put(&self, batch: &mut WriteBatch, write: &StoreWrite<'_>) -> Result<(), StoreError> {
        let family = self.database.family(write.store)?;
        match write.value {
            Some(value) => batch.put_cf(family, write.key, value),
            None => batch.delete_cf(family, write.key),
        }
        Ok(())
    }
}

impl KeyValueStore for RocksDbStore {
    fn get(&self, store: StoreIndex, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError> {
        let family = self.database.family(store)?;
        let value = self
            .database
            .db()
            .get_pinned_cf_opt(family, key, self.database.read_options())
            .map_err(|error| self.database.fate(&error))?;
        if let Some(value) = &value {
            read(value);
        }
        Ok(value.is_some())
    }

    fn range(
        &self,
        store: StoreIndex,
        range: KeyRange<'_>,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError> {
        let family = self.database.family(store)?;
        visit_range(self.database.db(), family, range, reverse, visit).map_err(|error| self.database.fate(&error))
    }

    fn write(&self, writes: &mut dyn Iterator<Item = StoreWrite<'_>>, positions: &Positions) -> Result<(), StoreError> {
        let mut batch = WriteBatch::default();
        for write in writes {
            self.put(&mut batch, &write)?;
        }
        self.commit(batch, positions)
    }

    // The positions follow the ingested files, so after a crash they are behind or at the data, and what is between is
    // replayed onto itself.
    fn restore(
        &self,
        writes: &mut dyn Iterator<Item = StoreWrite<'_>>,
        positions: &Positions,
    ) -> Result<(), StoreError> {
        let mut of_store: BTreeMap<StoreIndex, Vec<StoreWrite<'_>>> = BTreeMap::new();
        for write in writes {
            of_store.entry(write.store).or_default().push(write);
        }
        let mut batch = WriteBatch::default();
        for (store, writes) in of_store {
            if writes.len() >= self.memory.budget().ingest_records_min {
                ingest(&self.database, store, writes, &self.scratch)?;
            } else {
                writes.iter().try_for_each(|write| self.put(&mut batch, write))?;
            }
        }
        self.commit(batch, positions)
    }

    fn positions(&self) -> Positions {
        self.positions.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for RocksDbStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RocksDbStore")
            .field("path", &self.database.path())
            .finish_non_exhaustive()
    }
}

/// Visits a range of a column family until `visit` breaks.
pub(crate) fn visit_range(
    db: &DB,
    family: &ColumnFamily,
    range: KeyRange<'_>,
    reverse: bool,
    visit: &mut Visitor<'_>,
) -> Result<(), rocksdb::Error> {
    if range.to.is_some_and(|to| to <= range.from) {
        return Ok(());
    }
    let mut entries = db.raw_iterator_cf_opt(family, bounds(range));
    if reverse {
        entries.seek_to_last();
    } else {
        entries.seek_to_first();
    }
    while let Some((key, value)) = entries.item() {
        if let ControlFlow::Break(()) = visit(key, value) {
            return Ok(());
        }
        if reverse {
            entries.prev();
        } else {
            entries.next();
        }
    }
    entries.status()
}

fn bounds(range: KeyRange<'_>) -> ReadOptions {
    let mut options = ReadOptions::default();
    options.set_iterate_lower_bound(range.from);
    if let Some(to) = range.to {
        options.set_iterate_upper_bound(to);
    }
    options
}
