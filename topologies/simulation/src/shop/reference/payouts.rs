//! Payouts: what the provider has paid and what the books say has to be the same, and no money stays on its way.

use std::collections::BTreeMap;

use schemas::wire::payment::{LedgerEntry, LedgerEntryKind};
use schemas::wire::provider::{ProviderOperation, ProviderOutcome};

use super::cards::Booked;
use crate::shop::provider::CarriedOut;

/// The entries of the books about payouts, by withdrawal.
#[derive(Debug, Default)]
pub(super) struct Payouts(BTreeMap<String, Vec<Booked>>);

/// Whether an entry follows from what the provider has said about a payout, and not from a command.
pub(super) fn is_by_provider(kind: LedgerEntryKind) -> bool {
    matches!(kind, LedgerEntryKind::PayoutPaid | LedgerEntryKind::PayoutReturned)
}

impl Payouts {
    /// Takes in an entry of the books, if it is about a payout.
    pub(super) fn hear(&mut self, entry: &LedgerEntry) {
        let mut accounts = entry.postings.iter().map(|posting| &posting.account);
        let Some(payout) = accounts.find_map(|account| account.strip_prefix("payout:")) else {
            return;
        };
        let amount = entry.postings.iter().map(|posting| posting.amount.max(0)).sum();
        self.0.entry(payout.to_owned()).or_default().push((entry.kind, amount));
    }

    /// What is wrong with them when all is over.
    pub(super) fn judge(&self, carried_out: &[CarriedOut]) -> Vec<String> {
        let asked = carried_out
            .iter()
            .filter(|one| one.operation == ProviderOperation::Payout);
        let unknown = asked.filter(|one| !self.0.contains_key(&one.order_id));
        let unknown = unknown.map(|one| format!("I2: the provider has done {one:?}, of which the books know nothing"));
        let wrong = self.0.iter().filter_map(|(id, booked)| {
            let said: Vec<_> = carried_out.iter().filter(|one| one.order_id == *id).collect();
            (!is_right(booked, &said))
                .then(|| format!("I3: payout {id}: the provider has done {said:?}, the books have {booked:?}"))
        });
        unknown.chain(wrong).collect()
    }
}

/// It left the wallet once, and is out if the provider has paid it, or back if it has not.
fn is_right(booked: &[Booked], said: &[&CarriedOut]) -> bool {
    let [one] = said else {
        return false;
    };
    let end = match one.outcome {
        ProviderOutcome::Done => LedgerEntryKind::PayoutPaid,
        ProviderOutcome::Declined | ProviderOutcome::Unknown => LedgerEntryKind::PayoutReturned,
    };
    booked == [(LedgerEntryKind::Payout, one.amount), (end, one.amount)]
}
