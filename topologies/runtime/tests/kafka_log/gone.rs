//! Records that were deleted before they were read are reported, never skipped.

use std::ops::ControlFlow;
use std::time::Duration;

use streams::LogError;
use streams::log::{Log, LogReader};

use crate::fixture::{INPUT, LogFixture, append, commit_of, committed, joined, name, start, taken, task, wait_for};
use crate::kafka_fixture::KafkaFixture;

#[test]
fn a_reader_that_begins_before_the_first_record_is_told_so() {
    let fixture = truncated();
    let mut reader = fixture.reader();
    assert_eq!(reader.offsets(&name(&fixture, INPUT), 0), Ok((2, 3)));
    let read = reader.read(&name(&fixture, INPUT), 0, 0, 3, &mut |_| ControlFlow::Continue(()));
    assert!(
        matches!(&read, Err(LogError::Fatal(reason)) if reason.contains("does not have these offsets")),
        "{read:?}"
    );
    let read = reader.read(&name(&fixture, INPUT), 0, 2, 3, &mut |_| ControlFlow::Continue(()));
    assert_eq!(read, Ok(3));
}

#[test]
fn a_task_whose_next_record_is_gone_stops_with_a_sentence_that_says_what_to_do() {
    let fixture = truncated();
    let mut log = fixture.join(0);
    wait_for("the task", || {
        (log.poll(Duration::from_millis(50)) == Ok(streams::log::Event::Assigned(vec![task(0)]))).then_some(())
    });
    start(&mut log, task(0));
    let refused = wait_for("the refusal", || {
        log.poll(Duration::from_millis(50)).unwrap();
        log.drain(&mut |_| ControlFlow::Continue(())).err()
    });
    assert!(
        matches!(&refused, LogError::Fatal(reason) if reason.contains("sluice offsets reset")),
        "{refused:?}"
    );
}

/// An application that has committed offset 1 of an input whose first record is at 2.
fn truncated() -> KafkaFixture {
    let fixture = KafkaFixture::new(1);
    append(&fixture, 0, &["a", "b", "c"]);
    let mut log = joined(&fixture, 0, 1);
    taken(&mut log, 3);
    committed(&mut log, &[commit_of(task(0), 1, 1, "k", "v")]);
    log.close();
    let before = [((name(&fixture, INPUT), 0), 2)].into();
    fixture.server.admin().delete_records(&before).unwrap();
    fixture
}
