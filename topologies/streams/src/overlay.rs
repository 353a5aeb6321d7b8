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
    undo: Vec<(Box<[u8]>, Option<Dirty<V>>)>,
    undo_encoded: usize,
    cache: Cache<V>,
    key_buffer: Vec<u8>,
}

/// An uncommitted entry: its value and where its encoding stands, or `None` for a deleted key.
#[derive(Clone)]
struct Dirty<V>(Option<(V, Range<usize>)>);

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
    fn write_changelog(&self, topic: TopicIndex, partition: i32, timestamp_ms: i64, out: &mut OutputBuffer);
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
        let mut emit = |key: &[u8], value: Value<'_, V>| match self.decode(key, value) {
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

    fn decode(&self, key: &[u8], value: Value<'_, V>) -> Result<(K, V), ProcessError> {
        let decoded = self
            .serdes
            .key
            .deserialize(Some(key))
            .map_err(|cause| self.damaged(&cause))?;
        let value = match value {
            Value::Decoded(value) => value.clone(),
            Value::Encoded(bytes) => self
                .serdes
                .value
                .deserialize(Some(bytes))
                .map_err(|cause| self.damaged(&cause))?,
        };
        Ok((decoded, value))
    }

    /// Walks committed and dirty entries in key order; a dirty entry hides the committed one of the same key.
    fn merge(
        &self,
        range: KeyRange<'_>,
        reverse: bool,
        emit: &mut dyn FnMut(&[u8], Value<'_, V>) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let bounds = (
            Bound::Included(range.from),
            range.to.map_or(Bound::Unbounded, Bound::Excluded),
        );
        let empty = range.to.is_some_and(|to| to <= range.from);
        let entries = (!empty)
            .then(|| self.dirty.range::<[u8], _>(bounds))
            .into_iter()
            .flatten();
        let mut dirty: Box<dyn Iterator<Item = (&Box<[u8]>, &Dirty<V>)>> = if reverse {
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
    fn emit(&self, key: &[u8], emit: &mut dyn FnMut(&[u8], Value<'_, V>) -> ControlFlow<()>) -> ControlFlow<()> {
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

    fn write_changelog(&self, topic: TopicIndex, partition: i32, timestamp_ms: i64, out: &mut OutputBuffer) {
        let headers = Headers::default();
        for (key, Dirty(entry)) in &self.dirty {
            let value = entry.as_ref().and_then(|(_, range)| self.encoded.get(range.clone()));
            out.push(OutputRecord {
                topic,
                partition,
                timestamp_ms,
                key: Some(key),
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
