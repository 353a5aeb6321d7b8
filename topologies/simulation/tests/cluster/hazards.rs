//! Where the old transaction protocol cannot tell one transaction from the next. The engine has to live with it.

use simulation::cluster::{KafkaError, Response};

use crate::fixture::{TRANSACTION, World, outsider, produced, seen};

#[test]
fn a_late_end_of_one_transaction_commits_the_next_one_as_far_as_it_got() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    world.send(producer, 0, 0, "first").unwrap();
    world.finish(producer, true);

    world.add(producer, 0).unwrap();
    world.add(producer, 1).unwrap();
    world.send(producer, 0, 1, "half of the second").unwrap();
    assert_eq!(
        world.end(producer, true),
        Ok(Response::TxnEnded),
        "a duplicate of the first end"
    );
    world.write_markers();

    assert_eq!(world.committed(0), [seen(0, "first"), seen(2, "half of the second")]);
    let rest = world.send(producer, 1, 0, "other half of the second");
    assert_eq!(rest, Err(KafkaError::InvalidTxnState));
    assert_eq!(
        world.end(producer, true),
        Ok(Response::TxnEnded),
        "and the producer believes that it was whole"
    );
}

#[test]
fn a_late_end_cannot_hurt_once_the_epoch_is_raised() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    world.finish(producer, true);
    let next = world.init(None).unwrap();
    world.add(next, 0).unwrap();
    assert_eq!(world.end(producer, true), Err(KafkaError::ProducerFenced));
}

#[test]
fn a_late_batch_of_an_aborted_transaction_gets_into_the_next_one_if_its_sequence_number_fits() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    world.send(producer, 0, 0, "aborted").unwrap();
    world.finish(producer, false);

    world.add(producer, 0).unwrap();
    assert_eq!(world.send(producer, 0, 1, "late, of the first"), produced(2));
    world.finish(producer, true);
    assert_eq!(world.committed(0), [seen(2, "late, of the first")]);
}

#[test]
fn a_marker_that_is_written_twice_ends_half_of_the_next_transaction() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    world.end(producer, true).unwrap();
    let marker = world.write_markers().remove(0);

    world.add(producer, 0).unwrap();
    world.send(producer, 0, 0, "second").unwrap();
    world.cluster.write_marker(world.now, marker);
    assert_eq!(
        world.committed(0),
        [seen(1, "second")],
        "though its transaction is open"
    );
    world.finish(producer, false);
    assert_eq!(world.committed(0), [seen(1, "second")], "and even aborted");
}

#[test]
fn late_offsets_of_one_transaction_take_the_next_one_back() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add_offsets(producer).unwrap();
    world.store_offset(producer, outsider(), 5).unwrap();
    world.finish(producer, true);

    world.add_offsets(producer).unwrap();
    world.store_offset(producer, outsider(), 9).unwrap();
    let late = world.store_offset(producer, outsider(), 5);
    assert_eq!(late, Ok(Response::OffsetsCommitted));
    world.finish(producer, true);
    assert_eq!(
        world.fetch_offset(true),
        Ok(Some(5)),
        "and everything since is read once more"
    );
}

#[test]
fn a_late_partition_begins_a_transaction_that_nobody_ends() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    world.finish(producer, true);
    assert_eq!(
        world.add(producer, 0),
        Ok(Response::PartitionsAdded),
        "a duplicate of the first"
    );
    world.pass(TRANSACTION);
    world.write_markers();
    assert_eq!(
        world.add(producer, 0),
        Err(KafkaError::ProducerFenced),
        "though the producer did nothing wrong"
    );
}
