//! Commands are acknowledged where their key belongs, or refused in bounded time.

use std::time::{Duration, Instant};

use runtime::commands::{Acknowledged, CommandError, CommandLog, CommandRecord};
use runtime::kafka::{KafkaCommandLog, KafkaConfig};
use streams::partition::partition_for_key;

use crate::support::{KafkaServer, unique};

fn record(topic: &str, key: &str, value: Vec<u8>) -> CommandRecord {
    CommandRecord {
        topic: topic.to_owned(),
        key: key.as_bytes().to_vec(),
        value: Some(value),
        headers: vec![("id".to_owned(), b"7".to_vec())],
        timestamp_ms: 1_000,
    }
}

fn log() -> (KafkaCommandLog, String) {
    let server = KafkaServer::shared();
    let topic = unique("commands");
    server.create_topic(&topic, 6);
    (KafkaCommandLog::connect(&server.config("edge", 0)).unwrap(), topic)
}

#[tokio::test]
async fn a_command_is_acknowledged_in_the_partition_of_its_key() {
    let (log, topic) = log();
    for (number, key) in ["a", "b", "c", "d", "a"].into_iter().enumerate() {
        let partition = partition_for_key(key.as_bytes(), 6);
        let acknowledged = log.append(record(&topic, key, b"v".to_vec())).await.unwrap();
        assert_eq!(acknowledged.partition, partition);
        assert_eq!(
            log.end_offset(&topic, partition).await,
            Ok(acknowledged.offset + 1),
            "{number}"
        );
    }
}

#[tokio::test]
async fn many_commands_at_once_are_all_acknowledged() {
    let (log, topic) = log();
    let appends = (0..500).map(|number| {
        let (log, record) = (log.clone(), record(&topic, &number.to_string(), b"v".to_vec()));
        tokio::spawn(async move { log.append(record).await })
    });
    let mut places: Vec<(i32, i64)> = Vec::new();
    for append in appends.collect::<Vec<_>>() {
        let Acknowledged { partition, offset } = append.await.unwrap().unwrap();
        places.push((partition, offset));
    }
    places.sort_unstable();
    places.dedup();
    assert_eq!(places.len(), 500);
}

#[tokio::test]
async fn a_command_that_no_retry_would_save_is_refused() {
    let (log, topic) = log();
    let unknown = log.append(record("no-such-topic", "k", b"v".to_vec())).await;
    assert!(
        matches!(&unknown, Err(CommandError::Refused(reason)) if reason.contains("no-such-topic")),
        "{unknown:?}"
    );
    let large = log.append(record(&topic, "k", vec![0; 3 << 20])).await;
    assert!(matches!(large, Err(CommandError::Refused(_))), "{large:?}");
}

#[tokio::test]
async fn without_a_broker_a_command_is_unavailable_in_bounded_time() {
    let log = KafkaCommandLog::connect(&KafkaConfig::new("127.0.0.1:1", "edge", "a", 0)).unwrap();
    let started = Instant::now();
    let refused = log.append(record("commands", "k", b"v".to_vec())).await;
    assert!(matches!(refused, Err(CommandError::Unavailable(_))), "{refused:?}");
    assert!(started.elapsed() < Duration::from_secs(15));
}
