//! The `RocksDB` database under the embedded log: its column families, options, lock and format version.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType, DBRecoveryMode, Options,
    WriteBatch, WriteOptions,
};

use super::error::EmbeddedError;

/// The layout of keys and values that this code reads and writes.
const FORMAT_VERSION: &[u8] = b"1";
const FORMAT_KEY: &[u8] = b"format";
const LOCK_FILE: &str = "lock";
const DATABASE_DIRECTORY: &str = "log";

/// Bytes of blocks that are kept in memory for reads.
const BLOCK_CACHE_BYTES: usize = 32 << 20;
/// Bytes of all memtables together.
const MEMTABLE_BYTES: usize = 96 << 20;
/// Bytes that an open log holds in memory for its database: the embedded log's part of the process's memory budget.
pub const MEMORY_BYTES_MAX: usize = BLOCK_CACHE_BYTES + MEMTABLE_BYTES;
/// Bytes of write-ahead log before the memtables are flushed; also what an unclean start reads again.
const WAL_BYTES_MAX: u64 = 128 << 20;
/// Files of `RocksDB`'s own informational log that are kept.
const INFO_LOGS_MAX: usize = 3;

/// Topics, group offsets and positions.
pub(super) const META: &str = "default";
/// Records by partition and offset.
pub(super) const RECORDS: &str = "records";
/// Of compacted topics, the latest offset of each key.
pub(super) const KEYS: &str = "keys";

/// Holds the directory for this process, until it is dropped or the process ends in whatever way.
#[derive(Debug)]
pub(super) struct DirectoryLock(#[allow(dead_code, reason = "the open file is the lock")] File);

impl DirectoryLock {
    /// Takes the lock, or says which process has it.
    pub(super) fn take(dir: &Path) -> Result<Self, EmbeddedError> {
        std::fs::create_dir_all(dir).map_err(|cause| unusable(dir, &cause))?;
        let path = dir.join(LOCK_FILE);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|cause| unusable(dir, &cause))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(in_use(dir, &mut file)),
            Err(TryLockError::Error(cause)) => return Err(unusable(dir, &cause)),
        }
        // The number only helps whoever finds the directory locked; without it the lock holds just the same.
        let written = file.set_len(0).and_then(|()| file.write_all(own_id().as_bytes()));
        if written.is_err() {
            tracing::debug!(path = %path.display(), "the process id could not be written to the lock file");
        }
        Ok(Self(file))
    }
}

fn own_id() -> String {
    std::process::id().to_string()
}

/// The process id in the lock file; empty when there is none to read.
fn holder(file: &mut File) -> String {
    let mut holder = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut holder));
    if read.is_ok() { holder } else { String::new() }
}

fn in_use(dir: &Path, file: &mut File) -> EmbeddedError {
    let holder = match holder(file) {
        unknown if unknown.is_empty() => "another process".to_owned(),
        own if own == own_id() => "this process already".to_owned(),
        holder => format!("process {holder}"),
    };
    EmbeddedError::InUse(format!(
        "the log in {} is in use by {holder}; stop it, or use another directory (SLUICE_STATE_DIR)",
        dir.display()
    ))
}

fn unusable(dir: &Path, cause: &std::io::Error) -> EmbeddedError {
    EmbeddedError::Unavailable(format!("the directory {} cannot be used: {cause}", dir.display()))
}

/// The open database.
#[derive(Debug)]
pub(super) struct Database(DB);

impl Database {
    /// Opens or creates the database in `dir`, whose lock the caller holds.
    pub(super) fn open(dir: &Path) -> Result<Self, EmbeddedError> {
        let path = dir.join(DATABASE_DIRECTORY);
        let opened = open_with(&path, DBRecoveryMode::TolerateCorruptedTailRecords).or_else(|cause| {
            if cause.kind() != rocksdb::ErrorKind::Corruption {
                return Err(cause);
            }
            // After a power loss the pages of the last, unacknowledged writes may be on disk in part. Cutting the log
            // before the first damaged write keeps every transaction whole; if the damage is older than that, records are lost.
            tracing::error!(%cause, "the end of the write-ahead log is damaged; it is cut before the damage");
            open_with(&path, DBRecoveryMode::PointInTime)
        });
        let database = Self(opened.map_err(|cause| not_opened(&path, &cause))?);
        database.check_format(&path)?;
        Ok(database)
    }

    /// `RocksDB` itself.
    pub(super) fn raw(&self) -> &DB {
        &self.0
    }

    /// A column family by one of the names of this module.
    pub(super) fn family(&self, name: &str) -> Result<&ColumnFamily, EmbeddedError> {
        self.0
            .cf_handle(name)
            .ok_or_else(|| EmbeddedError::Damaged(format!("the embedded log has no column family {name}")))
    }

    /// A value of the column family [`META`].
    pub(super) fn meta(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EmbeddedError> {
        self.0.get(key).map_err(|cause| EmbeddedError::reading(&cause))
    }

    /// Writes a batch and waits until it is on disk.
    pub(super) fn write_synced(&self, batch: WriteBatch) -> Result<(), EmbeddedError> {
        let mut options = WriteOptions::default();
        options.set_sync(true);
        self.0
            .write_opt(batch, &options)
            .map_err(|cause| EmbeddedError::writing(&cause))
    }

    fn check_format(&self, path: &Path) -> Result<(), EmbeddedError> {
        match self.meta(FORMAT_KEY)? {
            Some(version) if version == FORMAT_VERSION => Ok(()),
            Some(version) => Err(EmbeddedError::Damaged(format!(
                "the log in {} has format {}, this program reads format {}; start the program that wrote it",
                path.display(),
                String::from_utf8_lossy(&version),
                String::from_utf8_lossy(FORMAT_VERSION),
            ))),
            None => {
                let mut batch = WriteBatch::default();
                batch.put(FORMAT_KEY, FORMAT_VERSION);
                self.write_synced(batch)
            }
        }
    }
}

fn not_opened(path: &Path, cause: &rocksdb::Error) -> EmbeddedError {
    match cause.kind() {
        rocksdb::ErrorKind::Corruption | rocksdb::ErrorKind::InvalidArgument => EmbeddedError::Damaged(format!(
            "the log in {} cannot be opened: {cause}; restore the directory from a backup or move it away to begin anew",
            path.display()
        )),
        _ => EmbeddedError::Unavailable(format!("the log in {} cannot be opened: {cause}", path.display())),
    }
}

fn open_with(path: &Path, recovery: DBRecoveryMode) -> Result<DB, rocksdb::Error> {
    let mut options = Options::default();
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    options.set_wal_recovery_mode(recovery);
    options.set_db_write_buffer_size(MEMTABLE_BYTES);
    options.set_max_total_wal_size(WAL_BYTES_MAX);
    options.set_keep_log_file_num(INFO_LOGS_MAX);
    let cache = Cache::new_lru_cache(BLOCK_CACHE_BYTES);
    let families = [META, RECORDS, KEYS].map(|name| ColumnFamilyDescriptor::new(name, family_options(name, &cache)));
    DB::open_cf_descriptors(&options, path, families)
}

fn family_options(name: &str, cache: &Cache) -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_cache(cache);
    let mut options = Options::default();
    options.set_compression_type(DBCompressionType::Lz4);
    if name == KEYS {
        blocks.set_bloom_filter(10.0, false);
    }
    if name == RECORDS {
        // Compacted partitions leave runs of deletions behind, which a reader would step over one by one.
        options.add_compact_on_deletion_collector_factory(1024, 512, 0.5);
    }
    options.set_block_based_table_factory(&blocks);
    options
}
