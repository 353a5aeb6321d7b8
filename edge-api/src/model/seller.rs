//! What a seller sees of buyers.

use commerce::views::BuyerOfSeller;
use serde::Serialize;
use utoipa::ToSchema;

use super::time::rfc3339;

/// Somebody who has bought from the seller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Buyer)]
pub struct BuyerBody {
    /// The buyer's account.
    pub buyer_id: String,
    /// Orders with lines of the seller that were paid, also such as were cancelled after that.
    pub paid_orders: u64,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub last_paid_at: String,
}

impl From<BuyerOfSeller> for BuyerBody {
    fn from(buyer: BuyerOfSeller) -> Self {
        Self {
            buyer_id: buyer.buyer_id,
            paid_orders: buyer.paid_orders,
            last_paid_at: rfc3339(buyer.last_paid_at),
        }
    }
}
