//! The edge's appends: acknowledged with their place, or refused for good.

use runtime::commands::{CommandError, CommandLog, CommandRecord};
use runtime::embedded::{EmbeddedBroker, EmbeddedOptions, RECORD_BYTES_MAX};

use crate::fixture::{append, broker, create_topics, read};

fn record(topic: &str, value: Vec<u8>) -> CommandRecord {
    CommandRecord {
        topic: topic.to_owned(),
        key: b"a".to_vec(),
        value: Some(value),
        headers: Vec::new(),
        timestamp_ms: 1,
    }
}

#[test]
fn an_append_answers_the_keys_partition_and_the_next_offset() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 3);
    let placed = append(&broker, "input", &["a", "a"]);
    let partition = streams::partition::partition_for_key(b"a", 3);
    assert_eq!(placed, [(partition, 0), (partition, 1)]);
}

#[tokio::test]
async fn concurrent_appends_are_all_acknowledged_at_different_offsets() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    let log = broker.command_log().unwrap();
    let mut appends = tokio::task::JoinSet::new();
    for _ in 0..200 {
        let log = log.clone();
        appends.spawn(async move { log.append(record("input", vec![1])).await.unwrap().offset });
    }
    let mut offsets = appends.join_all().await;
    offsets.sort_unstable();
    assert_eq!(offsets, (0..200).collect::<Vec<_>>());
    assert_eq!(log.end_offset("input", 0).await, Ok(200));
}

#[tokio::test]
async fn an_unknown_topic_and_a_huge_record_are_refused_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let broker = broker(dir.path(), 1);
    let log = broker.command_log().unwrap();
    let unknown = log.append(record("nowhere", Vec::new())).await;
    let huge = log.append(record("input", vec![0; RECORD_BYTES_MAX])).await;
    assert!(matches!(unknown, Err(CommandError::Refused(_))));
    assert!(matches!(huge, Err(CommandError::Refused(_))));
    assert!(matches!(log.partitions("nowhere"), Err(CommandError::Refused(_))));
}

#[tokio::test]
async fn a_full_disk_makes_the_log_unavailable_and_writes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    create_topics(&EmbeddedBroker::open(dir.path()).unwrap(), 1);
    let options = EmbeddedOptions {
        free_bytes_min: u64::MAX,
        ..EmbeddedOptions::default()
    };
    let full = EmbeddedBroker::open_with(dir.path(), options).unwrap();
    let log = full.command_log().unwrap();
    assert!(matches!(
        log.append(record("input", Vec::new())).await,
        Err(CommandError::Unavailable(_))
    ));
    drop((log, full));
    let roomy = EmbeddedBroker::open(dir.path()).unwrap();
    assert_eq!(read(&roomy, "input", 0), []);
}
