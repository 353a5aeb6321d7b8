//! Orders.

use schemas::wire::order as wire;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::checks::Checks;
use super::fulfilment::{Fulfilment, LineMoney};
use super::money::MoneyBody;
use super::shown::shown;
use super::time::rfc3339;
use super::whole;
use crate::limits::{ORDER_LINES_MAX, QUANTITY_MAX, REASON_CHARS_MAX};
use crate::problem::Problem;

/// Asks for an order. Prices are the products' own.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// 1 to 100 lines; they are numbered from 1 in this order.
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Vec<NewLine>,
    /// Token of the card that pays, as the payment provider has given it out for it; never the number of a card. Without one the
    /// wallet pays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1, max_length = 64, pattern = "^[0-9_-]*[A-Za-z][A-Za-z0-9_-]*$", example = json!(null))]
    pub card: Option<String>,
}

/// One line of a new order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// The product.
    #[schema(min_length = 1, max_length = 100, pattern = "^[A-Za-z0-9._-]+$")]
    pub product_id: String,
    /// Pieces.
    #[serde(deserialize_with = "whole::deserialize")]
    #[schema(example = 3, minimum = 1, maximum = 1_000_000)]
    pub quantity: i64,
}

/// The order is stored and on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OrderAccepted {
    /// The order. The same buyer and `Idempotency-Key` always give the same id.
    pub order_id: String,
    /// Always `CREATED`; read the order for what became of it.
    pub status: OrderStatus,
}

/// Asks to cancel.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Cancellation {
    /// The buyer's words.
    #[serde(default)]
    #[schema(
        min_length = 1,
        max_length = 500,
        pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]*[^\\s\\x00-\\x1f\\x7f-\\x9f][^\\x00-\\x1f\\x7f-\\x9f]*$"
    )]
    pub reason: Option<String>,
}

/// The command is stored and on its way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OrderCommandAccepted {
    /// The order.
    pub order_id: String,
    /// The status at the time of the request.
    pub status: OrderStatus,
}

/// An order. A seller sees the own lines only, and their sum as the total.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Order)]
pub struct OrderBody {
    /// The order.
    pub order_id: String,
    /// Account of the buyer.
    pub buyer_id: String,
    /// Public status.
    pub status: OrderStatus,
    /// Why it is cancelled; null while it is not.
    pub cancel_reason: Option<CancelReason>,
    /// What the order is paid with.
    pub payment_method: PaymentMethod,
    /// Where the money is.
    pub payment_status: PaymentStatus,
    /// What the order waits for.
    pub step: SagaStep,
    /// An operator has to look.
    pub needs_attention: bool,
    /// The lines.
    pub lines: Vec<LineBody>,
    /// Sum of the lines; null until all have a price.
    pub total: Option<MoneyBody>,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// RFC 3339, UTC.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// Grows with every change; also the `ETag`.
    pub version: i64,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OrderLine)]
pub struct LineBody {
    /// Number of the line, from 1.
    pub line: i32,
    /// The product.
    pub product_id: String,
    /// Account of the seller; null until the line is reserved.
    pub seller_id: Option<String>,
    /// Name of the product when it was reserved; null before.
    pub product_name: Option<String>,
    /// Pieces.
    pub quantity: i64,
    /// Price of one piece when it was reserved; null before.
    pub unit_price: Option<MoneyBody>,
    /// Where the goods are.
    pub status: LineStatus,
    /// Where the goods are on their way to the buyer.
    pub fulfilment: Fulfilment,
    /// Where the money goes.
    pub money: LineMoney,
    /// Who carries the parcel; null before it is shipped, or if the seller did not say.
    pub carrier: Option<String>,
    /// Number of the parcel at the carrier.
    pub tracking_number: Option<String>,
}

shown! {
    /// Public status of an order.
    OrderStatus {
        /// Accepted, on its way.
        Created,
        /// Goods and money are settled.
        Paid,
        /// On its way to the buyer.
        Shipped,
        /// With the buyer.
        Delivered,
        /// Final: nothing is taken and nothing is held.
        Cancelled,
    }
}

shown! {
    /// Why an order is cancelled.
    CancelReason {
        /// A line could not be reserved.
        OutOfStock,
        /// A line names no product.
        UnknownProduct,
        /// The payment was declined.
        PaymentDeclined,
        /// The wallet holds less than the total.
        InsufficientFunds,
        /// The buyer asked for it.
        CancelledByBuyer,
        /// A price is not the one that the buyer agreed to.
        PriceChanged,
        /// The lines are priced in more than one currency.
        CurrencyMismatch,
        /// The total does not fit.
        InvalidOrder,
        /// A step was not answered in time.
        TimedOut,
        /// All lines were refunded, one by one.
        Refunded,
    }
}

shown! {
    /// What an order is paid with.
    PaymentMethod {
        /// The buyer's wallet.
        Wallet,
        /// A card, through a payment provider.
        Card,
    }
}

shown! {
    /// Where the money of an order is.
    PaymentStatus {
        /// Nothing is known to be held or taken.
        None,
        /// Held, in the wallet or by the card's provider.
        Authorized,
        /// Taken.
        Captured,
        /// Refused.
        Declined,
        /// The hold was given back.
        Voided,
        /// Paid back.
        Refunded,
    }
}

shown! {
    /// What an order waits for.
    SagaStep {
        /// The reservations.
        Reserving,
        /// The hold of the money.
        Authorizing,
        /// The goods to leave the store.
        Confirming,
        /// The money to be taken.
        Capturing,
        /// The hold to be given back.
        Voiding,
        /// The money to be paid back.
        Refunding,
        /// The goods to come back.
        Returning,
        /// The money or the goods of some lines: back, or to the seller.
        Settling,
        /// Nothing.
        Done,
    }
}

shown! {
    /// Where the goods of a line are.
    LineStatus {
        /// Not answered yet.
        Requested,
        /// Held.
        Reserved,
        /// Not to be had.
        Rejected,
        /// Left the store.
        Confirmed,
        /// The hold was given back.
        Released,
        /// Came back to the store.
        Restocked,
        /// Given back by the buyer, and in the store again.
        Returned,
    }
}

impl NewOrder {
    /// Checks the bounds; a card is in them where `takes_cards` says so.
    pub fn check(&self, takes_cards: bool) -> Result<(), Problem> {
        let mut checks = Checks::new();
        if !(1..=ORDER_LINES_MAX).contains(&self.lines.len()) {
            checks.report("/lines", "LENGTH", format!("1 to {ORDER_LINES_MAX} lines."));
            return checks.finish();
        }
        for (index, line) in self.lines.iter().enumerate() {
            checks.id(&format!("/lines/{index}/product_id"), &line.product_id);
            checks.number(&format!("/lines/{index}/quantity"), line.quantity, 1, QUANTITY_MAX);
        }
        checks.card("/card", self.card.as_deref(), takes_cards);
        checks.finish()
    }
}

impl Cancellation {
    /// Checks the bounds.
    pub fn check(&self) -> Result<(), Problem> {
        let mut checks = Checks::new();
        checks.optional_text("/reason", self.reason.as_deref(), REASON_CHARS_MAX);
        checks.finish()
    }
}

/// Whether nothing more will happen to the order without a new command or an operator.
#[must_use]
pub fn is_settled(order: &wire::Order) -> bool {
    order.step == wire::SagaStep::Done || order.needs_attention
}

impl From<wire::Order> for OrderBody {
    fn from(order: wire::Order) -> Self {
        Self {
            order_id: order.order_id,
            buyer_id: order.buyer_id,
            status: order.status.into(),
            cancel_reason: order.cancel_reason.map(CancelReason::from),
            payment_method: order.payment_method.into(),
            payment_status: order.payment_status.into(),
            step: order.step.into(),
            needs_attention: order.needs_attention,
            lines: order.lines.into_iter().map(LineBody::from).collect(),
            total: order.total.map(MoneyBody::from),
            created_at: rfc3339(order.created_at),
            updated_at: rfc3339(order.updated_at),
            version: order.version,
        }
    }
}

impl From<wire::OrderLine> for LineBody {
    fn from(line: wire::OrderLine) -> Self {
        Self {
            line: line.line,
            product_id: line.product_id,
            seller_id: line.seller_id,
            product_name: line.product_name,
            quantity: line.quantity,
            unit_price: line.unit_price.map(MoneyBody::from),
            status: line.status.into(),
            fulfilment: line.fulfilment.into(),
            money: line.money.into(),
            carrier: line.carrier,
            tracking_number: line.tracking_number,
        }
    }
}
