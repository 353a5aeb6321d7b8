//! Records: what a processor sees, what a log delivers, and the buffer of what a task wants to send.

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

    /// The headers without those of that name.
    #[must_use]
    pub fn without(self, key: &str) -> Self {
        if self.iter().all(|header| header.key != key) {
            return self;
        }
        Self::from_list(self.iter().filter(|header| header.key != key).cloned().collect())
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

/// The key stands at `start` and the value behind it. Small, because a commit of many records walks over all of them.
#[derive(Debug)]
struct OutputEntry {
    start: usize,
    timestamp_ms: i64,
    headers: Headers,
    key_bytes: u32,
    value_bytes: u32,
    partition: i32,
    topic: TopicIndex,
}

/// The length of a null. A record is far shorter.
const NULL: u32 = u32::MAX;

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
        let mut writer = self.append_record(record.topic, record.timestamp_ms, record.headers.clone());
        writer.bytes().extend_from_slice(record.key.unwrap_or_default());
        writer.end_key(record.key.is_some());
        writer.bytes().extend_from_slice(record.value.unwrap_or_default());
        writer.end_value(record.value.is_some());
        writer.finish(|_| record.partition);
    }

    /// Begins a record whose key and value are encoded in place. Dropping the writer without
    /// [`finish`](OutputWriter::finish) leaves stray bytes behind that the next [`rollback`](Self::rollback) removes.
    pub(crate) fn append_record(&mut self, topic: TopicIndex, timestamp_ms: i64, headers: Headers) -> OutputWriter<'_> {
        let start = self.bytes.len();
        let entry = OutputEntry {
            start,
            timestamp_ms,
            headers,
            key_bytes: NULL,
            value_bytes: NULL,
            partition: 0,
            topic,
        };
        OutputWriter {
            buffer: self,
            entry,
            field: start,
        }
    }

    /// All records in the order they were appended.
    pub fn iter(&self) -> impl Iterator<Item = OutputRecord<'_>> {
        self.entries.iter().map(|entry| OutputRecord {
            topic: entry.topic,
            partition: entry.partition,
            timestamp_ms: entry.timestamp_ms,
            key: entry.key(&self.bytes),
            value: entry.value(&self.bytes),
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
}

impl OutputEntry {
    fn key<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        field(bytes, self.start, self.key_bytes)
    }

    fn value<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let start = self.start + length(self.key_bytes);
        field(bytes, start, self.value_bytes)
    }
}

fn length(field_bytes: u32) -> usize {
    if field_bytes == NULL { 0 } else { field_bytes as usize }
}

fn field(bytes: &[u8], start: usize, field_bytes: u32) -> Option<&[u8]> {
    (field_bytes != NULL).then(|| bytes.get(start..start + length(field_bytes)))?
}

/// A record that is being encoded into an [`OutputBuffer`].
pub(crate) struct OutputWriter<'a> {
    buffer: &'a mut OutputBuffer,
    entry: OutputEntry,
    /// Where the field begins that is being written.
    field: usize,
}

impl OutputWriter<'_> {
    /// Where the next field's bytes are appended.
    pub(crate) fn bytes(&mut self) -> &mut Vec<u8> {
        &mut self.buffer.bytes
    }

    /// What was appended so far is the key, or there is none.
    pub(crate) fn end_key(&mut self, present: bool) {
        self.entry.key_bytes = self.end_field(present);
    }

    /// What was appended since the key is the value, or there is none.
    pub(crate) fn end_value(&mut self, present: bool) {
        self.entry.value_bytes = self.end_field(present);
    }

    /// Bytes of key and value so far.
    pub(crate) fn size(&self) -> usize {
        self.buffer.bytes.len() - self.entry.start
    }

    /// Takes the record into the buffer, in the partition that `partition` answers for its key.
    pub(crate) fn finish(mut self, partition: impl FnOnce(Option<&[u8]>) -> i32) {
        self.entry.partition = partition(self.entry.key(&self.buffer.bytes));
        self.buffer.entries.push(self.entry);
    }

    fn end_field(&mut self, present: bool) -> u32 {
        if !present {
            self.buffer.bytes.truncate(self.field);
            return NULL;
        }
        let begun = std::mem::replace(&mut self.field, self.buffer.bytes.len());
        u32::try_from(self.field - begun).unwrap_or(NULL)
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
