//! Wallets.

use commerce::payment;
use commerce::views::{BalanceView, PayoutView, WalletView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::Object;

use super::checks::Checks;
use super::money::{MoneyBody, amount_up_to};
use super::time::rfc3339;
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
    /// Token of the card that the payment provider pays it to, as the provider has given it out for it; never the number of a card.
    /// A shop that takes cards needs one. One that takes none refuses it: there the money leaves the books at once, and whoever runs
    /// the shop pays it by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[0-9_-]*[A-Za-z][A-Za-z0-9_-]*$",
        example = "sandbox_approved"
    )]
    pub card: Option<String>,
}

/// A wallet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Wallet)]
pub struct WalletBody {
    /// Whose it is.
    pub account_id: String,
    /// What is in it, by currency.
    pub balances: Vec<BalanceBody>,
    /// The last payouts to cards, the oldest first: ten at most, and all that are on their way.
    pub payouts: Vec<PayoutBody>,
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

/// Money that has left a wallet for a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Payout)]
pub struct PayoutBody {
    /// The payout. The same account and `Idempotency-Key` always give the same id.
    pub payout_id: String,
    /// How much.
    pub amount: MoneyBody,
    /// Token of the card that it goes to.
    #[schema(example = "sandbox_approved")]
    pub card: String,
    /// What has become of it.
    pub status: PayoutStatus,
    /// When it left the wallet: RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub requested_at: String,
    /// When its status changed last: RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub changed_at: String,
}

/// What has become of a payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PayoutStatus {
    /// The payment provider is asked to pay it, until it answers.
    OnItsWay,
    /// The card has it.
    Paid,
    /// The payment provider has declined, and the money is in the wallet again.
    Returned,
}

fn amount() -> Object {
    amount_up_to(AMOUNT_MAX)
}

impl NewDeposit {
    /// Checks the bounds.
    pub fn check(&self) -> Result<(), Problem> {
        let mut checks = Checks::new();
        checks.money("/amount", &self.amount, AMOUNT_MAX);
        checks.finish()
    }
}

impl NewPayout {
    /// Checks the bounds; a card has to be there where `takes_cards` says so, and nowhere else.
    pub fn check(&self, takes_cards: bool) -> Result<(), Problem> {
        let mut checks = Checks::new();
        checks.money("/amount", &self.amount, AMOUNT_MAX);
        checks.card("/card", self.card.as_deref(), takes_cards);
        if takes_cards && self.card.is_none() {
            checks.report("/card", "MISSING_FIELD", "A payout needs the card that it goes to.");
        }
        checks.finish()
    }
}

impl WalletBody {
    /// The wallet of an account; without any there is nothing in it.
    #[must_use]
    pub fn of(account_id: &str, wallet: Option<WalletView>) -> Self {
        let (balances, payouts) = wallet
            .map(|wallet| (wallet.balances, wallet.payouts))
            .unwrap_or_default();
        Self {
            account_id: account_id.to_owned(),
            balances: balances.into_iter().map(BalanceBody::from).collect(),
            payouts: payouts.into_iter().map(PayoutBody::from).collect(),
        }
    }
}

impl From<BalanceView> for BalanceBody {
    fn from(balance: BalanceView) -> Self {
        Self {
            currency: balance.currency,
            available: balance.available,
            held: balance.held,
        }
    }
}

impl From<PayoutView> for PayoutBody {
    fn from(payout: PayoutView) -> Self {
        Self {
            payout_id: payout.payout_id,
            amount: MoneyBody {
                amount: payout.amount,
                currency: payout.currency,
            },
            card: payout.card,
            status: payout.status.into(),
            requested_at: rfc3339(payout.requested_at),
            changed_at: rfc3339(payout.changed_at),
        }
    }
}

impl From<payment::PayoutStatus> for PayoutStatus {
    fn from(status: payment::PayoutStatus) -> Self {
        match status {
            payment::PayoutStatus::OnItsWay => Self::OnItsWay,
            payment::PayoutStatus::Paid => Self::Paid,
            payment::PayoutStatus::Returned => Self::Returned,
        }
    }
}
