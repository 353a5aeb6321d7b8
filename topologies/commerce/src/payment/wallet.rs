//! The balances of one account.

use std::collections::BTreeMap;

use planted::Bug;
use serde::{Deserialize, Serialize};

use crate::ids::AccountId;
use crate::money::{Currency, Money};
use crate::payment::{PaymentRefusal, Payout};

/// Minor units of one balance or one operation, at most.
pub const AMOUNT_MAX: i64 = 1_000_000_000_000_000_000;

/// Currencies of one wallet, at most.
pub const CURRENCIES_MAX: usize = 32;

/// A wallet: what is free and what is held, per currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wallet {
    /// Whose it is.
    pub account_id: AccountId,
    /// The balances by currency.
    pub balances: BTreeMap<Currency, Balance>,
    /// Ledger entries so far: the number of the last one, and the version of the wallet.
    pub version: u64,
    /// Its latest payouts, the oldest first; [`PAYOUTS_MAX`](crate::payment::PAYOUTS_MAX) at most, those under way among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payouts: Vec<Payout>,
    /// Events so far under the account's own key: deposits and withdrawals.
    pub events: u64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

/// What is in a wallet in one currency, in minor units. Neither is ever negative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Free to be spent.
    pub available: i64,
    /// Held for orders.
    pub held: i64,
}

impl Wallet {
    /// A wallet with nothing in it.
    #[must_use]
    pub fn empty(account_id: AccountId) -> Self {
        Self {
            account_id,
            balances: BTreeMap::new(),
            payouts: Vec::new(),
            version: 0,
            events: 0,
            updated_at: 0,
        }
    }

    /// The balance in a currency; zero where there has never been any.
    #[must_use]
    pub fn balance(&self, currency: Currency) -> Balance {
        self.balances.get(&currency).copied().unwrap_or_default()
    }

    /// Moves amounts into (or, negative, out of) the two parts of a balance, or refuses and changes nothing.
    pub(crate) fn book(
        &mut self,
        currency: Currency,
        available: i64,
        held: i64,
        now: i64,
    ) -> Result<(), PaymentRefusal> {
        let before = self.balance(currency);
        let after = Balance {
            available: add(before.available, available)?,
            held: add(before.held, held)?,
        };
        if !self.balances.contains_key(&currency) && self.balances.len() >= CURRENCIES_MAX {
            return Err(PaymentRefusal::InvalidAmount);
        }
        self.balances.insert(currency, after);
        self.version += 1;
        self.updated_at = now;
        Ok(())
    }
}

fn add(balance: i64, change: i64) -> Result<i64, PaymentRefusal> {
    match balance.checked_add(change) {
        Some(sum) if sum < 0 && !planted::is(Bug::OverdraftAllowed) => Err(PaymentRefusal::InsufficientFunds),
        Some(sum) if sum <= AMOUNT_MAX => Ok(sum),
        Some(_) | None => Err(PaymentRefusal::InvalidAmount),
    }
}

/// Whether an amount may be moved at all; a total of nothing may.
pub(crate) fn is_amount(amount: Money) -> bool {
    (0..=AMOUNT_MAX).contains(&amount.amount)
}
