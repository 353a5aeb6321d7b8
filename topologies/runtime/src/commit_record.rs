//! What each transaction says about itself in the task topic, the same bytes on every log.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streams::commit::InputOffset;
use streams::{ChangelogEnds, Commit, Layout};

/// The value of a record in the task topic, as JSON: what one task made true in one transaction.
/// `sluice audit` and the restore find a torn transaction by it: a changelog that ends before `changelog` says, or a missing `sequence`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitRecord {
    /// The task, as [`streams::TaskId`] prints it. It is also the record's key.
    pub task: String,
    /// The number of the commit in the task's life, counted from 1.
    pub sequence: u64,
    /// By changelog topic, the offset after the task's last record there, this commit's included.
    pub changelog: BTreeMap<String, i64>,
    /// By `topic/partition`, the next offset to read.
    pub offsets: BTreeMap<String, i64>,
    /// Number of records sent to sinks, repartition topics and the dead-letter topic.
    pub outputs: usize,
}

impl CommitRecord {
    /// The record of `commit`, whose changelog records end at `ends`. Topics that `layout` does not have are left out.
    #[must_use]
    pub fn new(commit: &Commit, layout: &Layout, ends: &ChangelogEnds) -> Self {
        let changelog = commit
            .changelog_before
            .iter()
            .chain(ends)
            .filter_map(|(topic, end)| Some((layout.topic(*topic)?.name.clone(), *end)));
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
            changelog: BTreeMap::from([("sluice-orders-orders-changelog".to_owned(), 42)]),
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
