//! The payment of one order: held, taken, given up or given back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::authority::{Actor, act_as_saga};
use crate::ids::{AccountId, OrderId, RefundId, SettlementId, refund_id};
use crate::money::Money;
use crate::payment::card::{CardPayment, CardToken, ProviderCall};
use crate::payment::holder::Holder;
use crate::payment::ledger::{LedgerEntry, Purse};
use crate::payment::turn::Turn;
use crate::payment::{NotAllowed, PAYMENT_RETENTION_MS, PaymentCommand, PaymentEvent, PaymentRefusal, Wallet};

/// Refunds of one payment, at most, and settlements as many: one for each line.
pub const PARTS_MAX: usize = 100;

/// What has become of an order's payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Where it stands.
    pub status: Standing,
    /// How much was asked for; `None` of a void that came before its authorisation.
    pub amount: Option<Money>,
    /// The refunds in minor units of the amount's currency.
    pub refunds: BTreeMap<RefundId, i64>,
    /// What was set aside for sellers, in minor units of the amount's currency.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settlements: BTreeMap<SettlementId, i64>,
    /// Of a payment by card: the card, and what its provider was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardPayment>,
    /// Events so far about this order.
    pub events: u64,
    /// Milliseconds since the epoch, of the last change.
    pub changed_at: i64,
}

/// Where a payment stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Standing {
    /// The payment provider was asked for the hold, and has not answered.
    Asked,
    /// The money is held.
    Held,
    /// The money is in the order's escrow, less the refunds and the settlements.
    Captured,
    /// Resolved: the hold was given up, or will be refused.
    Voided,
    /// Resolved: the hold was refused.
    Declined(PaymentRefusal),
}

/// What one command leads to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PaymentStep {
    /// The wallet after it.
    pub wallet: Option<Wallet>,
    /// The payment after it.
    pub payment: Option<Payment>,
    /// The answer to the order, or the alarm. Its number is the payment's count of events; 0 without a payment.
    pub event: Option<PaymentEvent>,
    /// The entry in the books, if money moved.
    pub entry: Option<LedgerEntry>,
    /// What to ask the payment provider. It is asked again when [`CardPayment::due_at`] has come.
    pub call: Option<ProviderCall>,
}

impl Payment {
    /// Minor units given back so far.
    #[must_use]
    pub fn refunded(&self) -> i64 {
        self.refunds.values().sum()
    }

    /// Minor units taken so far, refunds not counted.
    #[must_use]
    pub fn captured(&self) -> i64 {
        match self.status {
            Standing::Captured => self.amount.map_or(0, |amount| amount.amount),
            Standing::Asked | Standing::Held | Standing::Voided | Standing::Declined(_) => 0,
        }
    }

    /// Minor units set aside for sellers so far.
    #[must_use]
    pub fn settled(&self) -> i64 {
        self.settlements.values().sum()
    }

    /// Minor units that are left in the order's escrow.
    #[must_use]
    pub fn in_escrow(&self) -> i64 {
        self.captured() - self.refunded() - self.settled()
    }

    /// Minor units of the escrow that no refund was asked for: a card's provider may not have answered yet.
    #[must_use]
    pub fn left(&self) -> i64 {
        self.in_escrow() - self.card.as_ref().map_or(0, CardPayment::refunding)
    }

    /// When the payment provider is asked again, in milliseconds since the epoch; `None` while it is asked nothing.
    #[must_use]
    pub fn asks_again_at(&self) -> Option<i64> {
        self.card.as_ref()?.due_at()
    }

    /// Whether so much of the escrow is left; `unchecked` takes any amount of its currency.
    pub(super) fn has_left(&self, amount: Money, unchecked: bool) -> bool {
        let same_currency = self.amount.is_some_and(|captured| captured.currency == amount.currency);
        same_currency && ((0..=self.left()).contains(&amount.amount) || unchecked)
    }

    /// Whether a command asks for another payment than this one. A void that came first has not said what it is of.
    pub(super) fn is_other(&self, amount: Money, card: Option<&CardToken>) -> bool {
        let same_card = self.card.as_ref().map(|known| &known.card) == card;
        self.amount.is_some_and(|known| known != amount || !same_card)
    }

    /// Whether a card's provider holds the money.
    pub(super) fn is_held_by_card(&self) -> bool {
        self.status == Standing::Held && self.card.is_some()
    }

    /// Where the money comes from.
    pub(super) fn purse(&self) -> Purse {
        if self.card.is_some() {
            Purse::Card
        } else {
            Purse::Wallet
        }
    }

    /// The refund of everything, if there was one.
    #[must_use]
    pub fn whole_refund(&self, order_id: &OrderId) -> Option<(RefundId, i64)> {
        let refund_id = refund_id(order_id);
        self.refunds.get(&refund_id).map(|units| (refund_id, *units))
    }

    /// Whether nothing that was taken is left.
    #[must_use]
    pub fn is_distributed(&self) -> bool {
        let has_parts = !self.refunds.is_empty() || !self.settlements.is_empty();
        self.status == Standing::Captured && has_parts && self.in_escrow() == 0
    }

    /// When it may be forgotten, in milliseconds since the epoch; `None` while it may still change.
    #[must_use]
    pub fn forget_at(&self) -> Option<i64> {
        let resolved = match self.status {
            Standing::Asked | Standing::Held => false,
            Standing::Captured => self.is_distributed(),
            Standing::Voided => true,
            Standing::Declined(_) => true,
        };
        let is_asking = self.card.as_ref().is_some_and(|card| !card.calls.is_empty());
        (resolved && !is_asking).then(|| self.changed_at.saturating_add(PAYMENT_RETENTION_MS))
    }
}

/// Takes one command about the payment of an order; deposits, withdrawals and credits lead to nothing here. `holder` is the
/// wallet's, if it is known by now.
pub fn step(
    account_id: &AccountId,
    holder: Option<Holder>,
    wallet: Option<Wallet>,
    payment: Option<Payment>,
    command: PaymentCommand,
    actor: &Actor,
    now: i64,
) -> Result<PaymentStep, NotAllowed> {
    act_as_saga(actor).map_err(|_| NotAllowed)?;
    let turn = Turn::new(account_id, holder, wallet, payment, now);
    let order_id = command.order_id().cloned();
    let step = match command {
        PaymentCommand::Authorize {
            order_id,
            amount,
            attempt,
            card,
        } => turn.authorize(order_id, amount, attempt, card),
        PaymentCommand::Capture { order_id } => turn.capture(order_id),
        PaymentCommand::Void { order_id } => turn.void(order_id),
        PaymentCommand::Refund {
            order_id,
            refund_id,
            amount,
        } => turn.refund(order_id, refund_id, amount),
        PaymentCommand::Settle {
            order_id,
            settlement_id,
            seller_id,
            amount,
        } => turn.settle(order_id, (settlement_id, seller_id), amount),
        PaymentCommand::Deposit { .. } | PaymentCommand::Withdraw { .. } | PaymentCommand::Credit { .. } => {
            turn.silent()
        }
    };
    Ok(match order_id {
        Some(order_id) => step.with_call(&order_id, now),
        None => step,
    })
}
