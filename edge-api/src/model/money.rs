//! Amounts.

use commerce::money::Money;
use schemas::wire::envelope;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An amount in minor units of a currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Money)]
pub struct MoneyBody {
    /// Minor units (cents, won).
    #[schema(example = 1500)]
    pub amount: i64,
    /// ISO 4217 code.
    #[schema(example = "KRW", pattern = "^[A-Z]{3}$")]
    pub currency: String,
}

impl From<Money> for MoneyBody {
    fn from(money: Money) -> Self {
        Self { amount: money.amount, currency: money.currency.code().to_owned() }
    }
}

/// The same amount as records carry it.
#[must_use]
pub fn wire(money: Money) -> envelope::Money {
    envelope::Money { amount: money.amount, currency: money.currency.code().to_owned() }
}
