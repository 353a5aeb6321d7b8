//! Input arrives in order, once per rewind, as it was sent.

use std::ops::ControlFlow;
use std::time::Duration;

use streams::log::{Event, Log};

use super::fixture::{
    Appended, INPUT, LogFixture, append, commit_of, committed, drained, joined, name, start, taken, task, wait_for,
};

pub(crate) fn records_of_a_partition_come_in_their_order<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(2);
    append(&fixture, 0, &["a", "b", "c"]);
    append(&fixture, 1, &["x", "y"]);
    let mut log = joined(&fixture, 0, 2);
    let taken = taken(&mut log, 5);
    let of = |partition| {
        let own = taken.iter().filter(move |(from, ..)| *from == partition);
        own.map(|(_, offset, key)| format!("{offset}{key}")).collect::<Vec<_>>()
    };
    assert_eq!(of(0), ["0a", "1b", "2c"]);
    assert_eq!(of(1), ["0x", "1y"]);
}

pub(crate) fn a_record_at_which_the_caller_breaks_counts_as_taken_and_the_rest_waits<F: LogFixture>(
    new: impl Fn(i32) -> F,
) {
    let fixture = new(1);
    append(&fixture, 0, &["a", "b", "c"]);
    let mut log = joined(&fixture, 0, 1);
    let mut first = None;
    wait_for("the first record", || {
        log.poll(Duration::from_millis(50)).unwrap();
        log.drain(&mut |record| {
            first = Some(record.offset);
            ControlFlow::Break(())
        })
        .unwrap();
        first
    });
    assert_eq!(first, Some(0));
    let rest: Vec<i64> = taken(&mut log, 2).into_iter().map(|(_, offset, _)| offset).collect();
    assert_eq!(rest, [1, 2]);
    assert_eq!(log.poll(Duration::ZERO), Ok(Event::Idle));
}

pub(crate) fn an_abort_hands_over_again_what_was_not_committed<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    append(&fixture, 0, &["a", "b", "c"]);
    let mut log = joined(&fixture, 0, 1);
    taken(&mut log, 3);
    committed(&mut log, &[commit_of(task(0), 1, 1, "k", "v")]);
    for _ in 0..3 {
        log.abort().unwrap();
        let again: Vec<i64> = taken(&mut log, 2).into_iter().map(|(_, offset, _)| offset).collect();
        assert_eq!(again, [1, 2]);
    }
    committed(&mut log, &[commit_of(task(0), 2, 3, "k", "v")]);
}

pub(crate) fn nulls_headers_and_times_arrive_as_they_were_sent<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    let record = Appended {
        key: "k",
        value: "",
        header: Some(("id", "7")),
        timestamp_ms: 1_234,
    };
    fixture.append(&name(&fixture, INPUT), 0, &record);
    let mut log = joined(&fixture, 0, 1);
    let seen = wait_for("the record", || {
        log.poll(Duration::from_millis(50)).unwrap();
        let mut seen = None;
        log.drain(&mut |record| {
            let header = record.headers.last("id").map(<[u8]>::to_vec);
            seen = Some((
                record.key.map(<[u8]>::to_vec),
                record.value.map(<[u8]>::to_vec),
                header,
                record.timestamp_ms,
            ));
            ControlFlow::Continue(())
        })
        .unwrap();
        seen
    });
    assert_eq!(
        seen,
        (Some(b"k".to_vec()), Some(Vec::new()), Some(b"7".to_vec()), 1_234)
    );
}

pub(crate) fn a_paused_task_gets_no_records_until_it_is_started_again<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(2);
    append(&fixture, 0, &["a", "b"]);
    let mut log = joined(&fixture, 0, 2);
    assert_eq!(taken(&mut log, 2).len(), 2);
    log.pause(task(0)).unwrap();
    append(&fixture, 0, &["c"]);
    append(&fixture, 1, &["x"]);
    assert_eq!(taken(&mut log, 1), [(1, 0, "x".to_owned())]);
    assert_eq!(drained(&mut log), []);
    start(&mut log, task(0));
    let keys: Vec<String> = taken(&mut log, 3).into_iter().map(|(_, _, key)| key).collect();
    assert_eq!(keys, ["a", "b", "c"]);
}

pub(crate) fn a_waiting_thread_wakes_up_when_a_record_comes<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    let mut log = joined(&fixture, 0, 1);
    wait_for("silence", || {
        (log.poll(Duration::ZERO) == Ok(Event::Idle)).then_some(())
    });
    append(&fixture, 0, &["a"]);
    assert_eq!(log.poll(Duration::from_mins(1)), Ok(Event::Records));
}

pub(crate) fn a_thread_that_comes_back_begins_at_the_committed_offset<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    append(&fixture, 0, &["a", "b", "c"]);
    let mut log = joined(&fixture, 0, 1);
    taken(&mut log, 3);
    committed(&mut log, &[commit_of(task(0), 1, 2, "k", "v")]);
    log.close();
    let mut log = joined(&fixture, 0, 1);
    assert_eq!(taken(&mut log, 1), [(0, 2, "c".to_owned())]);
}
