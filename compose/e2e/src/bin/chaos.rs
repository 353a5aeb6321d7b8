//! `./dev chaos`: the whole system under fire, for as long as one wants.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use e2e::chaos::{Fault, Plan, run};

/// Starts three brokers, the registry, Redis, three instances and an edge, and lets one fault follow another while orders come.
/// At the end the books are checked from the topics alone, and by `sluice audit`.
#[derive(Debug, Parser)]
#[command(name = "chaos")]
struct Arguments {
    /// Minutes for which faults come, after about one minute of starting. Without it each fault comes once.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=10_000))]
    minutes: Option<u64>,

    /// What decides the order of faults, their victims and their times. The system's own timing no seed decides.
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,

    /// Only faults whose names have one of these words in them, such as "broker,clock".
    #[arg(long, value_name = "WORDS", value_delimiter = ',')]
    only: Vec<String>,

    /// Another build of `sluice`: instances begin as it, a rolling upgrade brings them to this build, and the next one back.
    #[arg(long, value_name = "FILE")]
    upgrade_from: Option<PathBuf>,

    /// Write the report to a file as JSON too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "the report is what it is for")]
fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    let wanted = |fault: &Fault| {
        let only = &arguments.only;
        only.is_empty() || only.iter().any(|word| fault.words().contains(word.as_str()))
    };
    let faults: Vec<_> = Fault::ALL.iter().copied().filter(wanted).collect();
    anyhow::ensure!(
        !faults.is_empty(),
        "no fault has one of these words: {:?}",
        arguments.only
    );
    if let Some(earlier) = arguments.upgrade_from.as_deref() {
        anyhow::ensure!(earlier.is_file(), "there is no build at {}", earlier.display());
    }
    let plan = match arguments.minutes {
        Some(minutes) => Plan::minutes(&faults, arguments.seed, minutes),
        None => Plan::each_once(&faults, arguments.seed),
    };
    let plan = plan.upgrading_from(arguments.upgrade_from);
    let report = run(&plan, &mut |line| eprintln!("{line}"))?;
    println!("{report}");
    if let Some(file) = arguments.json {
        std::fs::write(file, serde_json::to_vec_pretty(&report.json())?)?;
    }
    Ok(ExitCode::from(u8::from(!report.violations.is_empty())))
}
