//! Group offsets: where each application goes on reading.

use std::collections::BTreeMap;

use rocksdb::{Direction, IteratorMode, WriteBatch};
use streams::TaskId;
use streams::store::prefix_end;

use super::EmbeddedBroker;
use super::database::{Database, META};
use super::encoding::{self, joined};
use super::error::EmbeddedError;
use super::signal::lock;

const OFFSET_PREFIX: &[u8] = b"offset/";
const COUNTS_PREFIX: &[u8] = b"outputs/";

/// The next offset to read, by topic and partition.
pub type GroupOffsets = BTreeMap<(String, i32), i64>;

/// The offsets of all groups, in memory as in the database.
#[derive(Debug, Default)]
pub(super) struct Committed(BTreeMap<String, GroupOffsets>);

/// The database's key of one offset. Names have no null byte, so it separates them.
pub(super) fn offset_key(group: &str, topic: &str, partition: i32) -> Vec<u8> {
    joined(&[
        OFFSET_PREFIX,
        group.as_bytes(),
        &[0],
        topic.as_bytes(),
        &[0],
        &partition.to_be_bytes(),
    ])
}

/// The database's key of how far a task's outputs are numbered.
pub(super) fn counts_key(group: &str, task: TaskId) -> Vec<u8> {
    [&counts_prefix(group)[..], task.to_string().as_bytes()].concat()
}

fn counts_prefix(group: &str) -> Vec<u8> {
    joined(&[COUNTS_PREFIX, group.as_bytes(), &[0]])
}

impl Committed {
    pub(super) fn load(database: &Database) -> Result<Self, EmbeddedError> {
        let mut committed = Self::default();
        let mode = IteratorMode::From(OFFSET_PREFIX, Direction::Forward);
        for entry in database.raw().iterator_cf(database.family(META)?, mode) {
            let (key, value) = entry.map_err(|cause| EmbeddedError::reading(&cause))?;
            let Some(key) = key.strip_prefix(OFFSET_PREFIX) else {
                break;
            };
            let Some((group, topic, partition)) = parse(key) else {
                return Err(EmbeddedError::Damaged(
                    "a group offset of the embedded log cannot be read".to_owned(),
                ));
            };
            let next = encoding::number(&value).unwrap_or_default();
            committed.apply(&group, &[(topic, partition, next)]);
        }
        Ok(committed)
    }

    pub(super) fn apply(&mut self, group: &str, offsets: &[(String, i32, i64)]) {
        if offsets.is_empty() {
            return;
        }
        let own = self.0.entry(group.to_owned()).or_default();
        own.extend(
            offsets
                .iter()
                .map(|(topic, partition, next)| ((topic.clone(), *partition), *next)),
        );
    }

    pub(super) fn get(&self, group: &str, topic: &str, partition: i32) -> Option<i64> {
        self.0.get(group)?.get(&(topic.to_owned(), partition)).copied()
    }

    /// The smallest offset that any group has yet to read.
    pub(super) fn lowest(&self, topic: &str, partition: i32) -> Option<i64> {
        let key = (topic.to_owned(), partition);
        self.0.values().filter_map(|own| own.get(&key)).min().copied()
    }

    /// Forgets the offsets that `keep` refuses and answers their keys in the database.
    fn remove(&mut self, mut keep: impl FnMut(&str, &str, i32) -> bool) -> Vec<Vec<u8>> {
        let mut removed = Vec::new();
        for (group, own) in &mut self.0 {
            own.retain(|(topic, partition), _| {
                let kept = keep(group, topic, *partition);
                if !kept {
                    removed.push(offset_key(group, topic, *partition));
                }
                kept
            });
        }
        self.0.retain(|_, own| !own.is_empty());
        removed
    }

    /// Forgets the offsets of a topic, in memory and in `batch`.
    pub(super) fn forget_topic(&mut self, name: &str, batch: &mut WriteBatch) {
        for key in self.remove(|_, topic, _| topic != name) {
            batch.delete(key);
        }
    }
}

fn parse(key: &[u8]) -> Option<(String, String, i32)> {
    let (names, partition) = key.split_last_chunk::<4>()?;
    let names = String::from_utf8(names.to_vec()).ok()?;
    let (group, topic) = names.strip_suffix('\0')?.split_once('\0')?;
    Some((group.to_owned(), topic.to_owned(), i32::from_be_bytes(*partition)))
}

impl EmbeddedBroker {
    /// The groups that have committed offsets.
    #[must_use]
    pub fn groups(&self) -> Vec<String> {
        lock(&self.order).committed.0.keys().cloned().collect()
    }

    /// The committed offsets of a group; empty when it has none.
    #[must_use]
    pub fn group_offsets(&self, group: &str) -> GroupOffsets {
        lock(&self.order).committed.0.get(group).cloned().unwrap_or_default()
    }

    /// Number of live members of a group.
    #[must_use]
    pub fn group_members(&self, group: &str) -> usize {
        lock(&self.groups)
            .get(group)
            .map_or(0, super::membership::Group::members)
    }

    /// Sets some offsets of a group, all or nothing. Refused while the group has live members, for an unknown partition,
    /// and for an offset outside of what the partition holds.
    pub fn alter_group_offsets(&self, group: &str, offsets: &GroupOffsets) -> Result<(), EmbeddedError> {
        let mut order = lock(&self.order);
        self.refuse_live(group)?;
        if group.is_empty() || group.contains('\0') {
            return Err(EmbeddedError::Refused(format!("{group:?} is no group name")));
        }
        let mut batch = WriteBatch::default();
        let mut changes = Vec::new();
        for ((topic, partition), next) in offsets {
            self.check_in_range(topic, *partition, *next)?;
            batch.put(offset_key(group, topic, *partition), next.to_be_bytes());
            changes.push((topic.clone(), *partition, *next));
        }
        self.write_meta(batch)?;
        order.committed.apply(group, &changes);
        Ok(())
    }

    /// Forgets all offsets of a group: it begins anew. Refused while the group has live members.
    pub fn delete_group(&self, group: &str) -> Result<(), EmbeddedError> {
        let mut order = lock(&self.order);
        self.refuse_live(group)?;
        let mut batch = WriteBatch::default();
        for (topic, partition) in order.committed.0.get(group).into_iter().flat_map(BTreeMap::keys) {
            batch.delete(offset_key(group, topic, *partition));
        }
        let counts = counts_prefix(group);
        batch.delete_range(counts.as_slice(), prefix_end(&counts).unwrap_or_default().as_slice());
        self.write_meta(batch)?;
        order.committed.0.remove(group);
        Ok(())
    }

    /// How far the outputs of a task are numbered, as its last transaction has left it; empty before the first.
    pub(super) fn output_counts(&self, group: &str, task: TaskId) -> Result<String, EmbeddedError> {
        let counts = self.with_database(|database| database.meta(&counts_key(group, task)))?;
        Ok(counts.map_or_else(String::new, |counts| String::from_utf8_lossy(&counts).into_owned()))
    }

    fn refuse_live(&self, group: &str) -> Result<(), EmbeddedError> {
        match self.group_members(group) {
            0 => Ok(()),
            members => Err(EmbeddedError::Refused(format!(
                "the group {group} has {members} live members; stop the topology first"
            ))),
        }
    }

    fn check_in_range(&self, topic: &str, partition: i32, next: i64) -> Result<(), EmbeddedError> {
        let (start, end) = self.bounds(topic, partition)?;
        if (start..=end).contains(&next) {
            return Ok(());
        }
        Err(EmbeddedError::Refused(format!(
            "offset {next} of {topic}/{partition} is out of range; the partition holds {start} to {end}"
        )))
    }
}
