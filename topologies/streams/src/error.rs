//! Errors by fate: the type says what the caller must do.

use thiserror::Error;

use crate::serde::SerdeError;
use crate::store::StoreError;

/// A record that a processor or a serde refused. Its effects are dropped whole, it goes to the dead-letter topic, and the partition goes on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ProcessError {
    /// The key could not be read.
    #[error("cannot read the key: {0}")]
    Key(#[source] SerdeError),
    /// The value could not be read.
    #[error("cannot read the value: {0}")]
    Value(#[source] SerdeError),
    /// A processor refused the record.
    #[error("{0}")]
    Refused(String),
    /// An output or a store entry could not be written.
    #[error("cannot write {what}: {cause}")]
    Encode {
        /// The sink or store.
        what: String,
        /// The reason.
        #[source]
        cause: SerdeError,
    },
    /// Not the record's fault: the store failed. The task answers [`TaskError::Store`] and nothing is dead-lettered.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ProcessError {
    /// A refusal in words, for processors.
    pub fn refused(cause: impl std::fmt::Display) -> Self {
        Self::Refused(cause.to_string())
    }

    /// The stage that failed, as the dead letter's `stage` header names it.
    #[must_use]
    pub fn stage(&self) -> &'static str {
        match self {
            Self::Key(_) => "key",
            Self::Value(_) => "value",
            Self::Refused(_) => "process",
            Self::Encode { .. } => "encode",
            Self::Store(_) => "store",
        }
    }
}

/// Why a task could not go on with a record. Nothing of the record has taken effect.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TaskError {
    /// The shell looks up the schema and calls again with the same record.
    #[error("the schema with id {0} has not been looked up")]
    MissingSchema(u32),
    /// The store failed; the shell acts by the store error's own fate.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the shell must do about a failed log call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LogError {
    /// Nothing happened; the same call may be made again, a bounded number of times.
    #[error("the log asks to try again: {0}")]
    Retriable(String),
    /// The transaction is gone or must go: abort, drop the overlay, rewind.
    #[error("the transaction must be aborted: {0}")]
    Abortable(String),
    /// Another instance owns the tasks: close them, commit nothing, join again.
    #[error("the tasks moved to another instance: {0}")]
    Migrated(String),
    /// Another member took this one's place in the group under the same name: close the tasks, commit nothing. Joining again drives
    /// that one out in turn, so it is done once; two processes under one name would go on for ever.
    #[error("driven out of the group: {0}")]
    Fenced(String),
    /// Nothing can be done inside the process; the sentence says what the operator does next.
    #[error("{0}")]
    Fatal(String),
}

/// Why a topology could not be built: a mistake in its declaration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TopologyError {
    /// Two topics, stores or nodes share a name.
    #[error("the name {0:?} is declared twice")]
    DuplicateName(String),
    /// A store is used by no node, or a node uses a store of another sub-topology.
    #[error("the store {0:?} is connected to no processor")]
    UnusedStore(String),
    /// The topology reads nothing.
    #[error("the topology has no source")]
    NoSource,
    /// Names become parts of topic names, so Kafka's characters hold: letters, digits, `.`, `_` and `-`.
    #[error(
        "the name {0:?} is empty, longer than 120 characters, or has a character other than letters, digits, '.', '_' and '-'"
    )]
    BadName(String),
    /// Sources of one sub-topology have different numbers of partitions.
    #[error("the sources of sub-topology {subtopology} must have the same number of partitions, found {found}")]
    NotCopartitioned {
        /// The sub-topology.
        subtopology: u16,
        /// Topic and count pairs.
        found: String,
    },
    /// A topic that the topology reads or writes does not exist.
    #[error("the topic {0:?} does not exist; create it with `sluice topics apply`")]
    MissingTopic(String),
}
