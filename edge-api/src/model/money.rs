//! Amounts.

use schemas::wire::envelope::Money;
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
        Self {
            amount: money.amount,
            currency: money.currency,
        }
    }
}

impl From<MoneyBody> for Money {
    fn from(body: MoneyBody) -> Self {
        Self {
            amount: body.amount,
            currency: body.currency,
        }
    }
}
