//! The books: each operation is one entry whose postings sum to zero.

use std::fmt;

use planted::Bug;

use crate::ids::{AccountId, OrderId, TransferId};
use crate::money::{Currency, Money};
use crate::payment::Wallet;

/// One operation with all its postings, in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The operation: no two entries share it.
    pub entry_id: String,
    /// The number of the entry under its wallet, from 1.
    pub seq: u64,
    /// Whose wallet.
    pub account_id: AccountId,
    /// The order, of an operation for one.
    pub order_id: Option<OrderId>,
    /// Which operation.
    pub kind: LedgerKind,
    /// The currency of all postings.
    pub currency: Currency,
    /// What each account gains or, negative, loses.
    pub postings: Vec<Posting>,
}

/// The operations of the books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerKind {
    /// From outside into the free money.
    Deposit,
    /// From the free money to outside.
    Withdrawal,
    /// From the free money, or from a card, to the held.
    Authorization,
    /// From the held money to the order's escrow.
    Capture,
    /// From the held money to the free, or to the card.
    Void,
    /// From the order's escrow to the free money, or to the card.
    Refund,
    /// From the order's escrow to what is due to its sellers.
    Settlement,
    /// From what is due to the free money of a seller.
    Credit,
    /// From the free money to what is on its way to a card.
    Payout,
    /// From what is on its way to outside.
    PayoutPaid,
    /// From what is on its way back to the free money.
    PayoutReturned,
}

/// What one account gains, in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The account.
    pub account: LedgerAccount,
    /// The gain; negative is a loss.
    pub amount: i64,
}

/// An account of the books.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LedgerAccount {
    /// The free money of a wallet: `wallet:<account>:available`.
    Available(AccountId),
    /// The held money of a wallet, of cards too: `wallet:<account>:held`.
    Held(AccountId),
    /// What an order has been paid with: `escrow:<order>`.
    Escrow(OrderId),
    /// What is due to an order's sellers: `due:<order>`.
    Due(OrderId),
    /// What is on its way to a card: `payout:<withdrawal>`.
    Payout(TransferId),
    /// Everybody else: `outside`. It alone may be negative.
    Outside,
}

impl LedgerKind {
    /// The word that ends the entry's id.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Deposit => "deposit",
            Self::Withdrawal => "withdrawal",
            Self::Authorization => "authorization",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
            Self::Settlement => "settlement",
            Self::Credit => "credit",
            Self::Payout => "payout",
            Self::PayoutPaid => "payout-paid",
            Self::PayoutReturned => "payout-returned",
        }
    }
}

impl LedgerAccount {
    /// Reads an account as it is printed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text == "outside" {
            return Some(Self::Outside);
        }
        if let Some(order) = text.strip_prefix("escrow:") {
            return Some(Self::Escrow(order.into()));
        }
        if let Some(order) = text.strip_prefix("due:") {
            return Some(Self::Due(order.into()));
        }
        if let Some(withdrawal) = text.strip_prefix("payout:") {
            return Some(Self::Payout(withdrawal.into()));
        }
        let wallet = text.strip_prefix("wallet:")?;
        if let Some(account) = wallet.strip_suffix(":available") {
            return Some(Self::Available(account.into()));
        }
        wallet.strip_suffix(":held").map(|account| Self::Held(account.into()))
    }
}

impl fmt::Display for LedgerAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Available(account) => write!(f, "wallet:{account}:available"),
            Self::Held(account) => write!(f, "wallet:{account}:held"),
            Self::Escrow(order) => write!(f, "escrow:{order}"),
            Self::Due(order) => write!(f, "due:{order}"),
            Self::Payout(withdrawal) => write!(f, "payout:{withdrawal}"),
            Self::Outside => f.write_str("outside"),
        }
    }
}

/// Where the money of a payment comes from, and where it goes back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purse {
    /// The free money of the wallet.
    Wallet,
    /// A card: the money is outside until it is held.
    Card,
}

/// The entry of an operation that the wallet has just booked; `operation` is its id beside the kind.
pub(crate) fn entry(
    wallet: &Wallet,
    kind: LedgerKind,
    order_id: Option<&OrderId>,
    operation: &str,
    amount: Money,
) -> LedgerEntry {
    Purse::Wallet.entry(wallet, kind, (order_id, operation), amount)
}

impl Purse {
    /// What the free money of the wallet gains when the amount comes back.
    pub(crate) fn gain(self, amount: Money) -> i64 {
        match self {
            Self::Wallet => amount.amount,
            Self::Card => 0,
        }
    }

    /// The entry of an operation with money that comes from here, or goes back.
    pub(crate) fn entry(
        self,
        wallet: &Wallet,
        kind: LedgerKind,
        (order_id, operation): (Option<&OrderId>, &str),
        amount: Money,
    ) -> LedgerEntry {
        let purse = match self {
            Self::Wallet => LedgerAccount::Available(wallet.account_id.clone()),
            Self::Card => LedgerAccount::Outside,
        };
        let (from, to) = movement(kind, purse, &wallet.account_id, (order_id, operation));
        LedgerEntry {
            entry_id: format!("{operation}.{}", kind.word()),
            seq: wallet.version,
            account_id: wallet.account_id.clone(),
            order_id: order_id.cloned(),
            kind,
            currency: amount.currency,
            postings: vec![
                Posting {
                    account: from,
                    amount: -amount.amount,
                },
                Posting {
                    account: to,
                    amount: if planted::is(Bug::LedgerOneSided) {
                        0
                    } else {
                        amount.amount
                    },
                },
            ],
        }
    }
}

fn movement(
    kind: LedgerKind,
    purse: LedgerAccount,
    account: &AccountId,
    (order, operation): (Option<&OrderId>, &str),
) -> (LedgerAccount, LedgerAccount) {
    let available = LedgerAccount::Available(account.clone());
    let held = LedgerAccount::Held(account.clone());
    // Without an order there is no escrow and nothing due; only transfers have none, and they do not touch them.
    let of_order = |account: fn(OrderId) -> LedgerAccount| order.cloned().map_or(LedgerAccount::Outside, account);
    let (escrow, due) = (of_order(LedgerAccount::Escrow), of_order(LedgerAccount::Due));
    let on_its_way = || LedgerAccount::Payout(operation.into());
    match kind {
        LedgerKind::Deposit => (LedgerAccount::Outside, available),
        LedgerKind::Withdrawal => (available, LedgerAccount::Outside),
        LedgerKind::Authorization => (purse, held),
        LedgerKind::Capture => (held, escrow),
        LedgerKind::Void => (held, purse),
        LedgerKind::Refund => (escrow, purse),
        LedgerKind::Settlement => (escrow, due),
        LedgerKind::Credit => (due, available),
        LedgerKind::Payout => (available, on_its_way()),
        LedgerKind::PayoutPaid => (on_its_way(), LedgerAccount::Outside),
        LedgerKind::PayoutReturned => (on_its_way(), available),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_account_reads_back_as_it_is_printed() {
        let accounts = [
            LedgerAccount::Available("a:b".into()),
            LedgerAccount::Held("a".into()),
            LedgerAccount::Escrow("o".into()),
            LedgerAccount::Due("o".into()),
            LedgerAccount::Payout("w".into()),
            LedgerAccount::Outside,
        ];
        for account in accounts {
            assert_eq!(LedgerAccount::parse(&account.to_string()), Some(account));
        }
        assert_eq!(LedgerAccount::parse("till"), None);
    }
}
