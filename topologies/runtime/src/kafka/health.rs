//! Whether Kafka can be reached, for readiness and for people.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// What one thread's Kafka clients have seen. Shared with whoever answers readiness.
#[derive(Debug, Default)]
pub struct KafkaHealth {
    unreachable: AtomicBool,
    last_error: Mutex<Option<String>>,
    aborted: AtomicU64,
    rebuilt: AtomicU64,
}

impl KafkaHealth {
    /// Whether some broker could be reached when somebody last looked.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        !self.unreachable.load(Ordering::Relaxed)
    }

    /// The latest trouble in words, also when it is over.
    #[must_use]
    pub fn last_error(&self) -> Option<String> {
        self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Transactions that were aborted. Most of them belong to rebalances and cost only the repetition.
    #[must_use]
    pub fn aborted_transactions(&self) -> u64 {
        self.aborted.load(Ordering::Relaxed)
    }

    /// Producers that were replaced because a transaction of theirs saw a timeout or a lost connection, or was fenced.
    #[must_use]
    pub fn rebuilt_producers(&self) -> u64 {
        self.rebuilt.load(Ordering::Relaxed)
    }

    pub(super) fn set_reachable(&self, reachable: bool) {
        self.unreachable.store(!reachable, Ordering::Relaxed);
    }

    pub(super) fn note(&self, error: &str) {
        *self.last_error.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_owned());
    }

    pub(super) fn count_abort(&self) {
        self.aborted.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_rebuilt(&self) {
        self.rebuilt.fetch_add(1, Ordering::Relaxed);
    }
}
