//! What becomes of the lines of a paid order: shipped, kept or given back, and where the money of each goes.
//!
//! A line's money stays with the order until the line is decided: kept goods are paid to their seller, goods that are given
//! back are paid back, and nothing is taken back from a seller afterwards. Money goes first, goods follow. Whoever says nothing
//! agrees, after a time that is part of the line's state.

use serde::{Deserialize, Serialize};

use crate::ids::AccountId;
use crate::money::Money;
use crate::order::state::{LineStatus, OrderLine};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// How long a shipped line waits for a word of its buyer, in milliseconds: 14 days. Then it is delivered.
pub const DELIVERY_ASSUMED_MS: i64 = 14 * DAY_MS;

/// How long a return waits for a word of the seller, in milliseconds: 14 days. Then it is agreed to.
pub const RETURN_AGREED_MS: i64 = 14 * DAY_MS;

/// What has become of one line since the order was paid.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineFulfilment {
    /// Where the goods are on their way to the buyer.
    pub status: Fulfilment,
    /// Where the money goes.
    pub money: LineMoney,
    /// The parcel that the goods are in.
    pub parcel: Parcel,
    /// Whether the seller has refused to take the goods back; nobody asks a second time.
    pub return_rejected: bool,
    /// When the line moves on although nobody says anything, in milliseconds since the epoch.
    pub moves_at: Option<i64>,
}

/// Where the goods of a line are on their way to the buyer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Fulfilment {
    /// With the seller.
    #[default]
    Unshipped,
    /// On their way, or with a buyer who has not said so.
    Shipped,
    /// The buyer wants to give them back.
    ReturnRequested,
    /// The buyer has them and keeps them.
    Delivered,
}

/// Where the money of a line goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LineMoney {
    /// It shares the fate of the order's money.
    #[default]
    WithOrder,
    /// The buyer's wallet has been asked to take it back.
    RefundAsked,
    /// Back in the buyer's wallet.
    Refunded,
    /// The buyer's wallet has been asked to set it aside for the seller.
    SettlementAsked,
    /// The seller's wallet has been asked to take it.
    CreditAsked,
    /// In the seller's wallet.
    Settled,
}

/// What a seller says of a parcel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parcel {
    /// Who carries it.
    pub carrier: Option<String>,
    /// Its number there.
    pub tracking_number: Option<String>,
}

/// What a line waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineAsk {
    /// Its money to come back to the buyer.
    Refund,
    /// Its goods to come back to the store.
    Return,
    /// Its money to be set aside for the seller.
    Settle,
    /// The seller to have it.
    Credit,
}

impl LineFulfilment {
    /// Whether nothing has happened to the line since the order was paid.
    #[must_use]
    pub fn is_untouched(&self) -> bool {
        *self == Self::default()
    }
}

impl LineMoney {
    /// All of them, in the order in which money moves.
    pub const ALL: [Self; 6] = [
        Self::WithOrder,
        Self::RefundAsked,
        Self::Refunded,
        Self::SettlementAsked,
        Self::CreditAsked,
        Self::Settled,
    ];

    /// Whether it is the buyer's again, or will be.
    #[must_use]
    pub fn goes_back(self) -> bool {
        match self {
            Self::RefundAsked | Self::Refunded => true,
            Self::WithOrder | Self::SettlementAsked | Self::CreditAsked | Self::Settled => false,
        }
    }
}

impl OrderLine {
    /// The price of all its pieces, once they are reserved.
    #[must_use]
    pub fn total(&self) -> Option<Money> {
        self.unit_price?.times(self.quantity).ok()
    }

    pub(crate) fn ask(&self) -> Option<LineAsk> {
        match self.fulfilment.money {
            LineMoney::RefundAsked => Some(LineAsk::Refund),
            LineMoney::Refunded => (self.status == LineStatus::Confirmed).then_some(LineAsk::Return),
            LineMoney::SettlementAsked => Some(LineAsk::Settle),
            LineMoney::CreditAsked => Some(LineAsk::Credit),
            LineMoney::WithOrder | LineMoney::Settled => None,
        }
    }

    /// Who gets how much for it.
    pub(crate) fn sale(&self) -> Option<(&AccountId, Money)> {
        Some((self.seller_id.as_ref()?, self.total()?))
    }
}
