//! The measured process: an engine or the bare loop, and a line on standard output every few milliseconds that says how far it is.

mod committed;
mod counters;

use std::io::{Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use runtime::kafka::{BareCopy, KafkaConfig, KafkaHealth, KafkaLog, KafkaReader, ensure_internal_topics};
use runtime::limits::ThreadLimits;
use runtime::queries::Hosting;
use runtime::{NoSchemas, OsMachine, StreamApplication, ThreadContext};
use state_stores::{StateDirectory, StoreBudget, StoreMemory};
use streams::Layout;

use self::committed::Committed;
use self::counters::Counters;
use crate::process::Progress;
use crate::shapes::Shape;
use crate::topics::PARTITIONS;

/// Time between two lines. The parent looks at the processor time with each.
const REPORT_INTERVAL: Duration = Duration::from_millis(20);

/// What the process is to be.
#[derive(Debug, Clone, Args)]
pub(crate) struct ChildOptions {
    #[arg(long)]
    pub(crate) bootstrap: String,
    #[arg(long, value_enum)]
    pub(crate) shape: Shape,
    /// Prefix of the source topics.
    #[arg(long)]
    pub(crate) source: String,
    /// Application id, and prefix of the sink topics.
    #[arg(long)]
    pub(crate) application: String,
    #[arg(long)]
    pub(crate) state: PathBuf,
    #[arg(long)]
    pub(crate) threads: usize,
}

/// Runs until standard input ends, then stops in order.
pub(crate) fn run(options: &ChildOptions) -> Result<()> {
    let counters = Counters::install()?;
    let stop = Arc::new(AtomicBool::new(false));
    let stopping = Arc::clone(&stop);
    // The parent closes the pipe to stop us. When it dies, that has the same effect.
    std::thread::spawn(move || {
        drop(std::io::stdin().read_to_end(&mut Vec::new()));
        stopping.store(true, Ordering::Relaxed);
    });
    match options.shape {
        Shape::Bare => run_bare(options, &stop),
        Shape::Copy | Shape::Numbered | Shape::Count | Shape::Saga | Shape::Keep => {
            run_engine(options, &counters, &stop)
        }
    }
}

fn run_bare(options: &ChildOptions, stop: &AtomicBool) -> Result<()> {
    let config = KafkaConfig::new(&options.bootstrap, &options.application, "benchmark", 0);
    let topic = |prefix: &str, names: &[&str]| format!("{prefix}-{}", names.first().copied().unwrap_or_default());
    let input = topic(&options.source, options.shape.inputs());
    let output = topic(&options.application, options.shape.outputs());
    let mut bare = BareCopy::connect(&config, &input, &output, PARTITIONS)?;
    let mut progress = Progress {
        running: 1,
        ..Progress::default()
    };
    while !stop.load(Ordering::Relaxed) {
        progress.processed += bare.turn(ThreadLimits::default().commit_interval)?;
        report(&progress)?;
    }
    Ok(())
}

fn run_engine(options: &ChildOptions, counters: &Counters, stop: &AtomicBool) -> Result<()> {
    let (hosting, committed) = (Arc::new(Hosting::default()), Arc::new(AtomicU64::new(0)));
    let application = start(options, Arc::clone(&hosting), Arc::clone(&committed))?;
    while !stop.load(Ordering::Relaxed) {
        let threads = hosting.threads();
        report(&Progress {
            processed: committed.load(Ordering::Relaxed),
            restored: counters.total("sluice_restored_records_total"),
            restoring: threads.iter().map(|(_, _, state)| state.restoring.len()).sum(),
            running: threads.iter().map(|(_, _, state)| state.running.len()).sum(),
        })?;
        std::thread::sleep(REPORT_INTERVAL);
    }
    if !application.stop() {
        bail!("the engine did not stop");
    }
    Ok(())
}

fn start(options: &ChildOptions, hosting: Arc<Hosting>, committed: Arc<AtomicU64>) -> Result<StreamApplication> {
    let config = KafkaConfig::new(&options.bootstrap, &options.application, "benchmark", 0);
    let topology = options.shape.topology(&options.source, &options.application)?;
    let layout = Arc::new(layout(options)?);
    let memory = StoreMemory::new(StoreBudget::default())?;
    let health = Arc::new(KafkaHealth::default());
    let readers = (config.clone(), Arc::clone(&health));
    ensure_internal_topics(&runtime::kafka::KafkaAdmin::connect(&config)?, &layout, 1)?;
    let context = ThreadContext {
        topology: Arc::new(topology),
        layout: Arc::clone(&layout),
        hosting,
        states: Arc::new(StateDirectory::new(&options.state, &options.application, memory)?),
        make_reader: Arc::new(move || Ok(Box::new(KafkaReader::connect(&readers.0, Arc::clone(&readers.1))?))),
        schemas: Arc::new(NoSchemas),
        limits: ThreadLimits::default(),
        machine: Arc::new(OsMachine),
        observer: None,
    };
    let number_outputs = options.shape == Shape::Numbered;
    let join = move |thread| {
        let config = KafkaConfig {
            thread: u16::try_from(thread).unwrap_or(u16::MAX),
            number_outputs,
            ..config.clone()
        };
        let log = KafkaLog::connect(config, Arc::clone(&layout), Arc::clone(&health))?;
        Ok(Committed::new(log, Arc::clone(&committed)))
    };
    Ok(StreamApplication::start(context, options.threads, Arc::new(join)))
}

fn report(progress: &Progress) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{progress}")?;
    Ok(out.flush()?)
}

/// The topology's place on the benchmark's topics.
pub(crate) fn layout(options: &ChildOptions) -> Result<Layout> {
    let topology = options.shape.topology(&options.source, &options.application)?;
    let counts = topology
        .external_topics()
        .map(|name| (name.to_owned(), PARTITIONS))
        .collect();
    Ok(topology.place(&options.application, &counts)?)
}
