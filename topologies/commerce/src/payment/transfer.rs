//! Deposits and withdrawals.

use serde::{Deserialize, Serialize};

use planted::Bug;

use crate::authority::{Actor, Role, deposit_into, withdraw_from};
use crate::ids::{AccountId, TransferId};
use crate::money::Money;
use crate::payment::holder::{self, Holder};
use crate::payment::ledger::{self, LedgerEntry, LedgerKind};
use crate::payment::wallet::is_amount;
use crate::payment::{NotAllowed, PAYMENT_RETENTION_MS, PaymentEvent, PaymentRefusal, Wallet};

/// A transfer that has been made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// In or out.
    pub kind: TransferKind,
    /// How much.
    pub amount: Money,
    /// Milliseconds since the epoch.
    pub made_at: i64,
}

/// Which way money goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TransferKind {
    /// Into the wallet.
    Deposit,
    /// Out of it.
    Withdrawal,
}

/// What one transfer leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferStep {
    /// The wallet after it; `None` only where there is none and none was made.
    pub wallet: Option<Wallet>,
    /// The transfer, if it has been made by now.
    pub transfer: Option<Transfer>,
    /// What happened; nothing of a duplicate. Its number is the wallet's count of events.
    pub event: Option<PaymentEvent>,
    /// Its entry in the books.
    pub entry: Option<LedgerEntry>,
}

impl Transfer {
    /// When it may be forgotten, in milliseconds since the epoch.
    #[must_use]
    pub fn forget_at(&self) -> i64 {
        self.made_at.saturating_add(PAYMENT_RETENTION_MS)
    }
}

/// Takes one deposit or withdrawal. `holder` is the wallet's, if it is known by now; `made` is the transfer with this id, if it
/// has been made.
pub fn step(
    account_id: &AccountId,
    holder: Option<Holder>,
    wallet: Option<Wallet>,
    made: Option<Transfer>,
    (kind, transfer_id, amount): (TransferKind, TransferId, Money),
    actor: &Actor,
    now: i64,
) -> Result<TransferStep, NotAllowed> {
    let allowed = match kind {
        TransferKind::Deposit => deposit_into(actor, account_id),
        TransferKind::Withdrawal => withdraw_from(actor, account_id),
    };
    allowed.map_err(|_| NotAllowed)?;
    let transfer = Transfer {
        kind,
        amount,
        made_at: now,
    };
    let made = made.filter(|_| !planted::is(Bug::TransferMadeTwice));
    Ok(match made {
        Some(made) if (made.kind, made.amount) == (kind, amount) => TransferStep {
            wallet,
            transfer: Some(made),
            event: None,
            entry: None,
        },
        Some(made) => TransferStep {
            transfer: Some(made),
            ..refuse(wallet, account_id, &transfer, transfer_id, PaymentRefusal::Conflict)
        },
        None => match admit(holder, kind, actor) {
            Ok(()) => make(wallet, account_id, transfer, transfer_id, now),
            Err(reason) => refuse(wallet, account_id, &transfer, transfer_id, reason),
        },
    })
}

/// What is left in a wallet can always be paid out by the system, whoever holds it.
fn admit(holder: Option<Holder>, kind: TransferKind, actor: &Actor) -> Result<(), PaymentRefusal> {
    match (kind, actor.role) {
        (TransferKind::Withdrawal, Role::System) => Ok(()),
        (TransferKind::Withdrawal, Role::Buyer | Role::Seller) => holder::may_take_out(holder),
        (TransferKind::Deposit, Role::Buyer | Role::Seller | Role::System) => holder::may_pay(holder),
    }
}

fn make(
    wallet: Option<Wallet>,
    account_id: &AccountId,
    transfer: Transfer,
    transfer_id: TransferId,
    now: i64,
) -> TransferStep {
    let (amount, before) = (transfer.amount, wallet.clone());
    let mut after = wallet.unwrap_or_else(|| Wallet::empty(account_id.clone()));
    let (change, kind) = match transfer.kind {
        TransferKind::Deposit => (amount.amount, LedgerKind::Deposit),
        TransferKind::Withdrawal => (-amount.amount, LedgerKind::Withdrawal),
    };
    let booked = if is_amount(amount) && amount.amount > 0 {
        after.book(amount.currency, change, 0, now)
    } else {
        Err(PaymentRefusal::InvalidAmount)
    };
    if let Err(refusal) = booked {
        return refuse(before, account_id, &transfer, transfer_id, refusal);
    }
    after.events += 1;
    let entry = ledger::entry(&after, kind, None, transfer_id.as_str(), amount);
    let event = match transfer.kind {
        TransferKind::Deposit => PaymentEvent::DepositPosted { transfer_id, amount },
        TransferKind::Withdrawal => PaymentEvent::WithdrawalPosted { transfer_id, amount },
    };
    TransferStep {
        wallet: Some(after),
        transfer: Some(transfer),
        event: Some(event),
        entry: Some(entry),
    }
}

/// A refusal is numbered under the wallet, which it makes where there was none.
fn refuse(
    wallet: Option<Wallet>,
    account_id: &AccountId,
    transfer: &Transfer,
    transfer_id: TransferId,
    reason: PaymentRefusal,
) -> TransferStep {
    let mut wallet = wallet.unwrap_or_else(|| Wallet::empty(account_id.clone()));
    wallet.events += 1;
    let amount = transfer.amount;
    let event = match transfer.kind {
        TransferKind::Deposit => PaymentEvent::DepositRefused {
            transfer_id,
            amount,
            reason,
        },
        TransferKind::Withdrawal => PaymentEvent::WithdrawalRefused {
            transfer_id,
            amount,
            reason,
        },
    };
    TransferStep {
        wallet: Some(wallet),
        transfer: None,
        event: Some(event),
        entry: None,
    }
}
