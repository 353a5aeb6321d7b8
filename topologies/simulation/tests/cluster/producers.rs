//! Epochs, sequence numbers and duplicates.

use std::time::Duration;

use simulation::cluster::{KafkaError, ProducerEpoch, Request, Response};

use crate::fixture::{World, produced, seen};

fn idempotent(world: &mut World) -> ProducerEpoch {
    let request = Request::InitProducerId {
        transactional_id: None,
        transaction_timeout: Duration::ZERO,
        current: None,
    };
    match world.ask(request) {
        Ok(Response::ProducerId(producer)) => producer,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_that_was_appended_before_is_answered_with_its_old_offset() {
    let mut world = World::new();
    let producer = idempotent(&mut world);
    for sequence in 0..6 {
        let sent = world.produce(None, producer, 0, sequence, &[("a", "x")]);
        assert_eq!(sent, produced(i64::from(sequence)));
    }
    assert_eq!(world.produce(None, producer, 0, 1, &[("a", "x")]), produced(1));
    assert_eq!(world.committed(0).len(), 6, "it is not appended again");
    let forgotten = world.produce(None, producer, 0, 0, &[("a", "x")]);
    assert_eq!(
        forgotten,
        Err(KafkaError::OutOfOrderSequence),
        "only five batches are remembered"
    );
}

#[test]
fn a_batch_that_only_overlaps_an_old_one_is_out_of_order() {
    let mut world = World::new();
    let producer = idempotent(&mut world);
    world.produce(None, producer, 0, 0, &[("a", "x"), ("a", "y")]).unwrap();
    let answer = world.produce(None, producer, 0, 0, &[("a", "x")]);
    assert_eq!(answer, Err(KafkaError::OutOfOrderSequence));
    assert_eq!(world.produce(None, producer, 0, 2, &[("a", "z")]), produced(2));
}

#[test]
fn a_gap_in_the_sequence_is_refused_per_partition() {
    let mut world = World::new();
    let producer = idempotent(&mut world);
    world.produce(None, producer, 0, 0, &[("a", "x")]).unwrap();
    let gap = world.produce(None, producer, 0, 2, &[("a", "x")]);
    assert_eq!(gap, Err(KafkaError::OutOfOrderSequence));
    assert_eq!(world.produce(None, producer, 1, 0, &[("a", "x")]), produced(0));
}

#[test]
fn a_producer_that_the_partition_does_not_know_may_begin_anywhere() {
    let mut world = World::new();
    let producer = idempotent(&mut world);
    assert_eq!(world.produce(None, producer, 0, 17, &[("a", "x")]), produced(0));
}

#[test]
fn a_new_epoch_begins_at_sequence_zero_and_shuts_the_old_one_out() {
    let mut world = World::new();
    let old = idempotent(&mut world);
    let new = ProducerEpoch { epoch: 1, ..old };
    world.produce(None, old, 0, 0, &[("a", "x")]).unwrap();
    world.produce(None, old, 0, 1, &[("a", "x")]).unwrap();
    let answer = world.produce(None, new, 0, 2, &[("a", "x")]);
    assert_eq!(answer, Err(KafkaError::OutOfOrderSequence));
    assert_eq!(world.produce(None, new, 0, 0, &[("a", "x")]), produced(2));
    assert_eq!(world.produce(None, new, 0, 1, &[("a", "x")]), produced(3));
    let late = world.produce(None, old, 0, 1, &[("a", "x")]);
    assert_eq!(late, Err(KafkaError::InvalidProducerEpoch));
    let duplicate = world.produce(None, old, 0, 0, &[("a", "x")]);
    assert_eq!(duplicate, Err(KafkaError::InvalidProducerEpoch), "even a duplicate");
}

#[test]
fn an_abort_marker_of_a_higher_epoch_shuts_the_old_producer_out_of_the_partition() {
    let mut world = World::new();
    let old = world.init(None).unwrap();
    world.add(old, 0).unwrap();
    world.send(old, 0, 0, "first").unwrap();
    assert_eq!(world.init(None), Err(KafkaError::ConcurrentTransactions));
    assert_eq!(world.send(old, 0, 1, "late but before the marker"), produced(1));
    world.write_markers();
    let late = world.produce(None, old, 0, 1, &[("a", "late")]);
    assert_eq!(late, Err(KafkaError::InvalidProducerEpoch));
    assert_eq!(world.committed(0), [], "what came before the marker is aborted by it");
}

#[test]
fn a_transactional_batch_needs_its_partition_in_the_transaction() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    assert_eq!(world.send(producer, 0, 0, "a"), Err(KafkaError::InvalidTxnState));
    world.add(producer, 1).unwrap();
    assert_eq!(world.send(producer, 0, 0, "a"), Err(KafkaError::InvalidTxnState));
    world.add(producer, 0).unwrap();
    assert_eq!(world.send(producer, 0, 0, "a"), produced(0));
    world.finish(producer, true);
    let late = world.send(producer, 0, 0, "a");
    assert_eq!(
        late,
        Err(KafkaError::InvalidTxnState),
        "a late duplicate when nothing is open"
    );
    assert_eq!(world.committed(0), [seen(0, "a")]);
}

#[test]
fn verification_tells_other_producers_apart() {
    let mut world = World::new();
    let old = world.init(None).unwrap();
    let new = world.init(None).unwrap();
    world.add(new, 0).unwrap();
    assert_eq!(world.send(old, 0, 0, "a"), Err(KafkaError::InvalidProducerEpoch));
    let stranger = ProducerEpoch { id: 99, epoch: 0 };
    assert_eq!(
        world.send(stranger, 0, 0, "a"),
        Err(KafkaError::InvalidProducerIdMapping)
    );
    let nobody = world.produce(Some("other id"), new, 0, 0, &[("a", "x")]);
    assert_eq!(nobody, Err(KafkaError::InvalidProducerIdMapping));
}

#[test]
fn a_batch_that_cannot_be_verified_while_markers_are_written_may_be_sent_again() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    world.end(producer, true).unwrap();
    assert_eq!(world.send(producer, 0, 0, "a"), Err(KafkaError::NotEnoughReplicas));
}

#[test]
fn a_batch_is_refused_that_overtook_the_first_one_that_was_seen() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    assert_eq!(world.send(producer, 0, 0, "a"), Err(KafkaError::InvalidTxnState));
    world.add(producer, 0).unwrap();
    assert_eq!(world.send(producer, 0, 1, "b"), Err(KafkaError::OutOfOrderSequence));
    assert_eq!(world.send(producer, 0, 0, "a"), produced(0));
    assert_eq!(world.send(producer, 0, 1, "b"), produced(1));
}

#[test]
fn a_producer_with_an_open_transaction_writes_nothing_outside_of_it() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    world.send(producer, 0, 0, "a").unwrap();
    let outside = world.produce(None, producer, 0, 1, &[("a", "x")]);
    assert_eq!(outside, Err(KafkaError::InvalidTxnState));
}
