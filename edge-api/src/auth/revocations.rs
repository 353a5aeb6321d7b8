//! Sessions that are over although tokens of theirs have time left, whatever becomes of the session store.
//!
//! The topic `revocations` says which, and every gateway holds the whole of it. A session that ended by itself has an entry under
//! its own name. An account whose password was changed, that was disabled, or that ended all of its sessions has one under the
//! account's name with the version of its credential from then on: whatever began with an earlier version is over, and no clock is
//! asked.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime::GlobalTable;
use schemas::wire::revocation::Revocation;
use schemas::{AvroSerde, SchemaTable};
use streams::log::StoredRecord;
use streams::serde::SharedSerde;

use crate::clock::Clock;
use crate::limits::{ACCESS_TOKEN_TTL_MS, CLOCK_SKEW_MS, REVOCATIONS_MAX, SESSION_ABSOLUTE_MS};
use crate::metrics;

/// What is over, as far as this gateway knows.
pub struct Revocations {
    clock: Arc<dyn Clock>,
    serde: SharedSerde<Revocation>,
    revoked: Mutex<Revoked>,
    is_complete: AtomicBool,
}

/// What a token says of its session.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// The session.
    pub session_id: &'a str,
    /// Its account.
    pub account_id: &'a str,
    /// The version of the account's credential with which the session began.
    pub credential_version: i64,
}

#[derive(Debug, Default)]
struct Revoked {
    /// By the key of the record.
    entries: HashMap<String, Entry>,
    /// When each entry is of no more use, and its key.
    by_end: BTreeSet<(i64, String)>,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    /// Of an account: versions before this one are over.
    version: Option<i64>,
    ends_ms: i64,
}

impl Revocations {
    /// Knows nothing yet, and is not complete.
    #[must_use]
    pub fn new(schemas: &Arc<SchemaTable>, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            serde: Arc::new(AvroSerde::new(schemas)),
            revoked: Mutex::default(),
            is_complete: AtomicBool::new(false),
        }
    }

    /// Whether everything is known that was over when this process began. Before that no token can be judged.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    /// Whether the session is over.
    #[must_use]
    pub fn cover(&self, held: Held<'_>) -> bool {
        let revoked = self.lock();
        let is_early = |entry: &Entry| entry.version.is_some_and(|version| held.credential_version < version);
        revoked.entries.contains_key(held.session_id) || revoked.entries.get(held.account_id).is_some_and(is_early)
    }

    /// Takes in that something is over.
    pub fn insert(&self, revocation: &Revocation) {
        // An access token asks nobody else; whatever lives longer is compared with the account's credential too.
        let (key, lasts_ms) = match &revocation.session_id {
            Some(session_id) => (session_id, SESSION_ABSOLUTE_MS),
            None => (&revocation.account_id, ACCESS_TOKEN_TTL_MS),
        };
        let ends_ms = revocation.revoked_at.saturating_add(lasts_ms + CLOCK_SKEW_MS);
        self.keep(key, revocation.version, ends_ms);
    }

    /// Sessions of the account that began with an earlier version of its credential are over from now on.
    pub fn end_before(&self, account_id: &str, version: i64) {
        let ends_ms = self.clock.now_ms().saturating_add(ACCESS_TOKEN_TTL_MS + CLOCK_SKEW_MS);
        self.keep(account_id, Some(version), ends_ms);
    }

    fn keep(&self, key: &str, version: Option<i64>, ends_ms: i64) {
        if ends_ms < self.clock.now_ms() {
            return;
        }
        let mut revoked = self.lock();
        if revoked.entries.len() >= REVOCATIONS_MAX {
            // The entry that is nearest to its end protects least.
            metrics::revocation_dropped();
            revoked.forget_first();
        }
        revoked.put(key, Entry { version, ends_ms });
    }

    /// Forgets entries that protect nothing any more, `at_most` so many, and answers which sessions were among them: their records
    /// may go. An account keeps its record, which somebody may be replacing at this moment.
    #[must_use]
    pub fn take_ended(&self, at_most: usize) -> Vec<String> {
        let now_ms = self.clock.now_ms();
        let mut revoked = self.lock();
        let mut ended = Vec::new();
        for _ in 0..at_most {
            if revoked.by_end.first().is_none_or(|(ends_ms, _)| *ends_ms >= now_ms) {
                break;
            }
            let forgotten = revoked.forget_first();
            ended.extend(
                forgotten
                    .filter(|(_, entry)| entry.version.is_none())
                    .map(|(key, _)| key),
            );
        }
        ended
    }

    fn lock(&self) -> MutexGuard<'_, Revoked> {
        // Each change leaves the maps whole, so a panic elsewhere does not spoil them.
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GlobalTable for Revocations {
    fn take(&self, record: &StoredRecord<'_>) {
        let Some(Ok(key)) = record.key.map(std::str::from_utf8) else {
            return;
        };
        if record.value.is_none() {
            self.lock().forget(key);
            return;
        }
        match self.serde.deserialize(record.value) {
            Ok(revocation) => self.insert(&revocation),
            Err(error) => tracing::error!(key, %error, "a revocation cannot be read; its session may go on"),
        }
    }

    fn caught_up(&self) {
        self.is_complete.store(true, Ordering::Release);
    }
}

impl Revoked {
    fn put(&mut self, key: &str, entry: Entry) {
        let known = self.entries.get(key);
        if known.is_some_and(|known| known.version > entry.version) {
            return;
        }
        if let Some(known) = self.entries.insert(key.to_owned(), entry) {
            self.by_end.remove(&(known.ends_ms, key.to_owned()));
        }
        self.by_end.insert((entry.ends_ms, key.to_owned()));
    }

    fn forget(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.by_end.remove(&(entry.ends_ms, key.to_owned()));
        }
    }

    fn forget_first(&mut self) -> Option<(String, Entry)> {
        let (_, key) = self.by_end.pop_first()?;
        self.entries.remove_entry(&key)
    }
}

impl std::fmt::Debug for Revocations {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Revocations")
            .field("entries", &self.lock().entries.len())
            .field("is_complete", &self.is_complete())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::sync::atomic::AtomicI64;

    use schemas::wire::revocation::RevocationReason;
    use streams::serde::Serde as _;

    use super::*;

    #[derive(Default)]
    struct SetClock(AtomicI64);

    impl Clock for SetClock {
        fn now_ms(&self) -> i64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    fn table() -> (Revocations, Arc<SetClock>, Arc<SchemaTable>) {
        let (clock, schemas) = (
            Arc::new(SetClock::default()),
            Arc::new(SchemaTable::with_current_schemas()),
        );
        (Revocations::new(&schemas, Arc::clone(&clock) as _), clock, schemas)
    }

    fn of_session(session_id: &str) -> Revocation {
        Revocation {
            session_id: Some(session_id.to_owned()),
            account_id: "ann".to_owned(),
            revoked_at: 0,
            reason: RevocationReason::Logout,
            version: None,
        }
    }

    fn of_account(version: i64) -> Revocation {
        Revocation {
            session_id: None,
            reason: RevocationReason::PasswordChanged,
            version: Some(version),
            ..of_session("")
        }
    }

    fn held(session_id: &str, credential_version: i64) -> Held<'_> {
        Held {
            session_id,
            account_id: "ann",
            credential_version,
        }
    }

    #[test]
    fn a_session_is_over_by_its_name_and_by_the_version_of_its_account() {
        let (revocations, _, _) = table();
        revocations.insert(&of_session("a"));
        revocations.insert(&of_account(3));
        revocations.insert(&of_account(2));
        let over = [held("a", 3), held("b", 2), held("b", 3)].map(|held| revocations.cover(held));
        assert_eq!(over, [true, true, false]);
    }

    #[test]
    fn an_entry_lasts_as_long_as_what_it_ends_could_live() {
        let (revocations, clock, _) = table();
        revocations.insert(&of_session("a"));
        revocations.insert(&of_account(3));
        clock
            .0
            .store(ACCESS_TOKEN_TTL_MS + CLOCK_SKEW_MS + 1, Ordering::Relaxed);
        assert_eq!(revocations.take_ended(5), [""; 0], "an account keeps its record");
        assert!(revocations.cover(held("a", 3)) && !revocations.cover(held("b", 2)));
        clock
            .0
            .store(SESSION_ABSOLUTE_MS + CLOCK_SKEW_MS + 1, Ordering::Relaxed);
        assert_eq!(revocations.take_ended(0), [""; 0]);
        assert_eq!(revocations.take_ended(1), ["a"]);
        revocations.insert(&of_session("c"));
        assert!(!revocations.cover(held("c", 3)), "what came too late protects nothing");
        assert!(revocations.lock().by_end.is_empty());
    }

    #[test]
    fn records_of_the_topic_make_and_unmake_entries() {
        let (revocations, _, schemas) = table();
        let mut value = Vec::new();
        AvroSerde::new(&schemas)
            .serialize(&of_session("a"), &mut value)
            .unwrap();
        let take = |key: &[u8], value: Option<&[u8]>| {
            revocations.take(&StoredRecord {
                offset: 0,
                timestamp_ms: 0,
                key: Some(key),
                value,
                headers: streams::Headers::default(),
            });
        };
        take(b"a", Some(&value));
        take(b"b", Some(b"no record"));
        assert!(revocations.cover(held("a", 1)));
        take(b"a", None);
        assert!(!revocations.cover(held("a", 1)));
        assert!(!revocations.is_complete());
        revocations.caught_up();
        assert!(revocations.is_complete());
    }
}
