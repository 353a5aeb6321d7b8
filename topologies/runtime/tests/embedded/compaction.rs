//! Compacted topics keep the latest record of each key, at its offset.

use std::sync::Arc;

use runtime::embedded::{EmbeddedBroker, EmbeddedOptions};
use streams::log::{Log, LogReader};

use crate::fixture::{CHANGELOG, CHANGELOG_NAME, broker, commit, create_topics, entries, joined, push};

const DAY_MS: i64 = 86_400_000;

/// One commit with these changelog records.
fn write(broker: &Arc<EmbeddedBroker>, records: &[(&str, Option<&str>)]) {
    let mut log = joined(broker, 1, 0);
    let mut commit = commit(1, 0, "k", "v");
    commit.changelog.clear();
    for (key, value) in records {
        push(&mut commit.changelog, CHANGELOG, 0, key, *value);
    }
    log.commit(&[commit]).unwrap();
}

fn offsets(broker: &Arc<EmbeddedBroker>) -> Vec<i64> {
    entries(broker).into_iter().map(|(offset, _, _)| offset).collect()
}

#[test]
fn the_latest_record_of_each_key_stays_at_its_offset() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    write(&broker, &[("a", Some("1")), ("b", Some("1")), ("a", Some("2"))]);
    broker.maintain(0).unwrap();
    assert_eq!(offsets(&broker), [1, 2]);
    write(&broker, &[("b", Some("2")), ("c", Some("1"))]);
    broker.maintain(0).unwrap();
    assert_eq!(offsets(&broker), [2, 4, 5]);
    assert_eq!(broker.reader().offsets(CHANGELOG_NAME, 0), Ok((0, 7)));
}

#[test]
fn a_hot_key_takes_one_record_however_often_it_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    let value = Some("x");
    for _ in 0..20 {
        write(&broker, &vec![("hot", value); 1_000]);
        broker.maintain(0).unwrap();
    }
    assert_eq!(offsets(&broker), [20_018]);
}

#[test]
fn a_deletion_stays_readable_for_its_time_and_the_end_outlives_it() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let options = EmbeddedOptions {
            tombstone_retention_ms: DAY_MS,
            ..EmbeddedOptions::default()
        };
        EmbeddedBroker::open_with(dir.path(), options).unwrap()
    };
    let broker = open();
    create_topics(&broker, 1);
    write(&broker, &[("a", Some("1")), ("a", None)]);
    // The broker's own rounds and this one may come in any order; what counts is when a round passed the deletion.
    broker.maintain(now_ms()).unwrap();
    assert_eq!(offsets(&broker), [1]);
    broker.maintain(now_ms() + 2 * DAY_MS).unwrap();
    assert_eq!(offsets(&broker), Vec::<i64>::new());
    drop(broker);
    let broker = open();
    assert_eq!(broker.reader().offsets(CHANGELOG_NAME, 0), Ok((0, 3)));
    write(&broker, &[("a", Some("2"))]);
    assert_eq!(offsets(&broker), [3]);
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    i64::try_from(since.as_millis()).unwrap()
}
