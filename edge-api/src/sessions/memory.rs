//! Sessions inside this process: for one gateway that needs no Redis. They end with the process.

use std::collections::HashMap;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use planted::Bug;

use super::guesses::MemoryGuesses;
use super::session::Session;
use super::{
    Admission, Call, Exchange, Exchanged, Guess, NewSession, OpenSession, SessionOwner, SessionStore, SessionTimes,
    SessionsUnavailable,
};
use crate::limits::{ACCOUNT_SESSIONS_MAX, MEMORY_SESSIONS_MAX};

/// Sessions under one lock, [`MEMORY_SESSIONS_MAX`] at most.
#[derive(Debug, Default)]
pub struct MemorySessions {
    sessions: Mutex<HashMap<String, Session>>,
    guesses: Mutex<MemoryGuesses>,
    times: SessionTimes,
}

impl MemorySessions {
    /// An empty store that judges by `times`.
    #[must_use]
    pub fn new(times: SessionTimes) -> Self {
        Self {
            times,
            ..Self::default()
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Session>> {
        // A panic while the lock is held leaves at worst a half-made exchange, which the next one refuses.
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn guesses(&self) -> MutexGuard<'_, MemoryGuesses> {
        self.guesses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(&self, new: NewSession) -> Result<(), SessionsUnavailable> {
        let mut sessions = self.lock();
        if sessions.len() >= MEMORY_SESSIONS_MAX {
            sessions.retain(|_, session| !session.is_over(new.now_ms));
        }
        let open = open_sessions(&sessions, &new.account_id, new.now_ms);
        let extra = (open.len() + 1).saturating_sub(ACCOUNT_SESSIONS_MAX);
        for session in open.iter().take(extra) {
            sessions.remove(&session.session_id);
        }
        if sessions.len() >= MEMORY_SESSIONS_MAX {
            return Err(SessionsUnavailable(format!("{MEMORY_SESSIONS_MAX} sessions are open")));
        }
        sessions.insert(new.session_id.clone(), Session::start(new, &self.times));
        Ok(())
    }

    fn find_owner(&self, session_id: &str, now_ms: i64) -> Option<SessionOwner> {
        let sessions = self.lock();
        let session = sessions.get(session_id).filter(|session| !session.is_over(now_ms))?;
        Some(session.owner.clone())
    }

    fn exchange_now(&self, exchange: Exchange) -> Exchanged {
        let mut sessions = self.lock();
        let Some(session) = sessions
            .get_mut(&exchange.session_id)
            .filter(|session| !session.is_over(exchange.now_ms))
        else {
            return Exchanged::Ended;
        };
        let answer = session.exchange(exchange.handle, exchange.new_token_id, exchange.now_ms, &self.times);
        if answer == Exchanged::Reused && !planted::is(Bug::ReuseUnpunished) {
            sessions.remove(&exchange.session_id);
        }
        answer
    }
}

impl SessionStore for MemorySessions {
    fn create(&self, session: NewSession) -> Call<'_, ()> {
        Box::pin(ready(self.start(session)))
    }

    fn list<'a>(&'a self, account_id: &'a str, now_ms: i64) -> Call<'a, Vec<OpenSession>> {
        let open = open_sessions(&self.lock(), account_id, now_ms);
        Box::pin(ready(Ok(open)))
    }

    fn owner<'a>(&'a self, session_id: &'a str, now_ms: i64) -> Call<'a, Option<SessionOwner>> {
        Box::pin(ready(Ok(self.find_owner(session_id, now_ms))))
    }

    fn exchange(&self, exchange: Exchange) -> Call<'_, Exchanged> {
        Box::pin(ready(Ok(self.exchange_now(exchange))))
    }

    fn mark_used<'a>(&'a self, session_id: &'a str, token_id: &'a str) -> Call<'a, ()> {
        if let Some(session) = self.lock().get_mut(session_id) {
            session.mark_used(token_id);
        }
        Box::pin(ready(Ok(())))
    }

    fn end<'a>(&'a self, session_id: &'a str) -> Call<'a, ()> {
        self.lock().remove(session_id);
        Box::pin(ready(Ok(())))
    }

    fn begin_guess<'a>(&'a self, guess: &'a Guess) -> Call<'a, Admission> {
        Box::pin(ready(Ok(self.guesses().begin(guess))))
    }

    fn forgive<'a>(&'a self, guess: &'a Guess) -> Call<'a, ()> {
        self.guesses().forgive(guess);
        Box::pin(ready(Ok(())))
    }

    fn is_ready(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(ready(true))
    }
}

/// A store of one process is small, so all of it is looked through.
fn open_sessions(sessions: &HashMap<String, Session>, account_id: &str, now_ms: i64) -> Vec<OpenSession> {
    let own = sessions
        .iter()
        .filter(|(_, session)| session.owner.account_id == account_id && !session.is_over(now_ms));
    let mut open: Vec<_> = own.map(|(id, session)| session.open(id)).collect();
    open.sort_by(|one, other| (one.began_at_ms, &one.session_id).cmp(&(other.began_at_ms, &other.session_id)));
    open
}
