//! What goes wrong in the embedded log, and what it means to the two ports.

use streams::LogError;
use thiserror::Error;

use crate::commands::CommandError;

/// Why a call on the embedded log failed, by fate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum EmbeddedError {
    /// Another process (or another broker of this process) has the directory open.
    #[error("{0}")]
    InUse(String),
    /// The directory cannot be read as an embedded log. The sentence says what to do.
    #[error("{0}")]
    Damaged(String),
    /// Nothing was written; the same call may be made again when the cause is gone.
    #[error("{0}")]
    Unavailable(String),
    /// Whether it was written shows once the log has recovered: read the committed offsets again before going on.
    #[error("{0}")]
    Unclear(String),
    /// The caller no longer is the member it was.
    #[error("{0}")]
    Fenced(String),
    /// There is no such topic or partition.
    #[error("{0}")]
    Unknown(String),
    /// The request is wrong and stays wrong.
    #[error("{0}")]
    Refused(String),
}

impl EmbeddedError {
    /// The error of `RocksDB` while reading: nothing was changed.
    pub(super) fn reading(cause: &rocksdb::Error) -> Self {
        match cause.kind() {
            rocksdb::ErrorKind::Corruption => Self::Damaged(format!("the embedded log is damaged: {cause}")),
            _ => Self::Unavailable(format!("the embedded log cannot be read: {cause}")),
        }
    }

    /// The error of `RocksDB` while writing or syncing: the write may still come back when the log is opened again.
    pub(super) fn writing(cause: &rocksdb::Error) -> Self {
        Self::Unclear(format!("the embedded log cannot be written: {cause}"))
    }
}

impl From<EmbeddedError> for LogError {
    fn from(error: EmbeddedError) -> Self {
        let sentence = error.to_string();
        match error {
            EmbeddedError::Unavailable(_) => Self::Retriable(sentence),
            // The stores may lack what did get into the log, so the tasks are closed and restored, not just rewound.
            EmbeddedError::Unclear(_) | EmbeddedError::Fenced(_) => Self::Migrated(sentence),
            EmbeddedError::InUse(_)
            | EmbeddedError::Damaged(_)
            | EmbeddedError::Unknown(_)
            | EmbeddedError::Refused(_) => Self::Fatal(sentence),
        }
    }
}

impl From<EmbeddedError> for CommandError {
    fn from(error: EmbeddedError) -> Self {
        let sentence = error.to_string();
        match error {
            EmbeddedError::Unknown(_) | EmbeddedError::Refused(_) => Self::Refused(sentence),
            EmbeddedError::InUse(_)
            | EmbeddedError::Damaged(_)
            | EmbeddedError::Unavailable(_)
            | EmbeddedError::Unclear(_)
            | EmbeddedError::Fenced(_) => Self::Unavailable(sentence),
        }
    }
}
