//! Offsets that are committed within transactions (KIP-447).

use simulation::cluster::{KafkaError, Member, ProducerEpoch, Request, Response};

use crate::fixture::{GROUP, TRANSACTION, World, member, outsider};

#[test]
fn offsets_come_true_with_the_commit_marker_and_are_unstable_until_then() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    assert_eq!(world.fetch_offset(true), Ok(None));
    world.add_offsets(producer).unwrap();
    assert_eq!(
        world.store_offset(producer, outsider(), 5),
        Ok(Response::OffsetsCommitted)
    );
    assert_eq!(world.fetch_offset(true), Err(KafkaError::UnstableOffsetCommit));
    assert_eq!(world.fetch_offset(false), Ok(None));
    world.end(producer, true).unwrap();
    assert_eq!(
        world.fetch_offset(true),
        Err(KafkaError::UnstableOffsetCommit),
        "the marker is not written"
    );
    assert_eq!(world.write_markers().len(), 1);
    assert_eq!(world.fetch_offset(true), Ok(Some(5)));
    assert_eq!(world.cluster.committed_offset(GROUP, world.partition(0)), Some(5));
    assert_eq!(world.cluster.open_transactions(), []);
}

#[test]
fn offsets_of_an_aborted_transaction_are_dropped() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    for (next, commit) in [(5, true), (9, false)] {
        world.add_offsets(producer).unwrap();
        world.store_offset(producer, outsider(), next).unwrap();
        world.finish(producer, commit);
    }
    assert_eq!(world.fetch_offset(true), Ok(Some(5)));
}

#[test]
fn a_partition_that_no_transaction_touches_is_stable() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add_offsets(producer).unwrap();
    world.store_offset(producer, outsider(), 5).unwrap();
    let answer = world.ask(Request::OffsetFetch {
        group: GROUP.to_owned(),
        partitions: vec![world.partition(1)],
        require_stable: true,
    });
    assert_eq!(answer, Ok(Response::Offsets(vec![(world.partition(1), None)])));
}

#[test]
fn offsets_need_their_group_in_the_transaction() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    assert_eq!(
        world.store_offset(producer, outsider(), 5),
        Err(KafkaError::InvalidTxnState)
    );
    let stranger = ProducerEpoch { id: 99, epoch: 0 };
    assert_eq!(
        world.store_offset(stranger, outsider(), 5),
        Err(KafkaError::InvalidProducerIdMapping)
    );
}

#[test]
fn offsets_of_a_fenced_producer_are_refused() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add_offsets(producer).unwrap();
    world.store_offset(producer, outsider(), 5).unwrap();
    world.pass(TRANSACTION);
    world.write_markers();
    assert_eq!(
        world.store_offset(producer, outsider(), 6),
        Err(KafkaError::InvalidProducerEpoch)
    );
    assert_eq!(world.fetch_offset(true), Ok(None));
}

#[test]
fn offsets_are_taken_from_current_members_only_but_also_during_a_rebalance() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add_offsets(producer).unwrap();
    let unknown_group = Member {
        generation: 1,
        ..outsider()
    };
    assert_eq!(
        world.store_offset(producer, unknown_group, 1),
        Err(KafkaError::IllegalGeneration)
    );
    let a = world.join_alone("a");
    let commit = |world: &mut World, member: Member| world.store_offset(producer, member, 1);
    let current = member("a", &a);
    let other_instance = Member {
        instance_id: "b".to_owned(),
        ..current.clone()
    };
    let former = Member {
        member_id: "former".to_owned(),
        ..current.clone()
    };
    let older = Member {
        generation: 0,
        ..current.clone()
    };
    assert_eq!(commit(&mut world, other_instance), Err(KafkaError::UnknownMemberId));
    assert_eq!(commit(&mut world, former), Err(KafkaError::FencedInstanceId));
    assert_eq!(commit(&mut world, older), Err(KafkaError::IllegalGeneration));
    assert_eq!(commit(&mut world, current.clone()), Ok(Response::OffsetsCommitted));
    let b = world.park("", "b", &[]);
    assert_eq!(commit(&mut world, current.clone()), Ok(Response::OffsetsCommitted));
    let a = world.park(&a.member_id, "a", &a.assignment);
    world.joined([a, b]);
    assert_eq!(commit(&mut world, current), Err(KafkaError::IllegalGeneration));
}

#[test]
fn of_two_transactions_that_overlap_the_offset_stored_later_wins() {
    let mut world = World::new();
    let first = world.init(None).unwrap();
    world.add_offsets(first).unwrap();
    world.store_offset(first, outsider(), 5).unwrap();
    let init = Request::InitProducerId {
        transactional_id: Some("second".to_owned()),
        transaction_timeout: TRANSACTION,
        current: None,
    };
    let Ok(Response::ProducerId(second)) = world.ask(init) else {
        panic!("a new id");
    };
    let add = Request::AddOffsetsToTxn {
        transactional_id: "second".to_owned(),
        producer: second,
        group: GROUP.to_owned(),
    };
    assert_eq!(world.ask(add), Ok(Response::OffsetsAdded));
    world.store_offset_of("second", second, outsider(), 9).unwrap();
    let end = Request::EndTxn {
        transactional_id: "second".to_owned(),
        producer: second,
        commit: true,
    };
    assert_eq!(world.ask(end), Ok(Response::TxnEnded));
    world.write_markers();
    assert_eq!(
        world.fetch_offset(true),
        Err(KafkaError::UnstableOffsetCommit),
        "the first is open"
    );
    world.finish(first, true);
    assert_eq!(world.fetch_offset(true), Ok(Some(9)));
}
