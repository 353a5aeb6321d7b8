//! Old records go, but none that an application has yet to read.

use std::sync::Arc;

use runtime::embedded::{Cleanup, EmbeddedBroker, GroupOffsets};
use streams::LogError;
use streams::log::LogReader;

use crate::fixture::{append, read, topic};

/// Records of the fixture are made at 1,000 ms.
const LATER_MS: i64 = 1_000_000;

fn broker(dir: &std::path::Path) -> Arc<EmbeddedBroker> {
    let broker = EmbeddedBroker::open(dir).unwrap();
    // Kept for ever as seen from the wall clock, since the broker's own rounds use it; the rounds of the test are far in the future.
    let retention_ms = i64::MAX / 2;
    broker
        .create_topics(&[topic("events", 1, Cleanup::Delete { retention_ms })])
        .unwrap();
    append(&broker, "events", &["a", "b", "c"]);
    broker
}

fn late() -> i64 {
    i64::MAX / 2 + LATER_MS
}

#[test]
fn records_past_their_retention_are_removed_from_the_beginning() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path());
    broker.maintain(late()).unwrap();
    assert_eq!(read(&broker, "events", 0), []);
    assert_eq!(broker.bounds("events", 0), Ok((3, 3)));
    let early = broker
        .reader()
        .read("events", 0, 0, 3, &mut |_| std::ops::ControlFlow::Continue(()));
    assert!(matches!(early, Err(LogError::Fatal(_))));
    drop(broker);
    let broker = EmbeddedBroker::open(dir.path()).unwrap();
    assert_eq!(broker.bounds("events", 0), Ok((3, 3)));
}

#[test]
fn records_that_a_group_has_yet_to_read_stay() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path());
    let unread = GroupOffsets::from([(("events".to_owned(), 0), 1)]);
    broker.alter_group_offsets("slow", &unread).unwrap();
    broker.maintain(late()).unwrap();
    assert_eq!(broker.bounds("events", 0), Ok((1, 3)));
}
