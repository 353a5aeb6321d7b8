//! What each transaction says about itself in a task's changelog, the same bytes on every log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streams::changelog::COMMIT_RECORD_KEY;
use streams::commit::InputOffset;
use streams::log::StoredRecord;
use streams::{Commit, Headers, Layout, OutputRecord};

/// The value of a commit record, as JSON: what one task made true in one transaction that changed its stores.
///
/// It is the last record of its transaction in the task's changelog. Records after the last commit record are therefore of
/// no whole transaction, and of those between `after` and the commit record only the last `records` are of its own. It is
/// sent in one go with everything it tells of, before any offset of the transaction is known: waiting for those would cost
/// every commit two more exchanges with the broker. Therefore it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRecord {
    /// The task, as [`streams::TaskId`] prints it.
    pub task: String,
    /// How many commits of the task have changed its stores, this one included.
    pub sequence: u64,
    /// The offset after the commit record before; none when there was none.
    pub after: Option<i64>,
    /// Changelog records of this commit.
    pub records: usize,
    /// The task's stream time after this commit, in milliseconds since the epoch.
    pub stream_time_ms: i64,
    /// By `topic/partition`, the next offset to read.
    pub offsets: BTreeMap<String, i64>,
    /// Number of records sent to sinks, repartition topics and the dead-letter topic.
    pub outputs: usize,
}

impl CommitRecord {
    /// The record of `commit`, or `None` when it changes no store. Topics that `layout` does not have are left out.
    #[must_use]
    pub fn new(commit: &Commit, layout: &Layout) -> Option<Self> {
        let offsets = commit
            .offsets
            .iter()
            .filter_map(|offset| Some((input_name(layout, offset)?, offset.next)));
        (!commit.changelog.is_empty()).then(|| Self {
            task: commit.task.to_string(),
            sequence: commit.sequence,
            after: commit.changelog_before,
            records: commit.changelog.len(),
            stream_time_ms: commit.stream_time_ms,
            offsets: offsets.collect(),
            outputs: commit.sent + commit.outputs.len(),
        })
    }

    /// The record's value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and integers under string keys always have a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// The commit record that a changelog record is, `None` for any other and for one that cannot be read.
    #[must_use]
    pub fn of(record: &StoredRecord<'_>) -> Option<Self> {
        let value = record.value.filter(|_| record.key == Some(COMMIT_RECORD_KEY))?;
        Self::from_bytes(value).ok()
    }

    /// Reads a record's value; the error says in words what is wrong with it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(bytes).map_err(|cause| format!("this is no commit record: {cause}"))
    }
}

fn input_name(layout: &Layout, offset: &InputOffset) -> Option<String> {
    let topic = layout.topic(offset.topic)?;
    Some(format!("{}/{}", topic.name, offset.partition))
}

/// The commit record of `commit` as the last record of its changelog, handed to `push`. `None` when it changes no store.
pub(crate) fn with_commit_record<T>(
    commit: &Commit,
    layout: &Layout,
    push: impl FnOnce(&OutputRecord<'_>) -> T,
) -> Option<T> {
    let value = CommitRecord::new(commit, layout)?.to_bytes();
    let record = OutputRecord {
        topic: commit.changelog_topic?,
        partition: commit.task.partition,
        // It carries the task's stream time as the other records of the changelog do, since no clock is read here.
        timestamp_ms: commit.stream_time_ms.max(0),
        key: Some(COMMIT_RECORD_KEY),
        value: Some(&value),
        headers: &Headers::default(),
    };
    Some(push(&record))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_commit_record_reads_back_as_it_was_written() {
        let record = CommitRecord {
            task: "0_3".to_owned(),
            sequence: 7,
            after: Some(42),
            records: 3,
            stream_time_ms: 1_000,
            offsets: BTreeMap::from([("order-commands/3".to_owned(), 9)]),
            outputs: 2,
        };
        assert_eq!(CommitRecord::from_bytes(&record.to_bytes()).unwrap(), record);
    }

    #[test]
    fn bytes_that_are_no_commit_record_are_refused_in_words() {
        assert!(
            CommitRecord::from_bytes(b"{}")
                .unwrap_err()
                .contains("no commit record")
        );
    }
}
