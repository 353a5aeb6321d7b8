//! Interactive queries: committed state of any task, read where it lives.
//!
//! A stream thread publishes its running tasks in [`Hosting`]; [`Queries`] reads them, and asks the instance that owns a task
//! when this one does not.

mod hosting;
pub mod http;
mod local;
mod remote;
mod watched;

pub use hosting::{Hosting, InputPosition, ThreadState};
pub use local::{KEYS_MAX, Queries, RANGE_ENTRIES_MAX};
pub use remote::{Owners, RemoteQueries};
pub(crate) use watched::WatchedStore;

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What a read must have seen.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy)]
pub struct StoreAddress<'a> {
    /// The topology, for example `orders`.
    pub topology: &'a str,
    /// The store.
    pub store: &'a str,
    /// The bytes whose partition owns the entry: the key itself, or the first part of a composite key.
    pub routing_key: &'a [u8],
}

/// Which entries of an ordered store.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
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
