//! The crash sweep: a fixed day of the shop, and a crash at its steps, one after the other.
//!
//! `sluice sim --seed 1 --size 200 --sweep` crashes at every step; here it is every so many.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use simulation::{Faults, Report, Simulation};

const SEED: u64 = 1;
const ORDERS: usize = 200;
/// Every so many steps one run crashes.
const STRIDE: u64 = 60;
/// Runs that crash twice.
const PAIRS: u64 = 60;

fn day() -> Simulation {
    Simulation::shop(ORDERS).unwrap().faults(Faults::brief_day())
}

#[track_caller]
fn assert_clean(report: &Report) {
    assert!(report.is_clean(), "{report}\n{}", report.story());
}

#[test]
fn a_crash_at_any_step_leaves_the_books_right() {
    let steps = day().run(SEED).steps;
    let report = day().sweep_told(SEED, 1..steps + 1, STRIDE, &|_| ());
    assert!(report.runs >= 100, "{} runs", report.runs);
    assert_clean(&report);
}

#[test]
fn two_crashes_at_any_steps_leave_the_books_right() {
    let steps = day().run(SEED).steps;
    assert_clean(&day().pairs_told(SEED, steps, PAIRS, &|_| ()));
}
