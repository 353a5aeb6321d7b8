//! Seeds: lives of four applications in which everything goes wrong, and what is right all the same.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and shows what it has run"
)]

use std::ops::Range;

use simulation::{Faults, Moment, Report, Sample};

/// Seeds of the shop in every run of the tests.
const SHOP_SEEDS: u64 = 2_000;
/// Seeds of each of the small applications.
const SAMPLE_SEEDS: u64 = 400;
/// Seeds of the sessions.
const SESSION_SEEDS: u64 = 200;

#[track_caller]
fn clean(sample: Sample, seeds: Range<u64>) -> Report {
    let report = sample.simulation(sample.usual_size()).unwrap().seeds(seeds);
    assert!(report.is_clean(), "{sample}: {report}\n{}", report.story());
    report
}

#[test]
fn whatever_happens_what_comes_is_copied_once_and_in_order() {
    clean(Sample::Copy, 0..SAMPLE_SEEDS);
}

#[test]
fn whatever_happens_every_word_is_counted_once() {
    clean(Sample::Count, 0..SAMPLE_SEEDS);
}

#[test]
fn whatever_happens_both_sides_are_joined() {
    clean(Sample::Join, 0..SAMPLE_SEEDS);
}

/// A moment that no seed comes to would be one that nothing is known about.
#[test]
fn whatever_happens_every_order_ends_and_the_books_are_right_and_every_moment_was_reached() {
    let report = clean(Sample::Shop, 0..SHOP_SEEDS);
    println!("{report}");
    assert_eq!(missing(&report, Sample::Shop), [] as [Moment; 0]);
}

#[test]
fn whatever_happens_to_redis_nobody_loses_a_session_and_no_thief_keeps_one() {
    let report = clean(Sample::Sessions, 0..SESSION_SEEDS);
    println!("{report}");
    assert_eq!(missing(&report, Sample::Sessions), [] as [Moment; 0]);
}

fn missing(report: &Report, sample: Sample) -> Vec<Moment> {
    let missing = report.missing().into_iter();
    missing
        .filter(|moment| moment.is_of_sessions() == (sample == Sample::Sessions))
        .collect()
}

#[test]
fn without_faults_nothing_is_refused_or_late() {
    for sample in Sample::ALL {
        let simulation = sample.simulation(sample.usual_size()).unwrap().faults(Faults::none());
        let report = simulation.seeds(0..20);
        assert!(report.is_clean(), "{sample}: {report}");
        for moment in [
            Moment::Fenced,
            Moment::TasksLost,
            Moment::EndLate,
            Moment::TransactionTimedOut,
        ] {
            assert_eq!(report.moments.count(moment), 0, "{sample}: {}", moment.words());
        }
    }
}

#[test]
fn a_seed_does_the_same_each_time_and_another_one_something_else() {
    for sample in Sample::ALL {
        let simulation = sample.simulation(sample.usual_size()).unwrap();
        let (first, second) = (simulation.seeds(0..12), simulation.seeds(0..12));
        assert_eq!(first.hashes, second.hashes, "{sample}");
        let mut hashes: Vec<u64> = first.hashes.into_values().collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), 12, "{sample}");
    }
}
