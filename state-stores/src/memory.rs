//! The memory of all open databases of the process: one block cache, one limit of memtables, one flusher.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rocksdb::statistics::{StatsLevel, Ticker};
use rocksdb::{Cache, Options, WriteBufferManager};
use streams::store::StoreError;

use crate::database::{Database, DatabaseStatistics};
use crate::flusher::{Flusher, Registration};

/// Limits of everything that the stores of one process take. The defaults suit a machine with 2 cores and 4 GiB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreBudget {
    /// Bytes of block cache, index, filters and memtables together. At least [`MEMORY_BYTES_MIN`](Self::MEMORY_BYTES_MIN).
    /// Blocks that a read holds at the moment may exceed it.
    pub memory_bytes: usize,
    /// Share of `memory_bytes` that memtables may take, in bytes; at most half of it.
    pub memtable_bytes: usize,
    /// Threads for flush and compaction, all databases together; at least 1.
    pub background_jobs: u16,
    /// Writes in memtables after which a database is flushed: bounds what a restart after a crash replays.
    pub unflushed_writes_max: u64,
    /// Time after which written memtables are flushed: bounds what a restart after a crash replays.
    pub unflushed_max: Duration,
    /// Records of one store in one restore batch from which they are sorted and ingested as a file.
    /// Below it a write batch is faster.
    pub ingest_records_min: usize,
}

impl StoreBudget {
    /// Least memory with which a database works at all.
    pub const MEMORY_BYTES_MIN: usize = 8 << 20;

    /// The default limits with another amount of memory, a quarter of it for memtables.
    #[must_use]
    pub fn with_memory(memory_bytes: usize) -> Self {
        let memory_bytes = memory_bytes.max(Self::MEMORY_BYTES_MIN);
        Self {
            memory_bytes,
            memtable_bytes: memory_bytes / 4,
            background_jobs: 2,
            unflushed_writes_max: 150_000,
            unflushed_max: Duration::from_secs(10),
            ingest_records_min: 4_096,
        }
    }

    fn within_bounds(mut self) -> Self {
        self.memory_bytes = self.memory_bytes.max(Self::MEMORY_BYTES_MIN);
        self.memtable_bytes = self
            .memtable_bytes
            .clamp(Self::MEMORY_BYTES_MIN / 8, self.memory_bytes / 2);
        self.background_jobs = self.background_jobs.max(1);
        self
    }
}

impl Default for StoreBudget {
    fn default() -> Self {
        Self::with_memory(256 << 20)
    }
}

/// What the stores of the process take at this moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreStatistics {
    /// Number of open databases.
    pub databases: usize,
    /// Bytes in memtables, written and being flushed.
    pub memtable_bytes: u64,
    /// Bytes in the block cache: data, index and filter blocks, without memtables.
    pub block_cache_bytes: u64,
    /// Bytes of table files on disk, those waiting for deletion included.
    pub sst_bytes: u64,
    /// Bytes that compaction has still to rewrite.
    pub compaction_pending_bytes: u64,
    /// Compactions that run now.
    pub compactions: u64,
    /// Flushes that run now.
    pub flushes: u64,
    /// Databases that accept no write until a flush or a compaction has ended.
    pub stopped: u64,
    /// Databases that slow their writers down.
    pub slowed: u64,
    /// Writes that a crash would lose and a restart would replay.
    pub unflushed_writes: u64,
    /// Failures of flushes and compactions since the databases were opened.
    pub background_errors: u64,
    /// Blocks that a read found in the cache, since the process began.
    pub block_cache_hits: u64,
    /// Blocks that a read had to fetch, since the process began.
    pub block_cache_misses: u64,
}

impl StoreStatistics {
    /// The sums over all databases, of which each tells its own.
    fn of(databases: &[DatabaseStatistics]) -> Self {
        let sum = |part: fn(&DatabaseStatistics) -> u64| databases.iter().map(part).sum();
        Self {
            databases: databases.len(),
            sst_bytes: sum(|one| one.sst_bytes),
            compaction_pending_bytes: sum(|one| one.compaction_pending_bytes),
            compactions: sum(|one| one.compactions),
            flushes: sum(|one| one.flushes),
            stopped: sum(|one| u64::from(one.is_stopped)),
            slowed: sum(|one| u64::from(one.is_slowed)),
            unflushed_writes: sum(|one| one.unflushed_writes),
            background_errors: sum(|one| one.background_errors),
            ..Self::default()
        }
    }
}

/// Memory shared by all stores of a process. Cheap to clone; all clones are the same memory.
#[derive(Clone)]
pub struct StoreMemory {
    shared: Arc<Shared>,
}

struct Shared {
    budget: StoreBudget,
    cache: Cache,
    write_buffers: WriteBufferManager,
    /// What all databases begin their settings with: their copies count into the same statistics.
    counting: Options,
    flusher: Flusher,
}

impl StoreMemory {
    /// Takes the memory and starts the one thread that flushes; it ends when the last clone and the last store are gone.
    pub fn new(budget: StoreBudget) -> Result<Self, StoreError> {
        let budget = budget.within_bounds();
        let cache = Cache::new_hyper_clock_cache(budget.memory_bytes, 0);
        // Writers are never stalled for memory: a stalled commit would hold up its stream thread. The flusher starts early instead.
        let write_buffers =
            WriteBufferManager::new_write_buffer_manager_with_cache(budget.memtable_bytes, false, cache.clone());
        let flusher = Flusher::start(&budget, write_buffers.clone())?;
        Ok(Self {
            shared: Arc::new(Shared {
                budget,
                cache,
                write_buffers,
                counting: counting(),
                flusher,
            }),
        })
    }

    /// The limits in force.
    #[must_use]
    pub fn budget(&self) -> &StoreBudget {
        &self.shared.budget
    }

    /// What all stores take now. May wait for a running flush, some 10 ms.
    #[must_use]
    pub fn statistics(&self) -> StoreStatistics {
        let memtable_bytes = self.shared.write_buffers.get_usage() as u64;
        let databases = self.shared.flusher.map(Database::statistics);
        StoreStatistics {
            memtable_bytes,
            // Memtables are charged to the cache, so that both together keep one limit.
            block_cache_bytes: (self.shared.cache.get_usage() as u64).saturating_sub(memtable_bytes),
            block_cache_hits: self.shared.counting.get_ticker_count(Ticker::BlockCacheHit),
            block_cache_misses: self.shared.counting.get_ticker_count(Ticker::BlockCacheMiss),
            ..StoreStatistics::of(&databases)
        }
    }

    /// Settings to begin with, for a database that is counted with the others.
    pub(crate) fn counting(&self) -> Options {
        self.shared.counting.clone()
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.shared.cache
    }

    pub(crate) fn write_buffers(&self) -> &WriteBufferManager {
        &self.shared.write_buffers
    }

    /// Puts a database under the flusher's care until the registration is dropped.
    pub(crate) fn register(&self, database: Arc<Database>) -> Registration {
        self.shared.flusher.register(database)
    }

    /// Wakes the flusher when a limit is near. `unflushed` is the number of writes that the caller's database holds back.
    pub(crate) fn written(&self, unflushed: u64) {
        let crowded = self.shared.write_buffers.get_usage() >= self.budget().memtable_bytes / 4 * 3;
        if crowded || unflushed >= self.budget().unflushed_writes_max {
            self.shared.flusher.nudge();
        }
    }
}

/// Counts events only. Timing them would cost every read two looks at the clock.
fn counting() -> Options {
    let mut options = Options::default();
    options.enable_statistics();
    options.set_statistics_level(StatsLevel::ExceptHistogramOrTimers);
    options
}

impl fmt::Debug for StoreMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreMemory")
            .field("budget", self.budget())
            .finish_non_exhaustive()
    }
}
