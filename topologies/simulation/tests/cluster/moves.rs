//! Leaders and coordinators on other brokers.

use simulation::cluster::{BrokerId, Handled, KafkaError, Request, Response};

use crate::fixture::{GROUP, SESSION, World, produced, seen};

fn other(broker: BrokerId) -> BrokerId {
    BrokerId((broker.0 + 1) % 3)
}

#[test]
fn only_the_leader_answers_and_a_move_loses_nothing() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    world.send(producer, 0, 0, "a").unwrap();
    let old = world.cluster.leader(world.partition(0));
    world.cluster.move_leader(world.partition(0), other(old));
    let fetch = Request::Fetch {
        partition: world.partition(0),
        offset: 0,
        committed: true,
        max_records: 1,
    };
    assert_eq!(
        world.cluster.handle(world.now, old, fetch),
        Handled::Answer(Err(KafkaError::NotLeader))
    );
    assert_eq!(
        world.send(producer, 0, 0, "a"),
        produced(0),
        "the new leader knows the batch"
    );
    world.finish(producer, true);
    assert_eq!(world.committed(0), [seen(0, "a")]);
}

#[test]
fn only_the_coordinator_answers() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    let old = world.cluster.coordinator("id");
    world.cluster.move_coordinator("id", other(old));
    assert_eq!(world.cluster.coordinator("id"), other(old));
    let end = Request::EndTxn {
        transactional_id: "id".to_owned(),
        producer,
        commit: true,
    };
    assert_eq!(
        world.cluster.handle(world.now, old, end),
        Handled::Answer(Err(KafkaError::NotCoordinator))
    );
    assert_eq!(world.end(producer, true), Ok(Response::TxnEnded));
}

#[test]
fn a_new_coordinator_writes_all_markers_again_and_waits_for_its_own() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    world.add(producer, 1).unwrap();
    world.end(producer, true).unwrap();
    let old = world.cluster.take_markers();
    world.cluster.write_marker(world.now, old[0].clone());
    world
        .cluster
        .move_coordinator("id", other(world.cluster.coordinator("id")));
    let new = world.cluster.take_markers();
    assert_eq!(new.len(), 2);

    for marker in &old {
        world.cluster.write_marker(world.now, marker.clone());
    }
    assert_eq!(
        world.cluster.open_transactions().len(),
        1,
        "the old coordinator's markers count for nothing"
    );
    for marker in new {
        world.cluster.write_marker(world.now, marker);
    }
    assert_eq!(world.cluster.open_transactions(), []);

    world.add(producer, 0).unwrap();
    world.send(producer, 0, 0, "next").unwrap();
    world.cluster.write_marker(world.now, old[0].clone());
    assert_eq!(
        world.committed(0),
        [],
        "a marker of the old coordinator is refused by now"
    );
}

#[test]
fn joins_that_wait_are_refused_when_the_coordinator_moves_and_sessions_begin_again() {
    let mut world = World::new();
    let a = world.join_alone("a");
    let b = world.park("", "b", &[]);
    world.pass(SESSION / 2);
    world
        .cluster
        .move_coordinator(GROUP, other(world.cluster.coordinator(GROUP)));
    assert_eq!(world.cluster.take_answers(), [(b, Err(KafkaError::NotCoordinator))]);
    world.pass(SESSION / 2);
    assert_eq!(
        world.heartbeat("a", &a),
        Err(KafkaError::RebalanceInProgress),
        "it is still a member"
    );
    let a = world.park(&a.member_id, "a", &a.assignment);
    let b = world.park("", "b", &[]);
    assert_eq!(world.joined([a, b]).len(), 2);
}

#[test]
fn markers_that_nobody_took_before_the_coordinator_moved_are_never_sent() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    world.end(producer, true).unwrap();
    world
        .cluster
        .move_coordinator("id", other(world.cluster.coordinator("id")));
    let markers = world.cluster.take_markers();
    assert_eq!((markers.len(), markers[0].coordinator_epoch), (1, 1));
}
