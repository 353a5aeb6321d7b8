//! Offsets, markers, and who sees what.

use bytes::Bytes;
use simulation::cluster::{KafkaError, OffsetSpec, Policy, ProducerEpoch, Request, Response, Settings, StoredRecord};

use crate::fixture::{World, produced, record, seen, values};

#[test]
fn readers_of_committed_records_stop_at_the_earliest_open_transaction() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world
        .produce(None, ProducerEpoch::NONE, 0, 0, &[("a", "before")])
        .unwrap();
    world.add(producer, 0).unwrap();
    world.send(producer, 0, 0, "open").unwrap();
    world
        .produce(None, ProducerEpoch::NONE, 0, 0, &[("a", "behind")])
        .unwrap();

    let committed = world.fetch(0, 0, true).unwrap();
    assert_eq!(values(&committed), [seen(0, "before")]);
    assert_eq!(
        (committed.next, committed.last_stable_offset, committed.high_watermark),
        (1, 1, 3)
    );
    let all = world.fetch(0, 0, false).unwrap();
    assert_eq!(all.records.len(), 3);
    assert_eq!(all.next, 3);

    world.finish(producer, true);
    let committed = world.fetch(0, 1, true).unwrap();
    assert_eq!(values(&committed), [seen(1, "open"), seen(2, "behind")]);
    assert_eq!(
        (committed.next, committed.last_stable_offset),
        (4, 4),
        "the marker takes offset 3"
    );
}

#[test]
fn aborted_records_are_passed_over_and_those_of_others_in_between_are_not() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    world.send(producer, 0, 0, "kept").unwrap();
    world.finish(producer, true);
    world.add(producer, 0).unwrap();
    world.send(producer, 0, 1, "aborted").unwrap();
    world
        .produce(None, ProducerEpoch::NONE, 0, 0, &[("a", "other")])
        .unwrap();
    world.send(producer, 0, 2, "aborted too").unwrap();
    world.finish(producer, false);

    let expected = [seen(0, "kept"), seen(3, "other")];
    assert_eq!(values(&world.fetch(0, 0, true).unwrap()), expected);
    assert_eq!(world.committed(0), expected);
    assert_eq!(
        world.fetch(0, 4, true).unwrap().next,
        6,
        "nothing but an aborted record and the marker"
    );
    assert_eq!(world.fetch(0, 0, false).unwrap().records.len(), 4);
}

#[test]
fn a_fetch_answers_no_more_than_asked_for_and_says_where_to_go_on() {
    let mut world = World::new();
    world
        .produce(None, ProducerEpoch::NONE, 0, 0, &[("a", "0"), ("a", "1"), ("a", "2")])
        .unwrap();
    let fetched = world.fetch_some(0, 0, true, 2).unwrap();
    assert_eq!(values(&fetched), [seen(0, "0"), seen(1, "1")]);
    assert_eq!(fetched.next, 2);
}

#[test]
fn a_marker_takes_an_offset_even_where_its_transaction_wrote_nothing() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 1).unwrap();
    world.finish(producer, true);
    assert_eq!(world.cluster.high_watermark(world.partition(1)), 1);
    assert_eq!(world.fetch(1, 0, true).unwrap().next, 1);
}

#[test]
fn beginning_and_end_are_told_as_readers_of_either_kind_see_them() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 0).unwrap();
    world
        .produce(None, ProducerEpoch::NONE, 0, 0, &[("a", "0"), ("a", "1")])
        .unwrap();
    world.send(producer, 0, 0, "open").unwrap();
    world.cluster.delete_before(world.partition(0), 1);
    assert_eq!(world.offset(0, OffsetSpec::Earliest), 1);
    assert_eq!(world.offset(0, OffsetSpec::Latest { committed: true }), 2);
    assert_eq!(world.offset(0, OffsetSpec::Latest { committed: false }), 3);
}

#[test]
fn what_retention_deleted_and_what_was_never_written_is_out_of_range() {
    let mut world = World::new();
    world
        .produce(None, ProducerEpoch::NONE, 0, 0, &[("a", "0"), ("a", "1")])
        .unwrap();
    world.cluster.delete_before(world.partition(0), 1);
    assert_eq!(world.fetch(0, 0, true).unwrap_err(), KafkaError::OffsetOutOfRange);
    assert_eq!(world.fetch(0, 3, true).unwrap_err(), KafkaError::OffsetOutOfRange);
    let fetched = world.fetch(0, 1, true).unwrap();
    assert_eq!((values(&fetched), fetched.log_start), (vec![seen(1, "1")], 1));

    world.cluster.delete_before(world.partition(0), 99);
    world.cluster.delete_before(world.partition(0), 0);
    assert_eq!(
        world.offset(0, OffsetSpec::Earliest),
        2,
        "at most to the end, and never back"
    );
    assert_eq!(
        world.produce(None, ProducerEpoch::NONE, 0, 0, &[("a", "2")]),
        produced(2)
    );
}

#[test]
fn compaction_keeps_the_newest_committed_record_of_each_key_and_all_offsets() {
    let mut world = World::with(Settings::default(), Policy::Compact);
    let producer = world.init(None).unwrap();
    world
        .produce(None, ProducerEpoch::NONE, 0, 0, &[("a", "0"), ("b", "1"), ("a", "2")])
        .unwrap();
    world.add(producer, 0).unwrap();
    world.produce(Some("id"), producer, 0, 0, &[("b", "aborted")]).unwrap();
    world.finish(producer, false);
    world.add(producer, 0).unwrap();
    world.produce(Some("id"), producer, 0, 1, &[("a", "open")]).unwrap();
    world
        .produce(None, ProducerEpoch::NONE, 0, 0, &[("a", "above"), ("a", "above too")])
        .unwrap();

    world.cluster.compact(world.partition(0));
    let all = values(&world.fetch(0, 0, false).unwrap());
    let above = [seen(5, "open"), seen(6, "above"), seen(7, "above too")];
    assert_eq!(all[..2], [seen(1, "1"), seen(2, "2")]);
    assert_eq!(all[2..], above);
    assert_eq!(
        world.fetch(0, 3, true).unwrap().next,
        5,
        "a gap and the marker are passed over"
    );

    world.finish(producer, true);
    world.cluster.compact(world.partition(0));
    assert_eq!(world.committed(0), [seen(1, "1"), seen(7, "above too")]);
    assert_eq!(world.offset(0, OffsetSpec::Latest { committed: true }), 9);
}

#[test]
fn a_topic_that_is_not_compacted_is_left_as_it_is() {
    let mut world = World::new();
    world
        .produce(None, ProducerEpoch::NONE, 0, 0, &[("a", "0"), ("a", "1")])
        .unwrap();
    world.cluster.compact(world.partition(0));
    assert_eq!(world.committed(0).len(), 2);
}

#[test]
fn a_compacted_topic_refuses_records_without_a_key_and_takes_tombstones() {
    let mut world = World::with(Settings::default(), Policy::Compact);
    let mut send = |record: StoredRecord| {
        let partition = world.partition(0);
        world.ask(Request::Produce {
            transactional_id: None,
            producer: ProducerEpoch::NONE,
            partition,
            base_sequence: 0,
            records: vec![record],
        })
    };
    let keyless = StoredRecord {
        key: None,
        ..record("", "")
    };
    let tombstone = StoredRecord {
        value: None,
        ..record("key", "")
    };
    assert_eq!(send(keyless), Err(KafkaError::InvalidRecord));
    assert_eq!(send(tombstone.clone()), produced(0));
    world.cluster.compact(world.partition(0));
    let kept = world.cluster.committed_records(world.partition(0)).next().unwrap();
    assert_eq!(kept, (0, &tombstone));
}

#[test]
fn records_come_back_as_they_were_sent() {
    let mut world = World::new();
    let partition = world.partition(0);
    let mut sent = record("key", "value");
    sent.timestamp_ms = 7;
    sent.headers.push("header", Bytes::from_static(b"1"));
    world
        .ask(Request::Produce {
            transactional_id: None,
            producer: ProducerEpoch::NONE,
            partition,
            base_sequence: 0,
            records: vec![sent.clone()],
        })
        .unwrap();
    assert_eq!(world.fetch(0, 0, true).unwrap().records, [(0, sent)]);
}

#[test]
fn partitions_are_told_once_after_their_end_moved() {
    let mut world = World::new();
    let producer = world.init(None).unwrap();
    world.add(producer, 1).unwrap();
    world.send(producer, 1, 0, "a").unwrap();
    assert_eq!(world.cluster.take_advanced(), [world.partition(1)]);
    world.send(producer, 1, 0, "a").unwrap();
    assert_eq!(world.cluster.take_advanced(), [], "a duplicate moves nothing");
    world.finish(producer, true);
    assert_eq!(world.cluster.take_advanced(), [world.partition(1)]);
}

#[test]
fn a_topic_is_found_by_name_with_the_leaders_of_its_partitions() {
    let mut world = World::new();
    assert_eq!(world.cluster.topic("topic"), Some(world.topic));
    assert_eq!(world.cluster.topic_name(world.topic), "topic");
    assert_eq!(world.cluster.partitions(world.topic), 4);
    let metadata = |topic: &str| Request::Metadata {
        topic: topic.to_owned(),
    };
    let Ok(Response::Topic(found)) = world.ask(metadata("topic")) else {
        panic!("there is such a topic");
    };
    let leaders: Vec<_> = (0..4)
        .map(|partition| world.cluster.leader(world.partition(partition)))
        .collect();
    assert_eq!(found.leaders, leaders);
    assert_eq!(world.ask(metadata("other")), Err(KafkaError::UnknownTopicOrPartition));
    assert_eq!(
        world.fetch(4, 0, true).unwrap_err(),
        KafkaError::UnknownTopicOrPartition
    );
}
