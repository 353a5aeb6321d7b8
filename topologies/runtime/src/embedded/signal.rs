//! Wakes a waiting stream thread.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A flag that one thread waits for and others raise. A raise before the wait is not lost.
#[derive(Debug, Default)]
pub(super) struct Signal {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    /// Raises the flag and wakes the waiting thread.
    pub(super) fn raise(&self) {
        let mut raised = lock(&self.raised);
        if !*raised {
            *raised = true;
            self.changed.notify_one();
        }
    }

    /// Waits for the flag at most until `deadline`, takes it down, and answers whether it was up.
    pub(super) fn wait(&self, deadline: Instant) -> bool {
        let mut raised = lock(&self.raised);
        while !*raised {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            raised = self
                .changed
                .wait_timeout(raised, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        *raised = false;
        true
    }
}

/// Locks. Every structure behind a lock of this module is whole after each statement that changes it, so a panic elsewhere is no reason to stop.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
