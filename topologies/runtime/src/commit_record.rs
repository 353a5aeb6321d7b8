//! What each transaction says about itself in the task topic, the same bytes on every log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streams::commit::InputOffset;
use streams::{Commit, Layout, TopicIndex};

/// The value of a record in the task topic, as JSON: what one task made true in one transaction.
///
/// It is sent in one go with everything it tells of, before any offset of the transaction is known: waiting for those would
/// cost every commit two more exchanges with the broker. Therefore it counts. The restore and `sluice audit` find a torn
/// transaction by it: a changelog with more or fewer records after `after` than `records` says, or a missing `sequence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRecord {
    /// The task, as [`streams::TaskId`] prints it. It is also the record's key.
    pub task: String,
    /// The number of the commit in the task's life, counted from 1.
    pub sequence: u64,
    /// By changelog topic, what the task has written there.
    pub changelog: BTreeMap<String, Written>,
    /// By `topic/partition`, the next offset to read.
    pub offsets: BTreeMap<String, i64>,
    /// Number of records sent to sinks, repartition topics and the dead-letter topic.
    pub outputs: usize,
}

/// What one commit has written to one changelog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The offset after the last record of the commits before; none when there was no record.
    pub after: Option<i64>,
    /// Records of this commit. They are the first committed ones from `after` on.
    pub records: usize,
}

impl CommitRecord {
    /// The record of `commit`. Topics that `layout` does not have are left out.
    #[must_use]
    pub fn new(commit: &Commit, layout: &Layout) -> Self {
        let mut counts: BTreeMap<TopicIndex, usize> = BTreeMap::new();
        for record in commit.changelog.iter() {
            *counts.entry(record.topic).or_default() += 1;
        }
        let changelog = commit.changelog_stores.keys().filter_map(|topic| {
            let written = Written {
                after: commit.changelog_before.get(topic).copied(),
                records: counts.get(topic).copied().unwrap_or(0),
            };
            Some((layout.topic(*topic)?.name.clone(), written))
        });
        let offsets = commit
            .offsets
            .iter()
            .filter_map(|offset| Some((input_name(layout, offset)?, offset.next)));
        Self {
            task: commit.task.to_string(),
            sequence: commit.sequence,
            changelog: changelog.collect(),
            offsets: offsets.collect(),
            outputs: commit.outputs.len(),
        }
    }

    /// The record's value.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and integers under string keys always have a JSON form.
        serde_json::to_vec(self).unwrap_or_default()
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_commit_record_reads_back_as_it_was_written() {
        let record = CommitRecord {
            task: "0_3".to_owned(),
            sequence: 7,
            changelog: BTreeMap::from([(
                "sluice-orders-orders-changelog".to_owned(),
                Written {
                    after: Some(42),
                    records: 3,
                },
            )]),
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
