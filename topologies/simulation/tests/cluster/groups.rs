//! Sessions, generations and descriptions.

use std::time::Duration;

use simulation::cluster::{GroupState, Handled, Joined, KafkaError, Member, Request, Response, Settings};

use crate::fixture::{GROUP, REBALANCE, SESSION, World, joined};

fn state(world: &mut World) -> (GroupState, usize) {
    let group = GROUP.to_owned();
    match world.ask(Request::DescribeGroup { group }) {
        Ok(Response::Group(group)) => (group.state, group.members.len()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_group_is_dead_then_rebalancing_then_stable_then_empty() {
    let mut world = World::new();
    assert_eq!(state(&mut world), (GroupState::Dead, 0));
    let a = world.join_alone("a");
    assert_eq!((a.generation, a.assignment.as_slice()), (1, &[0, 1, 2, 3][..]));
    assert_eq!(state(&mut world), (GroupState::Stable, 1));
    let b = world.park("", "b", &[]);
    assert_eq!(state(&mut world), (GroupState::PreparingRebalance, 2));
    assert_eq!(world.leave("a", &a), Ok(Response::Left));
    let b = world.joined([b]).remove(0);
    assert_eq!(b.assignment, [0, 1, 2, 3]);
    assert_eq!(world.leave("b", &b), Ok(Response::Left));
    assert_eq!(state(&mut world), (GroupState::Empty, 0));
    assert_eq!(world.cluster.group_generation(GROUP), 3);
}

#[test]
fn a_heartbeat_tells_a_member_where_it_stands() {
    let mut world = World::new();
    let stranger = Joined {
        member_id: "x".to_owned(),
        generation: 1,
        assignment: vec![],
    };
    assert_eq!(world.heartbeat("", &stranger), Err(KafkaError::UnknownMemberId));
    let a = world.join_alone("a");
    assert_eq!(world.heartbeat("a", &a), Ok(Response::Alive));
    assert_eq!(world.heartbeat("", &stranger), Err(KafkaError::UnknownMemberId));
    assert_eq!(world.heartbeat("a", &stranger), Err(KafkaError::FencedInstanceId));
    let older = Joined {
        generation: 0,
        ..a.clone()
    };
    assert_eq!(world.heartbeat("a", &older), Err(KafkaError::IllegalGeneration));
    world.park("", "b", &[]);
    assert_eq!(world.heartbeat("a", &a), Err(KafkaError::RebalanceInProgress));
}

#[test]
fn a_silent_member_is_removed_when_its_session_ends() {
    let mut world = World::new();
    let (a, b) = world.join_both();
    world.pass(SESSION / 2);
    assert_eq!(world.heartbeat("b", &b), Ok(Response::Alive));
    assert_eq!(world.cluster.next_deadline(), Some(world.now + SESSION / 2));
    world.pass(SESSION / 2);
    assert_eq!(world.heartbeat("a", &a), Err(KafkaError::UnknownMemberId));
    assert_eq!(world.heartbeat("b", &b), Err(KafkaError::RebalanceInProgress));
    let b = world.park(&b.member_id, "b", &b.assignment);
    assert_eq!(
        world.joined([b])[0].assignment,
        [0, 1, 2, 3],
        "nobody else owns anything"
    );
}

#[test]
fn heartbeats_during_a_rebalance_keep_the_session_alive() {
    let mut world = World::new();
    let a = world.join_alone("a");
    world.park("", "b", &[]);
    for _ in 0..4 {
        world.pass(SESSION / 2);
        assert_eq!(world.heartbeat("a", &a), Err(KafkaError::RebalanceInProgress));
    }
    assert_eq!(
        world.assignments().len(),
        2,
        "neither of the two was removed, also not the one that waits"
    );
}

#[test]
fn a_member_that_the_group_does_not_know_has_to_join_anew() {
    let mut world = World::new();
    let answer = world.join("x", "", &[]);
    assert_eq!(
        answer,
        Handled::Answer(Err(KafkaError::UnknownMemberId)),
        "no such group"
    );
    world.join_alone("a");
    assert_eq!(
        world.join("x", "", &[]),
        Handled::Answer(Err(KafkaError::UnknownMemberId))
    );
    assert_eq!(
        world.join("x", "a", &[]),
        Handled::Answer(Err(KafkaError::FencedInstanceId))
    );
    assert_eq!(
        world.join("x", "b", &[]),
        Handled::Answer(Err(KafkaError::UnknownMemberId))
    );
}

#[test]
fn a_static_member_can_be_taken_out_by_its_instance_id_alone() {
    let mut world = World::new();
    let a = world.join_alone("a");
    let by_instance = |instance_id: &str| Request::LeaveGroup {
        group: GROUP.to_owned(),
        member: Member {
            member_id: String::new(),
            instance_id: instance_id.to_owned(),
            generation: -1,
        },
    };
    assert_eq!(world.ask(by_instance("b")), Err(KafkaError::UnknownMemberId));
    assert_eq!(world.ask(by_instance("a")), Ok(Response::Left));
    assert_eq!(world.leave("a", &a), Err(KafkaError::UnknownMemberId));
}

#[test]
fn an_empty_group_gathers_members_for_a_while_before_its_first_rebalance_ends() {
    let delay = Duration::from_secs(3);
    let settings = Settings {
        initial_rebalance_delay: delay,
        ..Settings::default()
    };
    let mut world = World::with(settings, simulation::cluster::Policy::Delete);
    let a = world.park("", "a", &[]);
    world.pass(Duration::from_secs(2));
    let b = world.park("", "b", &[]);
    world.pass(Duration::from_secs(1));
    assert_eq!(world.cluster.take_answers(), [], "one came, so that it waits once more");
    assert_eq!(world.cluster.next_deadline(), Some(world.now + delay));
    world.pass(delay);
    let both = world.joined([a, b]);
    assert_eq!((both[0].assignment.len(), both[1].assignment.len()), (2, 2));
    assert_eq!(both[0].generation, 1);
}

#[test]
fn a_join_that_is_overtaken_by_another_one_of_the_same_member_is_never_answered() {
    let mut world = World::new();
    let a = world.join_alone("a");
    let b = world.park("", "b", &[]);
    world.pass(Duration::from_secs(1));
    let lost = world.park(&a.member_id, "a", &a.assignment);
    assert_eq!(world.joined([b, lost]).len(), 2, "the group is complete");
    world.park("", "c", &[]);
    let overtaken = world.park(&a.member_id, "a", &[0, 1]);
    let latest = world.park(&a.member_id, "a", &[0, 1]);
    world.pass(REBALANCE);
    let answers = world.cluster.take_answers();
    let answered = |ticket| answers.iter().any(|(answered, _)| *answered == ticket);
    assert!(!answered(overtaken));
    assert!(answered(latest));
}

#[test]
fn a_repeated_join_of_a_stable_group_is_answered_at_once() {
    let mut world = World::new();
    let a = world.join_alone("a");
    let again = joined(world.join(&a.member_id, "a", &[]));
    assert_eq!(
        again, a,
        "it says what it said before, so that its answer may have been lost"
    );
}
