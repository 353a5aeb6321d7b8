//! Topics of the runs: made, filled and counted by their names.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use anyhow::{Result, ensure};
use runtime::kafka::{KafkaAdmin, KafkaConfig, KafkaReader, TopicSpec};
use streams::log::{LogReader, StoredRecord};

use crate::feed::key_number;

/// Partitions of every topic.
pub(crate) const PARTITIONS: i32 = 4;

/// Attempts to create topics; each waits for an answer, or fails.
const CREATE_ATTEMPTS_MAX: u32 = 5;

/// Creates topics that keep everything.
pub(crate) fn create(admin: &KafkaAdmin, names: impl IntoIterator<Item = String>) -> Result<()> {
    let topic = |name| TopicSpec {
        name,
        partitions: PARTITIONS,
        replication: 1,
        settings: [("retention.ms".to_owned(), "-1".to_owned())].into(),
    };
    let topics: Vec<TopicSpec> = names.into_iter().map(topic).collect();
    if topics.is_empty() {
        return Ok(());
    }
    // A broker that has just been started on a busy machine may take longer than one call waits.
    let mut attempts = 1;
    while let Err(error) = admin.create(&topics) {
        ensure!(attempts < CREATE_ATTEMPTS_MAX, error);
        attempts += 1;
    }
    Ok(())
}

/// Deletes every topic whose name begins with the prefix.
pub(crate) fn delete(admin: &KafkaAdmin, prefix: &str) -> Result<()> {
    let topics = admin.topics()?;
    let own: Vec<&str> = topics
        .keys()
        .map(String::as_str)
        .filter(|name| name.starts_with(prefix))
        .collect();
    if !own.is_empty() {
        admin.delete(&own)?;
    }
    Ok(())
}

/// Visits every committed record of a topic.
pub(crate) fn visit(bootstrap: &str, topic: &str, visit: &mut dyn FnMut(&StoredRecord<'_>)) -> Result<()> {
    let config = KafkaConfig::new(bootstrap, "benchmark-audit", "benchmark", 0);
    let mut reader = KafkaReader::connect(&config, Arc::default())?;
    for partition in 0..PARTITIONS {
        let (first, end) = reader.offsets(topic, partition)?;
        reader.read(topic, partition, first, end, &mut |record| {
            visit(&record);
            ControlFlow::Continue(())
        })?;
    }
    Ok(())
}

/// Number of committed records of a topic.
pub(crate) fn committed_records(bootstrap: &str, topic: &str) -> Result<u64> {
    let mut count = 0;
    visit(bootstrap, topic, &mut |_| count += 1)?;
    Ok(count)
}

/// Checks that each key's committed counts go up by one, to the number of records that had the key.
pub(crate) fn check_counts(bootstrap: &str, topic: &str, keys: impl Iterator<Item = u64>) -> Result<()> {
    let mut counts: BTreeMap<u64, i64> = BTreeMap::new();
    let mut wrong = 0u64;
    visit(bootstrap, topic, &mut |record| {
        let key = record.key.and_then(key_number).unwrap_or(u64::MAX);
        let value = record
            .value
            .and_then(|value| value.try_into().ok())
            .map(i64::from_be_bytes);
        let count = counts.entry(key).or_default();
        *count += 1;
        wrong += u64::from(value != Some(*count));
    })?;
    let mut expected: BTreeMap<u64, i64> = BTreeMap::new();
    keys.for_each(|key| *expected.entry(key).or_default() += 1);
    ensure!(
        wrong == 0 && counts == expected,
        "{wrong} wrong counts, or the last ones are not those of the input"
    );
    Ok(())
}
