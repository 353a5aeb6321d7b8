//! Amounts.

use schemas::wire::envelope::Money;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{AdditionalProperties, KnownFormat, Object, ObjectBuilder, SchemaFormat, Type};

use super::whole;

/// An amount in minor units of a currency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Money)]
pub struct MoneyBody {
    /// Minor units (cents, won).
    #[serde(deserialize_with = "whole::deserialize")]
    #[schema(example = 1500)]
    pub amount: i64,
    /// ISO 4217 code.
    #[schema(example = "KRW", pattern = "^[A-Z]{3}$")]
    pub currency: String,
}

/// The description of an amount of 1 to `amount_max` minor units in a request.
pub(super) fn amount_up_to(amount_max: i64) -> Object {
    let amount = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)))
        .description(Some("Minor units (cents, won)."))
        .minimum(Some(1))
        .maximum(Some(amount_max))
        .examples([1_500]);
    let currency = ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some("ISO 4217 code."))
        .pattern(Some("^[A-Z]{3}$"))
        .examples(["KRW"]);
    ObjectBuilder::new()
        .property("amount", amount)
        .property("currency", currency)
        .required("amount")
        .required("currency")
        .additional_properties(Some(AdditionalProperties::FreeForm(false)))
        .build()
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
