//! Requests that came lately under an `Idempotency-Key`.
//!
//! The log decides in the end: ids follow from the key, and the topology lets the first request of an id win. What
//! is remembered here closes the moment between an answer and the state that shows it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::lately::Lately;
use crate::limits::RECENT_REQUESTS_MAX;
use crate::problem::{Code, Problem};

/// The last [`RECENT_REQUESTS_MAX`] ids and the fingerprint of the request behind each.
#[derive(Debug)]
pub struct RecentRequests(Mutex<Lately<String>>);

impl Default for RecentRequests {
    fn default() -> Self {
        Self(Mutex::new(Lately::new(RECENT_REQUESTS_MAX)))
    }
}

impl RecentRequests {
    /// Takes `id` for the request with this fingerprint; refuses if another request has it.
    pub fn claim(&self, id: &str, fingerprint: &str) -> Result<(), Problem> {
        let mut recent = self.lock();
        match recent.get(id) {
            Some(known) if known == fingerprint => Ok(()),
            Some(_) => Err(key_reused()),
            None => {
                recent.insert(id, fingerprint.to_owned());
                Ok(())
            }
        }
    }

    /// The state says whose `id` is, whatever was claimed here.
    pub fn correct(&self, id: &str, fingerprint: &str) {
        self.lock().insert(id, fingerprint.to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, Lately<String>> {
        // Each change leaves the memory whole, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The answer to a key that came with another request before.
#[must_use]
pub fn key_reused() -> Problem {
    Problem::new(
        Code::IdempotencyKeyReused,
        "This Idempotency-Key came before with another request. A new request needs a new key.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_belongs_to_the_first_request_that_claims_it() {
        let recent = RecentRequests::default();
        assert!(recent.claim("a", "1").is_ok());
        assert!(recent.claim("a", "1").is_ok());
        assert!(recent.claim("b", "2").is_ok());
        assert_eq!(
            recent.claim("a", "2").err().map(|problem| problem.code()),
            Some(Code::IdempotencyKeyReused)
        );
    }

    #[test]
    fn what_the_state_says_replaces_a_claim() {
        let recent = RecentRequests::default();
        assert!(recent.claim("a", "1").is_ok());
        recent.correct("a", "2");
        assert!(recent.claim("a", "1").is_err());
        assert!(recent.claim("a", "2").is_ok());
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let recent = RecentRequests::default();
        for number in 0..=RECENT_REQUESTS_MAX {
            assert!(recent.claim(&number.to_string(), "1").is_ok());
        }
        assert!(recent.claim("0", "2").is_ok());
        assert!(recent.claim(&RECENT_REQUESTS_MAX.to_string(), "2").is_err());
    }
}
