//! Keys of the stores whose entries have more than one part. The first part decides the partition;
//! a zero byte, which no id contains, ends each part but the last.

use crate::ids::{AccountId, AdjustmentId, LineNo, OrderId, ProductId, SettlementId, TransferId};

/// Ends a part.
const END: u8 = 0;

/// The hold of one line of one order on a product.
#[must_use]
pub fn hold(product: &ProductId, order: &OrderId, line: LineNo) -> Vec<u8> {
    let mut key = joined(product.as_str(), order.as_str().as_bytes());
    key.push(END);
    key.extend_from_slice(&line.0.to_be_bytes());
    key
}

/// An adjustment of a product's stock.
#[must_use]
pub fn adjustment(product: &ProductId, adjustment: &AdjustmentId) -> Vec<u8> {
    joined(product.as_str(), adjustment.as_str().as_bytes())
}

/// The payment of an order by an account.
#[must_use]
pub fn payment(account: &AccountId, order: &OrderId) -> Vec<u8> {
    joined(account.as_str(), order.as_str().as_bytes())
}

/// The account and the order of a [`payment`]'s key.
#[must_use]
pub fn account_and_order(payment: &[u8]) -> Option<(AccountId, OrderId)> {
    let (account, order) = parts(payment)?;
    Some((account.into(), order.into()))
}

/// A transfer into or out of an account's wallet.
#[must_use]
pub fn transfer(account: &AccountId, transfer: &TransferId) -> Vec<u8> {
    joined(account.as_str(), transfer.as_str().as_bytes())
}

/// The account and the id of a [`transfer`]'s key.
#[must_use]
pub fn account_and_transfer(transfer: &[u8]) -> Option<(AccountId, TransferId)> {
    let (account, transfer) = parts(transfer)?;
    Some((account.into(), transfer.into()))
}

/// A settlement that was credited to a seller's account.
#[must_use]
pub fn credit(account: &AccountId, settlement: &SettlementId) -> Vec<u8> {
    joined(account.as_str(), settlement.as_str().as_bytes())
}

/// An event of an order: events of one order stand together, in their order.
#[must_use]
pub fn timeline(order: &OrderId, seq: u64) -> Vec<u8> {
    joined(order.as_str(), &seq.to_be_bytes())
}

/// An order of a buyer or a seller: orders of one owner stand together, the newest first.
#[must_use]
pub fn listed(owner: &str, created_at: i64, order: &str) -> Vec<u8> {
    let mut key = joined(owner, &newest_first(created_at));
    key.extend_from_slice(order.as_bytes());
    key
}

/// A buyer of a seller.
#[must_use]
pub fn buyer(seller: &str, buyer: &str) -> Vec<u8> {
    joined(seller, buyer.as_bytes())
}

/// What all keys begin with whose first part is `owner`.
#[must_use]
pub fn all_of(owner: &str) -> Vec<u8> {
    joined(owner, &[])
}

fn parts(key: &[u8]) -> Option<(&str, &str)> {
    std::str::from_utf8(key).ok()?.split_once(char::from(END))
}

fn joined(first: &str, rest: &[u8]) -> Vec<u8> {
    let mut key = Vec::with_capacity(first.len() + 1 + rest.len());
    key.extend_from_slice(first.as_bytes());
    key.push(END);
    key.extend_from_slice(rest);
    key
}

/// Bytes that sort a later time before an earlier one; times before the epoch count as the epoch.
fn newest_first(at: i64) -> [u8; 8] {
    (i64::MAX - at.max(0)).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_order_stands_first_and_owners_do_not_mix() {
        let keys = [
            listed("ann", 2_000, "o1"),
            listed("ann", 1_000, "o2"),
            listed("ann", 1_000, "o3"),
            listed("anna", 9_000, "o4"),
        ];
        assert!(keys.is_sorted());
        assert!(keys.iter().take(3).all(|key| key.starts_with(&all_of("ann"))));
        assert!(!listed("anna", 9_000, "o4").starts_with(&all_of("ann")));
    }

    #[test]
    fn a_timeline_stands_in_the_order_of_its_events() {
        let order = OrderId::from("o");
        assert!(timeline(&order, 2) < timeline(&order, 10));
        assert!(timeline(&order, 255) < timeline(&order, 256));
    }
}
