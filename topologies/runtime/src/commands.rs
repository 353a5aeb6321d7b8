//! How the edge puts commands into the log: one record at a time, acknowledged when durable.

use std::future::Future;
use std::pin::Pin;

use thiserror::Error;

/// One record to append outside any transaction.
#[derive(Debug, Clone)]
pub struct CommandRecord {
    /// The topic.
    pub topic: String,
    /// Key bytes; they decide the partition (`streams::partition::partition_for_key`).
    pub key: Vec<u8>,
    /// Value bytes, framed; without a value the record is the end of its key.
    pub value: Option<Vec<u8>>,
    /// Header names and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Event time in milliseconds since the epoch.
    pub timestamp_ms: i64,
}

/// Where an acknowledged record stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// Why a command was not acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommandError {
    /// Not accepted now; whether it was stored is unknown after a timeout, so the caller retries with the same id.
    #[error("the log does not accept records now: {0}")]
    Unavailable(String),
    /// Never going to be accepted (too large, unknown topic).
    #[error("the log refused the record: {0}")]
    Refused(String),
}

/// A future of an append.
pub type Append<'a> = Pin<Box<dyn Future<Output = Result<Acknowledged, CommandError>> + Send + 'a>>;

/// Appends commands. Implementations: Kafka (idempotent producer, acks=all) and the embedded log (synced write).
pub trait CommandLog: Send + Sync {
    /// Appends one record; resolves when it is durable, or with an error within the implementation's bounded time.
    fn append(&self, record: CommandRecord) -> Append<'_>;

    /// The offset after the last record of a partition: what a reader must have processed to have seen every acknowledged append.
    fn end_offset(
        &self,
        topic: &str,
        partition: i32,
    ) -> Pin<Box<dyn Future<Output = Result<i64, CommandError>> + Send + '_>>;

    /// Number of partitions of a topic; asked once at start and cached by the implementation.
    fn partitions(&self, topic: &str) -> Result<i32, CommandError>;
}
