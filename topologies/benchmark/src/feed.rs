//! Fills topics.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use runtime::commit_record::CommitRecord;
use streams::changelog::{COMMIT_RECORD_KEY, changelog_key};
use streams::partition::partition_for_key;

use crate::topics::PARTITIONS;

/// Bytes of a value.
pub(crate) const VALUE_BYTES: usize = 100;
const FLUSH_WAIT: Duration = Duration::from_mins(2);
const ROOM_WAIT: Duration = Duration::from_millis(10);

/// Records of one commit in a changelog that is filled.
const COMMIT_RECORDS: usize = 1_000;

/// What was written of a task's partition of a changelog, which was empty.
struct FilledTask {
    partition: i32,
    sequence: u64,
    /// The offset after the last commit record.
    committed: i64,
    /// Records since then.
    records: usize,
}

impl FilledTask {
    fn new(partition: i32) -> Self {
        Self {
            partition,
            sequence: 0,
            committed: 0,
            records: 0,
        }
    }

    /// The commit record of what was written since the last one.
    fn commit(&mut self) -> Vec<u8> {
        self.sequence += 1;
        let records = std::mem::take(&mut self.records);
        let record = CommitRecord {
            task: format!("0_{}", self.partition),
            sequence: self.sequence,
            after: (self.sequence > 1).then_some(self.committed),
            records,
            stream_time_ms: 0,
            offsets: BTreeMap::new(),
            outputs: 0,
        };
        self.committed += i64::try_from(records + 1).unwrap_or(i64::MAX);
        record.to_bytes()
    }
}

/// Sends records with keys of 16 bytes and values of 100.
pub(crate) struct Feed {
    producer: BaseProducer,
    value: Vec<u8>,
}

impl Feed {
    /// For many records: large batches.
    pub(crate) fn bulk(bootstrap: &str) -> Result<Self> {
        Self::new(bootstrap, "20", "true")
    }

    /// For records that are watched one by one: each is sent at once, from the first on. An idempotent producer asks for its id
    /// first, and again after half a second when it is not connected yet; that would count as the engine's.
    pub(crate) fn live(bootstrap: &str, topic: &str) -> Result<Self> {
        let feed = Self::new(bootstrap, "0", "false")?;
        let client = feed.producer.client();
        client
            .fetch_watermarks(topic, 0, FLUSH_WAIT)
            .context("no broker answers")?;
        Ok(feed)
    }

    fn new(bootstrap: &str, linger_ms: &str, idempotent: &str) -> Result<Self> {
        let mut settings = ClientConfig::new();
        settings
            .set("bootstrap.servers", bootstrap)
            .set("enable.idempotence", idempotent)
            .set("linger.ms", linger_ms)
            .set("queue.buffering.max.messages", "500000");
        let value = (b'a'..=b'z').cycle().take(VALUE_BYTES).collect();
        Ok(Self {
            producer: settings.create().context("no producer")?,
            value,
        })
    }

    /// Sends one record whose key is the number.
    pub(crate) fn send(&self, topic: &str, key: u64) -> Result<()> {
        let key = key_bytes(key);
        self.send_to(topic, partition_for_key(&key, PARTITIONS), &key, &self.value)
    }

    /// Sends one record to a partition.
    fn send_to(&self, topic: &str, partition: i32, key: &[u8], value: &[u8]) -> Result<()> {
        let mut record = BaseRecord::to(topic).key(key).payload(value).partition(partition);
        while let Err((error, refused)) = self.producer.send(record) {
            if error != KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull) {
                return Err(error.into());
            }
            self.producer.poll(ROOM_WAIT);
            record = refused;
        }
        self.producer.poll(Duration::ZERO);
        Ok(())
    }

    /// Sends records with these keys and waits until they are written.
    pub(crate) fn fill(&self, topic: &str, keys: impl Iterator<Item = u64>) -> Result<()> {
        for key in keys {
            self.send(topic, key)?;
        }
        self.finish()
    }

    /// Writes the changelog of a store with these keys as commits would, and waits until it is written.
    pub(crate) fn fill_changelog(&self, topic: &str, store: &str, keys: impl Iterator<Item = u64>) -> Result<()> {
        let mut tasks: Vec<FilledTask> = (0..PARTITIONS).map(FilledTask::new).collect();
        for key in keys {
            let key = key_bytes(key);
            let partition = usize::try_from(partition_for_key(&key, PARTITIONS))?;
            let Some(task) = tasks.get_mut(partition) else { continue };
            self.send_to(topic, task.partition, &changelog_key(store, &key), &self.value)?;
            task.records += 1;
            if task.records == COMMIT_RECORDS {
                self.send_to(topic, task.partition, COMMIT_RECORD_KEY, &task.commit())?;
            }
        }
        for mut task in tasks.into_iter().filter(|task| task.records > 0) {
            self.send_to(topic, task.partition, COMMIT_RECORD_KEY, &task.commit())?;
        }
        self.finish()
    }

    /// Waits until everything is written.
    pub(crate) fn finish(&self) -> Result<()> {
        self.producer
            .flush(FLUSH_WAIT)
            .context("the input was not written in time")
    }
}

/// A key of 16 bytes.
pub(crate) fn key_bytes(number: u64) -> [u8; 16] {
    let mut key = *b"key-000000000000";
    let mut rest = number;
    for digit in key.iter_mut().skip(4).rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    key
}

/// The number of a key.
pub(crate) fn key_number(key: &[u8]) -> Option<u64> {
    std::str::from_utf8(key.get(4..)?).ok()?.parse().ok()
}

/// The n-th of many keys in an order without pattern, each of them once.
pub(crate) fn scrambled(number: u64) -> u64 {
    // An odd factor reorders the numbers below a power of two; this one is the golden ratio of 2^39.
    const FACTOR: u64 = 339_767_778_497;
    number.wrapping_mul(FACTOR) % (1 << 39)
}

/// Numbers below `bound`, in an order without pattern that is the same in every run.
pub(crate) fn scattered(count: u64, bound: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |number| {
        // SplitMix64.
        let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound.max(1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_16_bytes_and_tells_its_number() {
        for number in [0, 7, 999_999_999_999] {
            assert_eq!(key_number(&key_bytes(number)), Some(number));
        }
    }

    #[test]
    fn scrambled_numbers_are_all_different() {
        let scrambled: std::collections::BTreeSet<u64> = (0..10_000).map(scrambled).collect();
        assert_eq!(scrambled.len(), 10_000);
    }

    #[test]
    fn scattered_numbers_stay_below_their_bound_and_reach_most_of_it() {
        let mut seen = scattered(10_000, 1_000).collect::<Vec<_>>();
        assert!(seen.iter().all(|number| *number < 1_000));
        seen.sort_unstable();
        seen.dedup();
        assert!(seen.len() > 990);
    }
}
