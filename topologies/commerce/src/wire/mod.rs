//! The border between records and the business: wire types become domain types here, and the reverse.
//!
//! What does not fit the domain (a currency of four letters, a symbol of a newer writer) is a [`WireError`],
//! and the record is put aside with it.

pub mod account;
pub mod fulfilment;
pub mod order;
pub mod order_event;
pub mod payment;
pub mod payment_event;
pub mod product;
pub mod provider;
pub mod stock;
pub mod webhook;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod round_trips;

use schemas::wire::envelope;
use thiserror::Error;

use crate::authority::{Actor, Role};
use crate::ids::{LineNo, RecordId, is_id};
use crate::money::{Currency, Money, MoneyError};
use crate::payment::CardToken;

/// Why a record does not fit the domain.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WireError {
    /// An enum holds a symbol of a newer writer.
    #[error("the record has a {0} that this program does not know")]
    UnknownSymbol(&'static str),
    /// An amount is not of a currency.
    #[error(transparent)]
    Money(#[from] MoneyError),
    /// A number is outside its range.
    #[error("the record has a {0} outside its range")]
    OutOfRange(&'static str),
    /// A key or a field is empty, too long, or holds a zero byte, which separates the parts of store keys.
    #[error("the record's {0} is no id")]
    BadId(&'static str),
}

/// What an outgoing record says about itself.
#[derive(Debug, Clone)]
pub struct Meta {
    /// Its own id.
    pub id: RecordId,
    /// Its number under its key; 0 of commands and replies.
    pub seq: u64,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// Who caused it.
    pub actor: Actor,
    /// The id of the record that caused it.
    pub causation: String,
    /// The order or the request that it belongs to.
    pub correlation: String,
}

impl Meta {
    /// Wraps a payload.
    pub fn envelope<P>(self, payload: P) -> envelope::Envelope<P> {
        envelope::Envelope {
            id: self.id.0,
            seq: number(self.seq),
            at: self.at,
            actor: actor_to_wire(self.actor),
            causation: self.causation,
            correlation: self.correlation,
            payload,
        }
    }
}

/// Checks that a record's key can be an id.
pub fn check_key(key: &str) -> Result<(), WireError> {
    if is_id(key) {
        Ok(())
    } else {
        Err(WireError::BadId("key"))
    }
}

/// Reads a field that must be an id.
pub fn id<I: From<String>>(text: String, field: &'static str) -> Result<I, WireError> {
    if is_id(&text) {
        Ok(I::from(text))
    } else {
        Err(WireError::BadId(field))
    }
}

/// Reads the card of a payment, if there is one.
pub fn optional_card(token: Option<&str>) -> Result<Option<CardToken>, WireError> {
    let card = token.map(CardToken::parse).transpose();
    card.map_err(|_| WireError::BadId("card"))
}

/// Reads who asked.
pub fn actor(wire: &envelope::Actor) -> Result<Actor, WireError> {
    Ok(Actor {
        account_id: wire.account_id.as_str().into(),
        role: role(wire.role)?,
    })
}

/// Writes who asked.
#[must_use]
pub fn actor_to_wire(actor: Actor) -> envelope::Actor {
    envelope::Actor {
        account_id: actor.account_id.0,
        role: role_to_wire(actor.role),
    }
}

/// Reads a role.
pub fn role(wire: envelope::Role) -> Result<Role, WireError> {
    match wire {
        envelope::Role::Buyer => Ok(Role::Buyer),
        envelope::Role::Seller => Ok(Role::Seller),
        envelope::Role::System => Ok(Role::System),
        envelope::Role::Unknown => Err(WireError::UnknownSymbol("role")),
    }
}

/// Writes a role.
#[must_use]
pub fn role_to_wire(role: Role) -> envelope::Role {
    match role {
        Role::Buyer => envelope::Role::Buyer,
        Role::Seller => envelope::Role::Seller,
        Role::System => envelope::Role::System,
    }
}

/// Reads an amount.
pub fn money(wire: &envelope::Money) -> Result<Money, WireError> {
    Ok(Money::new(wire.amount, Currency::parse(&wire.currency)?))
}

/// Writes an amount.
#[must_use]
pub fn money_to_wire(money: Money) -> envelope::Money {
    envelope::Money {
        amount: money.amount,
        currency: money.currency.code().to_owned(),
    }
}

/// Reads a currency that may be left out: an empty text is none.
pub fn optional_currency(wire: &str) -> Result<Option<Currency>, WireError> {
    if wire.is_empty() {
        Ok(None)
    } else {
        Ok(Some(Currency::parse(wire)?))
    }
}

/// Writes a currency that may be left out.
#[must_use]
pub fn optional_currency_to_wire(currency: Option<Currency>) -> String {
    currency.map_or_else(String::new, |currency| currency.code().to_owned())
}

/// Reads a line number.
pub fn line(wire: i32) -> Result<LineNo, WireError> {
    u16::try_from(wire)
        .map(LineNo)
        .map_err(|_| WireError::OutOfRange("line"))
}

/// Reads a count of sends.
pub fn attempt(wire: i32) -> Result<u32, WireError> {
    u32::try_from(wire).map_err(|_| WireError::OutOfRange("attempt"))
}

/// Writes a count of sends. It stays far below its bound.
#[must_use]
pub fn attempt_to_wire(attempt: u32) -> i32 {
    i32::try_from(attempt).unwrap_or(i32::MAX)
}

/// Writes a count. It stays far below its bound.
#[must_use]
pub fn number(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// Reads a count.
pub fn count(wire: i64) -> Result<u64, WireError> {
    u64::try_from(wire).map_err(|_| WireError::OutOfRange("number"))
}
