//! Wallets.

use commerce::views::WalletView;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::checks::Checks;
use super::money::{MoneyBody, amount_up_to};
use crate::limits::AMOUNT_MAX;
use crate::problem::Problem;

/// Puts money into the caller's wallet.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDeposit {
    /// How much, from 1 minor unit.
    #[schema(schema_with = amount)]
    pub amount: MoneyBody,
}

/// Takes money out of the caller's wallet.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPayout {
    /// How much, from 1 minor unit.
    #[schema(schema_with = amount)]
    pub amount: MoneyBody,
}

/// A wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Wallet)]
pub struct WalletBody {
    /// Whose it is.
    pub account_id: String,
    /// What is in it, by currency.
    pub balances: Vec<BalanceBody>,
}

/// What a wallet has in one currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Balance)]
pub struct BalanceBody {
    /// ISO 4217 code.
    #[schema(example = "KRW")]
    pub currency: String,
    /// Minor units that can be spent.
    pub available: i64,
    /// Minor units that are held for orders.
    pub held: i64,
}

fn amount() -> Object {
    amount_up_to(AMOUNT_MAX)
}

fn check(amount: &MoneyBody) -> Result<(), Problem> {
    let mut checks = Checks::new();
    checks.money("/amount", amount, AMOUNT_MAX);
    checks.finish()
}

impl NewDeposit {
    /// Checks the bounds.
    pub fn check(&self) -> Result<(), Problem> {
        check(&self.amount)
    }
}

impl NewPayout {
    /// Checks the bounds.
    pub fn check(&self) -> Result<(), Problem> {
        check(&self.amount)
    }
}

impl WalletBody {
    /// The wallet of an account; without any there is nothing in it.
    #[must_use]
    pub fn of(account_id: &str, wallet: Option<WalletView>) -> Self {
        let balances = wallet.into_iter().flat_map(|wallet| wallet.balances);
        let balances = balances.map(|balance| BalanceBody {
            currency: balance.currency,
            available: balance.available,
            held: balance.held,
        });
        Self {
            account_id: account_id.to_owned(),
            balances: balances.collect(),
        }
    }
}
