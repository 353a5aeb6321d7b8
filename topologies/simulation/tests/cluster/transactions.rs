//! The transaction coordinator's states.

use std::time::Duration;

use simulation::cluster::{KafkaError, MarkerTarget, ProducerEpoch, Request, Response};

use crate::fixture::{TRANSACTION, World, produced, seen};

#[test]
fn each_initialisation_raises_the_epoch() {
    let mut world = World::new();
    let first = world.init(None).unwrap();
    let second = world.init(None).unwrap();
    assert_eq!((first.epoch, second), (0, ProducerEpoch { epoch: 1, ..first }));
    world.add(second, 0).unwrap();
    world.finish(second, true);
    assert_eq!(world.init(None).unwrap().epoch, 2);
    assert_eq!(world.add(second, 0), Err(KafkaError::ProducerFenced));
    assert_eq!(world.end(second, true), Err(KafkaError::ProducerFenced));
}

#[test]
fn a_new_producer_waits_until_the_open_transaction_of_the_old_one_is_aborted() {
    let mut world = World::new();
    let old = world.init(None).unwrap();
    world.add(old, 0).unwrap();
    world.send(old, 0, 0, "a").unwrap();
    assert_eq!(world.init(None), Err(KafkaError::ConcurrentTransactions));
    assert_eq!(world.end(old, true), Err(KafkaError::ProducerFenced));
    assert_eq!(
        world.init(None),
        Err(KafkaError::ConcurrentTransactions),
        "the marker is not written"
    );
    let markers = world.write_markers();
    assert_eq!(
        (markers.len(), markers[0].producer.epoch, markers[0].commit),
        (1, 1, false)
    );
    assert_eq!(world.init(None), Ok(ProducerEpoch { epoch: 2, ..old }));
    assert_eq!(world.committed(0), []);
}

#[test]
fn a_client_that_names_its_epoch_goes_on_unless_another_one_came() {
    let mut world = World::new();
    let first = world.init(None).unwrap();
    let second = world.init(Some(first)).unwrap();
    assert_eq!(second, ProducerEpoch { epoch: 1, ..first });
    assert_eq!(world.init(Some(first)), Ok(second), "the answer may have been lost");
    let third = world.init(None).unwrap();
    assert_eq!(world.init(Some(second)), Err(KafkaError::ProducerFenced));
    assert_eq!(
        world.init(Some(ProducerEpoch { id: 99, ..third })),
        Err(KafkaError::ProducerFenced)
    );
}

#[test]
fn a_client_whose_transaction_the_coordinator_aborted_cannot_go_on() {
    let mut world = World::new();
    let first = world.init(None).unwrap();
    let producer = world.init(Some(first)).unwrap();
    world.add(producer, 0).unwrap();
    world.pass(TRANSACTION);
    world.write_markers();
    assert_eq!(world.init(Some(producer)), Err(KafkaError::ProducerFenced));
    assert_eq!(world.init(Some(first)), Err(KafkaError::ProducerFenced));
}

#[test]
fn a_transaction_has_ended_when_all_its_markers_are_written_in_whatever_order() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    world.add(producer, 1).unwrap();
    world.send(producer, 0, 0, "a").unwrap();
    world.send(producer, 1, 0, "b").unwrap();
    assert_eq!(world.end(producer, true), Ok(Response::TxnEnded));
    let mut markers = world.cluster.take_markers();
    let targets: Vec<_> = markers.iter().map(|marker| marker.target.clone()).collect();
    assert_eq!(
        targets,
        [0, 1].map(|partition| MarkerTarget::Partition(world.partition(partition)))
    );

    world.cluster.write_marker(world.now, markers.pop().unwrap());
    assert_eq!((world.committed(0), world.committed(1)), (vec![], vec![seen(0, "b")]));
    assert_eq!(world.cluster.open_transactions(), [("id".to_owned(), producer)]);
    assert_eq!(world.add(producer, 0), Err(KafkaError::ConcurrentTransactions));
    assert_eq!(world.init(None), Err(KafkaError::ConcurrentTransactions));

    world.cluster.write_marker(world.now, markers.pop().unwrap());
    assert_eq!(world.committed(0), [seen(0, "a")]);
    assert_eq!(world.cluster.open_transactions(), []);
    assert_eq!(world.cluster.take_markers(), []);
    assert_eq!(world.add(producer, 0), Ok(Response::PartitionsAdded));
}

#[test]
fn an_end_can_be_repeated_but_not_changed() {
    for commit in [true, false] {
        let mut world = World::new();
        let producer = world.init(None).unwrap();
        assert_eq!(
            world.end(producer, commit),
            Err(KafkaError::InvalidTxnState),
            "nothing was begun"
        );
        world.add(producer, 0).unwrap();
        assert_eq!(world.end(producer, commit), Ok(Response::TxnEnded));
        assert_eq!(world.end(producer, commit), Err(KafkaError::ConcurrentTransactions));
        assert_eq!(world.end(producer, !commit), Err(KafkaError::InvalidTxnState));
        assert_eq!(world.write_markers().len(), 1);
        assert_eq!(world.end(producer, commit), Ok(Response::TxnEnded));
        assert_eq!(world.end(producer, !commit), Err(KafkaError::InvalidTxnState));
        assert_eq!(world.cluster.take_markers(), [], "a repetition decides nothing");
    }
}

#[test]
fn the_coordinator_knows_whose_transactional_id_it_is() {
    let mut world = World::new();
    let nobody = ProducerEpoch { id: 0, epoch: 0 };
    assert_eq!(world.add(nobody, 0), Err(KafkaError::InvalidProducerIdMapping));
    assert_eq!(world.end(nobody, true), Err(KafkaError::InvalidProducerIdMapping));
    let producer = world.init(None).unwrap();
    let stranger = ProducerEpoch {
        id: producer.id + 1,
        ..producer
    };
    assert_eq!(world.add_offsets(stranger), Err(KafkaError::InvalidProducerIdMapping));
    assert_eq!(world.end(stranger, true), Err(KafkaError::InvalidProducerIdMapping));
    let newer = ProducerEpoch { epoch: 1, ..producer };
    assert_eq!(world.add_offsets(newer), Err(KafkaError::ProducerFenced));
}

#[test]
fn a_transaction_that_is_open_for_too_long_is_aborted_and_its_producer_fenced() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    assert_eq!(world.cluster.next_deadline(), None);
    world.pass(Duration::from_secs(1));
    world.add(producer, 0).unwrap();
    world.send(producer, 0, 0, "a").unwrap();
    world.pass(TRANSACTION.saturating_sub(Duration::from_millis(1)));
    world.add(producer, 1).unwrap();
    assert_eq!(
        world.cluster.take_markers(),
        [],
        "more partitions do not give it more time, but it is not due"
    );
    assert_eq!(
        world.cluster.next_deadline(),
        Some(TRANSACTION + Duration::from_secs(1))
    );
    world.pass(Duration::from_millis(1));
    assert_eq!(world.end(producer, true), Err(KafkaError::ProducerFenced));
    assert_eq!(world.write_markers().len(), 2);
    assert_eq!(world.committed(0), []);
    assert_eq!(world.cluster.next_deadline(), None);
    let next = world.init(None).unwrap();
    assert_eq!(next.epoch, 2);
    world.add(next, 0).unwrap();
    assert_eq!(world.send(next, 0, 0, "b"), produced(2));
}

#[test]
fn a_producer_cannot_ask_for_any_timeout() {
    let mut world = World::new();
    let answer = world.ask(Request::InitProducerId {
        transactional_id: Some("id".to_owned()),
        transaction_timeout: Duration::from_secs(901),
        current: None,
    });
    assert_eq!(answer, Err(KafkaError::InvalidTransactionTimeout));
}

#[test]
fn only_partitions_that_exist_can_be_added() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    assert_eq!(world.add(producer, 4), Err(KafkaError::UnknownTopicOrPartition));
    assert_eq!(world.cluster.open_transactions(), []);
}
