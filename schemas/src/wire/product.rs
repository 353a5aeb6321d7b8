//! Records of the topics `product-commands` and `products`.

use serde::{Deserialize, Serialize};

use super::Wire;
use super::envelope::{Envelope, Money};
use crate::topics::{self, TopicSpec};

/// A command of a seller; the key is the product id.
pub type ProductCommand = Envelope<ProductCommandPayload>;

impl Wire for ProductCommand {
    fn topic() -> &'static TopicSpec {
        &topics::PRODUCT_COMMANDS
    }
}

/// What a [`ProductCommand`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProductCommandPayload {
    /// Puts a product on offer.
    #[serde(alias = "sluice.CreateProduct")]
    CreateProduct(CreateProduct),
    /// Changes what is set; what is null stays.
    #[serde(alias = "sluice.ChangeProduct")]
    ChangeProduct(ChangeProduct),
    /// Adds pieces to the stock, or takes unreserved ones away.
    #[serde(alias = "sluice.AdjustStock")]
    AdjustStock(AdjustStock),
}

impl Wire for Product {
    fn topic() -> &'static TopicSpec {
        &topics::PRODUCTS
    }
}

/// Puts a product on offer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateProduct {
    /// Account of the seller.
    pub seller_id: String,
    /// Name shown to buyers.
    pub name: String,
    /// Price of one piece.
    pub price: Money,
    /// Pieces on hand at the start, not negative.
    pub stock: i64,
}

/// Changes what is set; what is null stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeProduct {
    /// New name.
    #[serde(default)]
    pub name: Option<String>,
    /// New price of one piece, in the same currency.
    #[serde(default)]
    pub price: Option<Money>,
    /// Changes the product in this version only; null changes it in any.
    #[serde(default)]
    pub if_version: Option<i64>,
}

/// Adds pieces to the stock, or takes unreserved ones away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdjustStock {
    /// Pieces to add; negative takes away.
    pub delta: i64,
    /// Id of this adjustment: applied once.
    pub adjustment_id: String,
}

/// Snapshot of a product and its stock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Product {
    /// The product, also the key.
    pub product_id: String,
    /// Account of the seller.
    pub seller_id: String,
    /// Name shown to buyers.
    pub name: String,
    /// Price of one piece.
    pub price: Money,
    /// Pieces in the store, reserved ones included.
    pub on_hand: i64,
    /// Pieces held for orders; available is `on_hand` minus reserved.
    pub reserved: i64,
    /// Grows by one with every change, from 1.
    pub version: i64,
    /// Time of the last change.
    pub updated_at: i64,
}
