//! What has happened to an order: the record of truth from which its state is folded.

use crate::authority::Actor;
use crate::ids::{AccountId, LineNo, RecordId};
use crate::money::{Currency, Money};
use crate::order::fulfilment::Parcel;
use crate::order::input::RequestedLine;
use crate::order::state::{CancelReason, CommandRefusal, SagaStep};
use crate::payment::{CardToken, PaymentFact};
use crate::stock::StockReply;

/// An event with its place in the order's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedEvent {
    /// Its number, from 1; 0 for the refusal of a command about an order that does not exist.
    pub seq: u64,
    /// Milliseconds since the epoch.
    pub at: i64,
    /// Who caused it; the saga itself where nobody did.
    pub actor: Actor,
    /// What happened.
    pub event: OrderEvent,
}

/// Something that has happened to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderEvent {
    /// The order was accepted. A request outside the bounds is kept without its lines.
    OrderCreated {
        /// Who ordered and pays.
        buyer_id: AccountId,
        /// What was ordered.
        lines: Vec<RequestedLine>,
        /// The currency that the buyer expects.
        currency: Option<Currency>,
        /// The fingerprint of the request.
        request_hash: String,
        /// The card that pays; without one the wallet does.
        card: Option<CardToken>,
    },
    /// The stock ledger answered for a line.
    Stock(StockReply),
    /// The wallet answered.
    Payment(PaymentFact),
    /// The goods are the buyer's and the money is taken.
    OrderPaid {
        /// What was taken.
        total: Money,
    },
    /// A cancellation was accepted; the saga unwinds.
    CancellationRequested {
        /// The buyer's own words.
        reason: Option<String>,
    },
    /// A participant has not answered in time; the saga unwinds.
    StepTimedOut {
        /// The step that was waited in.
        step: SagaStep,
    },
    /// Everything is given back.
    OrderCancelled {
        /// Why.
        reason: CancelReason,
    },
    /// A command was refused; nothing changed.
    CommandRefused {
        /// The command.
        command_id: RecordId,
        /// Why.
        reason: CommandRefusal,
    },
    /// Re-sending has ended without an answer, or the answers contradict each other. A late answer is still acted on.
    NeedsAttention {
        /// The step that waits.
        step: SagaStep,
    },
    /// The lines are on their way to the buyer.
    LinesShipped {
        /// Which.
        lines: Vec<LineNo>,
        /// What they are in.
        parcel: Parcel,
    },
    /// The buyer has the lines and keeps them: their money goes to the sellers.
    LinesDelivered {
        /// Which.
        lines: Vec<LineNo>,
    },
    /// The buyer wants to give the lines back.
    ReturnRequested {
        /// Which.
        lines: Vec<LineNo>,
        /// The buyer's own words.
        reason: Option<String>,
    },
    /// The seller does not take the lines back.
    ReturnRejected {
        /// Which.
        lines: Vec<LineNo>,
        /// The seller's own words.
        reason: Option<String>,
    },
    /// The money of the lines goes back to the buyer, and their goods to the store after that.
    RefundRequested {
        /// Which.
        lines: Vec<LineNo>,
        /// The words of who asked.
        reason: Option<String>,
    },
}
