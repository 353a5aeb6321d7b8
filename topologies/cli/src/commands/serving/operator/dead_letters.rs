//! The newest records that could not be processed, with where they stood and why.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use serde::Serialize;
use serde_json::Value;
use streams::log::{LogReader, StoredRecord};
use streams::{Layout, TopicKind};

use super::Desk;
use crate::commands::consume::decode::{Decoder, text};
use crate::times::rfc3339;

/// Dead letters of one topology that are shown, at most; so many offsets of each partition are looked at.
const SHOWN_MAX: usize = 50;
/// Bytes of a value that are shown, at most, once it is JSON.
const VALUE_BYTES_MAX: usize = 4_000;

/// The newest dead letters of each topology, the newest first.
#[derive(Serialize)]
pub(super) struct DeadLetters {
    items: Vec<OfTopology>,
}

#[derive(Serialize)]
struct OfTopology {
    topology: String,
    topic: String,
    /// Offsets of the topic, which is about how many there are.
    offsets: i64,
    letters: Vec<Letter>,
}

#[derive(Serialize)]
struct Letter {
    partition: i32,
    offset: i64,
    at: String,
    #[serde(skip)]
    timestamp_ms: i64,
    key: Value,
    /// What it was, as far as it can be read.
    value: Value,
    headers: BTreeMap<String, Value>,
}

pub(super) fn look(desk: &Desk) -> anyhow::Result<DeadLetters> {
    desk.read(|reader| all(desk, reader))
}

fn all(desk: &Desk, reader: &mut dyn LogReader) -> anyhow::Result<DeadLetters> {
    let mut decoder = Decoder::new(desk.platform.as_ref());
    let mut items = Vec::new();
    for topology in desk.queries.hosting().topologies() {
        let Some(layout) = desk.queries.hosting().layout(&topology) else {
            continue;
        };
        items.extend(of_topology(reader, &mut decoder, topology, &layout)?);
    }
    Ok(DeadLetters { items })
}

fn of_topology(
    reader: &mut dyn LogReader,
    decoder: &mut Decoder<'_>,
    topology: String,
    layout: &Layout,
) -> anyhow::Result<Option<OfTopology>> {
    let Some(topic) = layout.topics.iter().find(|topic| topic.kind == TopicKind::DeadLetters) else {
        return Ok(None);
    };
    let topic = topic.name.clone();
    let (mut offsets, mut letters) = (0, Vec::new());
    for partition in 0..reader.partitions(&topic)?.unwrap_or(0) {
        let (first, end) = reader.readable(&topic, partition)?;
        offsets += end - first;
        let from = first.max(end.saturating_sub(i64::try_from(SHOWN_MAX)?));
        reader.read(&topic, partition, from, end, &mut |record| {
            letters.push(letter(decoder, partition, &record));
            ControlFlow::Continue(())
        })?;
    }
    letters.sort_by_key(|letter| std::cmp::Reverse((letter.timestamp_ms, letter.offset)));
    letters.truncate(SHOWN_MAX);
    Ok(Some(OfTopology {
        topology,
        topic,
        offsets,
        letters,
    }))
}

fn letter(decoder: &mut Decoder<'_>, partition: i32, record: &StoredRecord<'_>) -> Letter {
    // A registry that does not answer makes a value unreadable, not the letter.
    let value = decoder.decode(record.value).map(|decoded| decoded.value);
    let headers = record.headers.iter();
    Letter {
        partition,
        offset: record.offset,
        at: rfc3339(record.timestamp_ms),
        timestamp_ms: record.timestamp_ms,
        key: text(record.key),
        value: bounded(value.unwrap_or_else(|_| text(record.value))),
        headers: headers
            .map(|header| (header.key.clone(), text(header.value.as_deref())))
            .collect(),
    }
}

/// The value, or as much of its JSON as is shown.
fn bounded(value: Value) -> Value {
    let text = value.to_string();
    if text.len() <= VALUE_BYTES_MAX {
        return value;
    }
    let shown: String = text.chars().take(VALUE_BYTES_MAX).collect();
    Value::from(format!("{shown}…"))
}
