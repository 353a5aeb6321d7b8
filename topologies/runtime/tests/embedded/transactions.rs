//! A commit is one step for everybody who looks.

use std::ops::ControlFlow;
use std::time::Duration;

use runtime::commit_record::CommitRecord;
use streams::LogError;
use streams::changelog::COMMIT_RECORD_KEY;
use streams::log::{Event, Log, LogReader};

use crate::fixture::{CHANGELOG_NAME, GROUP, PATIENCE, append, broker, commit, commit_of, drained, joined, read, task};

#[test]
fn a_commit_writes_outputs_changelog_offsets_and_its_own_record() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    append(&broker, "input", &["a", "b"]);
    let mut log = joined(&broker, 1, 0);
    assert_eq!(log.poll(PATIENCE), Ok(Event::Records));
    assert_eq!(drained(&mut log), [(0, 0), (0, 1)]);

    let ends = log.commit(&[commit(1, 2, "k", "v")]).unwrap();

    assert_eq!(ends, [Some(2)]);
    let written = [(0, "k".to_owned(), Some("v".to_owned()))];
    assert_eq!(read(&broker, "output", 0), written);
    let mut changelog = read(&broker, CHANGELOG_NAME, 0);
    let (offset, key, value) = changelog.pop().unwrap();
    assert_eq!(changelog, written);
    assert_eq!(broker.group_offsets(GROUP).get(&("input".to_owned(), 0)), Some(&2));
    let record = CommitRecord::from_bytes(value.unwrap().as_bytes()).unwrap();
    assert_eq!((offset, key.as_bytes()), (1, COMMIT_RECORD_KEY));
    assert_eq!(
        (record.sequence, record.outputs, record.after, record.records),
        (1, 1, None, 1)
    );
    assert_eq!(record.offsets.get("input/0"), Some(&2));
}

#[test]
fn commits_of_several_tasks_are_true_together_or_not_at_all() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 2);
    let mut log = joined(&broker, 2, 0);
    log.stop(&[task(1)]).unwrap();
    let commits = [commit_of(task(0), 1, 1, "k", "v"), commit_of(task(1), 1, 1, "k", "v")];
    // Task 1 was given up and is assigned anew by the next poll; until then this thread does own it, so it is another thread that takes it.
    let _other = broker.join(crate::fixture::layout(2), 1).unwrap();
    while let Event::Revoked(tasks) = log.poll(Duration::from_millis(1)).unwrap() {
        log.stop(&tasks).unwrap();
    }
    log.stop(&[task(1)]).unwrap();
    assert!(matches!(log.commit(&commits), Err(LogError::Migrated(_))));
    assert_eq!(read(&broker, "output", 0), []);
    assert!(broker.group_offsets(GROUP).is_empty());
}

#[test]
fn an_abort_hands_the_same_records_over_again() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    append(&broker, "input", &["a", "b", "c"]);
    let mut log = joined(&broker, 1, 0);
    drained(&mut log);
    log.commit(&[commit(1, 1, "k", "v")]).unwrap();
    log.abort().unwrap();
    assert_eq!(drained(&mut log), [(0, 1), (0, 2)]);
}

#[test]
fn a_record_at_which_the_caller_breaks_counts_as_taken_and_the_rest_waits() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    append(&broker, "input", &["a", "b", "c"]);
    let mut log = joined(&broker, 1, 0);
    log.drain(&mut |_| ControlFlow::Break(())).unwrap();
    assert_eq!(log.poll(PATIENCE), Ok(Event::Records));
    assert_eq!(drained(&mut log), [(0, 1), (0, 2)]);
    assert_eq!(log.poll(Duration::ZERO), Ok(Event::Idle));
}

#[test]
fn headers_nulls_and_timestamps_arrive_as_they_were_sent() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    append(&broker, "input", &["a"]);
    let mut log = joined(&broker, 1, 0);
    let mut seen = None;
    log.drain(&mut |record| {
        seen = Some((record.timestamp_ms, record.headers.last("id").map(<[u8]>::to_vec)));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(seen, Some((1_000, Some(b"a".to_vec()))));
}

#[test]
fn a_range_ends_where_the_reader_breaks() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    append(&broker, "input", &["a", "b", "c"]);
    let next = broker.reader().read("input", 0, 0, 3, &mut |record| {
        if record.offset == 1 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(next, Ok(2));
}
