//! What leaves the escrow of an order: refunds to the buyer, settlements for sellers.

use planted::Bug;

use crate::ids::{RefundId, SettlementId};
use crate::money::Money;
use crate::payment::ledger::{LedgerKind, Purse};
use crate::payment::{Payment, PaymentOperation};

/// A part of what an order was paid with.
pub(super) enum Part {
    /// Back to the buyer, whose wallet this is.
    Refund(RefundId, Purse),
    /// On to a seller. This wallet does not change, but the entry takes a number of it.
    Settlement(SettlementId),
}

impl Part {
    pub(super) fn id(&self) -> &str {
        match self {
            Self::Refund(id, _) => id.as_str(),
            Self::Settlement(id) => id.as_str(),
        }
    }

    pub(super) fn operation(&self) -> PaymentOperation {
        match self {
            Self::Refund(..) => PaymentOperation::Refund,
            Self::Settlement(_) => PaymentOperation::Settle,
        }
    }

    pub(super) fn kind(&self) -> LedgerKind {
        match self {
            Self::Refund(..) => LedgerKind::Refund,
            Self::Settlement(_) => LedgerKind::Settlement,
        }
    }

    /// What comes back into this wallet.
    pub(super) fn gain(&self, amount: Money) -> i64 {
        match self {
            Self::Refund(_, purse) => purse.gain(amount),
            Self::Settlement(_) => 0,
        }
    }

    pub(super) fn purse(&self) -> Purse {
        match self {
            Self::Refund(_, purse) => *purse,
            Self::Settlement(_) => Purse::Wallet,
        }
    }

    /// The minor units of this part, if it was made before.
    pub(super) fn known(&self, payment: &Payment) -> Option<i64> {
        match self {
            Self::Refund(id, _) => payment.refunds.get(id).copied(),
            Self::Settlement(id) => payment.settlements.get(id).copied(),
        }
    }

    /// Parts of this kind that were made before.
    pub(super) fn made(&self, payment: &Payment) -> usize {
        match self {
            Self::Refund(..) => payment.refunds.len(),
            Self::Settlement(_) => payment.settlements.len(),
        }
    }

    pub(super) fn keep(self, payment: &mut Payment, amount: Money) {
        match self {
            Self::Refund(id, _) => payment.refunds.insert(id, amount.amount),
            Self::Settlement(id) => payment.settlements.insert(id, amount.amount),
        };
    }

    pub(super) fn bug(&self) -> Bug {
        match self {
            Self::Refund(..) => Bug::RefundedTwice,
            Self::Settlement(_) => Bug::SettledTwice,
        }
    }
}
