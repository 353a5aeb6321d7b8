//! The port to committed state: one [`KeyValueStore`] holds all stores of one task and the task's own position.

use std::ops::ControlFlow;

use thiserror::Error;

use crate::record::StoreIndex;

/// Where a task's committed state stands. Written in the same atomic batch as the data it describes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Positions {
    /// The offset of the changelog partition up to which (exclusive) the stores hold everything; `None` before the first batch.
    pub changelog: Option<i64>,
    /// Number of the last commit that the store holds; 0 before the first.
    pub sequence: u64,
    /// The largest event time the task has seen, in milliseconds since the epoch; `i64::MIN` before the first record.
    pub stream_time_ms: i64,
}

/// One change to one store. A `None` value deletes the key.
#[derive(Debug, Clone, Copy)]
pub struct StoreWrite<'a> {
    /// The store.
    pub store: StoreIndex,
    /// The encoded key.
    pub key: &'a [u8],
    /// The encoded value, or `None` to delete.
    pub value: Option<&'a [u8]>,
}

/// Encoded keys from `from` (inclusive) to `to` (exclusive; `None` is the end), in byte order.
#[derive(Debug, Clone, Copy)]
pub struct KeyRange<'a> {
    /// First key.
    pub from: &'a [u8],
    /// First key that is out.
    pub to: Option<&'a [u8]>,
}

/// What a range read calls for each entry; `Break` ends the read.
pub type Visitor<'a> = dyn FnMut(&[u8], &[u8]) -> ControlFlow<()> + 'a;

/// Committed state of one task. Readers may be other threads than the one that writes: a read sees whole batches only.
pub trait KeyValueStore: Send + Sync {
    /// The value of `key`, handed to `read` without a copy where the store can; answers whether the key is there.
    fn get(&self, store: StoreIndex, key: &[u8], read: &mut dyn FnMut(&[u8])) -> Result<bool, StoreError>;

    /// Visits a range in ascending byte order, or descending when `reverse`.
    fn range(
        &self,
        store: StoreIndex,
        range: KeyRange<'_>,
        reverse: bool,
        visit: &mut Visitor<'_>,
    ) -> Result<(), StoreError>;

    /// Applies the writes and the positions, all or nothing. Later writes of the same key win.
    fn write(&self, writes: &mut dyn Iterator<Item = StoreWrite<'_>>, positions: &Positions) -> Result<(), StoreError>;

    /// Like [`write`](Self::write), for the large batches of a restore: may be faster, may be visible in steps to readers,
    /// and is never used while a task processes. After a crash the positions are never ahead of the data.
    fn restore(
        &self,
        writes: &mut dyn Iterator<Item = StoreWrite<'_>>,
        positions: &Positions,
    ) -> Result<(), StoreError> {
        self.write(writes, positions)
    }

    /// The positions of the last batch.
    fn positions(&self) -> Positions;
}

/// What went wrong in a store, by fate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StoreError {
    /// This task's directory is damaged or does not fit its changelog: quarantine it and restore this task alone.
    #[error("the state of the task is damaged: {0}")]
    Corrupted(String),
    /// The disk refused (full, read-only, gone). The sentence says what to do.
    #[error("the state directory failed: {0}")]
    Io(String),
    /// Another process holds the directory.
    #[error("the state directory is in use: {0}")]
    Locked(String),
}

impl KeyRange<'_> {
    /// Every key.
    #[must_use]
    pub fn all() -> KeyRange<'static> {
        KeyRange { from: &[], to: None }
    }

    /// Whether `key` is inside.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.from && self.to.is_none_or(|to| key < to)
    }
}

/// The first key after every key that begins with `prefix`, or `None` when there is no such key (the prefix is all 0xff).
#[must_use]
pub fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix.get(..=last)?.to_vec();
    *end.last_mut()? += 1;
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_is_the_next_key_that_does_not_have_it() {
        assert_eq!(prefix_end(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(prefix_end(&[1, 0xff]), Some(vec![2]));
        assert_eq!(prefix_end(&[0xff, 0xff]), None);
    }
}
