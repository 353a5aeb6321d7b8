//! Sessions: what is behind a refresh token and behind an expired access token.
//!
//! A session has one current access token and one current refresh token. Exchanging either makes its successor;
//! the predecessor gets the same successor for a short grace (parallel calls), and after that until something shows that
//! the answer has arrived (lost answers). Then its return means that two parties hold it: the session is over for both.
//! One call of [`SessionStore::exchange`] checks and changes a session at once, so two of them never both win.

use std::future::Future;
use std::pin::Pin;

use crate::limits::{ACCESS_TOKEN_TTL_MS, ROTATION_GRACE_MS, SESSION_ABSOLUTE_MS, SESSION_IDLE_MS};

pub use guesses::{Admission, Guess, Guesser};
pub use memory::MemorySessions;
pub use redis::{RedisAccess, RedisSessions};

mod guesses;
mod memory;
mod redis;
mod session;

/// What a login starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// 32 hex digits of 128 random bits.
    pub session_id: String,
    /// The account.
    pub account_id: String,
    /// The key under which its credential is found again.
    pub login_key: String,
    /// The version of that credential.
    pub credential_version: i64,
    /// Whether a second factor was shown.
    pub has_second_factor: bool,
    /// Id of the first access token.
    pub token_id: String,
    /// Fingerprint of the refresh token of generation 1.
    pub refresh_fingerprint: String,
    /// When it starts; also when the first access token is issued.
    pub now_ms: i64,
}

/// Whose session it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOwner {
    /// The account.
    pub account_id: String,
    /// The key of its credential.
    pub login_key: String,
    /// The version of that credential with which the session began.
    pub credential_version: i64,
    /// Whether a second factor was shown when it began.
    pub has_second_factor: bool,
}

/// A session as its owner sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSession {
    /// The session.
    pub session_id: String,
    /// The version of the account's credential with which it began.
    pub credential_version: i64,
    /// When it began. Milliseconds since the epoch.
    pub began_at_ms: i64,
    /// When its current access token was issued. Milliseconds since the epoch.
    pub renewed_at_ms: i64,
}

/// The token that is to be exchanged for its successor. That it is genuine has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handle {
    /// An expired access token.
    Access {
        /// Its id.
        token_id: String,
    },
    /// A refresh token.
    Refresh {
        /// Its generation.
        generation: u32,
        /// Its fingerprint.
        fingerprint: String,
        /// The fingerprint of the generation after it.
        next_fingerprint: String,
    },
}

/// One exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The session.
    pub session_id: String,
    /// The token that is handed in.
    pub handle: Handle,
    /// The id of the new access token, if one is to be made.
    pub new_token_id: String,
    /// The time.
    pub now_ms: i64,
}

/// What an exchange comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Exchanged {
    /// This is the session's current access token. It is new, or the one that an earlier exchange of the same
    /// handle made.
    Current {
        /// Its id.
        token_id: String,
        /// When it was issued.
        issued_at_ms: i64,
    },
    /// There is no such session: it ended, or was never.
    Ended,
    /// The handle was exchanged before and its successor is in use. The session has been ended.
    Reused,
}

/// The session store is away.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the session store is not available: {0}")]
pub struct SessionsUnavailable(pub String);

/// The future of a call to a session store.
pub type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, SessionsUnavailable>> + Send + 'a>>;

/// Where sessions are kept, and guesses at passwords counted. Every call is atomic, and answers or fails within a bounded time.
pub trait SessionStore: Send + Sync {
    /// Starts a session. An account that has [`ACCOUNT_SESSIONS_MAX`](crate::limits::ACCOUNT_SESSIONS_MAX) already loses the one that
    /// began first.
    fn create(&self, session: NewSession) -> Call<'_, ()>;

    /// The sessions of an account that are not over, in the order in which they began.
    fn list<'a>(&'a self, account_id: &'a str, now_ms: i64) -> Call<'a, Vec<OpenSession>>;

    /// Whose session it is; `None` if it ended.
    fn owner<'a>(&'a self, session_id: &'a str, now_ms: i64) -> Call<'a, Option<SessionOwner>>;

    /// Exchanges a token for its successor.
    fn exchange(&self, exchange: Exchange) -> Call<'_, Exchanged>;

    /// Records that the session's current access token, if it is this one, has arrived and is used.
    fn mark_used<'a>(&'a self, session_id: &'a str, token_id: &'a str) -> Call<'a, ()>;

    /// Ends a session. Ending what has ended is no error.
    fn end<'a>(&'a self, session_id: &'a str) -> Call<'a, ()>;

    /// Counts a guess at a password, if it may be made.
    fn begin_guess<'a>(&'a self, guess: &'a Guess) -> Call<'a, Admission>;

    /// A guess that was right, or was not looked at, counts no more.
    fn forgive<'a>(&'a self, guess: &'a Guess) -> Call<'a, ()>;

    /// Whether the store answers.
    fn is_ready(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>>;
}

/// The times by which a session store judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimes {
    /// A session ends this long after its last exchange.
    pub idle_ms: i64,
    /// A session ends this long after its login.
    pub absolute_ms: i64,
    /// For this long a predecessor gets the same successor, used or not.
    pub grace_ms: i64,
    /// How long an access token lives.
    pub token_ttl_ms: i64,
}

impl Default for SessionTimes {
    fn default() -> Self {
        Self {
            idle_ms: SESSION_IDLE_MS,
            absolute_ms: SESSION_ABSOLUTE_MS,
            grace_ms: ROTATION_GRACE_MS,
            token_ttl_ms: ACCESS_TOKEN_TTL_MS,
        }
    }
}
