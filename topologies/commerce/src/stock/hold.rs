//! What is held for one line of one order.

use serde::{Deserialize, Serialize};

use crate::money::Money;
use crate::stock::StockRejection;

/// How long a resolved hold is remembered, in milliseconds: seven days, as long as the command topics keep a command.
/// A duplicate older than that cannot be read from the log any more, so the store of holds is bounded by
/// the live holds, the sold lines that may still be cancelled, and seven days of the others.
pub const HOLD_RETENTION_MS: i64 = 7 * 24 * 60 * 60 * 1000;

/// A hold, live or resolved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Where it stands.
    pub status: HoldStatus,
    /// How many; 0 of a release that came before its reservation.
    pub quantity: i64,
    /// The price of one when it was reserved.
    pub unit_price: Option<Money>,
    /// The product's name when it was reserved.
    pub product_name: Option<String>,
    /// Milliseconds since the epoch, of the last change.
    pub changed_at: i64,
}

/// Where a hold stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum HoldStatus {
    /// Live: counted in the product's reserved pieces.
    Reserved,
    /// Sold: off the shelf.
    Confirmed,
    /// Resolved: held no more.
    Released,
    /// Resolved: put back on the shelf after it was sold.
    Restocked,
    /// Resolved: sold, given back by its buyer, and back on the shelf.
    Returned,
    /// Resolved: it was never to be had.
    Rejected {
        /// Why not.
        reason: StockRejection,
        /// How many were free.
        available: i64,
    },
}

impl Hold {
    /// When it may be forgotten, in milliseconds since the epoch; `None` while it may still change.
    #[must_use]
    pub fn forget_at(&self) -> Option<i64> {
        match self.status {
            HoldStatus::Reserved => None,
            HoldStatus::Confirmed => None,
            HoldStatus::Released => Some(self.changed_at.saturating_add(HOLD_RETENTION_MS)),
            HoldStatus::Returned => Some(self.changed_at.saturating_add(HOLD_RETENTION_MS)),
            HoldStatus::Restocked => Some(self.changed_at.saturating_add(HOLD_RETENTION_MS)),
            HoldStatus::Rejected { .. } => Some(self.changed_at.saturating_add(HOLD_RETENTION_MS)),
        }
    }
}
