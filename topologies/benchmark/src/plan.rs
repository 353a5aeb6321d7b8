//! How much of what is run.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

/// What the caller chooses.
#[derive(Debug, Clone, Args)]
pub(crate) struct BenchOptions {
    /// A few minutes instead of about a quarter of an hour: fewer records, one run of each
    #[arg(long)]
    quick: bool,
    /// Only these workloads: copy, count, saga, restore, latency, orders, crash
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Runs of each throughput workload, in turns with the bare loop
    #[arg(long)]
    repeats: Option<usize>,
    /// Where the broker and the stores keep their files; a new directory below it is removed at the end
    #[arg(long, env = "SLUICE_BENCH_DIR")]
    directory: Option<PathBuf>,
}

/// Sizes of all workloads.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) directory: PathBuf,
    /// Runs of each throughput workload.
    pub(crate) repeats: usize,
    /// Records to copy.
    pub(crate) copy: u64,
    /// Records to count, over [`COUNT_KEYS`] keys.
    pub(crate) count: u64,
    /// Orders of the saga, three inputs each.
    pub(crate) orders: u64,
    /// Changelog records to restore, each with a key of its own.
    pub(crate) restore: u64,
    /// Keys of the instance that is killed.
    pub(crate) crash_keys: u64,
    /// How long each rate of the latency workload lasts.
    pub(crate) latency: Duration,
    /// Rounds over the keys before that: a broker that was just started compiles its code meanwhile.
    pub(crate) warm_up_rounds: u32,
    /// Orders before those that are measured.
    pub(crate) warm_up_orders: u32,
    /// Orders whose way to their final status is measured.
    pub(crate) orders_at_rate: u32,
    only: Vec<String>,
}

/// Keys that are counted.
pub(crate) const COUNT_KEYS: u64 = 100_000;

impl Plan {
    pub(crate) fn new(options: &BenchOptions) -> Self {
        let directory = options.directory.clone().unwrap_or_else(std::env::temp_dir);
        let only = options.only.clone();
        if options.quick {
            return Self {
                directory,
                repeats: options.repeats.unwrap_or(1),
                copy: 1_500_000,
                count: 800_000,
                orders: 200_000,
                restore: 1_000_000,
                crash_keys: 200_000,
                latency: Duration::from_secs(15),
                warm_up_rounds: 5,
                warm_up_orders: 2_000,
                orders_at_rate: 1_500,
                only,
            };
        }
        Self {
            directory,
            repeats: options.repeats.unwrap_or(2),
            copy: 4_000_000,
            count: 2_500_000,
            orders: 600_000,
            restore: 5_000_000,
            crash_keys: 1_000_000,
            latency: Duration::from_mins(1),
            warm_up_rounds: 30,
            warm_up_orders: 3_000,
            orders_at_rate: 3_000,
            only,
        }
    }

    /// Whether the caller wants this workload.
    pub(crate) fn includes(&self, workload: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|name| name == workload)
    }
}
