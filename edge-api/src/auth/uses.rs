//! Tells the session store that an access token has arrived at its client: it is being used.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

use crate::limits::{SEEN_TOKENS_MAX, USE_RECORDINGS_MAX};
use crate::sessions::SessionStore;

/// Records the first use of each token, beside the request. A recording that fails or finds no room is left to the
/// next use: until then a lost answer is forgiven a little longer, nothing more.
pub struct TokenUses {
    sessions: Arc<dyn SessionStore>,
    seen: Arc<Mutex<HashSet<String>>>,
    room: Arc<Semaphore>,
}

impl TokenUses {
    /// Records into `sessions`.
    #[must_use]
    pub fn new(sessions: Arc<dyn SessionStore>) -> Self {
        Self {
            sessions,
            seen: Arc::default(),
            room: Arc::new(Semaphore::new(USE_RECORDINGS_MAX)),
        }
    }

    /// Notes that the token is used. Returns at once.
    pub fn record(&self, session_id: &str, token_id: &str) {
        if !insert(&self.seen, token_id) {
            return;
        }
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else {
            remove(&self.seen, token_id);
            return;
        };
        let (sessions, seen) = (Arc::clone(&self.sessions), Arc::clone(&self.seen));
        let (session_id, token_id) = (session_id.to_owned(), token_id.to_owned());
        tokio::spawn(async move {
            let _room = room;
            if sessions.mark_used(&session_id, &token_id).await.is_err() {
                remove(&seen, &token_id);
            }
        });
    }
}

/// Whether the token is new. A full set is emptied: its tokens are recorded once more, which changes nothing.
fn insert(seen: &Mutex<HashSet<String>>, token_id: &str) -> bool {
    let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.contains(token_id) {
        return false;
    }
    if seen.len() >= SEEN_TOKENS_MAX {
        seen.clear();
    }
    seen.insert(token_id.to_owned())
}

fn remove(seen: &Mutex<HashSet<String>>, token_id: &str) {
    seen.lock().unwrap_or_else(PoisonError::into_inner).remove(token_id);
}
