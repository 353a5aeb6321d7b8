//! One task's RocksDB: opening it, matching its column families to the topology, and what is done to all of them at once.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rocksdb::{
    ColumnFamily, ColumnFamilyDescriptor, DB, DEFAULT_COLUMN_FAMILY_NAME, FlushOptions, Options, ReadOptions,
    WriteBatch, WriteOptions, properties,
};
use streams::StoreIndex;
use streams::store::{Positions, StoreError};

use crate::error::{defect, from_io, from_rocksdb};
use crate::lock::DirectoryLock;
use crate::manifest;
use crate::memory::StoreMemory;
use crate::options::options;
use crate::positions;

/// The column family of the positions. No store can have this name, because it cannot be part of a topic's name.
const POSITIONS_FAMILY: &str = ":positions";
const POSITIONS_KEY: &[u8] = b"task";

/// The stores of a task, by index.
pub(crate) type StoreNames = BTreeMap<StoreIndex, String>;

/// An open database.
pub(crate) struct Database {
    db: DB,
    path: PathBuf,
    stores: StoreNames,
    options: Options,
    read_options: ReadOptions,
    unflushed: AtomicU64,
    unflushed_since: Mutex<Option<Instant>>,
    // Declared last: the directory is given up only after RocksDB is closed.
    _lock: DirectoryLock,
}

/// What one database takes and does.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DatabaseStatistics {
    pub(crate) sst_bytes: u64,
    pub(crate) compaction_pending_bytes: u64,
    pub(crate) compactions: u64,
    pub(crate) flushes: u64,
    pub(crate) is_stopped: bool,
    pub(crate) is_slowed: bool,
    pub(crate) unflushed_writes: u64,
    pub(crate) background_errors: u64,
}

impl Database {
    /// Opens the database at `path`, or makes it. Its column families become exactly `stores`: those of other stores are
    /// dropped, and without a position all start empty, so that nothing is left from a life nobody remembers. A store that
    /// is new here takes the position from all: what its changelog has about it may stand anywhere.
    pub(crate) fn open(
        path: &Path,
        stores: StoreNames,
        memory: &StoreMemory,
        lock: DirectoryLock,
    ) -> Result<(Self, Positions), StoreError> {
        if stores
            .values()
            .any(|name| name == DEFAULT_COLUMN_FAMILY_NAME || name == POSITIONS_FAMILY)
        {
            return Err(defect(format!(
                "a store must not be called {DEFAULT_COLUMN_FAMILY_NAME} or {POSITIONS_FAMILY}"
            )));
        }
        let options = options(memory);
        let existing = families_on_disk(path, &options)?;
        // A new database gets its column families at once, which costs fewer syncs than one by one.
        let families = if existing.is_empty() {
            stores.values().cloned().collect()
        } else {
            existing.clone()
        };
        let db = open_families(path, &options, &families)?;
        let mut database = Self {
            db,
            path: path.to_owned(),
            stores,
            options,
            read_options: ReadOptions::default(),
            unflushed: AtomicU64::new(0),
            unflushed_since: Mutex::new(None),
            _lock: lock,
        };
        let positions = database.match_families(&existing)?;
        Ok((database, positions))
    }

    /// Where the database lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The settings that files to ingest are written with.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// RocksDB itself.
    pub(crate) fn db(&self) -> &DB {
        &self.db
    }

    /// Settings of a single read.
    pub(crate) fn read_options(&self) -> &ReadOptions {
        &self.read_options
    }

    /// The column family of a store of this task.
    pub(crate) fn family(&self, store: StoreIndex) -> Result<&ColumnFamily, StoreError> {
        family_of(&self.db, &self.stores, store, &self.path)
    }

    /// Applies a batch together with positions, all or nothing. On disk both are as old as the last flush.
    pub(crate) fn write(&self, mut batch: WriteBatch, positions: &Positions) -> Result<(), StoreError> {
        let writes = batch.len() as u64 + 1;
        batch.put_cf(self.positions_family()?, POSITIONS_KEY, positions::encode(positions));
        let mut without_log = WriteOptions::new();
        without_log.disable_wal(true);
        self.db
            .write_opt(batch, &without_log)
            .map_err(|error| self.fate(&error))?;
        self.unflushed.fetch_add(writes, Ordering::Relaxed);
        Ok(())
    }

    /// Makes everything written durable. Readers and writers go on; a second flush waits for the first.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        let mut since = self.unflushed_since.lock().unwrap_or_else(PoisonError::into_inner);
        *since = None;
        let unflushed = self.unflushed.swap(0, Ordering::Relaxed);
        let flushed = self.flush_families();
        if flushed.is_err() {
            self.unflushed.fetch_add(unflushed, Ordering::Relaxed);
        }
        flushed?;
        manifest::remember(&self.path).map_err(|error| from_io(&error, &self.path))
    }

    /// Number of writes that a crash would lose now.
    pub(crate) fn unflushed_writes(&self) -> u64 {
        self.unflushed.load(Ordering::Relaxed)
    }

    /// Number of writes that a crash would lose now, and how long there have been any. The age starts at the first call
    /// that finds some.
    pub(crate) fn unflushed(&self, now: Instant) -> (u64, Duration) {
        let unflushed = self.unflushed_writes();
        let mut since = self.unflushed_since.lock().unwrap_or_else(PoisonError::into_inner);
        if unflushed == 0 {
            return (0, Duration::ZERO);
        }
        (unflushed, now.saturating_duration_since(*since.get_or_insert(now)))
    }

    /// Bytes in memtables.
    pub(crate) fn memtable_bytes(&self) -> u64 {
        self.sum_over_families(properties::CUR_SIZE_ALL_MEM_TABLES)
    }

    /// Bytes of table files.
    pub(crate) fn sst_bytes(&self) -> u64 {
        self.sum_over_families(properties::TOTAL_SST_FILES_SIZE)
    }

    /// What it takes and does now. RocksDB keeps these numbers anyway; reading them waits for no work.
    pub(crate) fn statistics(&self) -> DatabaseStatistics {
        DatabaseStatistics {
            sst_bytes: self.sst_bytes(),
            compaction_pending_bytes: self.sum_over_families(properties::ESTIMATE_PENDING_COMPACTION_BYTES),
            compactions: self.property(properties::NUM_RUNNING_COMPACTIONS),
            flushes: self.property(properties::NUM_RUNNING_FLUSHES),
            is_stopped: self.property(properties::IS_WRITE_STOPPED) > 0,
            is_slowed: self.property(properties::ACTUAL_DELAYED_WRITE_RATE) > 0,
            unflushed_writes: self.unflushed_writes(),
            background_errors: self.property(properties::BACKGROUND_ERRORS),
        }
    }

    /// A number of the whole database; 0 where RocksDB does not tell.
    fn property(&self, name: &properties::PropName) -> u64 {
        self.db.property_int_value(name).ok().flatten().unwrap_or(0)
    }

    /// The fate of an error of this database.
    pub(crate) fn fate(&self, error: &rocksdb::Error) -> StoreError {
        from_rocksdb(error, &self.path)
    }

    fn match_families(&mut self, existing: &BTreeSet<String>) -> Result<Positions, StoreError> {
        let stored = positions_of(&self.db, &self.path)?;
        let wanted: BTreeSet<String> = self.stores.values().cloned().collect();
        let positions = Positions {
            changelog: stored.changelog.filter(|_| wanted.is_subset(existing)),
            ..stored
        };
        if positions != stored {
            // Forgotten on disk before the data goes, so that a crash in between cannot leave a position without its data.
            self.write(WriteBatch::default(), &positions)?;
            self.flush_families()?;
        }
        let dropped = existing
            .iter()
            .filter(|name| positions.changelog.is_none() || !wanted.contains(*name));
        for name in dropped {
            self.db
                .drop_cf(name)
                .map_err(|error| from_rocksdb(&error, &self.path))?;
        }
        for name in wanted {
            if self.db.cf_handle(&name).is_some() {
                continue;
            }
            self.db
                .create_cf(&name, &self.options)
                .map_err(|error| from_rocksdb(&error, &self.path))?;
        }
        Ok(positions)
    }

    // All column families are named: an atomic flush covers only those that it is given.
    fn flush_families(&self) -> Result<(), StoreError> {
        let families: Vec<&ColumnFamily> = self.families().collect();
        let named: Vec<&&ColumnFamily> = families.iter().collect();
        self.db
            .flush_cfs_opt(&named, &FlushOptions::default())
            .map_err(|error| self.fate(&error))
    }

    fn sum_over_families(&self, property: &properties::PropName) -> u64 {
        self.families()
            .filter_map(|family| self.db.property_int_value_cf(family, property).ok().flatten())
            .sum()
    }

    fn families(&self) -> impl Iterator<Item = &ColumnFamily> {
        let names = self.stores.values().map(String::as_str).chain([POSITIONS_FAMILY]);
        names.filter_map(|name| self.db.cf_handle(name))
    }

    fn positions_family(&self) -> Result<&ColumnFamily, StoreError> {
        positions_family(&self.db)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // RocksDB flushes when it closes; done here, a failure is told and the manifest's length is noted.
        if let Err(error) = self.flush() {
            tracing::warn!(%error, database = %self.path.display(), "a store could not be flushed before closing");
        }
    }
}

/// The column family of one of the `stores` of a task's database at `path`.
pub(crate) fn family_of<'a>(
    db: &'a DB,
    stores: &StoreNames,
    store: StoreIndex,
    path: &Path,
) -> Result<&'a ColumnFamily, StoreError> {
    let name = stores.get(&store);
    name.and_then(|name| db.cf_handle(name)).ok_or_else(|| {
        defect(format!(
            "store {} is not part of the task at {}",
            store.0,
            path.display()
        ))
    })
}

/// The positions that a database at `path` was last written with.
pub(crate) fn positions_of(db: &DB, path: &Path) -> Result<Positions, StoreError> {
    let stored = db.get_pinned_cf(positions_family(db)?, POSITIONS_KEY);
    let Some(bytes) = stored.map_err(|error| from_rocksdb(&error, path))? else {
        return Ok(positions::before_the_first_batch());
    };
    positions::decode(&bytes)
        .ok_or_else(|| StoreError::Corrupted(format!("the positions in {} cannot be read", path.display())))
}

fn positions_family(db: &DB) -> Result<&ColumnFamily, StoreError> {
    db.cf_handle(POSITIONS_FAMILY)
        .ok_or_else(|| defect("the column family of the positions is not open"))
}

/// Names of the stores' column families on disk.
pub(crate) fn families_on_disk(path: &Path, options: &Options) -> Result<BTreeSet<String>, StoreError> {
    if !path.join("CURRENT").exists() {
        refuse_orphans(path)?;
        return Ok(BTreeSet::new());
    }
    manifest::check(path)?;
    let mut names: BTreeSet<String> = DB::list_cf(options, path)
        .map_err(|error| from_rocksdb(&error, path))?
        .into_iter()
        .collect();
    names.remove(DEFAULT_COLUMN_FAMILY_NAME);
    names.remove(POSITIONS_FAMILY);
    Ok(names)
}

// Without CURRENT RocksDB would begin a new database among the files of the old one.
fn refuse_orphans(path: &Path) -> Result<(), StoreError> {
    for entry in std::fs::read_dir(path).map_err(|error| from_io(&error, path))? {
        let entry = entry.map_err(|error| from_io(&error, path))?;
        if Path::new(&entry.file_name())
            .extension()
            .is_some_and(|extension| extension == "sst")
        {
            return Err(StoreError::Corrupted(format!(
                "{} holds data but no CURRENT file",
                path.display()
            )));
        }
    }
    Ok(())
}

/// All column families of a database with these stores.
pub(crate) fn descriptors(
    options: &Options,
    stores: &BTreeSet<String>,
) -> impl Iterator<Item = ColumnFamilyDescriptor> {
    let stores = stores.iter().map(String::as_str);
    let names = stores.chain([DEFAULT_COLUMN_FAMILY_NAME, POSITIONS_FAMILY]);
    names.map(|name| ColumnFamilyDescriptor::new(name, options.clone()))
}

fn open_families(path: &Path, options: &Options, stores: &BTreeSet<String>) -> Result<DB, StoreError> {
    DB::open_cf_descriptors(options, path, descriptors(options, stores)).map_err(|error| from_rocksdb(&error, path))
}
