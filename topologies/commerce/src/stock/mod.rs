//! The stock of a product: what is on the shelf, and what of it is held for orders.
//!
//! One writer per product. Each pair of an order and a line has one hold, which is resolved exactly once;
//! a command about a hold that is resolved is answered from its state, so that every command may come
//! twice, late, or before the one it follows.

mod hold;
mod ledger;

pub use hold::{HOLD_RETENTION_MS, Hold, HoldStatus};
pub use ledger::{StockStep, step};
pub(crate) use ledger::{ledger_changed, ledger_refused};

use crate::ids::{AccountId, LineNo, OrderId, ProductId};
use crate::money::Money;

/// What an order asks of a product's stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StockCommand {
    /// Hold the goods of one line.
    Reserve {
        /// For whom.
        order_id: OrderId,
        /// Which of its lines.
        line: LineNo,
        /// How often it has been sent, from 1. A second send is not a second hold.
        attempt: u32,
        /// How many.
        quantity: i64,
    },
    /// Take the held goods from the shelf.
    Confirm {
        /// Whose.
        order_id: OrderId,
        /// Which of its lines.
        line: LineNo,
    },
    /// Hold the goods no more; of an unknown hold, refuse it should it come.
    Release {
        /// Whose.
        order_id: OrderId,
        /// Which of its lines.
        line: LineNo,
    },
    /// Undo the line whatever became of its confirmation: back on the shelf, or held no more.
    Restock {
        /// Whose.
        order_id: OrderId,
        /// Which of its lines.
        line: LineNo,
    },
    /// Put sold goods back on the shelf that their buyer gave back. The line remains sold: it is not sold a second time.
    Return {
        /// Whose.
        order_id: OrderId,
        /// Which of its lines.
        line: LineNo,
    },
}

/// What the stock answers to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StockReply {
    /// Held, with the price and the name of that moment.
    Reserved(Reservation),
    /// Not to be had.
    Rejected(Rejection),
    /// Taken from the shelf.
    Confirmed {
        /// The order's line.
        line: LineNo,
        /// Whose stock.
        product_id: ProductId,
    },
    /// Held no more.
    Released {
        /// The order's line.
        line: LineNo,
        /// Whose stock.
        product_id: ProductId,
    },
    /// Back on the shelf.
    Restocked {
        /// The order's line.
        line: LineNo,
        /// Whose stock.
        product_id: ProductId,
    },
    /// Sold, given back by its buyer, and back on the shelf.
    Returned {
        /// The order's line.
        line: LineNo,
        /// Whose stock.
        product_id: ProductId,
    },
}

/// A hold, as the order learns of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// The order's line.
    pub line: LineNo,
    /// The send that this answers.
    pub attempt: u32,
    /// What is held.
    pub product_id: ProductId,
    /// Whose it is.
    pub seller_id: AccountId,
    /// Its name when it was reserved.
    pub product_name: String,
    /// How many.
    pub quantity: i64,
    /// The price of one when it was reserved.
    pub unit_price: Money,
}

/// Why a line is not to be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The order's line.
    pub line: LineNo,
    /// The send that this answers.
    pub attempt: u32,
    /// What was asked for.
    pub product_id: ProductId,
    /// Why not.
    pub reason: StockRejection,
    /// How many were asked for.
    pub requested: i64,
    /// How many were free.
    pub available: i64,
}

/// The reasons of a [`Rejection`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum StockRejection {
    /// Fewer are free.
    OutOfStock,
    /// No such product.
    UnknownProduct,
    /// The quantity is no positive number, or not the one that the hold has.
    InvalidQuantity,
}

/// What happened to a product's stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockEvent {
    /// Its number under the product, from 1; 0 where there is no product.
    pub seq: u64,
    /// What happened.
    pub kind: StockEventKind,
}

/// The kinds of a [`StockEvent`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StockEventKind {
    /// An entry of the stock ledger.
    Changed(StockChange),
    /// A command was refused; nothing changed.
    Refused(ProductRefusal),
}

/// An entry of the stock ledger, with the stock that it led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockChange {
    /// What kind of change.
    pub kind: StockChangeKind,
    /// The order and its line, of a change that an order asked for.
    pub hold: Option<(OrderId, LineNo)>,
    /// Change of the pieces on the shelf.
    pub delta_on_hand: i64,
    /// Change of the pieces held.
    pub delta_reserved: i64,
    /// Pieces on the shelf after it, held ones included.
    pub on_hand: i64,
    /// Pieces held after it.
    pub reserved: i64,
}

/// The kinds of a [`StockChange`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StockChangeKind {
    /// The product was created with its first stock.
    Created,
    /// The seller counted again, bought or wrote off.
    Adjusted,
    /// Held for an order.
    Reserved,
    /// Taken from the shelf for an order.
    Confirmed,
    /// Held no more.
    Released,
    /// Put back on the shelf.
    Restocked,
    /// Given back by the buyer.
    Returned,
}

/// Why a command about a product was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProductRefusal {
    /// The product exists with other content.
    AlreadyExists,
    /// There is no such product.
    UnknownProduct,
    /// The actor does not own the product, or may not do this at all.
    NotOwner,
    /// Less would be on the shelf than is held.
    StockWouldBeNegative,
    /// The same id came with other content.
    Conflict,
    /// The command is outside the bounds.
    Invalid,
    /// The product is not in the version that the command is for.
    OtherVersion,
}

impl StockCommand {
    /// The hold that the command is about.
    #[must_use]
    pub fn hold(&self) -> (&OrderId, LineNo) {
        match self {
            Self::Reserve { order_id, line, .. } => (order_id, *line),
            Self::Confirm { order_id, line } => (order_id, *line),
            Self::Release { order_id, line } => (order_id, *line),
            Self::Restock { order_id, line } => (order_id, *line),
            Self::Return { order_id, line } => (order_id, *line),
        }
    }
}

impl StockReply {
    /// The order's line.
    #[must_use]
    pub fn line(&self) -> LineNo {
        match self {
            Self::Reserved(reservation) => reservation.line,
            Self::Rejected(rejection) => rejection.line,
            Self::Confirmed { line, .. } => *line,
            Self::Released { line, .. } => *line,
            Self::Restocked { line, .. } => *line,
            Self::Returned { line, .. } => *line,
        }
    }

    /// Whose stock.
    #[must_use]
    pub fn product_id(&self) -> &ProductId {
        match self {
            Self::Reserved(reservation) => &reservation.product_id,
            Self::Rejected(rejection) => &rejection.product_id,
            Self::Confirmed { product_id, .. } => product_id,
            Self::Released { product_id, .. } => product_id,
            Self::Restocked { product_id, .. } => product_id,
            Self::Returned { product_id, .. } => product_id,
        }
    }
}
