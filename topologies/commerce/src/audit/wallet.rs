//! The books of one wallet.

use schemas::topics::LEDGER_ENTRIES;

use super::{Finding, Numbers, Seen};
use crate::ids::AccountId;
use crate::invariants::{LedgerSums, Violation};
use crate::payment::{LedgerAccount, LedgerEntry};

/// What the topics say about one wallet, told entry by entry. What orders have in escrow is theirs: see
/// [`OrderBook`](super::OrderBook).
#[derive(Debug)]
pub struct WalletBook {
    account_id: AccountId,
    sums: LedgerSums,
    numbers: Numbers,
}

impl WalletBook {
    /// A wallet of which nothing was read yet.
    #[must_use]
    pub fn new(account_id: AccountId) -> Self {
        Self {
            account_id,
            sums: LedgerSums::default(),
            numbers: Numbers::default(),
        }
    }

    /// Payouts that have left the wallet and have neither arrived nor come back.
    #[must_use]
    pub fn payouts_on_their_way(&self) -> usize {
        self.sums.filled(|account| matches!(account, LedgerAccount::Payout(_)))
    }

    /// The next entry; answers what is wrong with it (I3) or with its number.
    pub fn entry(&mut self, entry: &Seen<LedgerEntry>) -> Vec<Finding> {
        let seq = entry.record.seq;
        let mut violations = self.sums.post_to(&entry.record, |account| match account {
            LedgerAccount::Available(_) | LedgerAccount::Held(_) | LedgerAccount::Payout(_) => true,
            LedgerAccount::Escrow(_) | LedgerAccount::Due(_) | LedgerAccount::Outside => false,
        });
        if let Some(expected) = self.numbers.follow(seq) {
            let found = format!("ledger entry {seq} stands where {expected} belongs");
            violations.push(Violation::new("I3", &self.account_id, found));
        }
        Finding::all_at(LEDGER_ENTRIES.name, entry.place, violations)
    }
}
