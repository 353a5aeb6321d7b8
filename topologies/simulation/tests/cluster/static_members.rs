//! Static members that come back (KIP-345).

use simulation::cluster::{Handled, KafkaError, Response};

use crate::fixture::{SESSION, World, joined};

#[test]
fn a_static_member_that_comes_back_gets_its_assignment_without_a_rebalance() {
    let mut world = World::new();
    let (a, b) = world.join_both();
    let back = joined(world.join("", "a", &[]));
    assert_ne!(back.member_id, a.member_id);
    assert_eq!((back.generation, &back.assignment), (a.generation, &a.assignment));
    assert_eq!(world.heartbeat("b", &b), Ok(Response::Alive));
    assert_eq!(world.heartbeat("a", &back), Ok(Response::Alive));
    assert_eq!(world.heartbeat("a", &a), Err(KafkaError::FencedInstanceId));
    let again = world.join(&a.member_id, "a", &a.assignment);
    assert_eq!(again, Handled::Answer(Err(KafkaError::FencedInstanceId)));
}

#[test]
fn a_static_member_that_comes_back_in_the_middle_of_a_move_leaves_partitions_without_owner() {
    let mut world = World::new();
    let a = world.join_alone("a");
    let b = world.park("", "b", &[]);
    let a = world.park(&a.member_id, "a", &a.assignment);
    let first = world.joined([a, b]);
    assert_eq!(first[0].assignment, [0, 1], "partitions 2 and 3 are to be given up");

    let back = joined(world.join("", "a", &[]));
    assert_eq!((back.generation, back.assignment.as_slice()), (2, &[0, 1][..]));
    for _ in 0..20 {
        world.pass(SESSION / 2);
        assert_eq!(world.heartbeat("a", &back), Ok(Response::Alive));
        assert_eq!(world.heartbeat("b", &first[1]), Ok(Response::Alive));
    }
    assert_eq!(
        world.assignments(),
        [("a".to_owned(), vec![0, 1]), ("b".to_owned(), vec![])]
    );

    let a = world.park(&back.member_id, "a", &back.assignment);
    let b = world.park(&first[1].member_id, "b", &[]);
    let healed = world.joined([a, b]);
    assert_eq!(healed[1].assignment, [2, 3], "any other rebalance heals it");
}

#[test]
fn a_static_member_that_comes_back_during_a_rebalance_takes_part_in_it() {
    let mut world = World::new();
    let (a, b) = world.join_both();
    let c = world.park("", "c", &[]);
    let old = world.park(&a.member_id, "a", &a.assignment);
    let new = world.park("", "a", &[]);
    assert_eq!(world.cluster.take_answers(), [(old, Err(KafkaError::FencedInstanceId))]);
    let b = world.park(&b.member_id, "b", &b.assignment);
    let joined = world.joined([new, b, c]);
    assert_eq!(joined[1].assignment, [2, 3], "it keeps what it has");
    assert_eq!(
        (joined[0].assignment.as_slice(), joined[2].assignment.as_slice()),
        (&[0][..], &[1][..])
    );
}

#[test]
fn the_session_of_a_static_member_is_that_of_its_latest_incarnation() {
    let mut world = World::new();
    world.join_alone("a");
    world.pass(SESSION / 2);
    let back = joined(world.join("", "a", &[]));
    world.pass(SESSION / 2);
    assert_eq!(world.heartbeat("a", &back), Ok(Response::Alive));
    world.pass(SESSION);
    assert_eq!(world.heartbeat("a", &back), Err(KafkaError::UnknownMemberId));
}

#[test]
fn a_late_first_join_of_a_static_member_fences_the_one_that_was_answered() {
    let mut world = World::new();
    let a = world.join_alone("a");
    let late = joined(world.join("", "a", &[]));
    assert_eq!(world.heartbeat("a", &a), Err(KafkaError::FencedInstanceId));
    assert_eq!(late.assignment, a.assignment);
}
