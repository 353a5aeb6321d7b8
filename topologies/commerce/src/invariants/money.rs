//! Invariants of the books.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::OrderId;
use crate::invariants::Violation;
use crate::money::Currency;
use crate::payment::{LedgerAccount, LedgerEntry, LedgerKind, Posting};

/// I3: the postings of each entry sum to zero, and no account but the outside is ever below zero.
/// Entries come in the order of their wallet.
#[must_use]
pub fn i3_ledger_sums_to_zero<'a>(entries: impl IntoIterator<Item = &'a LedgerEntry>) -> Vec<Violation> {
    let mut sums = LedgerSums::default();
    entries.into_iter().flat_map(|entry| sums.post(entry)).collect()
}

/// I3 entry by entry, for books that do not fit into memory: what the entries so far have left in each account.
/// An account that is left with nothing takes no memory.
#[derive(Debug, Default)]
pub struct LedgerSums {
    balances: BTreeMap<(LedgerAccount, Currency), i128>,
}

impl LedgerSums {
    /// Posts the next entry, and answers what is wrong with it or after it.
    pub fn post(&mut self, entry: &LedgerEntry) -> Vec<Violation> {
        self.post_to(entry, |_| true)
    }

    /// Like [`post`](Self::post), to those of its accounts that `is_kept` wants to know the balance of.
    pub fn post_to(&mut self, entry: &LedgerEntry, is_kept: impl Fn(&LedgerAccount) -> bool) -> Vec<Violation> {
        let mut violations = Vec::new();
        let sum: i128 = entry.postings.iter().map(|posting| i128::from(posting.amount)).sum();
        if sum != 0 {
            let found = format!("its postings sum to {sum}");
            violations.push(Violation::new("I3", &entry.entry_id, found));
        }
        let kept = entry.postings.iter().filter(|posting| is_kept(&posting.account));
        violations.extend(kept.filter_map(|posting| self.move_money(entry, posting)));
        violations
    }

    /// How many of the accounts that `is_wanted` picks have something in them.
    pub fn filled(&self, is_wanted: impl Fn(&LedgerAccount) -> bool) -> usize {
        let accounts = self.balances.iter();
        accounts
            .filter(|((account, _), balance)| **balance > 0 && is_wanted(account))
            .count()
    }

    fn move_money(&mut self, entry: &LedgerEntry, posting: &Posting) -> Option<Violation> {
        let account = (posting.account.clone(), entry.currency);
        let balance = self.balances.remove(&account).unwrap_or_default() + i128::from(posting.amount);
        if balance != 0 {
            self.balances.insert(account, balance);
        }
        let overdrawn = balance < 0 && posting.account != LedgerAccount::Outside;
        overdrawn.then(|| {
            let found = format!("{balance} {} after {}", entry.currency, entry.entry_id);
            Violation::new("I3", &posting.account, found)
        })
    }
}

/// I4: for each order, what was given back or set aside for sellers is at most what was taken, and that at most what was held;
/// and sellers got at most what was set aside.
#[must_use]
pub fn i4_refunded_captured_authorised<'a>(entries: impl IntoIterator<Item = &'a LedgerEntry>) -> Vec<Violation> {
    let mut sums: BTreeMap<&OrderId, [i128; 5]> = BTreeMap::new();
    for entry in entries {
        let (Some(order), Some(step)) = (&entry.order_id, step_of(entry.kind)) else {
            continue;
        };
        let moved = entry
            .postings
            .iter()
            .map(|posting| i128::from(posting.amount.max(0)))
            .sum::<i128>();
        if let Some(sum) = sums.entry(order).or_default().get_mut(step) {
            *sum += moved;
        }
    }
    let wrong = sums
        .into_iter()
        .filter(|(_, [authorised, captured, refunded, settled, credited])| {
            refunded + settled > *captured || captured > authorised || credited > settled
        });
    wrong
        .map(|(order, [authorised, captured, refunded, settled, credited])| {
            let found = format!(
                "{authorised} authorised, {captured} captured, {refunded} refunded, {settled} settled, {credited} credited"
            );
            Violation::new("I4", order, found)
        })
        .collect()
}

/// I5: no operation is carried out twice. The ids are of ledger entries, of events that have a number, or of what else
/// happens once; a refusal without a number comes as often as its command does.
#[must_use]
pub fn i5_no_operation_twice<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<Violation> {
    let mut seen = BTreeSet::new();
    let twice = ids.into_iter().filter(|id| !seen.insert(*id));
    twice
        .map(|id| Violation::new("I5", id, "it was carried out twice"))
        .collect()
}

fn step_of(kind: LedgerKind) -> Option<usize> {
    match kind {
        LedgerKind::Authorization => Some(0),
        LedgerKind::Capture => Some(1),
        LedgerKind::Refund => Some(2),
        LedgerKind::Settlement => Some(3),
        LedgerKind::Credit => Some(4),
        LedgerKind::Deposit | LedgerKind::Withdrawal | LedgerKind::Void => None,
        LedgerKind::Payout | LedgerKind::PayoutPaid | LedgerKind::PayoutReturned => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn entry(kind: LedgerKind, from: LedgerAccount, to: LedgerAccount, amounts: (i64, i64)) -> LedgerEntry {
        LedgerEntry {
            entry_id: kind.word().to_owned(),
            seq: 1,
            account_id: "a".into(),
            order_id: Some("o".into()),
            kind,
            currency: Currency::parse("KRW").unwrap(),
            postings: vec![
                Posting {
                    account: from,
                    amount: -amounts.0,
                },
                Posting {
                    account: to,
                    amount: amounts.1,
                },
            ],
        }
    }

    fn available() -> LedgerAccount {
        LedgerAccount::Available("a".into())
    }

    #[test]
    fn money_from_nowhere_is_found() {
        let right = entry(LedgerKind::Deposit, LedgerAccount::Outside, available(), (5, 5));
        assert_eq!(i3_ledger_sums_to_zero([&right]), []);
        let wrong = entry(LedgerKind::Deposit, LedgerAccount::Outside, available(), (5, 6));
        assert_eq!(i3_ledger_sums_to_zero([&wrong]).len(), 1);
    }

    #[test]
    fn an_overdrawn_wallet_is_found() {
        let entry = entry(LedgerKind::Withdrawal, available(), LedgerAccount::Outside, (5, 5));
        assert_eq!(i3_ledger_sums_to_zero([&entry]).len(), 1);
    }

    #[test]
    fn a_refund_of_more_than_was_taken_is_found() {
        let held = LedgerAccount::Held("a".into());
        let escrow = LedgerAccount::Escrow("o".into());
        let authorization = entry(LedgerKind::Authorization, available(), held.clone(), (5, 5));
        let capture = entry(LedgerKind::Capture, held, escrow.clone(), (5, 5));
        let refund = entry(LedgerKind::Refund, escrow, available(), (6, 6));
        assert_eq!(i4_refunded_captured_authorised([&authorization, &capture]), []);
        assert_eq!(
            i4_refunded_captured_authorised([&authorization, &capture, &refund]).len(),
            1
        );
        assert_eq!(i4_refunded_captured_authorised([&capture]).len(), 1);
    }

    #[test]
    fn an_operation_carried_out_twice_is_found() {
        assert_eq!(i5_no_operation_twice(["a", "b"]), []);
        assert_eq!(i5_no_operation_twice(["a", "b", "a"]).len(), 1);
    }
}
