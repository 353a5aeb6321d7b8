//! Opaque identifiers, and how each is derived so that a replay gives the same one.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of the digest that an id keeps: 160 bits, beyond any chance of collision.
const ID_BYTES: usize = 20;

/// Bytes of an id, at most. All ids that the system gives out are shorter.
pub const ID_BYTES_MAX: usize = 128;

/// Whether a text can be an id: not empty, not too long, and without the zero byte that separates the parts of store keys.
#[must_use]
pub fn is_id(text: &str) -> bool {
    (1..=ID_BYTES_MAX).contains(&text.len()) && !text.contains('\0')
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The id as it travels in keys and records.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(id: String) -> Self {
                Self(id)
            }
        }

        impl From<&str> for $name {
            fn from(id: &str) -> Self {
                Self(id.to_owned())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id! {
    /// A buyer, a seller or an operator.
    AccountId
}
id! {
    /// An order; the key of the saga and of every reply to it.
    OrderId
}
id! {
    /// A product; the key of its catalogue entry and of its stock.
    ProductId
}
id! {
    /// One deposit into or withdrawal from a wallet.
    TransferId
}
id! {
    /// One refund of an order's payment.
    RefundId
}
id! {
    /// One part of an order's payment that goes to a seller.
    SettlementId
}
id! {
    /// One adjustment of a product's stock by its seller.
    AdjustmentId
}
id! {
    /// The envelope id of a command or an event.
    RecordId
}
id! {
    /// The key under which an account signs in: a digest, so that no e-mail address is in a topic's key.
    LoginKey
}

/// The position of a line inside its order, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LineNo(pub u16);

impl fmt::Display for LineNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The order that a buyer's `Idempotency-Key` stands for.
#[must_use]
pub fn order_id(buyer: &AccountId, idempotency_key: &str) -> OrderId {
    OrderId(derive("order", &[buyer.as_str(), idempotency_key]))
}

/// The product that a seller's `Idempotency-Key` stands for.
#[must_use]
pub fn product_id(seller: &AccountId, idempotency_key: &str) -> ProductId {
    ProductId(derive("product", &[seller.as_str(), idempotency_key]))
}

/// The deposit or withdrawal that an account's `Idempotency-Key` stands for.
#[must_use]
pub fn transfer_id(account: &AccountId, idempotency_key: &str) -> TransferId {
    TransferId(derive("transfer", &[account.as_str(), idempotency_key]))
}

/// The stock adjustment that a seller's `Idempotency-Key` stands for.
#[must_use]
pub fn adjustment_id(product: &ProductId, idempotency_key: &str) -> AdjustmentId {
    AdjustmentId(derive("adjustment", &[product.as_str(), idempotency_key]))
}

/// The account that a registration stands for; `attempt` tells apart two registrations of one e-mail address.
#[must_use]
pub fn account_id(login_key: &LoginKey, attempt: &str) -> AccountId {
    AccountId(derive("account", &[login_key.as_str(), attempt]))
}

/// The command that a caller's `Idempotency-Key` stands for, such as a cancellation of `subject`.
#[must_use]
pub fn command_id(kind: &str, subject: &str, idempotency_key: &str) -> RecordId {
    RecordId(derive(kind, &[subject, idempotency_key]))
}

/// The sign-in key of an e-mail address: hex SHA-256 of the address without surrounding space, in lower case.
#[must_use]
pub fn login_key(email: &str) -> LoginKey {
    LoginKey(hex(&Sha256::digest(email.trim().to_lowercase().as_bytes())))
}

/// The fingerprint of a request body: equal bodies under one `Idempotency-Key` are one request.
#[must_use]
pub fn request_hash(body: &[u8]) -> String {
    hex(&Sha256::digest(body))
}

/// An id of 160 bits from a kind and its parts. Each part is preceded by its length,
/// so that no two lists of parts are the same bytes.
#[must_use]
pub fn derive(kind: &str, parts: &[&str]) -> String {
    let mut digest = Sha256::new();
    for part in std::iter::once(&kind).chain(parts) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    let digest = digest.finalize();
    hex(digest.get(..ID_BYTES).unwrap_or(&digest))
}

/// The id of the event with this number under a key. It needs no digest: the key is unguessable already.
#[must_use]
pub fn event_id(key: &str, seq: u64) -> RecordId {
    RecordId(format!("{key}.{seq}"))
}

/// The id of a command that an order sends for a step, for instance `<order>.reserve.2.1`.
/// `attempt` counts the sends, so that a replay of the same send has the same id.
#[must_use]
pub fn step_command_id(order: &OrderId, step: &str, line: Option<LineNo>, attempt: u32) -> RecordId {
    match line {
        Some(line) => RecordId(format!("{order}.{step}.{line}.{attempt}")),
        None => RecordId(format!("{order}.{step}.{attempt}")),
    }
}

/// The one refund of everything that an order asks for.
#[must_use]
pub fn refund_id(order: &OrderId) -> RefundId {
    RefundId(format!("{order}.refund"))
}

/// The refund of one line.
#[must_use]
pub fn line_refund_id(order: &OrderId, line: LineNo) -> RefundId {
    RefundId(format!("{order}.refund.{line}"))
}

/// The line that a refund is of; `None` of the refund of everything.
#[must_use]
pub fn line_of_refund(order: &OrderId, refund: &RefundId) -> Option<LineNo> {
    line_of(order, ".refund.", refund.as_str())
}

/// The settlement of one line.
#[must_use]
pub fn settlement_id(order: &OrderId, line: LineNo) -> SettlementId {
    SettlementId(format!("{order}.settlement.{line}"))
}

/// The line that a settlement is of.
#[must_use]
pub fn line_of_settlement(order: &OrderId, settlement: &SettlementId) -> Option<LineNo> {
    line_of(order, ".settlement.", settlement.as_str())
}

fn line_of(order: &OrderId, kind: &str, id: &str) -> Option<LineNo> {
    let line = id.strip_prefix(order.as_str())?.strip_prefix(kind)?;
    line.parse().ok().map(LineNo)
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    nibbles.filter_map(|nibble| DIGITS.get(usize::from(nibble))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_account_and_key_give_the_same_order_and_others_do_not() {
        let (ann, bob) = (AccountId::from("ann"), AccountId::from("bob"));
        assert_eq!(order_id(&ann, "k1"), order_id(&ann, "k1"));
        assert_ne!(order_id(&ann, "k1"), order_id(&ann, "k2"));
        assert_ne!(order_id(&ann, "k1"), order_id(&bob, "k1"));
        assert_eq!(order_id(&ann, "k1").as_str().len(), ID_BYTES * 2);
    }

    #[test]
    fn parts_cannot_be_moved_across_their_border() {
        assert_ne!(derive("order", &["ab", "c"]), derive("order", &["a", "bc"]));
        assert_ne!(derive("order", &["ab"]), derive("orde", &["rab"]));
    }

    #[test]
    fn a_login_key_ignores_case_and_surrounding_space() {
        assert_eq!(login_key(" Ann@Example.org "), login_key("ann@example.org"));
        assert_eq!(
            login_key("abc").as_str(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }

    #[test]
    fn the_line_of_a_refund_or_a_settlement_is_known_again() {
        let (order, line) = (OrderId::from("o"), LineNo(7));
        assert_eq!(line_of_refund(&order, &line_refund_id(&order, line)), Some(line));
        assert_eq!(line_of_refund(&order, &refund_id(&order)), None);
        assert_eq!(line_of_settlement(&order, &settlement_id(&order, line)), Some(line));
        assert_eq!(line_of_settlement(&"p".into(), &settlement_id(&order, line)), None);
    }

    #[test]
    fn a_request_is_known_again_by_its_body() {
        assert_eq!(request_hash(b"body").len(), 64);
        assert_eq!(request_hash(b"body"), request_hash(b"body"));
        assert_ne!(request_hash(b"body"), request_hash(b"another body"));
    }
}
