//! Payouts: free money of a wallet that the payment provider pays to a card.
//!
//! The money leaves the wallet when the payout begins, and stands aside until the provider has said what became of it: it is out, or
//! it comes back. Until then the provider is asked again, ever more rarely and under the same id, as about a payment by card
//! (`card`).

use planted::Bug;
use serde::{Deserialize, Serialize};

use crate::ids::TransferId;
use crate::money::Money;
use crate::payment::card::{CardToken, ProviderCall, ProviderOutcome, ProviderTask, note_sent};
use crate::payment::ledger::{self, LedgerKind};
use crate::payment::transfer::{TransferStep, forget_at};
use crate::payment::{PaymentEvent, PaymentRefusal, Wallet};

/// Payouts of one wallet that are remembered in it, at most, and so that are under way.
pub const PAYOUTS_MAX: usize = 10;

/// Money on its way to a card, or lately there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payout {
    /// The withdrawal that it carries out.
    pub transfer_id: TransferId,
    /// How much.
    pub amount: Money,
    /// Where to.
    pub card: CardToken,
    /// Where it stands.
    pub status: PayoutStatus,
    /// How often the provider was asked.
    pub sends: u32,
    /// When it is asked again, in milliseconds since the epoch.
    pub due_at: i64,
    /// When it began, in milliseconds since the epoch.
    pub requested_at: i64,
    /// When it came to where it stands, in milliseconds since the epoch.
    pub changed_at: i64,
}

/// Where a payout stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PayoutStatus {
    /// The money is set aside; the provider has not answered.
    OnItsWay,
    /// The provider has paid.
    Paid,
    /// The provider does not pay: the money is back in the wallet.
    Returned,
}

/// What the provider has said about a payout. It may come late, and more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayoutAnswer {
    /// The withdrawal that it carries out.
    pub transfer_id: TransferId,
    /// What became of it.
    pub outcome: ProviderOutcome,
}

impl Wallet {
    /// A payout that is remembered.
    #[must_use]
    pub fn payout(&self, transfer_id: &TransferId) -> Option<&Payout> {
        self.payouts.iter().find(|payout| payout.transfer_id == *transfer_id)
    }

    fn payout_mut(&mut self, transfer_id: &TransferId) -> Option<&mut Payout> {
        let mut payouts = self.payouts.iter_mut();
        payouts.find(|payout| payout.transfer_id == *transfer_id)
    }

    /// Whether one more payout may begin.
    pub(super) fn may_pay_out(&self) -> Result<(), PaymentRefusal> {
        let under_way = self.payouts.iter().filter(|payout| payout.is_on_its_way());
        if under_way.count() < PAYOUTS_MAX {
            Ok(())
        } else {
            Err(PaymentRefusal::TooManyPayouts)
        }
    }

    /// Remembers a payout, and forgets the oldest that is over where there is no more room.
    fn remember(&mut self, payout: Payout) {
        if self.payouts.len() >= PAYOUTS_MAX
            && let Some(over) = self.payouts.iter().position(|payout| !payout.is_on_its_way())
        {
            self.payouts.remove(over);
        }
        self.payouts.push(payout);
    }
}

impl Payout {
    fn is_on_its_way(&self) -> bool {
        self.status == PayoutStatus::OnItsWay
    }

    /// The question to send now.
    fn next_call(&mut self, now: i64) -> ProviderCall {
        note_sent(&mut self.sends, &mut self.due_at, now);
        let mut call_id = format!("{}.payout", self.transfer_id);
        if planted::is(Bug::PayoutAskedAnew) && self.sends > 1 {
            call_id = format!("{call_id}.{}", self.sends);
        }
        ProviderCall {
            call_id,
            task: ProviderTask::Payout(self.transfer_id.clone()),
            card: self.card.clone(),
            amount: self.amount,
            attempt: self.sends,
        }
    }

    fn unknown(&self, contradicted: bool) -> PaymentEvent {
        PaymentEvent::PayoutUnknown {
            transfer_id: self.transfer_id.clone(),
            amount: self.amount,
            contradicted,
        }
    }
}

/// Begins a payout of money that the wallet has just given up.
pub(super) fn begin(
    mut wallet: Wallet,
    (transfer_id, amount): (TransferId, Money),
    card: CardToken,
    now: i64,
) -> TransferStep {
    let mut payout = Payout {
        transfer_id: transfer_id.clone(),
        amount,
        card: card.clone(),
        status: PayoutStatus::OnItsWay,
        sends: 0,
        due_at: now,
        requested_at: now,
        changed_at: now,
    };
    let call = payout.next_call(now);
    let ask_again_at = Some(payout.due_at);
    wallet.remember(payout);
    let entry = ledger::entry(&wallet, LedgerKind::Payout, None, transfer_id.as_str(), amount);
    let event = PaymentEvent::PayoutRequested {
        transfer_id,
        amount,
        card,
    };
    TransferStep {
        call: Some(call),
        ask_again_at,
        ..happened(wallet, event, Some(entry))
    }
}

/// Takes an answer of the provider. One about a payout that is not known leads to nothing, and of two different ones the first counts.
#[must_use]
pub fn step_answer(wallet: Option<Wallet>, answer: &PayoutAnswer, now: i64) -> TransferStep {
    let Some(wallet) = wallet else {
        return nothing(None);
    };
    let Some(payout) = wallet.payout(&answer.transfer_id).cloned() else {
        return nothing(Some(wallet));
    };
    match (payout.status, answer.outcome) {
        (PayoutStatus::OnItsWay, outcome) => end(wallet, payout, outcome, now),
        (PayoutStatus::Paid, ProviderOutcome::Done) | (PayoutStatus::Returned, ProviderOutcome::Declined) => {
            nothing(Some(wallet))
        }
        (PayoutStatus::Paid, ProviderOutcome::Declined) | (PayoutStatus::Returned, ProviderOutcome::Done) => {
            happened(wallet, payout.unknown(true), None)
        }
    }
}

/// Asks again where the provider has not answered in time. The first time it is an event, so that people see it.
#[must_use]
pub fn step_overdue(wallet: Option<Wallet>, transfer_id: &TransferId, now: i64) -> TransferStep {
    let Some(mut wallet) = wallet else {
        return nothing(None);
    };
    let payout = wallet.payout_mut(transfer_id);
    let Some(payout) = payout.filter(|payout| payout.is_on_its_way() && payout.due_at <= now) else {
        return nothing(Some(wallet));
    };
    let news = (payout.sends == 1).then(|| payout.unknown(false));
    let call = Some(payout.next_call(now));
    let ask_again_at = Some(payout.due_at);
    let step = match news {
        Some(event) => happened(wallet, event, None),
        None => nothing(Some(wallet)),
    };
    TransferStep {
        call,
        ask_again_at,
        ..step
    }
}

/// The money is out, or back. A wallet that has no room for it now has it when the provider is asked the next time.
fn end(mut wallet: Wallet, payout: Payout, outcome: ProviderOutcome, now: i64) -> TransferStep {
    let Payout {
        transfer_id, amount, ..
    } = payout;
    let is_paid = outcome == ProviderOutcome::Done || planted::is(Bug::DeclinedPayoutLost);
    let (status, gain, kind) = if is_paid {
        (PayoutStatus::Paid, 0, LedgerKind::PayoutPaid)
    } else {
        (PayoutStatus::Returned, amount.amount, LedgerKind::PayoutReturned)
    };
    if wallet.book(amount.currency, gain, 0, now).is_err() {
        return nothing(Some(wallet));
    }
    if let Some(payout) = wallet.payout_mut(&transfer_id) {
        (payout.status, payout.changed_at) = (status, now);
    }
    let entry = ledger::entry(&wallet, kind, None, transfer_id.as_str(), amount);
    let event = if is_paid {
        PaymentEvent::PayoutPaid { transfer_id, amount }
    } else {
        PaymentEvent::PayoutReturned { transfer_id, amount }
    };
    TransferStep {
        forget_at: Some(forget_at(now)),
        ..happened(wallet, event, Some(entry))
    }
}

fn happened(mut wallet: Wallet, event: PaymentEvent, entry: Option<ledger::LedgerEntry>) -> TransferStep {
    wallet.events += 1;
    TransferStep {
        wallet: Some(wallet),
        event: Some(event),
        entry,
        ..TransferStep::default()
    }
}

fn nothing(wallet: Option<Wallet>) -> TransferStep {
    TransferStep {
        wallet,
        ..TransferStep::default()
    }
}
