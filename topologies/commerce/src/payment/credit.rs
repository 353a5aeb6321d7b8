//! The seller's side of a settlement.

use serde::{Deserialize, Serialize};

use crate::authority::{Actor, act_as_saga};
use crate::ids::{AccountId, OrderId, SettlementId};
use crate::money::Money;
use crate::payment::ledger::{self, LedgerEntry, LedgerKind};
use crate::payment::wallet::is_amount;
use crate::payment::{
    NotAllowed, PAYMENT_RETENTION_MS, PaymentEvent, PaymentFact, PaymentOperation, PaymentRefusal, Wallet,
};

/// A settlement that has been credited to its seller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// How much.
    pub amount: Money,
    /// Milliseconds since the epoch.
    pub made_at: i64,
}

/// What one credit leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreditStep {
    /// The wallet after it, if it has changed.
    pub wallet: Option<Wallet>,
    /// The credit, if it has been made by now.
    pub credit: Option<Credit>,
    /// The answer to the order, or the alarm.
    pub event: PaymentEvent,
    /// Its entry in the books, if it was made now.
    pub entry: Option<LedgerEntry>,
}

impl Credit {
    /// When it may be forgotten, in milliseconds since the epoch: a saga that asks again does so within the time for which
    /// the command topics keep what made it ask.
    #[must_use]
    pub fn forget_at(&self) -> i64 {
        self.made_at.saturating_add(PAYMENT_RETENTION_MS)
    }
}

/// Takes one credit. `made` is the credit of this settlement, if it has been made: the same one again is answered from it.
pub fn step(
    account_id: &AccountId,
    wallet: Option<Wallet>,
    made: Option<Credit>,
    (order_id, settlement_id, amount): (OrderId, SettlementId, Money),
    actor: &Actor,
    now: i64,
) -> Result<CreditStep, NotAllowed> {
    act_as_saga(actor).map_err(|_| NotAllowed)?;
    let fact = PaymentEvent::Fact {
        order_id: order_id.clone(),
        fact: PaymentFact::Credited {
            account_id: account_id.clone(),
            settlement_id: settlement_id.clone(),
            amount,
        },
    };
    let wallet = wallet.unwrap_or_else(|| Wallet::empty(account_id.clone()));
    Ok(match made {
        Some(made) if made.amount == amount => CreditStep {
            wallet: None,
            credit: Some(made),
            event: fact,
            entry: None,
        },
        Some(_) => refused(order_id, made, PaymentRefusal::Conflict),
        None => match book(wallet, (&order_id, &settlement_id, amount), now) {
            Ok((wallet, entry)) => CreditStep {
                wallet: Some(wallet),
                credit: Some(Credit { amount, made_at: now }),
                event: fact,
                entry: Some(entry),
            },
            Err(reason) => refused(order_id, None, reason),
        },
    })
}

fn book(
    mut wallet: Wallet,
    (order_id, settlement_id, amount): (&OrderId, &SettlementId, Money),
    now: i64,
) -> Result<(Wallet, LedgerEntry), PaymentRefusal> {
    if !is_amount(amount) {
        return Err(PaymentRefusal::InvalidAmount);
    }
    wallet.book(amount.currency, amount.amount, 0, now)?;
    let operation = settlement_id.as_str();
    let entry = ledger::entry(&wallet, LedgerKind::Credit, Some(order_id), operation, amount);
    Ok((wallet, entry))
}

fn refused(order_id: OrderId, made: Option<Credit>, reason: PaymentRefusal) -> CreditStep {
    CreditStep {
        wallet: None,
        credit: made,
        event: PaymentEvent::Refused {
            order_id,
            operation: PaymentOperation::Credit,
            reason,
        },
        entry: None,
    }
}
