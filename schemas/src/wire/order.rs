//! Records of the topics `order-commands`, `order-events` and `orders`.

use serde::{Deserialize, Serialize};

use super::Wire;
use super::envelope::{Envelope, Money};
use super::fulfilment::{
    ConfirmDelivery, Fulfilment, LineMoney, LinesDelivered, LinesShipped, RefundLines, RefundRequested, RejectReturn,
    RequestReturn, ReturnRejected, ReturnRequested, ShipLines,
};
use super::payment::{
    PaymentAuthorized, PaymentCaptured, PaymentDeclined, PaymentRefunded, PaymentSettled, PaymentVoided, SellerCredited,
};
use super::stock::{StockConfirmed, StockRejected, StockReleased, StockReserved, StockRestocked, StockReturned};
use crate::topics::{self, TopicSpec};

/// A command of a buyer or a seller; the key is the order id.
pub type OrderCommand = Envelope<OrderCommandPayload>;

impl Wire for OrderCommand {
    fn topic() -> &'static TopicSpec {
        &topics::ORDER_COMMANDS
    }
}

/// What an [`OrderCommand`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderCommandPayload {
    /// Asks for an order.
    #[serde(alias = "sluice.PlaceOrder")]
    PlaceOrder(PlaceOrder),
    /// Asks to cancel.
    #[serde(alias = "sluice.CancelOrder")]
    CancelOrder(CancelOrder),
    /// The seller hands own lines to a carrier.
    #[serde(alias = "sluice.ShipLines")]
    ShipLines(ShipLines),
    /// The buyer has shipped lines and keeps them: their money goes to the seller.
    #[serde(alias = "sluice.ConfirmDelivery")]
    ConfirmDelivery(ConfirmDelivery),
    /// The buyer wants to give shipped lines back.
    #[serde(alias = "sluice.RequestReturn")]
    RequestReturn(RequestReturn),
    /// The seller does not take lines back.
    #[serde(alias = "sluice.RejectReturn")]
    RejectReturn(RejectReturn),
    /// Gives the money of lines back and takes their goods back: by the buyer before they are shipped, by the seller until
    /// they are delivered.
    #[serde(alias = "sluice.RefundLines")]
    RefundLines(RefundLines),
}

/// What happened to an order, the record of truth; the key is the order id.
pub type OrderEvent = Envelope<OrderEventPayload>;

impl Wire for OrderEvent {
    fn topic() -> &'static TopicSpec {
        &topics::ORDER_EVENTS
    }
}

/// What an [`OrderEvent`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum OrderEventPayload {
    /// The order exists.
    #[serde(alias = "sluice.OrderCreated")]
    OrderCreated(OrderCreated),
    /// Pieces are held for the line, at this price.
    #[serde(alias = "sluice.StockReserved")]
    StockReserved(StockReserved),
    /// Nothing is held for the line.
    #[serde(alias = "sluice.StockRejected")]
    StockRejected(StockRejected),
    /// The money is held.
    #[serde(alias = "sluice.PaymentAuthorized")]
    PaymentAuthorized(PaymentAuthorized),
    /// No money is held.
    #[serde(alias = "sluice.PaymentDeclined")]
    PaymentDeclined(PaymentDeclined),
    /// The held pieces of the line left the store.
    #[serde(alias = "sluice.StockConfirmed")]
    StockConfirmed(StockConfirmed),
    /// The held money is in escrow.
    #[serde(alias = "sluice.PaymentCaptured")]
    PaymentCaptured(PaymentCaptured),
    /// Goods and money are both settled.
    #[serde(alias = "sluice.OrderPaid")]
    OrderPaid(OrderPaid),
    /// The buyer asked to cancel and it was not too late.
    #[serde(alias = "sluice.CancellationRequested")]
    CancellationRequested(CancellationRequested),
    /// A step was not answered within its bound; the order unwinds.
    #[serde(alias = "sluice.StepTimedOut")]
    StepTimedOut(StepTimedOut),
    /// Nothing is held, and nothing will be again.
    #[serde(alias = "sluice.PaymentVoided")]
    PaymentVoided(PaymentVoided),
    /// Captured money is available to the buyer again.
    #[serde(alias = "sluice.PaymentRefunded")]
    PaymentRefunded(PaymentRefunded),
    /// The line holds no pieces, and never will again.
    #[serde(alias = "sluice.StockReleased")]
    StockReleased(StockReleased),
    /// The sold pieces of the line are back in the store.
    #[serde(alias = "sluice.StockRestocked")]
    StockRestocked(StockRestocked),
    /// Final: no money is taken and no goods are held.
    #[serde(alias = "sluice.OrderCancelled")]
    OrderCancelled(OrderCancelled),
    /// A command changed nothing.
    #[serde(alias = "sluice.CommandRefused")]
    CommandRefused(CommandRefused),
    /// The outcome of a step stayed unknown beyond its bound; an operator has to look. Late answers are
    /// still acted on.
    #[serde(alias = "sluice.NeedsAttention")]
    NeedsAttention(NeedsAttention),
    /// The lines are on their way to the buyer.
    #[serde(alias = "sluice.LinesShipped")]
    LinesShipped(LinesShipped),
    /// The buyer has the lines and keeps them; their money goes to their sellers.
    #[serde(alias = "sluice.LinesDelivered")]
    LinesDelivered(LinesDelivered),
    /// The buyer wants to give the lines back.
    #[serde(alias = "sluice.ReturnRequested")]
    ReturnRequested(ReturnRequested),
    /// The seller does not take the lines back.
    #[serde(alias = "sluice.ReturnRejected")]
    ReturnRejected(ReturnRejected),
    /// The money of the lines goes back to the buyer, and their goods to the store after that.
    #[serde(alias = "sluice.RefundRequested")]
    RefundRequested(RefundRequested),
    /// A part of the captured money is due to a seller.
    #[serde(alias = "sluice.PaymentSettled")]
    PaymentSettled(PaymentSettled),
    /// What was due is available to the seller.
    #[serde(alias = "sluice.SellerCredited")]
    SellerCredited(SellerCredited),
    /// The sold pieces of the line, given back by their buyer, are in the store again.
    #[serde(alias = "sluice.StockReturned")]
    StockReturned(StockReturned),
}

impl Wire for Order {
    fn topic() -> &'static TopicSpec {
        &topics::ORDERS
    }
}

/// One line of an order as the buyer asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestedLine {
    /// Line of the order, from 1.
    pub line: i32,
    /// The product.
    pub product_id: String,
    /// Pieces, positive.
    pub quantity: i64,
}

/// Asks for an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceOrder {
    /// Account of the buyer.
    pub buyer_id: String,
    /// At least one, numbered from 1.
    pub lines: Vec<RequestedLine>,
    /// ISO 4217 code in which the buyer pays.
    pub currency: String,
    /// Hash of the request: the same order id with another hash is a conflict.
    pub request_hash: String,
    /// Token of the card that pays, as the payment provider has given it out; null pays from the wallet.
    #[serde(default)]
    pub card: Option<String>,
}

/// Asks to cancel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelOrder {
    /// Words of the buyer.
    #[serde(default)]
    pub reason: Option<String>,
}

/// Why an order was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CancelReason {
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
    /// The price is no longer what the buyer agreed to.
    PriceChanged,
    /// A line is priced in another currency than the order.
    CurrencyMismatch,
    /// The order is empty, too large, or its total does not fit.
    InvalidOrder,
    /// A step was not answered in time.
    TimedOut,
    /// All lines were refunded, one by one.
    Refunded,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// Why an order command was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CommandRefusal {
    /// There is no such order.
    UnknownOrder,
    /// The order id came before with another request.
    Conflict,
    /// The order has gone too far for this command.
    TooLate,
    /// The actor may not do this.
    NotAllowed,
    /// A value is out of its range.
    Invalid,
    /// The lines do not stand where the command needs them.
    NotNow,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// What an order is waiting for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SagaStep {
    /// Answers to the reservations.
    Reserving,
    /// The hold of the money.
    Authorizing,
    /// The goods to leave the store.
    Confirming,
    /// The money to be taken.
    Capturing,
    /// The hold of the money to be given back.
    Voiding,
    /// Captured money to be paid back.
    Refunding,
    /// Goods to be released or restocked.
    Returning,
    /// Paid: the money or the goods of some lines to arrive, back or at the seller.
    Settling,
    /// Nothing.
    Done,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// The order exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCreated {
    /// Account of the buyer.
    pub buyer_id: String,
    /// What was asked for.
    pub lines: Vec<RequestedLine>,
    /// ISO 4217 code in which the buyer pays.
    pub currency: String,
    /// Hash of the request.
    pub request_hash: String,
    /// Token of the card that pays, as the payment provider has given it out; null pays from the wallet.
    #[serde(default)]
    pub card: Option<String>,
}

/// Goods and money are both settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderPaid {
    /// What the buyer paid.
    pub total: Money,
}

/// The buyer asked to cancel and it was not too late.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancellationRequested {
    /// Words of the buyer.
    #[serde(default)]
    pub reason: Option<String>,
}

/// A step was not answered within its bound; the order unwinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepTimedOut {
    /// What was waited for.
    pub step: SagaStep,
}

/// Final: no money is taken and no goods are held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCancelled {
    /// Why.
    pub reason: CancelReason,
}

/// A command changed nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRefused {
    /// Id of the command.
    pub command_id: String,
    /// Why.
    pub reason: CommandRefusal,
}

/// The outcome of a step stayed unknown beyond its bound; an operator has to look. Late answers are
/// still acted on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NeedsAttention {
    /// What was waited for.
    pub step: SagaStep,
}

/// Public status of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderStatus {
    /// Accepted, on its way.
    Created,
    /// Goods and money are settled.
    Paid,
    /// On its way to the buyer.
    Shipped,
    /// With the buyer.
    Delivered,
    /// Final, see `cancel_reason`.
    Cancelled,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// Where the money of an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentStatus {
    /// Nothing was asked for yet.
    None,
    /// Held in the wallet.
    Authorized,
    /// In escrow.
    Captured,
    /// Refused.
    Declined,
    /// The hold was given back.
    Voided,
    /// Paid back.
    Refunded,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// Where the goods of a line are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
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
    /// Given back by the buyer, and in the store again.
    Returned,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// One line of an order with what the reservation told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Line of the order, from 1.
    pub line: i32,
    /// The product.
    pub product_id: String,
    /// Pieces.
    pub quantity: i64,
    /// Where the goods are.
    pub status: LineStatus,
    /// Name at the time of the reservation; null before it.
    #[serde(default)]
    pub product_name: Option<String>,
    /// Account of the seller; null before the reservation.
    #[serde(default)]
    pub seller_id: Option<String>,
    /// Price of one piece; null before the reservation.
    #[serde(default)]
    pub unit_price: Option<Money>,
    /// Where the line is on its way to the buyer.
    #[serde(default)]
    pub fulfilment: Fulfilment,
    /// Where the money of the line goes.
    #[serde(default)]
    pub money: LineMoney,
    /// Who carries the parcel; null before it is shipped, or if the seller did not say.
    #[serde(default)]
    pub carrier: Option<String>,
    /// Number of the parcel at the carrier.
    #[serde(default)]
    pub tracking_number: Option<String>,
}

/// Snapshot of an order: the fold of its order-events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// The order, also the key.
    pub order_id: String,
    /// Account of the buyer.
    pub buyer_id: String,
    /// Sellers of the reserved lines, ascending, each once.
    pub seller_ids: Vec<String>,
    /// Public status.
    pub status: OrderStatus,
    /// Why it was or will be cancelled; null while it is not.
    #[serde(default)]
    pub cancel_reason: Option<CancelReason>,
    /// Where the money is.
    pub payment_status: PaymentStatus,
    /// What is waited for.
    pub step: SagaStep,
    /// An operator has to look.
    pub needs_attention: bool,
    /// The lines, by number.
    pub lines: Vec<OrderLine>,
    /// ISO 4217 code in which the buyer pays.
    pub currency: String,
    /// Sum of the lines; null until all are reserved.
    #[serde(default)]
    pub total: Option<Money>,
    /// Time of `OrderCreated`.
    pub created_at: i64,
    /// Time of the last event.
    pub updated_at: i64,
    /// seq of the last event.
    pub version: i64,
    /// What the order is paid with.
    #[serde(default)]
    pub payment_method: PaymentMethod,
}

/// What an order is paid with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PaymentMethod {
    /// The buyer's wallet.
    #[default]
    Wallet,
    /// A card, through a payment provider.
    Card,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}
