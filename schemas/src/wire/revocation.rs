//! Records of the topic `revocations`.

use serde::{Deserialize, Serialize};

use super::Wire;
use crate::topics::{self, TopicSpec};

impl Wire for Revocation {
    fn topic() -> &'static TopicSpec {
        &topics::REVOCATIONS
    }
}

/// Why a session ended before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum RevocationReason {
    /// The person logged out.
    Logout,
    /// A refresh token was used twice.
    ReuseDetected,
    /// The password was replaced.
    PasswordChanged,
    /// The account was disabled.
    AccountDisabled,
    /// An operator ended it.
    RevokedByOperator,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// A session, or every session of an account that began with an earlier version of its credential, is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// The session, also the key; null if all earlier sessions of the account are over.
    #[serde(default)]
    pub session_id: Option<String>,
    /// The account, also the key if no session is named.
    pub account_id: String,
    /// When it ended.
    pub revoked_at: i64,
    /// Why.
    pub reason: RevocationReason,
    /// Sessions that began with a credential of an earlier version are over; null if a session is named.
    #[serde(default)]
    pub version: Option<i64>,
}
