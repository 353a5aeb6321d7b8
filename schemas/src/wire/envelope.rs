//! What every command, event and reply is wrapped in, and the types that all topics share.

use serde::{Deserialize, Serialize};

/// A command, event or reply: who, when and why around a payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope<P> {
    /// Deterministic id of this record: the same record again has the same id.
    pub id: String,
    /// Place among the records of its key, from 1; 0 for commands and replies.
    pub seq: i64,
    /// When it was decided, milliseconds since the epoch, UTC.
    pub at: i64,
    /// Who caused it.
    pub actor: Actor,
    /// Id of the record or request that caused it.
    pub causation: String,
    /// Id that joins all records of one story: the order id or the request id.
    pub correlation: String,
    /// What the record says.
    pub payload: P,
}

/// Who caused a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The account; empty for SYSTEM.
    pub account_id: String,
    /// The role in which it acted.
    pub role: Role,
}

/// In which role an actor acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Buys and pays.
    Buyer,
    /// Offers products and sees the orders that hold them.
    Seller,
    /// A topology itself: a timer or a compensation.
    System,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// An amount of one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Minor units of the currency (cents, won).
    pub amount: i64,
    /// ISO 4217 code, three upper-case letters.
    pub currency: String,
}
