//! What happens to the lines of a paid order: parts of the topics `order-commands`, `order-events` and `orders`.

use serde::{Deserialize, Serialize};

/// The seller hands own lines to a carrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShipLines {
    /// Lines of the order, from 1; none means all that this can be about.
    pub lines: Vec<i32>,
    /// Who carries the parcel.
    #[serde(default)]
    pub carrier: Option<String>,
    /// Number of the parcel at the carrier.
    #[serde(default)]
    pub tracking_number: Option<String>,
}

/// The buyer has shipped lines and keeps them: their money goes to the seller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmDelivery {
    /// Lines of the order, from 1; none means all that this can be about.
    pub lines: Vec<i32>,
}

/// The buyer wants to give shipped lines back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestReturn {
    /// Lines of the order, from 1; none means all that this can be about.
    pub lines: Vec<i32>,
    /// Words of who asked.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The seller does not take lines back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectReturn {
    /// Lines of the order, from 1; none means all that this can be about.
    pub lines: Vec<i32>,
    /// Words of who asked.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Gives the money of lines back and takes their goods back: by the buyer before they are shipped, by the seller until they
/// are delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundLines {
    /// Lines of the order, from 1; none means all that this can be about.
    pub lines: Vec<i32>,
    /// Words of who asked.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Where a paid line is on its way to the buyer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Fulfilment {
    /// With the seller.
    #[default]
    Unshipped,
    /// On its way, or with a buyer who has not said so.
    Shipped,
    /// The buyer wants to give it back.
    ReturnRequested,
    /// The buyer has it and keeps it.
    Delivered,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// Where the money of a line goes once the order is paid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LineMoney {
    /// It shares the fate of the order's money.
    #[default]
    WithOrder,
    /// On its way back to the buyer.
    Refunding,
    /// Back with the buyer.
    Refunded,
    /// On its way to the seller.
    Settling,
    /// With the seller.
    Settled,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// The lines are on their way to the buyer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinesShipped {
    /// Lines of the order, from 1.
    pub lines: Vec<i32>,
    /// Who carries the parcel.
    #[serde(default)]
    pub carrier: Option<String>,
    /// Number of the parcel at the carrier.
    #[serde(default)]
    pub tracking_number: Option<String>,
}

/// The buyer has the lines and keeps them; their money goes to their sellers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinesDelivered {
    /// Lines of the order, from 1.
    pub lines: Vec<i32>,
}

/// The buyer wants to give the lines back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnRequested {
    /// Lines of the order, from 1.
    pub lines: Vec<i32>,
    /// Words of who asked.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The seller does not take the lines back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReturnRejected {
    /// Lines of the order, from 1.
    pub lines: Vec<i32>,
    /// Words of who asked.
    #[serde(default)]
    pub reason: Option<String>,
}

/// The money of the lines goes back to the buyer, and their goods to the store after that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefundRequested {
    /// Lines of the order, from 1.
    pub lines: Vec<i32>,
    /// Words of who asked.
    #[serde(default)]
    pub reason: Option<String>,
}
