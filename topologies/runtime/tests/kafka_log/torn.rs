//! The end of a transaction gets lost or late, and no transaction is torn or told wrongly.

use std::sync::Arc;

use e2e::proxy::{Api, FrameFault};
use streams::LogError;
use streams::log::Log;

use crate::fixture::{OUTPUT, commit_of, committed, pair, read, task, wait_for};
use crate::scenario::{Scenario, scenario};

#[test]
fn an_end_whose_answer_is_lost_is_repeated_and_the_producer_replaced() {
    let mut it = scenario();
    it.proxy.arm(Api::EndTxn, FrameFault::LoseAnswer, false);
    committed(&mut it.log, &[commit_of(task(0), 1, 1, "k", "first")]);
    assert!(it.proxy.has_struck());
    assert_eq!(it.health.rebuilt_producers(), 1);
    committed(&mut it.log, &[commit_of(task(0), 2, 2, "k", "second")]);
    assert_eq!(read(&it.fixture, OUTPUT, 0), [pair("k", "first"), pair("k", "second")]);
}

#[test]
fn a_late_end_cannot_touch_the_next_transaction() {
    let mut it = scenario();
    it.proxy.arm(Api::EndTxn, FrameFault::Delay, false);
    committed(&mut it.log, &[commit_of(task(0), 1, 1, "k", "first")]);
    assert!(it.proxy.has_struck());
    // The next transaction waits for the broker's word on its end while the late end of the first arrives.
    it.proxy.arm(Api::EndTxn, FrameFault::Delay, true);
    let codes = std::thread::scope(|scope| {
        let proxy = it.proxy;
        let late = scope.spawn(move || {
            wait_for("the second end", || proxy.has_struck().then_some(()));
            let codes = proxy.release().unwrap();
            proxy.open();
            codes
        });
        committed(&mut it.log, &[commit_of(task(0), 2, 2, "k", "second")]);
        late.join().unwrap()
    });
    // The first is refused for its old epoch; the second is the transaction's own.
    assert!(!codes.is_empty() && codes[0] != 0, "{codes:?}");
    assert_eq!(read(&it.fixture, OUTPUT, 0), [pair("k", "first"), pair("k", "second")]);
}

#[test]
fn an_outcome_that_nobody_told_is_found_to_be_a_commit() {
    let mut it = scenario();
    it.proxy.arm(Api::EndTxn, FrameFault::LoseAnswer, true);
    let ends = unreachable_until_discarded(&mut it).unwrap();
    assert!(ends[0].is_some());
    assert_eq!(read(&it.fixture, OUTPUT, 0), [pair("k", "first")]);
    committed(&mut it.log, &[commit_of(task(0), 2, 2, "k", "second")]);
    assert_eq!(read(&it.fixture, OUTPUT, 0), [pair("k", "first"), pair("k", "second")]);
}

#[test]
fn an_outcome_that_nobody_told_is_found_to_be_an_abort() {
    let mut it = scenario();
    it.proxy.arm(Api::EndTxn, FrameFault::LoseRequest, true);
    let refused = unreachable_until_discarded(&mut it);
    assert!(matches!(refused, Err(LogError::Abortable(_))), "{refused:?}");
    it.log.abort().unwrap();
    assert_eq!(read(&it.fixture, OUTPUT, 0), []);
    committed(&mut it.log, &[commit_of(task(0), 1, 1, "k", "again")]);
    assert_eq!(read(&it.fixture, OUTPUT, 0), [pair("k", "again")]);
}

/// Commits while the broker goes out of reach at the end, and comes back when the producer was given up.
fn unreachable_until_discarded(it: &mut Scenario) -> Result<Vec<streams::ChangelogEnd>, LogError> {
    std::thread::scope(|scope| {
        let (proxy, health) = (it.proxy, Arc::clone(&it.health));
        scope.spawn(move || {
            wait_for("the end of the transaction", || proxy.has_struck().then_some(()));
            wait_for("the producer to be given up", || {
                (health.rebuilt_producers() > 0).then_some(())
            });
            proxy.open();
        });
        it.log.commit(&[commit_of(task(0), 1, 1, "k", "first")])
    })
}
