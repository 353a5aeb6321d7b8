//! Products.

use commerce::product::PRICE_MAX;
use schemas::wire::product::Product;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, OneOfBuilder, Schema, Type};

use super::checks::Checks;
use super::money::{MoneyBody, amount_up_to};
use super::whole;
use crate::limits::{NAME_CHARS_MAX, QUANTITY_MAX, STOCK_MAX};
use crate::problem::Problem;

/// Puts a product on offer.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProduct {
    /// Name shown to buyers.
    #[schema(
        example = "Kettle",
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    pub name: String,
    /// Price of one piece.
    #[schema(schema_with = price)]
    pub price: MoneyBody,
    /// Pieces on hand at the start.
    #[serde(deserialize_with = "whole::deserialize")]
    #[schema(example = 10, minimum = 0, maximum = 1_000_000_000)]
    pub stock: i64,
}

/// Changes what is given; nothing is no error.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProductChange {
    /// New name.
    #[serde(default)]
    #[schema(
        min_length = 1,
        max_length = 200,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    pub name: Option<String>,
    /// New price of one piece. Orders that hold a reservation keep theirs.
    #[serde(default)]
    #[schema(schema_with = new_price)]
    pub price: Option<MoneyBody>,
}

/// Adds pieces to the stock, or takes free ones away.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StockAdjustment {
    /// Pieces to add; negative takes away. Not zero.
    #[serde(deserialize_with = "whole::deserialize")]
    #[schema(schema_with = delta)]
    pub delta: i64,
}

/// A product and its stock.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Product)]
pub struct ProductBody {
    /// The product.
    pub product_id: String,
    /// Account of the seller.
    pub seller_id: String,
    /// Name shown to buyers.
    pub name: String,
    /// Price of one piece.
    pub price: MoneyBody,
    /// Pieces in the store, those held for orders included.
    pub on_hand: i64,
    /// Pieces that can be ordered.
    pub available: i64,
    /// Grows with every change.
    pub version: i64,
}

impl NewProduct {
    /// Checks the bounds.
    pub fn check(&self) -> Result<(), Problem> {
        let mut checks = Checks::new();
        checks.text("/name", &self.name, NAME_CHARS_MAX);
        checks.money("/price", &self.price, PRICE_MAX);
        checks.number("/stock", self.stock, 0, STOCK_MAX);
        checks.finish()
    }
}

impl ProductChange {
    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.price.is_none()
    }

    /// Checks the bounds.
    pub fn check(&self) -> Result<(), Problem> {
        let mut checks = Checks::new();
        if let Some(name) = &self.name {
            checks.text("/name", name, NAME_CHARS_MAX);
        }
        if let Some(price) = &self.price {
            checks.money("/price", price, PRICE_MAX);
        }
        checks.finish()
    }
}

impl StockAdjustment {
    /// Checks the bounds.
    pub fn check(&self) -> Result<(), Problem> {
        let mut checks = Checks::new();
        checks.number("/delta", self.delta, -QUANTITY_MAX, QUANTITY_MAX);
        if self.delta == 0 {
            checks.report("/delta", "OUT_OF_RANGE", "Not zero.");
        }
        checks.finish()
    }
}

fn price() -> Object {
    amount_up_to(PRICE_MAX)
}

fn new_price() -> Schema {
    let none = ObjectBuilder::new().schema_type(Type::Null);
    OneOfBuilder::new().item(none).item(price()).build().into()
}

/// From -[`QUANTITY_MAX`] to [`QUANTITY_MAX`] without zero.
fn delta() -> Schema {
    let between = |from: i64, to: i64| {
        ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(from))
            .maximum(Some(to))
    };
    OneOfBuilder::new()
        .item(between(1, QUANTITY_MAX))
        .item(between(-QUANTITY_MAX, -1))
        .description(Some("Pieces to add; negative takes away. Not zero."))
        .build()
        .into()
}

impl From<Product> for ProductBody {
    fn from(product: Product) -> Self {
        Self {
            available: product.on_hand.saturating_sub(product.reserved),
            product_id: product.product_id,
            seller_id: product.seller_id,
            name: product.name,
            price: product.price.into(),
            on_hand: product.on_hand,
            version: product.version,
        }
    }
}
