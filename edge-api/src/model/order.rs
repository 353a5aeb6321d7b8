//! Orders.

use commerce::money::Money;
use commerce::order::{self, OrderSnapshot, OrderState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::checks::Checks;
use super::money::MoneyBody;
use super::time::rfc3339;
use crate::auth::access::OrderScope;
use crate::limits::{ORDER_LINES_MAX, QUANTITY_MAX, REASON_CHARS_MAX};
use crate::problem::Problem;

/// Asks for an order. Prices are the products' own.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    /// 1 to 100 lines; they are numbered from 1 in this order.
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Vec<NewLine>,
}

/// One line of a new order.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewLine {
    /// The product.
    pub product_id: String,
    /// Pieces.
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
    #[schema(max_length = 500)]
    pub reason: Option<String>,
}

/// The cancellation is stored and on its way.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct CancellationAccepted {
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
    /// Why it is cancelled: OUT_OF_STOCK, UNKNOWN_PRODUCT, PAYMENT_DECLINED, INSUFFICIENT_FUNDS,
    /// CANCELLED_BY_BUYER, PRICE_CHANGED, CURRENCY_MISMATCH, INVALID_ORDER, TIMED_OUT; null while it is not.
    pub cancel_reason: Option<&'static str>,
    /// Where the money is.
    pub payment_status: PaymentStatus,
    /// What the order waits for.
    pub step: Step,
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
    /// Grows with every change; also the ETag.
    pub version: u64,
}

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = OrderLine)]
pub struct LineBody {
    /// Number of the line, from 1.
    pub line: u16,
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
}

/// Public status of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Accepted, on its way.
    Created,
    /// Goods and money are settled.
    Paid,
    /// Final: nothing is taken and nothing is held.
    Cancelled,
}

/// Where the money of an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    /// Nothing is known to be held or taken.
    None,
    /// Held in the wallet.
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

/// What an order waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Step {
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
    /// Nothing.
    Done,
}

/// Where the goods of a line are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LineStatus {
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
}

impl NewOrder {
    /// Checks the bounds.
    pub fn check(&self) -> Result<(), Problem> {
        let mut checks = Checks::new();
        if !(1..=ORDER_LINES_MAX).contains(&self.lines.len()) {
            checks.report("/lines", "LENGTH", format!("1 to {ORDER_LINES_MAX} lines."));
            return checks.finish();
        }
        for (index, line) in self.lines.iter().enumerate() {
            checks.id(&format!("/lines/{index}/product_id"), &line.product_id);
            checks.number(&format!("/lines/{index}/quantity"), line.quantity, 1, QUANTITY_MAX);
        }
        checks.finish()
    }
}

impl Cancellation {
    /// Checks the bounds.
    pub fn check(&self) -> Result<(), Problem> {
        let mut checks = Checks::new();
        if let Some(reason) = &self.reason {
            checks.text("/reason", reason, REASON_CHARS_MAX);
        }
        checks.finish()
    }
}

/// Whether nothing more will happen to the order without a new command or an operator.
#[must_use]
pub fn is_settled(order: &OrderState) -> bool {
    order.step().is_final() || order.needs_attention
}

impl OrderBody {
    /// What `viewer` may see of an order in this scope.
    #[must_use]
    pub fn of(order: &OrderState, scope: OrderScope, viewer: &str) -> Self {
        let snapshot = OrderSnapshot::of(order);
        let is_visible = |line: &&order::OrderLine| match scope {
            OrderScope::Whole => true,
            OrderScope::OwnLines => line.seller_id.as_ref().is_some_and(|seller| seller.as_str() == viewer),
        };
        let lines: Vec<_> = snapshot.lines.iter().filter(is_visible).collect();
        let total = match scope {
            OrderScope::Whole => snapshot.total,
            OrderScope::OwnLines => sum(&lines),
        };
        Self {
            order_id: snapshot.order_id.to_string(),
            buyer_id: snapshot.buyer_id.to_string(),
            status: snapshot.status.into(),
            cancel_reason: snapshot.cancel_reason.map(reason_name),
            payment_status: snapshot.payment.into(),
            step: snapshot.step.into(),
            needs_attention: snapshot.needs_attention,
            lines: lines.into_iter().map(LineBody::from).collect(),
            total: total.map(MoneyBody::from),
            created_at: rfc3339(snapshot.created_at),
            updated_at: rfc3339(snapshot.updated_at),
            version: snapshot.version,
        }
    }
}

fn sum(lines: &[&order::OrderLine]) -> Option<Money> {
    let mut total: Option<Money> = None;
    for line in lines {
        let price = line.unit_price?.times(line.quantity).ok()?;
        total = Some(total.map_or(Ok(price), |total| total.plus(price)).ok()?);
    }
    total
}

impl From<&order::OrderLine> for LineBody {
    fn from(line: &order::OrderLine) -> Self {
        Self {
            line: line.line.0,
            product_id: line.product_id.to_string(),
            seller_id: line.seller_id.as_ref().map(ToString::to_string),
            product_name: line.product_name.clone(),
            quantity: line.quantity,
            unit_price: line.unit_price.map(MoneyBody::from),
            status: line.status.into(),
        }
    }
}

/// The public name of a reason.
#[must_use]
pub fn reason_name(reason: order::CancelReason) -> &'static str {
    use order::CancelReason as R;
    match reason {
        R::OutOfStock => "OUT_OF_STOCK",
        R::UnknownProduct => "UNKNOWN_PRODUCT",
        R::PaymentDeclined => "PAYMENT_DECLINED",
        R::InsufficientFunds => "INSUFFICIENT_FUNDS",
        R::CancelledByBuyer => "CANCELLED_BY_BUYER",
        R::PriceChanged => "PRICE_CHANGED",
        R::CurrencyMismatch => "CURRENCY_MISMATCH",
        R::InvalidOrder => "INVALID_ORDER",
        R::TimedOut => "TIMED_OUT",
    }
}

impl From<order::OrderStatus> for OrderStatus {
    fn from(status: order::OrderStatus) -> Self {
        match status {
            order::OrderStatus::Created => Self::Created,
            order::OrderStatus::Paid => Self::Paid,
            order::OrderStatus::Cancelled => Self::Cancelled,
        }
    }
}

impl From<order::PaymentStatus> for PaymentStatus {
    fn from(status: order::PaymentStatus) -> Self {
        use order::PaymentStatus as P;
        match status {
            P::Unasked | P::Asked => Self::None,
            P::Authorized => Self::Authorized,
            P::Captured => Self::Captured,
            P::Declined => Self::Declined,
            P::Voided => Self::Voided,
            P::Refunded => Self::Refunded,
        }
    }
}

impl From<order::SagaStep> for Step {
    fn from(step: order::SagaStep) -> Self {
        use order::SagaStep as S;
        match step {
            S::Reserving => Self::Reserving,
            S::Authorizing => Self::Authorizing,
            S::Confirming => Self::Confirming,
            S::Capturing => Self::Capturing,
            S::Voiding => Self::Voiding,
            S::Refunding => Self::Refunding,
            S::Returning => Self::Returning,
            S::Paid | S::Cancelled => Self::Done,
        }
    }
}

impl From<order::LineStatus> for LineStatus {
    fn from(status: order::LineStatus) -> Self {
        use order::LineStatus as L;
        match status {
            L::Requested => Self::Requested,
            L::Reserved => Self::Reserved,
            L::Rejected => Self::Rejected,
            L::Confirmed => Self::Confirmed,
            L::Released => Self::Released,
            L::Restocked => Self::Restocked,
        }
    }
}
