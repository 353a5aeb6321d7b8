//! What is there after a stop and a start.

use std::ops::ControlFlow;

use runtime::embedded::{Cleanup, EmbeddedBroker, EmbeddedError};
use streams::LogError;
use streams::log::{Log, LogReader};

use crate::fixture::{GROUP, append, broker, commit, drained, joined, read, topic};

#[test]
fn topics_records_and_offsets_are_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    {
        let broker = broker(dir.path(), 1);
        append(&broker, "input", &["a", "b", "c"]);
        joined(&broker, 1, 0).commit(&[commit(1, 2, "k", "v")]).unwrap();
    }
    let broker = broker(dir.path(), 1);
    assert_eq!(read(&broker, "output", 0).len(), 1);
    assert_eq!(broker.group_offsets(GROUP).get(&("input".to_owned(), 0)), Some(&2));
    assert_eq!(drained(&mut joined(&broker, 1, 0)), [(0, 2)]);
    assert_eq!(append(&broker, "input", &["d"]), [(0, 3)]);
}

#[test]
fn a_closed_log_answers_that_it_is_closed_and_another_may_open_it() {
    let dir = tempfile::tempdir().unwrap();
    let first = broker(dir.path(), 1);
    append(&first, "input", &["a"]);
    let mut reader = first.reader();
    first.close();
    let mut is_closed = || {
        let answer = reader.read("input", 0, 0, 1, &mut |_| ControlFlow::Continue(()));
        matches!(answer, Err(LogError::Retriable(cause)) if cause.contains("is closed"))
    };
    assert!(is_closed());
    drop(first.maintain(0));
    assert!(is_closed(), "a round of maintenance opens nothing again");
    assert_eq!(read(&broker(dir.path(), 1), "input", 0).len(), 1);
    assert!(is_closed(), "who still holds the closed one reads nothing of the other");
}

#[test]
fn a_topic_is_created_once_and_never_changed_silently() {
    let dir = tempfile::tempdir().unwrap();
    let broker = EmbeddedBroker::open(dir.path()).unwrap();
    let compact = topic("a", 2, Cleanup::Compact);
    broker.create_topics(std::slice::from_ref(&compact)).unwrap();
    broker.create_topics(std::slice::from_ref(&compact)).unwrap();
    let changed = broker.create_topics(&[topic("b", 1, Cleanup::Compact), topic("a", 3, Cleanup::Compact)]);
    assert!(matches!(changed, Err(EmbeddedError::Refused(_))));
    assert_eq!(broker.topics(), [compact]);
    assert!(broker.create_topics(&[topic("a b", 1, Cleanup::Compact)]).is_err());
}

#[test]
fn a_deleted_topic_leaves_nothing_to_a_new_one_of_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    append(&broker, "input", &["a", "b"]);
    joined(&broker, 1, 0).commit(&[commit(1, 2, "k", "v")]).unwrap();
    broker.delete_topic("input").unwrap();
    assert!(broker.group_offsets(GROUP).is_empty());
    broker
        .create_topics(&[topic("input", 1, Cleanup::Delete { retention_ms: -1 })])
        .unwrap();
    assert_eq!(read(&broker, "input", 0), []);
    assert_eq!(append(&broker, "input", &["c"]), [(0, 0)]);
}
