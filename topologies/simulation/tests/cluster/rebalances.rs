//! Cooperative rebalances (KIP-429) and their deadlines.

use std::time::Duration;

use simulation::cluster::{Joined, KafkaError, Response};

use crate::fixture::{GROUP, REBALANCE, World, joined};

#[test]
fn partitions_move_in_two_rounds_so_that_nobody_gets_what_another_one_still_has() {
    let mut world = World::new();
    let a = world.join_alone("a");
    let b = world.park("", "b", &[]);
    assert_eq!(world.heartbeat("a", &a), Err(KafkaError::RebalanceInProgress));
    assert_eq!(world.cluster.take_answers(), [], "it waits for the other member");

    let a = world.park(&a.member_id, "a", &[0, 1, 2, 3]);
    let first = world.joined([a, b]);
    assert_eq!(first[0].assignment, [0, 1]);
    assert_eq!(first[1].assignment, Vec::<i32>::new());
    assert_eq!((first[0].generation, first[1].generation), (2, 2));
    assert_eq!(
        world.heartbeat("b", &first[1]),
        Ok(Response::Alive),
        "until the other one has given up its part"
    );

    let a = world.park(&first[0].member_id, "a", &[0, 1]);
    assert_eq!(world.heartbeat("b", &first[1]), Err(KafkaError::RebalanceInProgress));
    let b = world.park(&first[1].member_id, "b", &[]);
    let second = world.joined([a, b]);
    assert_eq!(
        (second[0].assignment.as_slice(), second[1].assignment.as_slice()),
        (&[0, 1][..], &[2, 3][..])
    );
    assert_eq!(second[0].generation, 3);
}

#[test]
fn what_a_member_that_left_had_goes_to_the_others_in_one_round() {
    let mut world = World::new();
    let (a, b) = world.join_both();
    assert_eq!(world.leave("a", &a), Ok(Response::Left));
    let b = world.park(&b.member_id, "b", &b.assignment);
    assert_eq!(world.joined([b])[0].assignment, [0, 1, 2, 3]);
}

#[test]
fn a_member_without_instance_id_that_does_not_join_in_time_is_removed() {
    let mut world = World::new();
    let ticket = world.park("", "", &[]);
    let dynamic = world.joined([ticket]).remove(0);
    let b = world.park("", "b", &[]);
    keep_alive(&mut world, "", &dynamic, REBALANCE);
    let b = world.joined([b]).remove(0);
    assert_eq!(b.assignment, [0, 1, 2, 3]);
    assert_eq!(world.heartbeat("", &dynamic), Err(KafkaError::UnknownMemberId));
    world.pass(Duration::ZERO);
    assert_eq!(
        world.heartbeat("b", &b),
        Ok(Response::Alive),
        "its session begins when its join is answered"
    );
}

#[test]
fn a_static_member_that_does_not_join_in_time_keeps_its_place_but_not_its_generation() {
    let mut world = World::new();
    world.session = Duration::from_secs(600);
    let (a, b) = world.join_both();
    let c = world.park("", "c", &[]);
    let b = world.park(&b.member_id, "b", &b.assignment);
    keep_alive(&mut world, "a", &a, REBALANCE);
    let settled = world.joined([b, c]);
    assert_eq!(settled[0].generation, a.generation + 1);
    assert_eq!(world.heartbeat("a", &a), Err(KafkaError::IllegalGeneration));
    let found = joined(world.join(&a.member_id, "a", &a.assignment));
    world.pass(REBALANCE);
    assert_eq!(world.heartbeat("a", &found), Ok(Response::Alive));
    assert_eq!(
        (found.generation, found.assignment.as_slice()),
        (a.generation + 1, &[0, 1][..])
    );
}

#[test]
fn a_static_member_that_never_asks_for_its_assignment_is_removed_after_one_more_timeout() {
    let long = Duration::from_secs(600);
    let mut world = World::new();
    world.session = long;
    let (_, b) = world.join_both();
    let c = world.park("", "c", &[]);
    let b = world.park(&b.member_id, "b", &b.assignment);
    world.pass(REBALANCE);
    let settled = world.joined([b, c]);
    world.pass(REBALANCE.saturating_sub(Duration::from_millis(1)));
    assert_eq!(world.heartbeat("b", &settled[0]), Ok(Response::Alive));
    assert_eq!(world.cluster.next_deadline(), Some(REBALANCE * 2));
    world.pass(Duration::from_millis(1));
    assert_eq!(world.heartbeat("b", &settled[0]), Err(KafkaError::RebalanceInProgress));
    assert_eq!(world.assignments().len(), 2);
}

#[test]
fn a_static_member_that_misses_a_rebalance_can_lose_partitions_that_it_still_works_on() {
    let mut world = World::new();
    let (a, b) = world.join_both();
    let c = world.park("", "c", &[]);
    let a = world.park(&a.member_id, "a", &a.assignment);
    keep_alive(&mut world, "b", &b, REBALANCE);
    let settled = world.joined([a, c]);
    assert_eq!(
        b.assignment,
        [2, 3],
        "which it got after its last join and therefore never told"
    );
    assert_eq!(settled[1].assignment, [3]);
    assert_eq!(
        world.heartbeat("b", &b),
        Err(KafkaError::IllegalGeneration),
        "only this protects partition 3"
    );
}

#[test]
fn when_nobody_joins_the_rebalance_goes_on_until_somebody_does() {
    let mut world = World::new();
    let (a, b) = world.join_both();
    assert_eq!(world.leave("b", &b), Ok(Response::Left));
    keep_alive(&mut world, "a", &a, REBALANCE);
    keep_alive(&mut world, "a", &a, REBALANCE);
    assert_eq!(world.cluster.group_generation(GROUP), a.generation);
    let ticket = world.park(&a.member_id, "a", &a.assignment);
    assert_eq!(world.joined([ticket])[0].assignment, [0, 1, 2, 3]);
}

/// Time passes in which the member sends heartbeats and nothing else.
fn keep_alive(world: &mut World, instance_id: &str, member: &Joined, time: Duration) {
    let steps = 10;
    for _ in 0..steps {
        let answer = world.heartbeat(instance_id, member);
        assert_eq!(answer, Err(KafkaError::RebalanceInProgress));
        world.pass(time / steps);
    }
}
