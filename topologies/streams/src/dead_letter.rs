//! Dead letters: the original bytes of a record that could not be processed, with headers that say why and where it stood.

use crate::error::ProcessError;
use crate::record::{Headers, InputRecord, OutputBuffer, OutputRecord, TopicIndex};

/// Names of the headers that a dead letter carries beside the record's own.
pub mod headers {
    /// The topic the record was read from.
    pub const TOPIC: &str = "sluice.topic";
    /// Its partition, decimal.
    pub const PARTITION: &str = "sluice.partition";
    /// Its offset, decimal.
    pub const OFFSET: &str = "sluice.offset";
    /// Which step refused it: `key`, `value`, `process`, `encode` or `timer`.
    pub const STAGE: &str = "sluice.stage";
    /// The cause in words.
    pub const ERROR: &str = "sluice.error";
    /// The schema id of a framed value, decimal.
    pub const SCHEMA_ID: &str = "sluice.schema-id";
    /// The task that refused it.
    pub const TASK: &str = "sluice.task";
}

/// Longest cause in a header, in bytes: causes may quote input.
const ERROR_BYTES_MAX: usize = 1_000;

/// Appends the dead letter of `record` to `outputs`.
pub(crate) fn write(
    outputs: &mut OutputBuffer,
    topic: TopicIndex,
    source: &str,
    task: &str,
    record: &InputRecord<'_>,
    error: &ProcessError,
) {
    let mut all = record.headers.clone();
    add(&mut all, headers::TOPIC, source);
    add(&mut all, headers::PARTITION, &record.partition.to_string());
    add(&mut all, headers::OFFSET, &record.offset.to_string());
    add(&mut all, headers::TASK, task);
    if let Some(id) = schema_id(record.value) {
        add(&mut all, headers::SCHEMA_ID, &id.to_string());
    }
    describe(&mut all, error.stage(), error);
    outputs.push(OutputRecord {
        topic,
        partition: 0,
        timestamp_ms: record.timestamp_ms.max(0),
        key: record.key,
        value: record.value,
        headers: &all,
    });
}

/// Adds stage and cause.
pub(crate) fn describe(all: &mut Headers, stage: &str, error: &ProcessError) {
    let mut cause = error.to_string();
    let end = (0..=ERROR_BYTES_MAX.min(cause.len()))
        .rev()
        .find(|end| cause.is_char_boundary(*end))
        .unwrap_or(0);
    cause.truncate(end);
    add(all, headers::STAGE, stage);
    add(all, headers::ERROR, &cause);
}

pub(crate) fn add(all: &mut Headers, key: &str, value: &str) {
    all.push(key, value.as_bytes().to_vec());
}

/// The schema id of a value in the registry's framing: a zero byte, then four bytes big endian.
fn schema_id(value: Option<&[u8]>) -> Option<u32> {
    match value? {
        [0, a, b, c, d, ..] => Some(u32::from_be_bytes([*a, *b, *c, *d])),
        _ => None,
    }
}
