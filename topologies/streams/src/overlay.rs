//! One typed store of a task: uncommitted writes over a cache of decoded values over committed state.
//!
//! Values are encoded when they are put, so that a value that cannot be encoded fails the record that put it, and so that
//! the size of what is uncommitted is exact. A key that is put many times between two commits reaches the changelog once.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::{Bound, ControlFlow, Range};
use std::sync::Arc;

use crate::cache::Cache;
use crate::error::ProcessError;
use crate::record::{Headers, OutputBuffer, OutputRecord, StoreIndex, TopicIndex};
use crate::serde::{Encoded, SerdeError, SharedSerde};
use crate::store::{KeyRange, KeyValueStore, StoreError};

/// What makes a store's types: names and serdes.
pub(crate) struct StoreSerdes<K, V> {
    pub(crate) name: String,
    pub(crate) key: SharedSerde<K>,
    pub(crate) value: SharedSerde<V>,
}

/// A typed store with its uncommitted writes.
pub(crate) struct Overlay<K, V> {
    index: StoreIndex,
    serdes: Arc<StoreSerdes<K, V>>,
    committed: Arc<dyn KeyValueStore>,
    dirty: BTreeMap<Box<[u8]>, Dirty<V>>,
    encoded: Vec<u8>,
    undo: Vec<Undo<V>>,
    undo_encoded: usize,
    cache: Cache<V>,
    key_buffer: Vec<u8>,
}

/// A key and what its uncommitted entry was before the present record.
type Undo<V> = (Box<[u8]>, Option<Dirty<V>>);

/// What a merge hands its entries to.
type Emit<'a, V> = dyn FnMut(&[u8], Value<'_, V>) -> ControlFlow<()> + 'a;

/// Uncommitted entries in the order of a merge.
type DirtyEntries<'a, V> = Box<dyn Iterator<Item = (&'a Box<[u8]>, &'a Dirty<V>)> + 'a>;

/// An uncommitted entry: its value and where its encoding stands, or `None` for a deleted key.
#[derive(Clone)]
struct Dirty<V>(Option<(V, Range<usize>)>);

/// Where the changes of a store go.
pub(crate) struct ChangelogPlace<'a> {
    /// The task's changelog.
    pub(crate) topic: TopicIndex,
    /// The task's partition of it.
    pub(crate) partition: i32,
    /// What leads the keys of the store.
    pub(crate) prefix: &'a [u8],
    /// The records' time, in milliseconds since the epoch.
    pub(crate) timestamp_ms: i64,
}

/// What a task does to all its stores without knowing their types.
pub(crate) trait ErasedOverlay: Send {
    fn as_any(&mut self) -> &mut dyn Any;
    /// Forgets how to undo: the record's writes stay.
    fn keep_record(&mut self);
    /// Undoes every write since the last `keep_record`.
    fn undo_record(&mut self);
    /// Bytes of uncommitted keys and values.
    fn dirty_bytes(&self) -> usize;
    /// Appends one changelog record for each dirty key.
    fn write_changelog(&self, at: &ChangelogPlace<'_>, out: &mut OutputBuffer);
    /// The dirty entries are committed and in the store: they become cache.
    fn committed(&mut self);
    /// The dirty entries never happened.
    fn aborted(&mut self);
    /// Bytes of cached committed values.
    fn cache_bytes(&self) -> usize;
}

impl<K, V: Clone> Overlay<K, V> {
    pub(crate) fn new(
        index: StoreIndex,
        serdes: Arc<StoreSerdes<K, V>>,
        committed: Arc<dyn KeyValueStore>,
        cache_bytes_max: usize,
    ) -> Self {
        Self {
            index,
            serdes,
            committed,
            dirty: BTreeMap::new(),
            encoded: Vec::new(),
            undo: Vec::new(),
            undo_encoded: 0,
            cache: Cache::new(cache_bytes_max),
            key_buffer: Vec::new(),
        }
    }

    pub(crate) fn get(&mut self, key: &K) -> Result<Option<V>, ProcessError> {
        self.encode_key(key)?;
        if let Some(Dirty(entry)) = self.dirty.get(self.key_buffer.as_slice()) {
            return Ok(entry.as_ref().map(|(value, _)| value.clone()));
        }
        if let Some(value) = self.cache.get(&self.key_buffer) {
            return Ok(Some(value.clone()));
        }
        self.read_committed()
    }

    pub(crate) fn put(&mut self, key: &K, value: V) -> Result<(), ProcessError> {
        self.encode_key(key)?;
        let start = self.encoded.len();
        match self.serdes.value.serialize(&value, &mut self.encoded) {
            Ok(Encoded::Bytes) => {}
            Ok(Encoded::Null) => return Err(self.refuse(SerdeError::Null)),
            Err(cause) => {
                self.encoded.truncate(start);
                return Err(self.refuse(cause));
            }
        }
        let range = start..self.encoded.len();
        self.insert_dirty(Dirty(Some((value, range))));
        Ok(())
    }

    pub(crate) fn delete(&mut self, key: &K) -> Result<(), ProcessError> {
        self.encode_key(key)?;
        self.insert_dirty(Dirty(None));
        Ok(())
    }

    /// Visits decoded entries of a range of encoded keys, uncommitted writes included.
    pub(crate) fn range(
        &self,
        range: KeyRange<'_>,
        reverse: bool,
        visit: &mut dyn FnMut(K, V) -> ControlFlow<()>,
    ) -> Result<(), ProcessError> {
        let mut failure = None;
        let mut emit = |key: &[u8], value: Value<'_, V>| match self.decode(key, &value) {
            Ok((key, value)) => visit(key, value),
            Err(error) => {
                failure = Some(error);
                ControlFlow::Break(())
            }
        };
        self.merge(range, reverse, &mut emit)?;
        failure.map_or(Ok(()), Err)
    }

    /// The bytes of `key`, valid until the next call on this store.
    pub(crate) fn encode_key(&mut self, key: &K) -> Result<&[u8], ProcessError> {
        self.key_buffer.clear();
        match self.serdes.key.serialize(key, &mut self.key_buffer) {
            Ok(Encoded::Bytes) => Ok(&self.key_buffer),
            Ok(Encoded::Null) => Err(self.refuse(SerdeError::Null)),
            Err(cause) => Err(self.refuse(cause)),
        }
    }

    fn read_committed(&mut self) -> Result<Option<V>, ProcessError> {
        let (serde, mut decoded) = (&self.serdes.value, None);
        self.committed.get(self.index, &self.key_buffer, &mut |bytes| {
            decoded = Some((serde.deserialize(Some(bytes)), bytes.len()));
        })?;
        let Some((value, size)) = decoded else { return Ok(None) };
        let value = value.map_err(|cause| self.damaged(&cause))?;
        self.cache
            .insert(Box::from(self.key_buffer.as_slice()), value.clone(), size);
        Ok(Some(value))
    }

    fn insert_dirty(&mut self, entry: Dirty<V>) {
        let key: Box<[u8]> = Box::from(self.key_buffer.as_slice());
        let previous = self.dirty.insert(key.clone(), entry);
        self.undo.push((key, previous));
    }

    fn decode(&self, key: &[u8], value: &Value<'_, V>) -> Result<(K, V), ProcessError> {
        let decoded = self
            .serdes
            .key
            .deserialize(Some(key))
            .map_err(|cause| self.damaged(&cause))?;
        let value = match value {
            Value::Decoded(value) => (*value).clone(),
            Value::Encoded(bytes) => self
                .serdes
                .value
                .deserialize(Some(bytes))
                .map_err(|cause| self.damaged(&cause))?,
        };
        Ok((decoded, value))
    }

    /// Walks committed and dirty entries in key order; a dirty entry hides the committed one of the same key.
    fn merge(&self, range: KeyRange<'_>, reverse: bool, emit: &mut Emit<'_, V>) -> Result<(), StoreError> {
        let bounds = (
            Bound::Included(range.from),
            range.to.map_or(Bound::Unbounded, Bound::Excluded),
        );
        let empty = range.to.is_some_and(|to| to <= range.from);
        let entries = (!empty)
            .then(|| self.dirty.range::<[u8], _>(bounds))
            .into_iter()
            .flatten();
        let mut dirty: DirtyEntries<'_, V> = if reverse {
            Box::new(entries.rev())
        } else {
            Box::new(entries)
        };
        let mut next = dirty.next();
        let mut broken = false;
        self.committed.range(self.index, range, reverse, &mut |key, value| {
            while let Some((dirty_key, entry)) = next {
                let order = if reverse {
                    key.cmp(dirty_key)
                } else {
                    dirty_key.as_ref().cmp(key)
                };
                if order.is_gt() {
                    break;
                }
                next = dirty.next();
                if entry.emit(dirty_key, emit).is_break() {
                    broken = true;
                    return ControlFlow::Break(());
                }
                if order.is_eq() {
                    return ControlFlow::Continue(());
                }
            }
            let flow = emit(key, Value::Encoded(value));
            broken = flow.is_break();
            flow
        })?;
        while let (false, Some((key, entry))) = (broken, next) {
            broken = entry.emit(key, emit).is_break();
            next = dirty.next();
        }
        Ok(())
    }

    fn refuse(&self, cause: SerdeError) -> ProcessError {
        ProcessError::Encode {
            what: format!("store {:?}", self.serdes.name),
            cause,
        }
    }

    fn damaged(&self, cause: &SerdeError) -> ProcessError {
        StoreError::Corrupted(format!(
            "store {:?} holds an entry that cannot be read: {cause}",
            self.serdes.name
        ))
        .into()
    }
}

/// A value on the way out of a merge: already decoded when it is uncommitted.
enum Value<'a, V> {
    Decoded(&'a V),
    Encoded(&'a [u8]),
}

impl<V> Dirty<V> {
    fn emit(&self, key: &[u8], emit: &mut Emit<'_, V>) -> ControlFlow<()> {
        match &self.0 {
            Some((value, _)) => emit(key, Value::Decoded(value)),
            None => ControlFlow::Continue(()),
        }
    }
}

impl<K: Send + 'static, V: Clone + Send + 'static> ErasedOverlay for Overlay<K, V> {
    fn as_any(&mut self) -> &mut dyn Any {
        self
    }

    fn keep_record(&mut self) {
        self.undo.clear();
        self.undo_encoded = self.encoded.len();
    }

    fn undo_record(&mut self) {
        while let Some((key, previous)) = self.undo.pop() {
            match previous {
                Some(entry) => self.dirty.insert(key, entry),
                None => self.dirty.remove(&key),
            };
        }
        self.encoded.truncate(self.undo_encoded);
    }

    fn dirty_bytes(&self) -> usize {
        self.encoded.len() + self.dirty.len() * (size_of::<Dirty<V>>() + size_of::<Box<[u8]>>())
    }

    fn write_changelog(&self, at: &ChangelogPlace<'_>, out: &mut OutputBuffer) {
        let headers = Headers::default();
        let mut full_key = at.prefix.to_vec();
        for (key, Dirty(entry)) in &self.dirty {
            let value = entry.as_ref().and_then(|(_, range)| self.encoded.get(range.clone()));
            full_key.truncate(at.prefix.len());
            full_key.extend_from_slice(key);
            out.push(OutputRecord {
                topic: at.topic,
                partition: at.partition,
                timestamp_ms: at.timestamp_ms,
                key: Some(&full_key),
                value,
                headers: &headers,
            });
        }
    }

    fn committed(&mut self) {
        for (key, Dirty(entry)) in std::mem::take(&mut self.dirty) {
            match entry {
                Some((value, range)) => self.cache.insert(key, value, range.len()),
                None => self.cache.remove(&key),
            }
        }
        self.aborted();
    }

    fn aborted(&mut self) {
        self.dirty.clear();
        self.encoded.clear();
        self.undo.clear();
        self.undo_encoded = 0;
    }

    fn cache_bytes(&self) -> usize {
        self.cache.bytes()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;
    use crate::memory_store::MemoryStore;
    use crate::serde::{I64Serde, StringSerde};
    use crate::store::{Positions, StoreWrite};

    const STORE: StoreIndex = StoreIndex(0);

    fn overlay(committed: &[(&str, i64)]) -> Overlay<String, i64> {
        let store = MemoryStore::default();
        let encoded: Vec<_> = committed
            .iter()
            .map(|(key, value)| (key.as_bytes(), value.to_be_bytes()))
            .collect();
        let mut writes = encoded.iter().map(|(key, value)| StoreWrite {
            store: STORE,
            key,
            value: Some(value),
        });
        store.write(&mut writes, &Positions::default()).unwrap();
        let serdes = StoreSerdes {
            name: "s".to_owned(),
            key: Arc::new(StringSerde),
            value: Arc::new(I64Serde),
        };
        Overlay::new(STORE, Arc::new(serdes), Arc::new(store), 1 << 20)
    }

    fn entries(overlay: &Overlay<String, i64>, range: KeyRange<'_>, reverse: bool) -> Vec<(String, i64)> {
        let mut entries = Vec::new();
        let visit = &mut |key, value| {
            entries.push((key, value));
            ControlFlow::Continue(())
        };
        overlay.range(range, reverse, visit).unwrap();
        entries
    }

    fn put(overlay: &mut Overlay<String, i64>, key: &str, value: i64) {
        overlay.put(&key.to_owned(), value).unwrap();
    }

    fn pairs(expected: &[(&str, i64)]) -> Vec<(String, i64)> {
        expected
            .iter()
            .map(|(key, value)| ((*key).to_owned(), *value))
            .collect()
    }

    #[test]
    fn a_range_merges_uncommitted_entries_over_committed_ones_in_both_directions() {
        let mut overlay = overlay(&[("a", 1), ("c", 3), ("e", 5)]);
        put(&mut overlay, "b", 2);
        put(&mut overlay, "c", 30);
        put(&mut overlay, "f", 6);
        overlay.delete(&"e".to_owned()).unwrap();
        let mut expected = pairs(&[("a", 1), ("b", 2), ("c", 30), ("f", 6)]);
        assert_eq!(entries(&overlay, KeyRange::all(), false), expected);
        expected.reverse();
        assert_eq!(entries(&overlay, KeyRange::all(), true), expected);
        let middle = KeyRange {
            from: b"b",
            to: Some(b"f"),
        };
        assert_eq!(entries(&overlay, middle, false), pairs(&[("b", 2), ("c", 30)]));
        let empty = KeyRange {
            from: b"z",
            to: Some(b"a"),
        };
        assert_eq!(entries(&overlay, empty, false), []);
    }

    #[test]
    fn a_range_stops_where_the_visitor_stops_on_either_side_of_the_merge() {
        let mut overlay = overlay(&[("a", 1), ("c", 3)]);
        put(&mut overlay, "b", 2);
        for stop in 1..=3 {
            let mut seen = 0;
            let visit = &mut |_, _| {
                seen += 1;
                if seen == stop {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            overlay.range(KeyRange::all(), false, visit).unwrap();
            assert_eq!(seen, stop);
        }
    }

    #[test]
    fn an_undone_record_leaves_earlier_uncommitted_writes_as_they_were() {
        let mut overlay = overlay(&[("a", 1)]);
        put(&mut overlay, "a", 2);
        overlay.keep_record();
        put(&mut overlay, "a", 3);
        put(&mut overlay, "a", 4);
        overlay.delete(&"a".to_owned()).unwrap();
        put(&mut overlay, "b", 9);
        overlay.undo_record();
        assert_eq!(overlay.get(&"a".to_owned()), Ok(Some(2)));
        assert_eq!(overlay.get(&"b".to_owned()), Ok(None));
    }

    #[test]
    fn a_key_put_many_times_reaches_the_changelog_once_with_its_last_value() {
        let mut overlay = overlay(&[]);
        (0..10).for_each(|value| put(&mut overlay, "a", value));
        overlay.delete(&"b".to_owned()).unwrap();
        let mut out = OutputBuffer::default();
        let at = ChangelogPlace {
            topic: TopicIndex(0),
            partition: 0,
            prefix: b"s\0",
            timestamp_ms: 0,
        };
        overlay.write_changelog(&at, &mut out);
        let records: Vec<_> = out
            .iter()
            .map(|record| (record.key, record.value.map(<[u8]>::to_vec)))
            .collect();
        assert_eq!(
            records,
            [
                (Some(&b"s\0a"[..]), Some(9i64.to_be_bytes().to_vec())),
                (Some(&b"s\0b"[..]), None)
            ]
        );
    }

    #[test]
    fn an_abort_shows_the_committed_value_again_even_after_it_was_cached() {
        let mut overlay = overlay(&[("a", 1)]);
        assert_eq!(overlay.get(&"a".to_owned()), Ok(Some(1)));
        put(&mut overlay, "a", 2);
        overlay.keep_record();
        overlay.aborted();
        assert_eq!(overlay.get(&"a".to_owned()), Ok(Some(1)));
        assert_eq!(overlay.dirty_bytes(), 0);
    }
}
