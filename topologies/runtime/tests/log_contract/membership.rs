//! Tasks go to the threads that are there, and from one to the other only when the former has let go.

use std::collections::BTreeSet;
use std::time::Duration;

use streams::log::{Event, Log};
use streams::{LogError, TaskId};

use super::fixture::{LogFixture, OUTPUT, append, commit_of, committed, joined, pair, read, start, task, wait_for};

const LOOK: Duration = Duration::from_millis(50);

pub(crate) fn a_lone_thread_is_given_every_task<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(4);
    let mut log = fixture.join(0);
    let mut assigned = BTreeSet::new();
    wait_for("all tasks", || {
        if let Event::Assigned(tasks) = log.poll(LOOK).unwrap() {
            assigned.extend(tasks);
        }
        (assigned == (0..4).map(task).collect()).then_some(())
    });
}

pub(crate) fn a_second_thread_gets_its_share_only_after_the_first_has_stopped_it<F: LogFixture>(
    new: impl Fn(i32) -> F,
) {
    let fixture = new(4);
    let mut first = joined(&fixture, 0, 4);
    let mut second = fixture.join(1);
    let revoked = revoked_from(&mut first, &mut second);
    assert_eq!(revoked.len(), 2);
    // The rebalance waits for the stop, so there is nothing to wait for here.
    assert!(matches!(second.poll(LOOK), Ok(Event::Idle)));
    first.stop(&revoked).unwrap();
    let assigned = wait_for("the share of the second", || {
        assert!(matches!(first.poll(LOOK), Ok(Event::Idle | Event::Records)));
        match second.poll(LOOK).unwrap() {
            Event::Assigned(tasks) => Some(tasks),
            _ => None,
        }
    });
    assert_eq!(assigned.iter().collect::<BTreeSet<_>>(), revoked.iter().collect());
}

pub(crate) fn a_thread_to_which_no_task_is_left_is_told_that_it_is_in<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    let mut first = joined(&fixture, 0, 1);
    let mut second = fixture.join(1);
    let assigned = wait_for("the welcome", || {
        assert!(matches!(first.poll(LOOK), Ok(Event::Idle)));
        match second.poll(LOOK).unwrap() {
            Event::Assigned(tasks) => Some(tasks),
            _ => None,
        }
    });
    assert_eq!(assigned, []);
    first.close();
    let mut heir = BTreeSet::new();
    wait_for("the task", || {
        collect(&mut second, &mut heir);
        heir.contains(&task(0)).then_some(())
    });
}

pub(crate) fn revoked_tasks_can_still_be_committed_before_they_are_stopped<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(2);
    let mut first = joined(&fixture, 0, 2);
    let mut second = fixture.join(1);
    let revoked = revoked_from(&mut first, &mut second);
    let partition = revoked[0].partition;
    committed(&mut first, &[commit_of(revoked[0], 1, 1, "k", "last words")]);
    first.stop(&revoked).unwrap();
    assert_eq!(read(&fixture, OUTPUT, partition), [pair("k", "last words")]);
    wait_for("the heir", || {
        assert!(matches!(first.poll(LOOK), Ok(Event::Idle | Event::Records)));
        matches!(second.poll(LOOK), Ok(Event::Assigned(_))).then_some(())
    });
    let from = wait_for("the committed offset", || second.committed(revoked[0]).ok());
    assert_eq!(from[0].next, 1);
}

pub(crate) fn tasks_of_a_thread_that_leaves_go_to_the_others<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(2);
    let mut first = joined(&fixture, 0, 2);
    let mut second = fixture.join(1);
    let revoked = revoked_from(&mut first, &mut second);
    first.stop(&revoked).unwrap();
    let mut assigned: BTreeSet<TaskId> = BTreeSet::new();
    wait_for("the first share", || {
        first.poll(LOOK).unwrap();
        collect(&mut second, &mut assigned);
        (assigned.len() == 1).then_some(())
    });
    first.close();
    wait_for("all tasks", || {
        collect(&mut second, &mut assigned);
        (assigned == [task(0), task(1)].into()).then_some(())
    });
}

pub(crate) fn a_thread_that_was_replaced_makes_nothing_true_and_its_heir_does<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    append(&fixture, 0, &["a"]);
    let mut zombie = joined(&fixture, 0, 1);
    let mut heir = joined(&fixture, 0, 1);
    let refused = zombie.commit(&[commit_of(task(0), 1, 1, "k", "zombie")]);
    assert!(
        matches!(
            refused,
            Err(LogError::Migrated(_) | LogError::Abortable(_) | LogError::Fenced(_))
        ),
        "{refused:?}"
    );
    committed(&mut heir, &[commit_of(task(0), 1, 1, "k", "heir")]);
    assert_eq!(read(&fixture, OUTPUT, 0), [pair("k", "heir")]);
}

/// Lets both threads take part in the rebalance until the first is asked to give tasks up.
fn revoked_from<L: Log>(first: &mut L, second: &mut L) -> Vec<TaskId> {
    wait_for("a revocation", || {
        assert!(matches!(second.poll(LOOK), Ok(Event::Idle)));
        match first.poll(LOOK).unwrap() {
            Event::Revoked(tasks) => Some(tasks),
            Event::Records | Event::Idle => None,
            event => panic!("{event:?}"),
        }
    })
}

fn collect(log: &mut impl Log, assigned: &mut BTreeSet<TaskId>) {
    if let Event::Assigned(tasks) = log.poll(LOOK).unwrap() {
        for task in &tasks {
            start(log, *task);
        }
        assigned.extend(tasks);
    }
}
