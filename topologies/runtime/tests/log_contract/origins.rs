//! Outputs say which one of their task they are.

use std::ops::ControlFlow;

use runtime::origin::{ORIGIN, Origin};
use streams::log::{Log, LogReader};

use super::fixture::{
    Appended, INPUT, LogFixture, OUTPUT, append, commit_of, committed, joined, name, sent, task, wait_for,
};

pub(crate) fn outputs_are_numbered_on_after_an_abort_and_a_restart<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    append(&fixture, 0, &["a", "b", "c"]);
    let mut log = joined(&fixture, 0, 1);
    committed(&mut log, &[commit_of(task(0), 1, 1, "k", "a")]);
    let ahead = sent(&mut log, commit_of(task(0), 2, 2, "k", "forgotten"));
    drop(ahead);
    log.abort().unwrap();
    let ahead = sent(&mut log, commit_of(task(0), 2, 2, "k", "b"));
    committed(&mut log, &[ahead]);
    drop(log);
    let mut log = joined(&fixture, 0, 1);
    committed(&mut log, &[commit_of(task(0), 3, 3, "k", "c")]);
    let writer = format!("{}/0_0", fixture.layout().application_id);
    let expected = (1..=3).map(|number| format!("{writer}/{number}"));
    assert_eq!(origins(&fixture), expected.collect::<Vec<_>>());
}

pub(crate) fn a_topology_does_not_see_the_origin_of_its_input<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    let record = Appended {
        key: "k",
        value: "",
        header: Some((ORIGIN, "other/0_0/1")),
        timestamp_ms: 1_234,
    };
    fixture.append(&name(&fixture, INPUT), 0, &record);
    let mut log = joined(&fixture, 0, 1);
    let seen = wait_for("the record", || {
        log.poll(std::time::Duration::from_millis(50)).unwrap();
        let mut seen = None;
        log.drain(&mut |record| {
            seen = Some(record.headers);
            ControlFlow::Continue(())
        })
        .unwrap();
        seen
    });
    assert!(seen.is_empty(), "{seen:?}");
}

fn origins(fixture: &impl LogFixture) -> Vec<String> {
    let (mut reader, topic) = (fixture.reader(), name(fixture, OUTPUT));
    let (first, end) = wait_for("the end", || reader.offsets(&topic, 0).ok());
    let mut origins = Vec::new();
    let visit = &mut |record: streams::log::StoredRecord<'_>| {
        origins.extend(Origin::of(&record.headers).map(|origin| origin.to_string()));
        ControlFlow::Continue(())
    };
    reader.read(&topic, 0, first, end, visit).unwrap();
    origins
}
