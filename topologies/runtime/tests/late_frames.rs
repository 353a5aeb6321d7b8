//! Requests of one transaction arrive when the next one is open, again and again.
//!
//! With the feature `planted-bugs` the same rounds run once more without the defence, which is to replace a producer of which a
//! request was lost, and have to go wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells what it did"
)]

#[path = "log_contract/fixture.rs"]
mod fixture;
#[path = "support/kafka_fixture.rs"]
mod kafka_fixture;
#[path = "late_frames/rounds.rs"]
mod rounds;
#[path = "kafka_log/scenario.rs"]
mod scenario;
mod support;

use rounds::{Late, Rounds, run};

/// Rounds of each kind. `SLUICE_LATE_ROUNDS` sets another number; a thousand take some minutes.
const ROUNDS: usize = 100;

fn rounds() -> usize {
    let wanted = std::env::var("SLUICE_LATE_ROUNDS").ok();
    wanted.and_then(|count| count.parse().ok()).unwrap_or(ROUNDS)
}

fn all_right(late: Late) {
    let rounds = rounds();
    let ended: Rounds = run(late, rounds);
    println!("{late:?}: {ended}");
    assert_eq!(ended.wrong, None);
    assert_eq!((ended.untrue, ended.lost_or_twice), (0, 0));
    assert_eq!(ended.late, rounds, "every round had its late request");
}

#[test]
fn an_end_that_arrives_in_the_next_transaction_changes_nothing() {
    all_right(Late::End);
}

#[test]
fn a_batch_that_arrives_again_in_the_next_transaction_changes_nothing() {
    all_right(Late::RepeatedBatch);
}

#[test]
fn a_batch_of_an_aborted_transaction_that_arrives_in_the_next_one_changes_nothing() {
    all_right(Late::AbortedBatch);
}

#[cfg(feature = "planted-bugs")]
#[test]
fn without_the_defence_what_arrives_in_the_next_transaction_becomes_part_of_it() {
    for late in [Late::End, Late::AbortedBatch] {
        let ended = rounds::without_defence(late, rounds());
        println!("{late:?} without the defence: {ended}");
        assert!(ended.wrong.is_some() || ended.untrue + ended.lost_or_twice > 0);
    }
}
