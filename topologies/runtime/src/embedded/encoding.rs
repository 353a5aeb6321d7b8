//! How records, offsets and topics become keys and values of the embedded log's database.

use bytes::Bytes;
use streams::{Header, Headers};

const HAS_KEY: u8 = 1;
const HAS_VALUE: u8 = 2;
const HAS_HEADERS: u8 = 4;
const NULL_LENGTH: u32 = u32::MAX;

/// Where a partition's things stand in the database: every key about it begins with these bytes.
pub(super) type PartitionPrefix = [u8; 8];

/// The prefix of a partition: topic number and partition, big endian, so that a partition is one key range.
pub(super) fn partition_prefix(topic: u32, partition: i32) -> PartitionPrefix {
    let mut prefix = [0; 8];
    let (head, tail) = prefix.split_at_mut(4);
    head.copy_from_slice(&topic.to_be_bytes());
    tail.copy_from_slice(&partition.to_be_bytes());
    prefix
}

/// The key of a record. Offsets are never negative, so their big-endian bytes sort as they count.
pub(super) fn record_key(prefix: PartitionPrefix, offset: i64) -> [u8; 16] {
    let mut key = [0; 16];
    let (head, tail) = key.split_at_mut(8);
    head.copy_from_slice(&prefix);
    tail.copy_from_slice(&offset.to_be_bytes());
    key
}

/// The offset in a record's key.
pub(super) fn record_offset(key: &[u8]) -> Option<i64> {
    number(key.get(8..)?)
}

/// A big-endian number of eight bytes.
pub(super) fn number(bytes: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(bytes.try_into().ok()?))
}

/// The parts joined to one key.
pub(super) fn joined(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// A record's parts, borrowed.
#[derive(Debug, Clone)]
pub(super) struct StoredParts<'a> {
    pub(super) timestamp_ms: i64,
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: Headers,
}

/// Appends a record's stored form to `out`: flags, timestamp, key, headers, and the value as the rest.
pub(super) fn encode(record: &StoredParts<'_>, out: &mut Vec<u8>) {
    let flag = |set: bool, flag: u8| if set { flag } else { 0 };
    out.push(
        flag(record.key.is_some(), HAS_KEY)
            | flag(record.value.is_some(), HAS_VALUE)
            | flag(!record.headers.is_empty(), HAS_HEADERS),
    );
    out.extend_from_slice(&record.timestamp_ms.to_be_bytes());
    if let Some(key) = record.key {
        put_bytes(key, out);
    }
    if !record.headers.is_empty() {
        put_length(record.headers.iter().count(), out);
        for header in record.headers.iter() {
            put_bytes(header.key.as_bytes(), out);
            match &header.value {
                Some(value) => put_bytes(value, out),
                None => out.extend_from_slice(&NULL_LENGTH.to_be_bytes()),
            }
        }
    }
    out.extend_from_slice(record.value.unwrap_or_default());
}

/// Reads a record's stored form; `None` when the bytes are none.
pub(super) fn decode(bytes: &[u8]) -> Option<StoredParts<'_>> {
    let (flags, rest) = bytes.split_first()?;
    let (timestamp, mut rest) = rest.split_at_checked(8)?;
    let key = if flags & HAS_KEY == 0 {
        None
    } else {
        take_bytes(&mut rest)?
    };
    let headers = if flags & HAS_HEADERS == 0 {
        Headers::default()
    } else {
        take_headers(&mut rest)?
    };
    Some(StoredParts {
        timestamp_ms: number(timestamp)?,
        key,
        value: (flags & HAS_VALUE != 0).then_some(rest),
        headers,
    })
}

fn take_headers(rest: &mut &[u8]) -> Option<Headers> {
    let count = take_length(rest)?;
    let mut headers = Vec::new();
    for _ in 0..count {
        let key = String::from_utf8(take_bytes(rest)??.to_vec()).ok()?;
        let value = take_bytes(rest)?.map(Bytes::copy_from_slice);
        headers.push(Header { key, value });
    }
    Some(Headers::from_list(headers))
}

/// The outer `None` is a defect of the bytes, the inner one is null.
#[allow(
    clippy::option_option,
    reason = "both absences are different facts, and both callers take them apart at once"
)]
fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<Option<&'a [u8]>> {
    let length = take_length(rest)?;
    if length == NULL_LENGTH {
        return Some(None);
    }
    let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    Some(Some(bytes))
}

fn take_length(rest: &mut &[u8]) -> Option<u32> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(u32::from_be_bytes(*length))
}

fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    put_length(bytes.len(), out);
    out.extend_from_slice(bytes);
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "a record is at most RECORD_BYTES_MAX long, far below 4 GiB"
)]
fn put_length(length: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&(length as u32).to_be_bytes());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;

    fn round_trip(record: &StoredParts<'_>) {
        let mut bytes = Vec::new();
        encode(record, &mut bytes);
        let back = decode(&bytes).unwrap();
        assert_eq!(
            (back.timestamp_ms, back.key, back.value),
            (record.timestamp_ms, record.key, record.value)
        );
        assert_eq!(back.headers, record.headers);
    }

    #[test]
    fn nulls_empties_and_headers_come_back_as_they_went_in() {
        let headers = Headers::from_list(vec![
            Header {
                key: "a".to_owned(),
                value: Some(Bytes::from_static(b"1")),
            },
            Header {
                key: "a".to_owned(),
                value: None,
            },
            Header {
                key: String::new(),
                value: Some(Bytes::new()),
            },
        ]);
        for headers in [Headers::default(), headers] {
            for key in [None, Some(&b""[..]), Some(&b"k"[..])] {
                for value in [None, Some(&b""[..]), Some(&b"v"[..])] {
                    round_trip(&StoredParts {
                        timestamp_ms: -1,
                        key,
                        value,
                        headers: headers.clone(),
                    });
                }
            }
        }
    }

    #[test]
    fn cut_bytes_are_no_record_or_another_value_and_never_a_panic() {
        let mut bytes = Vec::new();
        let headers = Headers::from_list(vec![Header {
            key: "a".to_owned(),
            value: None,
        }]);
        encode(
            &StoredParts {
                timestamp_ms: 1,
                key: Some(b"key"),
                value: None,
                headers,
            },
            &mut bytes,
        );
        assert!((0..bytes.len()).all(|end| decode(&bytes[..end]).is_none()));
    }

    #[test]
    fn record_keys_sort_by_partition_and_then_by_offset() {
        let keys = [
            record_key(partition_prefix(1, 2), 255),
            record_key(partition_prefix(1, 2), 256),
            record_key(partition_prefix(1, 3), 0),
        ];
        assert!(keys.is_sorted());
        assert_eq!(record_offset(&keys[1]), Some(256));
    }
}
