//! Every planted bug is found: a simulation that finds none of them would find none of ours.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and shows its table"
)]

use std::time::Duration;

use planted::{Bug, Part, plant};
use runtime::limits::ThreadLimits;
use simulation::{Run, Sample, Simulation};

/// A bug that is not found within so many seeds is not found.
const SEEDS_MAX: u64 = 3_000;
/// Seeds that are run before the next look whether one has found it.
const STEP: u64 = 20;
/// Between two commits.
const FAR_APART: Duration = Duration::from_secs(2);

/// Where a bug is looked for, one after the other.
fn samples(bug: Bug) -> &'static [Sample] {
    match bug.part() {
        Part::Shop => &[Sample::Shop],
        Part::Sessions => &[Sample::Sessions],
        Part::Protocol | Part::Engine => &[Sample::Count, Sample::Copy, Sample::Shop],
    }
}

/// The application with limits that each seed draws; for the bug of what is sent ahead of its commit, with commits that are far
/// apart, so that there is always something that was sent ahead.
fn simulation(sample: Sample, bug: Bug) -> Simulation {
    let simulation = sample.simulation(sample.usual_size()).unwrap();
    match bug {
        Bug::RenewedInOpenTransaction => simulation.limits(ThreadLimits {
            commit_interval: FAR_APART,
            commit_spacing: FAR_APART,
            send_ahead_bytes: 1,
            ..ThreadLimits::default()
        }),
        _ => simulation,
    }
}

/// The first failure, the application that has failed, and how many seeds that took.
fn find(bug: Bug) -> Option<(Sample, u64, Run)> {
    for sample in samples(bug) {
        let simulation = simulation(*sample, bug);
        for from in (0..SEEDS_MAX).step_by(usize::try_from(STEP).unwrap()) {
            let mut report = simulation.seeds(from..from + STEP);
            if let Some(seed) = report.failed.first().copied() {
                return Some((*sample, seed + 1, report.failures.remove(0)));
            }
        }
    }
    None
}

/// `SLUICE_PLANTED` names the bugs that are looked for; without it all are.
#[test]
fn every_planted_bug_is_found() {
    let named = std::env::var("SLUICE_PLANTED").unwrap_or_default();
    let wanted = |bug: &&Bug| named.is_empty() || named.split(',').any(|name| name == format!("{bug:?}"));
    let mut missed = Vec::new();
    for bug in Bug::ALL.iter().filter(wanted) {
        plant(Some(*bug));
        match find(*bug) {
            Some((sample, seeds, run)) => {
                let violation = run.violations.first().unwrap();
                println!(
                    "| {bug:?} | {} | {} | {sample} | {seeds} | {} |",
                    bug.words(),
                    bug.breaks(),
                    short(violation)
                );
            }
            None => missed.push(*bug),
        }
        plant(None);
    }
    assert_eq!(missed, []);
}

fn short(text: &str) -> String {
    text.chars().take(110).collect()
}
