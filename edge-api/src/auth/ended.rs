//! Sessions that ended while tokens of theirs are still within their time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::limits::{ACCESS_TOKEN_TTL_MS, CLOCK_SKEW_MS, ENDED_SESSIONS_MAX};

/// The sessions whose tokens this process refuses although they have not expired.
/// An entry stays for as long as a token of the session can live, then it is of no use.
#[derive(Debug, Default)]
pub struct EndedSessions(Mutex<Ended>);

#[derive(Debug, Default)]
struct Ended {
    until: BTreeMap<String, i64>,
    by_time: BTreeSet<(i64, String)>,
}

impl EndedSessions {
    /// Refuses the session's tokens from now on.
    pub fn insert(&self, session_id: &str, now_ms: i64) {
        let mut ended = self.lock();
        ended.forget_before(now_ms);
        if ended.until.len() >= ENDED_SESSIONS_MAX {
            // The entry that is nearest to its end protects least.
            ended.forget_first();
        }
        let until = now_ms.saturating_add(ACCESS_TOKEN_TTL_MS + CLOCK_SKEW_MS);
        if let Some(earlier) = ended.until.insert(session_id.to_owned(), until) {
            ended.by_time.remove(&(earlier, session_id.to_owned()));
        }
        ended.by_time.insert((until, session_id.to_owned()));
    }

    /// Whether the session's tokens are refused.
    #[must_use]
    pub fn contains(&self, session_id: &str) -> bool {
        self.lock().until.contains_key(session_id)
    }

    fn lock(&self) -> MutexGuard<'_, Ended> {
        // Each change leaves the maps whole, so a panic elsewhere does not spoil them.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ended {
    fn forget_before(&mut self, now_ms: i64) {
        while self.by_time.first().is_some_and(|(until, _)| *until < now_ms) {
            self.forget_first();
        }
    }

    fn forget_first(&mut self) {
        if let Some((_, session_id)) = self.by_time.pop_first() {
            self.until.remove(&session_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_session_is_refused_for_as_long_as_its_tokens_live_and_then_forgotten() {
        let ended = EndedSessions::default();
        ended.insert("a", 0);
        ended.insert("a", 10);
        assert!(ended.contains("a"));
        assert!(!ended.contains("b"));
        ended.insert("b", ACCESS_TOKEN_TTL_MS + CLOCK_SKEW_MS + 11);
        assert!(!ended.contains("a"));
        assert_eq!(ended.lock().by_time.len(), 1);
    }
}
