//! The saga's decisions: one for each pair of a step and a thing that can happen, none left to a wildcard.

mod lines;
mod payment;
mod stock;

use crate::order::fulfilment::LineMoney;
use crate::order::state::{LineStatus, SagaStep};
use crate::payment::PaymentFact;
use crate::stock::StockReply;

/// The kinds of things that can happen to an order that exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InputKind {
    /// A buyer places the order (again).
    PlaceOrder,
    /// A buyer cancels.
    CancelOrder,
    /// Somebody does something with lines.
    LineCommand,
    /// The ledger holds a line, which the order knows in this status.
    StockReserved(LineStatus),
    /// The ledger refuses a line.
    StockRejected(LineStatus),
    /// The ledger took a line from the shelf.
    StockConfirmed(LineStatus),
    /// The ledger holds a line no more.
    StockReleased(LineStatus),
    /// The ledger put a line back on the shelf.
    StockRestocked(LineStatus),
    /// The wallet holds the money.
    PaymentAuthorized,
    /// The wallet refuses the money.
    PaymentDeclined,
    /// The wallet has given the money.
    PaymentCaptured,
    /// The wallet holds the money no more.
    PaymentVoided,
    /// The wallet has the money back.
    PaymentRefunded,
    /// The ledger took a line back from its buyer.
    StockReturned(LineStatus, LineMoney),
    /// The wallet has the money of a line back.
    LineRefunded(LineMoney),
    /// The wallet has set the money of a line aside for its seller.
    LineSettled(LineMoney),
    /// The seller's wallet has it.
    SellerCredited(LineMoney),
    /// The wallet refuses a step that should have been possible.
    PaymentRefused,
    /// The present step's timer has fired.
    DeadlinePassed,
}

/// What the saga does about one thing that happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Decision {
    /// Record the answer; the step that follows from it asks the next question.
    Record,
    /// Record the answer and send a release of that line: the step's own releases have left already.
    RecordAndRelease,
    /// Record the answer and send a restock of that line: the step's own commands have left already.
    RecordAndRestock,
    /// Send a release of the line: the order holds nothing any more.
    ReleaseLate,
    /// Send a restock of the line: the order wants nothing from the shelf any more.
    RestockLate,
    /// Send a void: the order wants no money held any more. Unless the answer is an old one.
    VoidLate,
    /// Record that money is held or taken already, so that it is asked about whichever way the order goes. Once.
    NoteMoney,
    /// Record the capture, which makes the saga refund before it goes on. Unless the answer is an old one.
    RefundFirst,
    /// Send a refund and ask for attention: money was taken for an order that is over. Unless the answer is an old one.
    RefundLate,
    /// Record that the money is back. Unless that is known.
    RecordRefund,
    /// Known already; nothing changes.
    Duplicate,
    /// An answer from an earlier life of this order. The saga will ask and hear it again, so nothing is lost.
    TooEarly,
    /// A command that settles this is on its way; its answer decides.
    Superseded,
    /// The answers contradict each other: ask for attention.
    Alarm,
    /// The same request again is a duplicate; another one under the same id is refused as a conflict.
    CompareRequest,
    /// Begin to unwind, if the actor may ask for it.
    AcceptCancellation,
    /// The same, unless a line has been shipped or given back: then it is too late.
    AcceptUntouched,
    /// Take the command when the order is paid, and refuse it if it never is.
    WaitUntilPaid,
    /// Let the lines decide.
    JudgeLines,
    /// Refuse as too late, unless it was accepted before.
    RefuseLines,
    /// Refuse as too late, unless it is the accepted cancellation again.
    RefuseCancellation,
    /// Send the step's commands again, or unwind after the last time.
    ResendOrUnwind,
    /// Send the step's commands again, or ask for attention after the last time: the outcome must be known.
    ResendOrAlarm,
    /// The timer is of a step that is over.
    StaleTimer,
}

/// The decision about `kind` while the saga stands at `step`.
#[must_use]
pub fn decide(step: SagaStep, kind: InputKind) -> Decision {
    match kind {
        InputKind::PlaceOrder => Decision::CompareRequest,
        InputKind::CancelOrder => cancel_order(step),
        InputKind::LineCommand => lines::command(step),
        InputKind::StockReserved(line) => stock::reserved(step, line),
        InputKind::StockRejected(line) => stock::rejected(step, line),
        InputKind::StockConfirmed(line) => stock::confirmed(step, line),
        InputKind::StockReleased(line) => stock::released(step, line),
        InputKind::StockRestocked(line) => stock::restocked(step, line),
        InputKind::PaymentAuthorized => payment::authorized(step),
        InputKind::PaymentDeclined => payment::declined(step),
        InputKind::PaymentCaptured => payment::captured(step),
        InputKind::PaymentVoided => payment::voided(step),
        InputKind::PaymentRefunded => payment::refunded(step),
        InputKind::StockReturned(line, money) => lines::returned(step, line, money),
        InputKind::LineRefunded(money) => lines::refunded(step, money),
        InputKind::LineSettled(money) => lines::settled(step, money),
        InputKind::SellerCredited(money) => lines::credited(step, money),
        InputKind::PaymentRefused => payment::refused(step),
        InputKind::DeadlinePassed => deadline_passed(step),
    }
}

fn cancel_order(step: SagaStep) -> Decision {
    match step {
        SagaStep::Reserving => Decision::AcceptCancellation,
        SagaStep::Authorizing => Decision::AcceptCancellation,
        SagaStep::Confirming => Decision::AcceptCancellation,
        SagaStep::Capturing => Decision::AcceptCancellation,
        SagaStep::Paid => Decision::AcceptUntouched,
        SagaStep::Settling => Decision::RefuseCancellation,
        SagaStep::Voiding => Decision::RefuseCancellation,
        SagaStep::Refunding => Decision::RefuseCancellation,
        SagaStep::Returning => Decision::RefuseCancellation,
        SagaStep::Cancelled => Decision::RefuseCancellation,
    }
}

fn deadline_passed(step: SagaStep) -> Decision {
    match step {
        SagaStep::Reserving => Decision::ResendOrUnwind,
        SagaStep::Authorizing => Decision::ResendOrUnwind,
        SagaStep::Confirming => Decision::ResendOrUnwind,
        SagaStep::Capturing => Decision::ResendOrAlarm,
        SagaStep::Voiding => Decision::ResendOrAlarm,
        SagaStep::Refunding => Decision::ResendOrAlarm,
        SagaStep::Returning => Decision::ResendOrAlarm,
        SagaStep::Settling => Decision::ResendOrAlarm,
        SagaStep::Paid => Decision::StaleTimer,
        SagaStep::Cancelled => Decision::StaleTimer,
    }
}

impl InputKind {
    /// The kind of a stock reply about a line that the order knows in this status.
    #[must_use]
    pub fn of_stock(reply: &StockReply, line: LineStatus, money: LineMoney) -> Self {
        match reply {
            StockReply::Reserved(_) => Self::StockReserved(line),
            StockReply::Rejected(_) => Self::StockRejected(line),
            StockReply::Confirmed { .. } => Self::StockConfirmed(line),
            StockReply::Released { .. } => Self::StockReleased(line),
            StockReply::Restocked { .. } => Self::StockRestocked(line),
            StockReply::Returned { .. } => Self::StockReturned(line, money),
        }
    }

    /// The kind of a wallet's answer about the whole order, or about a line whose money the order knows to be there.
    #[must_use]
    pub fn of_payment(fact: &PaymentFact, line: Option<LineMoney>) -> Self {
        match fact {
            PaymentFact::Authorized { .. } => Self::PaymentAuthorized,
            PaymentFact::Declined { .. } => Self::PaymentDeclined,
            PaymentFact::Captured { .. } => Self::PaymentCaptured,
            PaymentFact::Voided { .. } => Self::PaymentVoided,
            PaymentFact::Refunded { .. } => line.map_or(Self::PaymentRefunded, Self::LineRefunded),
            PaymentFact::Settled { .. } => Self::LineSettled(line.unwrap_or_default()),
            PaymentFact::Credited { .. } => Self::SellerCredited(line.unwrap_or_default()),
        }
    }
}
