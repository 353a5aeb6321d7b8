//! RocksDB's settings, all in one place.

use rocksdb::{BlockBasedOptions, DBCompressionType, DataBlockIndexType, LogLevel, Options};

use crate::memory::StoreMemory;

/// Largest memtable of one column family. Memtables of a database are flushed together, so a larger one gains little.
const MEMTABLE_BYTES_MAX: usize = 16 << 20;
/// Step in which a memtable takes memory. Small, because most of a process's many column families hold little.
const MEMTABLE_STEP_BYTES: usize = 64 << 10;
/// Table files that one database holds open.
const OPEN_FILES_MAX: i32 = 256;
/// RocksDB's own text logs kept per database, and the size of one.
const LOG_FILES_MAX: usize = 2;
const LOG_FILE_BYTES_MAX: usize = 1 << 20;
/// Bits per key of the bloom filters: one in a hundred lookups of a missing key reads a block in vain.
const BLOOM_BITS_PER_KEY: f64 = 10.0;
/// Part of a full memtable that its own bloom filter takes from the start: about 5 bits for each of the most keys it holds.
const MEMTABLE_BLOOM_SHARE: f64 = 0.004;
/// Files in level 0 at which compaction begins, writes slow down, writes stop. Ingested restore files land in level 0.
/// RocksDB's 4 at the start costs a restore and a busy writer a third more CPU, and reads gain nothing measurable.
const LEVEL_ZERO_FILES: [i32; 3] = [8, 40, 80];
/// Bytes after which a growing file is handed to the disk, so that the sync at its end does not stall.
const SYNC_STEP_BYTES: u64 = 1 << 20;
/// Space reserved for a manifest ahead of its growth. There is one per task, so RocksDB's 4 MiB would add up.
const MANIFEST_STEP_BYTES: usize = 64 << 10;

/// Settings of a database and of each of its column families.
pub(crate) fn options(memory: &StoreMemory) -> Options {
    let mut options = memory.counting();
    durability(&mut options);
    limits(&mut options, memory);
    tables(&mut options, memory);
    quiet(&mut options);
    options
}

fn durability(options: &mut Options) {
    options.create_if_missing(true);
    options.create_missing_column_families(true);
    // Without a write-ahead log, this alone keeps positions and data of all column families at the same batch.
    options.set_atomic_flush(true);
    options.set_paranoid_checks(true);
    options.set_bytes_per_sync(SYNC_STEP_BYTES);
}

fn limits(options: &mut Options, memory: &StoreMemory) {
    let budget = memory.budget();
    options.set_write_buffer_manager(memory.write_buffers());
    options.set_write_buffer_size(MEMTABLE_BYTES_MAX.min(budget.memtable_bytes / 2));
    options.set_arena_block_size(MEMTABLE_STEP_BYTES);
    options.set_max_background_jobs(i32::from(budget.background_jobs));
    options.set_max_open_files(OPEN_FILES_MAX);
    options.set_keep_log_file_num(LOG_FILES_MAX);
    options.set_max_log_file_size(LOG_FILE_BYTES_MAX);
    options.set_manifest_preallocation_size(MANIFEST_STEP_BYTES);
    let [compact, slow, stop] = LEVEL_ZERO_FILES;
    options.set_level_zero_file_num_compaction_trigger(compact);
    options.set_level_zero_slowdown_writes_trigger(slow);
    options.set_level_zero_stop_writes_trigger(stop);
}

fn tables(options: &mut Options, memory: &StoreMemory) {
    let mut table = BlockBasedOptions::default();
    table.set_block_cache(memory.cache());
    table.set_cache_index_and_filter_blocks(true);
    table.set_cache_index_and_filter_blocks_with_high_priority(true);
    table.set_pin_l0_filter_and_index_blocks_in_cache(true);
    table.set_bloom_filter(BLOOM_BITS_PER_KEY, false);
    table.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    options.set_block_based_table_factory(&table);
    options.set_compression_type(DBCompressionType::Lz4);
    options.set_memtable_whole_key_filtering(true);
    options.set_memtable_prefix_bloom_ratio(MEMTABLE_BLOOM_SHARE);
}

// A process holds many databases, and most are idle: nothing in them may wake up on its own.
fn quiet(options: &mut Options) {
    options.set_log_level(LogLevel::Warn);
    options.set_stats_dump_period_sec(0);
    options.set_stats_persist_period_sec(0);
    options.set_skip_stats_update_on_db_open(true);
}
