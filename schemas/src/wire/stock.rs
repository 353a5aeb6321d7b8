//! Records of the topics `stock-commands`, `stock-events` and `stock-replies`.

use serde::{Deserialize, Serialize};

use super::Wire;
use super::envelope::{Envelope, Money};
use crate::topics::{self, TopicSpec};

/// A command of the orders topology to the stock of a product; the key is the product id.
pub type StockCommand = Envelope<StockCommandPayload>;

impl Wire for StockCommand {
    fn topic() -> &'static TopicSpec {
        &topics::STOCK_COMMANDS
    }
}

/// What a [`StockCommand`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StockCommandPayload {
    /// Asks to hold pieces for an order line.
    #[serde(alias = "sluice.ReserveStock")]
    ReserveStock(ReserveStock),
    /// Turns a hold into a sale: the pieces leave the store.
    #[serde(alias = "sluice.ConfirmStock")]
    ConfirmStock(ConfirmStock),
    /// Gives a hold back. For an unknown hold it leaves a tombstone that refuses a late `ReserveStock`.
    #[serde(alias = "sluice.ReleaseStock")]
    ReleaseStock(ReleaseStock),
    /// Takes confirmed pieces back into the store: the compensation of `ConfirmStock`.
    #[serde(alias = "sluice.RestockStock")]
    RestockStock(RestockStock),
    /// Takes sold pieces back into the store that their buyer gave back.
    #[serde(alias = "sluice.ReturnStock")]
    ReturnStock(ReturnStock),
}

/// An entry of the stock ledger; the key is the product id.
pub type StockEvent = Envelope<StockEventPayload>;

impl Wire for StockEvent {
    fn topic() -> &'static TopicSpec {
        &topics::STOCK_EVENTS
    }
}

/// What a [`StockEvent`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StockEventPayload {
    /// One entry of the stock ledger, with the balance after it.
    #[serde(alias = "sluice.StockChanged")]
    StockChanged(StockChanged),
    /// A product command changed nothing; causation names the command.
    #[serde(alias = "sluice.ProductRefused")]
    ProductRefused(ProductRefused),
}

/// The answer of a stock to an order; the key is the order id.
pub type StockReply = Envelope<StockReplyPayload>;

impl Wire for StockReply {
    fn topic() -> &'static TopicSpec {
        &topics::STOCK_REPLIES
    }
}

/// What a [`StockReply`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StockReplyPayload {
    /// Pieces are held for the line, at this price.
    #[serde(alias = "sluice.StockReserved")]
    StockReserved(StockReserved),
    /// Nothing is held for the line.
    #[serde(alias = "sluice.StockRejected")]
    StockRejected(StockRejected),
    /// The held pieces of the line left the store.
    #[serde(alias = "sluice.StockConfirmed")]
    StockConfirmed(StockConfirmed),
    /// The line holds no pieces, and never will again.
    #[serde(alias = "sluice.StockReleased")]
    StockReleased(StockReleased),
    /// The sold pieces of the line are back in the store.
    #[serde(alias = "sluice.StockRestocked")]
    StockRestocked(StockRestocked),
    /// The sold pieces of the line, given back by their buyer, are in the store again.
    #[serde(alias = "sluice.StockReturned")]
    StockReturned(StockReturned),
}

/// Asks to hold pieces for an order line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReserveStock {
    /// The order.
    pub order_id: String,
    /// Line of the order, from 1.
    pub line: i32,
    /// How often this was asked, from 1; a repetition holds nothing more.
    pub attempt: i32,
    /// Pieces to hold, positive.
    pub quantity: i64,
}

/// Turns a hold into a sale: the pieces leave the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmStock {
    /// The order.
    pub order_id: String,
    /// Line of the order, from 1.
    pub line: i32,
}

/// Gives a hold back. For an unknown hold it leaves a tombstone that refuses a late `ReserveStock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseStock {
    /// The order.
    pub order_id: String,
    /// Line of the order, from 1.
    pub line: i32,
}

/// Takes confirmed pieces back into the store: the compensation of `ConfirmStock`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestockStock {
    /// The order.
    pub order_id: String,
    /// Line of the order, from 1.
    pub line: i32,
}

/// Takes sold pieces back into the store that their buyer gave back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnStock {
    /// The order.
    pub order_id: String,
    /// Line of the order, from 1.
    pub line: i32,
}

/// What changed a stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StockChangeKind {
    /// The product was created.
    Created,
    /// The seller adjusted it.
    Adjusted,
    /// Pieces were held for an order.
    Reserved,
    /// Held pieces left the store.
    Confirmed,
    /// Held pieces are available again.
    Released,
    /// Sold pieces came back.
    Restocked,
    /// The buyer gave sold pieces back.
    Returned,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// One entry of the stock ledger, with the balance after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockChanged {
    /// What happened.
    pub kind: StockChangeKind,
    /// The order, unless the seller acted.
    #[serde(default)]
    pub order_id: Option<String>,
    /// Line of the order, unless the seller acted.
    #[serde(default)]
    pub line: Option<i32>,
    /// Change of `on_hand`.
    pub delta_on_hand: i64,
    /// Change of reserved.
    pub delta_reserved: i64,
    /// Pieces in the store afterwards.
    pub on_hand: i64,
    /// Held pieces afterwards.
    pub reserved: i64,
}

/// Why a command of a seller was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProductRefusal {
    /// The product id is taken by a product with other content.
    AlreadyExists,
    /// There is no such product.
    UnknownProduct,
    /// The actor is not the seller of the product.
    NotOwner,
    /// Fewer unreserved pieces are on hand than were to be taken away.
    StockWouldBeNegative,
    /// The same adjustment id came before with another delta.
    Conflict,
    /// A value is out of its range.
    Invalid,
    /// The product is not in the version that the command is for.
    OtherVersion,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// A product command changed nothing; causation names the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductRefused {
    /// Why.
    pub reason: ProductRefusal,
}

/// Pieces are held for the line, at this price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReserved {
    /// Line of the order, from 1.
    pub line: i32,
    /// Attempt of the `ReserveStock` that is answered.
    pub attempt: i32,
    /// The product.
    pub product_id: String,
    /// Account of the seller.
    pub seller_id: String,
    /// Name at the time of the reservation.
    pub product_name: String,
    /// Pieces held.
    pub quantity: i64,
    /// Price of one piece, fixed for this order.
    pub unit_price: Money,
}

/// Why nothing was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StockRejection {
    /// Fewer pieces are available than were asked for.
    OutOfStock,
    /// There is no such product.
    UnknownProduct,
    /// The quantity is not positive.
    InvalidQuantity,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// Nothing is held for the line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockRejected {
    /// Line of the order, from 1.
    pub line: i32,
    /// Attempt of the `ReserveStock` that is answered.
    pub attempt: i32,
    /// The product.
    pub product_id: String,
    /// Why.
    pub reason: StockRejection,
    /// Pieces asked for.
    pub requested: i64,
    /// Pieces that were available.
    pub available: i64,
}

/// The held pieces of the line left the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockConfirmed {
    /// Line of the order, from 1.
    pub line: i32,
    /// The product.
    pub product_id: String,
}

/// The line holds no pieces, and never will again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReleased {
    /// Line of the order, from 1.
    pub line: i32,
    /// The product.
    pub product_id: String,
}

/// The sold pieces of the line are back in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockRestocked {
    /// Line of the order, from 1.
    pub line: i32,
    /// The product.
    pub product_id: String,
}

/// The sold pieces of the line, given back by their buyer, are in the store again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StockReturned {
    /// Line of the order, from 1.
    pub line: i32,
    /// The product.
    pub product_id: String,
}
