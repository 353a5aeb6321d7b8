//! `sluice sim`: the real engine on a simulated cluster.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use serde_json::{Value, json};
use simulation::{Faults, Moment, Report, Run, Sample, Simulation};

use crate::exit;
use crate::progress::Progress;
use crate::terminal;

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Each seed is one life of an application on three simulated brokers: processes are killed at any step, stopped, cut off; requests
are late, lost and heard twice; disks are full, slow and damaged; clocks jump. The same seed always does the same, which its
trace hash shows. A seed that fails is shown with the last things that happened. Exits with 1 when one fails.")]
pub(crate) struct SimArguments {
    /// What runs: copy, count, join, shop or sessions.
    #[arg(long, value_name = "NAME", default_value = "shop")]
    sample: Sample,

    /// One seed, told in full.
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    seed: Option<u64>,

    /// Seeds from A up to and without B.
    #[arg(long, value_name = "A..B", default_value = "0..1000", value_parser = range)]
    seeds: Range<u64>,

    /// Run the seed without faults, then again with a crash at each of its steps that touches a broker or a store; with a
    /// stride at every K-th.
    #[arg(long, requires = "seed", value_name = "K", num_args = 0..=1, default_missing_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    sweep: Option<u64>,

    /// Run the seed without faults, then N times with crashes at two steps that are drawn.
    #[arg(long, requires = "seed", conflicts_with = "sweep", value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pairs: Option<u64>,

    /// Orders, records or people of each run.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    size: Option<u32>,

    /// Write the result as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

pub(crate) fn run(arguments: &SimArguments) -> anyhow::Result<ExitCode> {
    let size = arguments.size.and_then(|size| usize::try_from(size).ok());
    let size = size.unwrap_or_else(|| arguments.sample.usual_size());
    let simulation = arguments.sample.simulation(size)?;
    let began = Instant::now();
    let (clean, shown, value) = match (arguments.seed, arguments.sweep, arguments.pairs) {
        (Some(seed), Some(stride), _) => crashes(&simulation, seed, &Crashes::Each { stride }),
        (Some(seed), _, Some(count)) => crashes(&simulation, seed, &Crashes::Pairs { count }),
        (Some(seed), None, None) => one(&simulation.told().run(seed)),
        (None, _, _) => many(&simulation, &arguments.seeds),
    };
    terminal::line(shown)?;
    terminal::line(format_args!(
        "{} in {:.1} s",
        arguments.sample,
        began.elapsed().as_secs_f64()
    ))?;
    if let Some(file) = &arguments.json {
        fs::write(file, format!("{value:#}\n")).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(ExitCode::from(if clean { exit::SUCCESS } else { exit::FAILURE }))
}

fn one(run: &Run) -> (bool, String, Value) {
    let mut shown = run.to_string();
    if !run.violations.is_empty() {
        shown = format!("{}\n{shown}", run.story.join("\n"));
    }
    (run.violations.is_empty(), shown, of_run(run))
}

fn many(simulation: &Simulation, seeds: &Range<u64>) -> (bool, String, Value) {
    let progress = Progress::start(seeds.end - seeds.start, "seeds");
    let report = simulation.seeds_told(seeds.clone(), &|_| progress.advance());
    progress.finish();
    (report.is_clean(), report.to_string(), of_report(&report))
}

/// Where a sweep crashes.
enum Crashes {
    Each { stride: u64 },
    Pairs { count: u64 },
}

fn crashes(simulation: &Simulation, seed: u64, crashes: &Crashes) -> (bool, String, Value) {
    let simulation = simulation.clone().faults(Faults::brief_day());
    let steps = simulation.run(seed).steps;
    let runs = match crashes {
        Crashes::Each { stride } => steps.div_ceil(*stride),
        Crashes::Pairs { count } => *count,
    };
    let progress = Progress::start(runs, "crashes");
    let told = |_: &Run| progress.advance();
    let report = match crashes {
        Crashes::Each { stride } => simulation.sweep_told(seed, 1..steps + 1, *stride, &told),
        Crashes::Pairs { count } => simulation.pairs_told(seed, steps, *count, &told),
    };
    progress.finish();
    let shown = format!("{steps} steps, {runs} runs with a crash\n{report}");
    (report.is_clean(), shown, of_report(&report))
}

fn of_report(report: &Report) -> Value {
    json!({
        "runs": report.runs,
        "failed": report.failed,
        "faults": report.faults,
        "records": report.records,
        "simulated_seconds": report.time.as_secs(),
        "moments": Moment::ALL.iter().map(|moment| json!({
            "moment": moment.words(),
            "count": report.moments.count(*moment),
        })).collect::<Vec<_>>(),
        "failures": report.failures.iter().map(of_run).collect::<Vec<_>>(),
    })
}

fn of_run(run: &Run) -> Value {
    json!({
        "seed": run.seed,
        "trace": format!("{:016x}", run.trace_hash),
        "steps": run.steps,
        "records": run.records,
        "simulated_seconds": run.time.as_secs_f64(),
        "crashes": run.crashes,
        "faults": run.faults,
        "violations": run.violations,
    })
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let parsed = text
        .split_once("..")
        .and_then(|(from, to)| Some(from.parse().ok()?..to.parse().ok()?));
    parsed
        .filter(|range: &Range<u64>| range.start < range.end)
        .ok_or_else(|| format!("{text:?} is no range of seeds such as 0..1000"))
}
