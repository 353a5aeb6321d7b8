//! Tasks go to the threads that are there, and from one to the other only when the former has let go.

use std::time::Duration;

use streams::log::{Event, Log};
use streams::{LogError, TaskId};

use crate::fixture::{GROUP, PATIENCE, append, broker, commit, joined, layout, start, task};

const SHORT: Duration = Duration::from_millis(1);

#[test]
fn a_second_thread_gets_its_share_only_after_the_first_has_stopped_it() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 4);
    let mut first = joined(&broker, 4, 0);
    let mut second = broker.join(layout(4), 1).unwrap();
    assert_eq!(second.poll(SHORT), Ok(Event::Idle));
    let Event::Revoked(tasks) = first.poll(PATIENCE).unwrap() else {
        panic!("nothing was revoked")
    };
    assert_eq!(second.poll(SHORT), Ok(Event::Idle));
    first.stop(&tasks).unwrap();
    assert_eq!(second.poll(PATIENCE), Ok(Event::Assigned(tasks)));
    assert_eq!(first.poll(SHORT), Ok(Event::Idle));
}

#[test]
fn tasks_of_a_thread_that_leaves_go_to_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 2);
    let first = joined(&broker, 2, 0);
    let mut second = broker.join(layout(2), 1).unwrap();
    assert_eq!(second.poll(SHORT), Ok(Event::Idle));
    drop(first);
    let mut assigned: Vec<TaskId> = Vec::new();
    while let Event::Assigned(tasks) = second.poll(SHORT).unwrap() {
        assigned.extend(tasks);
    }
    assigned.sort();
    assert_eq!(assigned, [task(0), task(1)]);
    assert_eq!(broker.group_members(GROUP), 1);
}

#[test]
fn a_thread_that_was_replaced_can_commit_nothing_and_says_why_it_stops() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    append(&broker, "input", &["a"]);
    let mut zombie = joined(&broker, 1, 0);
    let mut heir = joined(&broker, 1, 0);
    assert!(matches!(
        zombie.commit(&[commit(1, 1, "k", "v")]),
        Err(LogError::Migrated(_))
    ));
    assert_eq!(zombie.poll(SHORT), Ok(Event::Lost(vec![task(0)])));
    zombie.stop(&[task(0)]).unwrap();
    assert!(matches!(zombie.poll(SHORT), Err(LogError::Fatal(_))));
    heir.commit(&[commit(1, 1, "k", "v")]).unwrap();
}

#[test]
fn a_thread_that_does_not_give_a_task_up_in_time_loses_it_and_joins_again() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 2);
    let mut hanging = joined(&broker, 2, 0);
    let mut other = broker.join(layout(2), 1).unwrap();
    assert!(matches!(hanging.poll(PATIENCE), Ok(Event::Revoked(_))));
    broker.maintain(i64::MAX).unwrap();
    let Event::Assigned(tasks) = other.poll(PATIENCE).unwrap() else {
        panic!("nothing was assigned")
    };
    assert!(tasks.contains(&task(1)));
    let Event::Lost(lost) = hanging.poll(PATIENCE).unwrap() else {
        panic!("nothing was lost")
    };
    assert_eq!(lost, [task(0), task(1)]);
    hanging.stop(&lost).unwrap();
    assert_eq!(hanging.poll(SHORT), Ok(Event::Idle));
    assert_eq!(broker.group_members(GROUP), 2);
}

#[test]
fn a_waiting_thread_wakes_up_when_a_record_comes() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    let mut log = joined(&broker, 1, 0);
    let neighbour = std::sync::Arc::clone(&broker);
    let writer = std::thread::spawn(move || append(&neighbour, "input", &["a"]));
    assert_eq!(log.poll(PATIENCE), Ok(Event::Records));
    writer.join().unwrap();
}

#[test]
fn a_restarted_task_begins_at_the_committed_offset() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    append(&broker, "input", &["a", "b"]);
    let mut log = joined(&broker, 1, 0);
    log.commit(&[commit(1, 1, "k", "v")]).unwrap();
    log.pause(task(0)).unwrap();
    assert_eq!(crate::fixture::drained(&mut log), []);
    start(&mut log, task(0));
    assert_eq!(crate::fixture::drained(&mut log), [(0, 1)]);
}
