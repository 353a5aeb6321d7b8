//! Deposits and withdrawals. A withdrawal to a card is a payout (`payout`).

use serde::{Deserialize, Serialize};

use planted::Bug;

use crate::authority::{Actor, Role, deposit_into, withdraw_from};
use crate::ids::{AccountId, TransferId};
use crate::money::Money;
use crate::payment::card::{CardToken, ProviderCall};
use crate::payment::holder::{self, Holder};
use crate::payment::ledger::{self, LedgerEntry, LedgerKind};
use crate::payment::wallet::is_amount;
use crate::payment::{NotAllowed, PAYMENT_RETENTION_MS, PaymentEvent, PaymentRefusal, Wallet, payout};

/// A transfer that somebody asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTransfer {
    /// Which one: the same one counts once.
    pub transfer_id: TransferId,
    /// In or out.
    pub kind: TransferKind,
    /// How much.
    pub amount: Money,
    /// The card that a withdrawal is paid to, through the payment provider. Without one it is paid by hand.
    pub card: Option<CardToken>,
}

/// A transfer that has been made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transfer {
    /// In or out.
    pub kind: TransferKind,
    /// How much.
    pub amount: Money,
    /// The card that a withdrawal is paid to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardToken>,
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

/// What one transfer leads to, or something that happens to it later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TransferStep {
    /// The wallet after it; `None` only where there is none and none was made.
    pub wallet: Option<Wallet>,
    /// The transfer, if it has been made by now.
    pub transfer: Option<Transfer>,
    /// What happened; nothing of a duplicate. Its number is the wallet's count of events.
    pub event: Option<PaymentEvent>,
    /// Its entry in the books.
    pub entry: Option<LedgerEntry>,
    /// What to ask the payment provider.
    pub call: Option<ProviderCall>,
    /// When to look whether it has answered, in milliseconds since the epoch, where it is asked.
    pub ask_again_at: Option<i64>,
    /// When the transfer may be forgotten, in milliseconds since the epoch, where it came to its end.
    pub forget_at: Option<i64>,
}

impl NewTransfer {
    /// Money for the wallet.
    #[must_use]
    pub fn deposit(transfer_id: TransferId, amount: Money) -> Self {
        Self {
            transfer_id,
            kind: TransferKind::Deposit,
            amount,
            card: None,
        }
    }

    /// Money out of the wallet; to `card`, if it is paid out through the payment provider.
    #[must_use]
    pub fn withdrawal(transfer_id: TransferId, amount: Money, card: Option<CardToken>) -> Self {
        Self {
            transfer_id,
            kind: TransferKind::Withdrawal,
            amount,
            card,
        }
    }
}

/// When a transfer that came to its end at `ended_at` may be forgotten, both in milliseconds since the epoch.
pub(super) fn forget_at(ended_at: i64) -> i64 {
    ended_at.saturating_add(PAYMENT_RETENTION_MS)
}

/// Takes one deposit or withdrawal. `holder` is the wallet's, if it is known by now; `made` is the transfer with this id, if it
/// has been made.
pub fn step(
    account_id: &AccountId,
    holder: Option<Holder>,
    wallet: Option<Wallet>,
    made: Option<Transfer>,
    asked: NewTransfer,
    actor: &Actor,
    now: i64,
) -> Result<TransferStep, NotAllowed> {
    let allowed = match asked.kind {
        TransferKind::Deposit => deposit_into(actor, account_id),
        TransferKind::Withdrawal => withdraw_from(actor, account_id),
    };
    allowed.map_err(|_| NotAllowed)?;
    let NewTransfer {
        transfer_id,
        kind,
        amount,
        card,
    } = asked;
    let transfer = Transfer {
        kind,
        amount,
        card,
        made_at: now,
    };
    let made = made.filter(|_| !planted::is(Bug::TransferMadeTwice));
    Ok(match made {
        Some(made) if made.is_same(&transfer) => TransferStep {
            wallet,
            transfer: Some(made),
            ..TransferStep::default()
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

impl Transfer {
    fn is_same(&self, other: &Self) -> bool {
        (self.kind, self.amount, &self.card) == (other.kind, other.amount, &other.card)
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
    if let Err(refusal) = book(&mut after, &transfer, now) {
        return refuse(before, account_id, &transfer, transfer_id, refusal);
    }
    let step = match (transfer.kind, transfer.card.clone()) {
        (TransferKind::Withdrawal, Some(card)) => payout::begin(after, (transfer_id, amount), card, now),
        (TransferKind::Deposit | TransferKind::Withdrawal, _) => {
            posted(after, transfer.kind, (transfer_id, amount), now)
        }
    };
    TransferStep {
        transfer: Some(transfer),
        ..step
    }
}

fn book(wallet: &mut Wallet, transfer: &Transfer, now: i64) -> Result<(), PaymentRefusal> {
    let amount = transfer.amount;
    if !is_amount(amount) || amount.amount == 0 {
        return Err(PaymentRefusal::InvalidAmount);
    }
    let change = match transfer.kind {
        TransferKind::Deposit => amount.amount,
        TransferKind::Withdrawal => -amount.amount,
    };
    if transfer.card.is_some() {
        wallet.may_pay_out()?;
    }
    wallet.book(amount.currency, change, 0, now)
}

/// A transfer that is over at once.
fn posted(
    mut wallet: Wallet,
    kind: TransferKind,
    (transfer_id, amount): (TransferId, Money),
    now: i64,
) -> TransferStep {
    wallet.events += 1;
    let booked = match kind {
        TransferKind::Deposit => LedgerKind::Deposit,
        TransferKind::Withdrawal => LedgerKind::Withdrawal,
    };
    let entry = ledger::entry(&wallet, booked, None, transfer_id.as_str(), amount);
    let event = match kind {
        TransferKind::Deposit => PaymentEvent::DepositPosted { transfer_id, amount },
        TransferKind::Withdrawal => PaymentEvent::WithdrawalPosted { transfer_id, amount },
    };
    TransferStep {
        wallet: Some(wallet),
        event: Some(event),
        entry: Some(entry),
        forget_at: Some(forget_at(now)),
        ..TransferStep::default()
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
        event: Some(event),
        ..TransferStep::default()
    }
}
