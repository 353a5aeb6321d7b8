//! What is looked at now and then, beside everything else: lag, tasks, stores, the disk, the log's clients.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use runtime::hosting_metrics::{LagMeter, show_states};
use runtime::metric::{Metric, float};
use runtime::queries::Hosting;
use runtime::tls::certificate_end;
use state_stores::StoreMemory;
use streams::log::LogReader;

use crate::platform::Platform;

/// Time between two looks. A scrape shows the last one.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

const READY: Metric = Metric::gauge("sluice_ready", &[], "1 while the process is ready, as /readyz says.");
const LOG_REACHABLE: Metric = Metric::gauge(
    "sluice_log_reachable",
    &[],
    "1 while the log, Kafka or the embedded one, can be reached.",
);
const TRANSACTIONS_ABORTED: Metric = Metric::counter(
    "sluice_kafka_transactions_aborted_total",
    &["application"],
    "Transactions on Kafka that were aborted; most belong to rebalances.",
);
const PRODUCERS_REPLACED: Metric = Metric::counter(
    "sluice_kafka_producers_replaced_total",
    &["application"],
    "Producers that were replaced because a request or connection of their transaction was lost.",
);
const DATABASES: Metric = Metric::gauge(
    "sluice_store_databases",
    &[],
    "Open databases, one for each task with stores.",
);
const SST_BYTES: Metric = Metric::gauge("sluice_store_sst_bytes", &[], "Bytes of table files of all databases.");
const MEMTABLE_BYTES: Metric = Metric::gauge("sluice_store_memtable_bytes", &[], "Bytes in memtables.");
const BLOCK_CACHE_BYTES: Metric = Metric::gauge("sluice_store_block_cache_bytes", &[], "Bytes in the block cache.");
const BUDGET_BYTES: Metric = Metric::gauge(
    "sluice_store_budget_bytes",
    &[],
    "Bytes that block cache and memtables may take together.",
);
const BLOCK_CACHE_HITS: Metric = Metric::counter(
    "sluice_store_block_cache_hits_total",
    &[],
    "Blocks that a read found in the cache.",
);
const BLOCK_CACHE_MISSES: Metric = Metric::counter(
    "sluice_store_block_cache_misses_total",
    &[],
    "Blocks that a read had to fetch from files.",
);
const COMPACTION_PENDING_BYTES: Metric = Metric::gauge(
    "sluice_store_compaction_pending_bytes",
    &[],
    "Bytes that compaction has still to rewrite.",
);
const COMPACTIONS: Metric = Metric::gauge("sluice_store_compactions", &[], "Compactions that run now.");
const FLUSHES: Metric = Metric::gauge("sluice_store_flushes", &[], "Flushes that run now.");
const STOPPED: Metric = Metric::gauge(
    "sluice_store_databases_stopped",
    &[],
    "Databases that accept no write until a flush or compaction has ended.",
);
const SLOWED: Metric = Metric::gauge(
    "sluice_store_databases_slowed",
    &[],
    "Databases that slow their writers down.",
);
const UNFLUSHED_WRITES: Metric = Metric::gauge(
    "sluice_store_unflushed_writes",
    &[],
    "Writes that a crash would lose and a restart would replay from the changelog.",
);
const BACKGROUND_ERRORS: Metric = Metric::gauge(
    "sluice_store_background_errors",
    &[],
    "Failed flushes and compactions of the open databases.",
);
const DISK_FREE_BYTES: Metric = Metric::gauge(
    "sluice_state_disk_free_bytes",
    &[],
    "Bytes that the process may still write to the disk of its state directory.",
);
const DISK_SIZE_BYTES: Metric = Metric::gauge(
    "sluice_state_disk_size_bytes",
    &[],
    "Bytes of the disk of the state directory.",
);
const CERTIFICATE_END_SECONDS: Metric = Metric::gauge(
    "sluice_certificate_end_seconds",
    &["certificate"],
    "When a certificate of this process ends, as it is in its file: of the API (api), of the inside (internal). Unix time.",
);

/// All of them.
pub(crate) const METRICS: &[Metric] = &[
    READY,
    LOG_REACHABLE,
    TRANSACTIONS_ABORTED,
    PRODUCERS_REPLACED,
    DATABASES,
    SST_BYTES,
    MEMTABLE_BYTES,
    BLOCK_CACHE_BYTES,
    BUDGET_BYTES,
    BLOCK_CACHE_HITS,
    BLOCK_CACHE_MISSES,
    COMPACTION_PENDING_BYTES,
    COMPACTIONS,
    FLUSHES,
    STOPPED,
    SLOWED,
    UNFLUSHED_WRITES,
    BACKGROUND_ERRORS,
    DISK_FREE_BYTES,
    DISK_SIZE_BYTES,
    CERTIFICATE_END_SECONDS,
];

/// Whether the process is ready.
pub(crate) fn ready_is(ready: bool) {
    READY.level(&[]).set(f64::from(u8::from(ready)));
}

/// What is looked at.
pub(crate) struct Sources {
    pub(crate) platform: Arc<dyn Platform>,
    pub(crate) hosting: Arc<Hosting>,
    pub(crate) memory: StoreMemory,
    pub(crate) state_dir: PathBuf,
    /// Files of certificates, by what they are for.
    pub(crate) certificates: Vec<(&'static str, PathBuf)>,
}

/// The thread that looks. Dropping it ends the thread and waits for that: what it holds is closed after it.
pub(crate) struct Sampler {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    /// Looks at once and from then on every [`SAMPLE_INTERVAL`].
    pub(crate) fn start(sources: Sources) -> anyhow::Result<Self> {
        let (stop, stopped) = channel();
        let work = move || {
            let mut looking = Looking {
                sources,
                lag: LagMeter::default(),
                reader: None,
            };
            looking.look();
            while stopped.recv_timeout(SAMPLE_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                looking.look();
            }
        };
        let thread = std::thread::Builder::new()
            .name("metrics".to_owned())
            .spawn(work)
            .context("cannot start a thread")?;
        Ok(Self {
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so.
            drop(thread.join());
        }
    }
}

struct Looking {
    sources: Sources,
    lag: LagMeter,
    /// Replaced after it has failed.
    reader: Option<Box<dyn LogReader>>,
}

impl Looking {
    fn look(&mut self) {
        show_states(&self.sources.hosting);
        self.look_at_stores();
        self.look_at_disk();
        self.look_at_certificates();
        self.look_at_log();
        if let Err(error) = self.measure_lag() {
            // The log's own alert tells of a log that is away; here the last lag stays.
            tracing::debug!(%error, "the lag cannot be measured now");
            self.reader = None;
        }
    }

    fn measure_lag(&mut self) -> anyhow::Result<()> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            missing => missing.insert(self.sources.platform.reader()?),
        };
        Ok(self.lag.measure(&self.sources.hosting, reader.as_mut())?)
    }

    fn look_at_log(&self) {
        let is_reachable = self.sources.platform.obstacles().is_empty();
        LOG_REACHABLE.level(&[]).set(f64::from(u8::from(is_reachable)));
        for client in self.sources.platform.clients() {
            let labels = [client.application.as_str()];
            TRANSACTIONS_ABORTED.count(&labels).absolute(client.aborted);
            PRODUCERS_REPLACED.count(&labels).absolute(client.replaced);
        }
    }

    fn look_at_stores(&self) {
        let now = self.sources.memory.statistics();
        let gauges = [
            (DATABASES, now.databases as u64),
            (SST_BYTES, now.sst_bytes),
            (MEMTABLE_BYTES, now.memtable_bytes),
            (BLOCK_CACHE_BYTES, now.block_cache_bytes),
            (BUDGET_BYTES, self.sources.memory.budget().memory_bytes as u64),
            (COMPACTION_PENDING_BYTES, now.compaction_pending_bytes),
            (COMPACTIONS, now.compactions),
            (FLUSHES, now.flushes),
            (STOPPED, now.stopped),
            (SLOWED, now.slowed),
            (UNFLUSHED_WRITES, now.unflushed_writes),
            (BACKGROUND_ERRORS, now.background_errors),
        ];
        for (metric, value) in gauges {
            metric.level(&[]).set(float(value));
        }
        BLOCK_CACHE_HITS.count(&[]).absolute(now.block_cache_hits);
        BLOCK_CACHE_MISSES.count(&[]).absolute(now.block_cache_misses);
    }

    fn look_at_certificates(&self) {
        for (name, path) in &self.sources.certificates {
            // A file that is being replaced is read again soon; the listener says what is wrong with one that stays so.
            if let Ok(end) = certificate_end(path) {
                CERTIFICATE_END_SECONDS.level(&[name]).set(end.as_secs_f64());
            }
        }
    }

    fn look_at_disk(&self) {
        // It is made with the first store; until then there is nothing to say.
        if let Ok(disk) = rustix::fs::statvfs(&self.sources.state_dir) {
            DISK_FREE_BYTES.level(&[]).set(float(disk.f_bavail * disk.f_frsize));
            DISK_SIZE_BYTES.level(&[]).set(float(disk.f_blocks * disk.f_frsize));
        }
    }
}
