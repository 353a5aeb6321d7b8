//! A rebalance takes two rounds: tasks are given up, then given away. A member that dies in between leaves them to nobody.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::kafka::KafkaLog;
use streams::log::{Event, Log};
use streams::{LogError, TaskId};

use crate::counting::{Instance, PARTITIONS};
use crate::support::{KafkaServer, unique};

/// Longer than any round of a rebalance, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(50);

#[test]
fn tasks_that_a_dying_member_was_giving_up_find_an_owner_when_it_comes_back() {
    let (server, directory) = (KafkaServer::shared(), tempfile::tempdir().unwrap());
    let application_id = unique("orphans");
    let [one, other] =
        ["a", "b"].map(|name| Instance::new(server.bootstrap(), &application_id, name, directory.path()));
    one.create_topics(server);
    let mut dying = join(&one);
    let mut owned = BTreeSet::new();
    wait_until("the first member to own every task", || {
        follow(&mut dying, &mut owned);
        owned.len() == usize::try_from(PARTITIONS).unwrap()
    });
    let mut second = join(&other);
    let mut owned_by_second = BTreeSet::new();
    wait_until("the first member to be asked for tasks", || {
        follow(&mut second, &mut owned_by_second);
        matches!(dying.poll(LOOK).unwrap(), Event::Revoked(_))
    });
    // Forgotten, as by a process that was killed: it neither answers nor leaves.
    std::mem::forget(dying);
    let mut heir = join(&one);
    let mut owned_by_heir = BTreeSet::new();
    wait_until("every task to have an owner", || {
        follow(&mut second, &mut owned_by_second);
        if heir_has_left(&mut heir, &mut owned_by_heir) {
            heir = join(&one);
        }
        owned_by_second.len() + owned_by_heir.len() == usize::try_from(PARTITIONS).unwrap()
    });
    assert!(owned_by_second.is_disjoint(&owned_by_heir));
}

fn join(instance: &Instance) -> KafkaLog {
    KafkaLog::connect(instance.config(), Arc::new(instance.layout()), Arc::default()).unwrap()
}

/// Does what the group asks. Answers whether the log wants to be replaced, as the application would do.
fn heir_has_left(log: &mut KafkaLog, owned: &mut BTreeSet<TaskId>) -> bool {
    match log.poll(LOOK) {
        Err(LogError::Migrated(_)) => {
            owned.clear();
            true
        }
        event => {
            react(log, event.unwrap(), owned);
            false
        }
    }
}

/// Does what the group asks, without reading anything.
fn follow(log: &mut KafkaLog, owned: &mut BTreeSet<TaskId>) {
    let event = log.poll(LOOK).unwrap();
    react(log, event, owned);
}

fn react(log: &mut KafkaLog, event: Event, owned: &mut BTreeSet<TaskId>) {
    match event {
        Event::Assigned(tasks) => owned.extend(tasks),
        Event::Revoked(tasks) | Event::Lost(tasks) => {
            owned.retain(|task| !tasks.contains(task));
            log.stop(&tasks).unwrap();
        }
        Event::Records | Event::Idle => {}
    }
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
    }
}
