//! Records: what a processor sees, what a log delivers, and the buffer of what a task wants to send.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

/// Where a topic stands in [`Topology::topics`](crate::Topology::topics). Cheap to copy and to index with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicIndex(pub u16);

/// Where a store stands in [`Topology::stores`](crate::Topology::stores).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreIndex(pub u16);

/// Record headers, in order, duplicates kept. `None` is the common case of no headers and costs nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Option<Arc<Vec<Header>>>);

/// One header. A header's value may be null, which Kafka keeps apart from empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The header's name.
    pub key: String,
    /// The header's bytes.
    pub value: Option<Bytes>,
}

impl Headers {
    /// Headers from a list; an empty list is the same as none.
    #[must_use]
    pub fn from_list(headers: Vec<Header>) -> Self {
        Self((!headers.is_empty()).then(|| Arc::new(headers)))
    }

    /// All headers in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Header> {
        self.0.iter().flat_map(|headers| headers.iter())
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// The bytes of the last header of that name, as Kafka's `lastHeader` answers.
    #[must_use]
    pub fn last(&self, key: &str) -> Option<&[u8]> {
        let headers = self.0.as_ref()?;
        let header = headers.iter().rev().find(|header| header.key == key)?;
        header.value.as_deref()
    }

    /// Adds one header at the end.
    pub fn push(&mut self, key: impl Into<String>, value: impl Into<Bytes>) {
        let headers = Arc::make_mut(self.0.get_or_insert_with(Arc::default));
        headers.push(Header {
            key: key.into(),
            value: Some(value.into()),
        });
    }

    /// Bytes that the names and values take, for memory limits.
    #[must_use]
    pub fn size(&self) -> usize {
        self.iter()
            .map(|header| header.key.len() + header.value.as_ref().map_or(0, Bytes::len))
            .sum()
    }
}

/// A typed record inside the topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<K, V> {
    /// The key; its bytes decide the partition wherever the record is sent.
    pub key: K,
    /// The value.
    pub value: V,
    /// Event time in milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// Headers travel with the record from source to sink.
    pub headers: Headers,
}

impl<K, V> Record<K, V> {
    /// A record without headers.
    pub fn new(key: K, value: V, timestamp_ms: i64) -> Self {
        Self {
            key,
            value,
            timestamp_ms,
            headers: Headers::default(),
        }
    }

    /// The same record with another value.
    pub fn with_value<W>(self, value: W) -> Record<K, W> {
        Record {
            key: self.key,
            value,
            timestamp_ms: self.timestamp_ms,
            headers: self.headers,
        }
    }

    /// The same record with another key.
    pub fn with_key<L>(self, key: L) -> Record<L, V> {
        Record {
            key,
            value: self.value,
            timestamp_ms: self.timestamp_ms,
            headers: self.headers,
        }
    }
}

/// A record as a log delivers it: borrowed bytes and its place in the log.
#[derive(Debug, Clone)]
pub struct InputRecord<'a> {
    /// The source or repartition topic.
    pub topic: TopicIndex,
    /// The partition of that topic.
    pub partition: i32,
    /// The record's offset.
    pub offset: i64,
    /// Create time or append time in milliseconds since the epoch; -1 when the log has none.
    pub timestamp_ms: i64,
    /// Key bytes, or null.
    pub key: Option<&'a [u8]>,
    /// Value bytes, or null.
    pub value: Option<&'a [u8]>,
    /// Headers.
    pub headers: Headers,
}

/// A record that a task wants in the log, borrowed from an [`OutputBuffer`].
#[derive(Debug, Clone, Copy)]
pub struct OutputRecord<'a> {
    /// The destination.
    pub topic: TopicIndex,
    /// The partition, always decided by the engine and never by the client.
    pub partition: i32,
    /// Event time in milliseconds since the epoch.
    pub timestamp_ms: i64,
    /// Key bytes, or null.
    pub key: Option<&'a [u8]>,
    /// Value bytes, or null (a tombstone on a compacted topic).
    pub value: Option<&'a [u8]>,
    /// Headers.
    pub headers: &'a Headers,
}

/// Records to send, packed into one allocation. Appending allocates nothing once the buffer has grown.
#[derive(Debug, Default)]
pub struct OutputBuffer {
    bytes: Vec<u8>,
    entries: Vec<OutputEntry>,
}

#[derive(Debug)]
struct OutputEntry {
    topic: TopicIndex,
    partition: i32,
    timestamp_ms: i64,
    key: Option<Range<usize>>,
    value: Option<Range<usize>>,
    headers: Headers,
}

/// A place in an [`OutputBuffer`] to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutputMark {
    bytes: usize,
    entries: usize,
}

impl OutputBuffer {
    /// Number of records.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no record.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes of keys and values.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Appends a copy of `record`.
    pub fn push(&mut self, record: OutputRecord<'_>) {
        let key = record.key.map(|key| self.append(key));
        let value = record.value.map(|value| self.append(value));
        self.entries.push(OutputEntry {
            topic: record.topic,
            partition: record.partition,
            timestamp_ms: record.timestamp_ms,
            key,
            value,
            headers: record.headers.clone(),
        });
    }

    /// Begins a record whose key and value are encoded in place. Dropping the writer without
    /// [`finish`](OutputWriter::finish) leaves stray bytes behind that the next [`rollback`](Self::rollback) removes.
    pub(crate) fn append_record(&mut self, topic: TopicIndex, timestamp_ms: i64, headers: Headers) -> OutputWriter<'_> {
        let start = self.bytes.len();
        let entry = OutputEntry {
            topic,
            partition: 0,
            timestamp_ms,
            key: None,
            value: None,
            headers,
        };
        OutputWriter {
            buffer: self,
            entry,
            start,
            field: start,
        }
    }

    /// All records in the order they were appended.
    pub fn iter(&self) -> impl Iterator<Item = OutputRecord<'_>> {
        self.entries.iter().map(|entry| OutputRecord {
            topic: entry.topic,
            partition: entry.partition,
            timestamp_ms: entry.timestamp_ms,
            key: entry.key.clone().and_then(|range| self.bytes.get(range)),
            value: entry.value.clone().and_then(|range| self.bytes.get(range)),
            headers: &entry.headers,
        })
    }

    /// The present end, to come back to with [`rollback`](Self::rollback).
    #[must_use]
    pub fn mark(&self) -> OutputMark {
        OutputMark {
            bytes: self.bytes.len(),
            entries: self.entries.len(),
        }
    }

    /// Forgets everything after `mark`.
    pub fn rollback(&mut self, mark: OutputMark) {
        self.bytes.truncate(mark.bytes);
        self.entries.truncate(mark.entries);
    }

    /// Forgets everything and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }
}

/// A record that is being encoded into an [`OutputBuffer`].
pub(crate) struct OutputWriter<'a> {
    buffer: &'a mut OutputBuffer,
    entry: OutputEntry,
    start: usize,
    field: usize,
}

impl OutputWriter<'_> {
    /// Where the next field's bytes are appended.
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.buffer.bytes
    }

    /// What was appended so far is the key, or there is none.
    pub(crate) fn end_key(&mut self, present: bool) {
        self.entry.key = self.end_field(present);
    }

    /// What was appended since the key is the value, or there is none.
    pub(crate) fn end_value(&mut self, present: bool) {
        self.entry.value = self.end_field(present);
    }

    /// Bytes of key and value so far.
    pub(crate) fn size(&self) -> usize {
        self.buffer.bytes.len() - self.start
    }

    /// Takes the record into the buffer, in the partition that `partition` answers for its key.
    pub(crate) fn finish(mut self, partition: impl FnOnce(Option<&[u8]>) -> i32) {
        let key = self.entry.key.clone().and_then(|range| self.buffer.bytes.get(range));
        self.entry.partition = partition(key);
        self.buffer.entries.push(self.entry);
    }

    fn end_field(&mut self, present: bool) -> Option<Range<usize>> {
        let range = self.field..self.buffer.bytes.len();
        self.field = range.end;
        present.then_some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record<'a>(value: Option<&'a [u8]>, headers: &'a Headers) -> OutputRecord<'a> {
        OutputRecord {
            topic: TopicIndex(1),
            partition: 2,
            timestamp_ms: 3,
            key: Some(b"k"),
            value,
            headers,
        }
    }

    #[test]
    fn an_output_buffer_gives_back_nulls_and_empties_as_they_went_in() {
        let (mut buffer, headers) = (OutputBuffer::default(), Headers::default());
        buffer.push(record(None, &headers));
        buffer.push(record(Some(b""), &headers));
        let values: Vec<_> = buffer.iter().map(|record| record.value).collect();
        assert_eq!(values, [None, Some(&b""[..])]);
    }

    #[test]
    fn a_rollback_forgets_exactly_what_came_after_the_mark() {
        let (mut buffer, headers) = (OutputBuffer::default(), Headers::default());
        buffer.push(record(Some(b"kept"), &headers));
        let mark = buffer.mark();
        buffer.push(record(Some(b"dropped"), &headers));
        buffer.rollback(mark);
        assert_eq!(buffer.len(), 1);
        assert_eq!(buffer.mark(), mark);
    }

    #[test]
    fn the_last_header_of_a_name_wins() {
        let mut headers = Headers::default();
        headers.push("a", &b"1"[..]);
        headers.push("a", &b"2"[..]);
        assert_eq!(headers.last("a"), Some(&b"2"[..]));
    }
}
