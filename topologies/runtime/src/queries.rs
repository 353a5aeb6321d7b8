//! Interactive queries: committed state of any task, read where it lives.

use std::time::Duration;

use thiserror::Error;

/// What a read must have seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Freshness {
    /// Whatever is committed at the owner.
    #[default]
    Committed,
    /// At least everything before `next` of this input partition of the owner's task; waits, bounded by the query's timeout.
    After {
        /// An input topic of the task.
        topic: String,
        /// Its partition.
        partition: i32,
        /// The offset after the last record that must have been processed.
        next: i64,
    },
}

/// Which store, and whose part of it.
#[derive(Debug, Clone)]
pub struct StoreAddress<'a> {
    /// The topology, for example `orders`.
    pub topology: &'a str,
    /// The store.
    pub store: &'a str,
    /// The bytes whose partition owns the entry: the key itself, or the first part of a composite key.
    pub routing_key: &'a [u8],
}

/// Which entries of an ordered store.
#[derive(Debug, Clone, Default)]
pub struct EntryRange {
    /// First key.
    pub from: Vec<u8>,
    /// First key that is out; `None` is the end.
    pub to: Option<Vec<u8>>,
    /// Descending order.
    pub reverse: bool,
    /// At most this many entries.
    pub limit: usize,
}

/// Entries of a range read.
pub type Entries = Vec<(Vec<u8>, Vec<u8>)>;

/// Why a query has no answer.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QueryError {
    /// The owner is not known, not reachable, or still restoring. Try again later.
    #[error("the state is not available now: {0}")]
    Unavailable(String),
    /// The wanted freshness was not reached in time.
    #[error("the state did not catch up within {0:?}")]
    TimedOut(Duration),
    /// No such topology or store in this deployment.
    #[error("unknown store: {0}")]
    UnknownStore(String),
}

// `Queries` itself follows in this file (owner: runtime author):
// impl Queries {
//   pub async fn get(&self, at: StoreAddress<'_>, key: &[u8], fresh: &Freshness, timeout: Duration) -> Result<Option<Vec<u8>>, QueryError>;
//   pub async fn range(&self, at: StoreAddress<'_>, range: &EntryRange, fresh: &Freshness, timeout: Duration) -> Result<Entries, QueryError>;
//   /// all partitions of a store, merged in key order (GET /products)
//   pub async fn scan(&self, topology: &str, store: &str, range: &EntryRange, timeout: Duration) -> Result<Entries, QueryError>;
//   /// long poll: reads, and re-reads after each commit of the owner, until `done(value)` or the timeout; answers the last value read
//   pub async fn wait(&self, at: StoreAddress<'_>, key: &[u8], timeout: Duration, done: &(dyn Fn(Option<&[u8]>) -> bool + Sync)) -> Result<Option<Vec<u8>>, QueryError>;
//   pub fn ready(&self) -> bool;
// }
