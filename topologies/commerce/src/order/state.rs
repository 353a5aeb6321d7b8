//! What is known about one order.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::authority::Actor;
use crate::ids::{AccountId, LineNo, OrderId, ProductId, RecordId};
use crate::money::{Currency, Money};
use crate::order::fulfilment::{Fulfilment, LineFulfilment, LineMoney};
use crate::order::input::CancelOrder;
use crate::order::line_command::LineCommand;
use crate::payment::CardToken;

/// Everything the saga knows about an order: the fold of its events, and the deadline of the step it waits in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderState {
    /// The order.
    pub order_id: OrderId,
    /// Who ordered and pays.
    pub buyer_id: AccountId,
    /// The fingerprint of the request that placed the order.
    pub request_hash: String,
    /// The card that pays; without one the wallet does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<CardToken>,
    /// The currency that the buyer expects; without one the first reserved line decides.
    pub currency: Option<Currency>,
    /// The lines in the order of the request.
    pub lines: Vec<OrderLine>,
    /// The sum of the lines, known when all of them have a price. From then on the payment is asked for.
    pub total: Option<Money>,
    /// What is known about the money.
    pub payment: PaymentStatus,
    /// Why the order unwinds, if it does.
    pub cancelling: Option<CancelReason>,
    /// The accepted cancellation, to tell its duplicate from a second one.
    #[serde(default)]
    pub cancel_command: Option<RecordId>,
    /// The accepted commands about lines, to tell their duplicates from others. Each moves a line on, so there are few.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub line_commands: BTreeSet<RecordId>,
    /// Commands about lines that came before the order was paid, and cancellations behind them. They are taken in their order
    /// when it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<WaitingCommand>,
    /// Whether the stock has been asked to confirm: from then on goods are restocked rather than released.
    pub confirm_asked: bool,
    /// Whether the order has been paid at some time; it may have been cancelled after that.
    pub paid: bool,
    /// Whether the saga has given up re-sending and an operator must look.
    pub needs_attention: bool,
    /// The number of the last event, which is the version of the order.
    pub seq: u64,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch, of the last event.
    pub updated_at: i64,
    /// The deadline of the present step; none when nothing is awaited, or nothing more is re-sent.
    pub deadline: Option<Deadline>,
    /// When the order's one timer fires, in milliseconds since the epoch; never after the deadline. Each step moves the
    /// deadline and none the timer: one that fires early is set again, which most orders never need.
    #[serde(default)]
    pub timer: Option<i64>,
}

/// A command that waits until the order is paid. Only a program that does not ask how the order stands sends one so early, or a
/// saga reads its inputs again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WaitingCommand {
    /// About lines.
    Lines(LineCommand),
    /// A cancellation that came after such a command.
    Cancel(CancelOrder),
}

/// Commands that wait for one order to be paid, at most.
pub const WAITING_MAX: usize = 32;

/// One line of an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Its number inside the order.
    pub line: LineNo,
    /// What is bought.
    pub product_id: ProductId,
    /// How many, from 1.
    pub quantity: i64,
    /// What the stock ledger has answered.
    pub status: LineStatus,
    /// The name at the time of the reservation.
    pub product_name: Option<String>,
    /// The seller at the time of the reservation.
    pub seller_id: Option<AccountId>,
    /// The price of one at the time of the reservation.
    pub unit_price: Option<Money>,
    /// What has become of it since the order was paid.
    #[serde(default, skip_serializing_if = "LineFulfilment::is_untouched")]
    pub fulfilment: LineFulfilment,
}

/// When the present step has waited long enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    /// Milliseconds since the epoch.
    pub due_at: i64,
    /// How often the step's commands have been sent, from 1.
    pub sends: u32,
}

/// Where the saga stands. The first four go forward, the next three unwind, one settles lines of a paid order, the last two are
/// final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SagaStep {
    /// Waits for the reservation of each line.
    Reserving,
    /// Waits for the hold on the buyer's money.
    Authorizing,
    /// Waits for the confirmation of each reservation. The capture of the held money is asked for in the same step.
    Confirming,
    /// Has all goods, and waits for the capture of the held money.
    Capturing,
    /// Waits for the hold to be given up.
    Voiding,
    /// Waits for the captured money to be given back.
    Refunding,
    /// Waits for the goods to be released or restocked.
    Returning,
    /// Paid, and the money or the goods of some lines are on their way: back, or to the seller.
    Settling,
    /// Paid, and nothing is under way. A line may be shipped, kept, or given back.
    Paid,
    /// Cancelled, with nothing held and nothing taken.
    Cancelled,
}

/// The public status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderStatus {
    /// Accepted; the saga is under way.
    Created,
    /// The goods are the buyer's and the money is taken.
    Paid,
    /// Every line that is not given back is on its way.
    Shipped,
    /// The buyer has every line that is not given back.
    Delivered,
    /// Nothing is held and nothing is taken.
    Cancelled,
}

/// What is known about the money of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PaymentStatus {
    /// No money has been asked for.
    Unasked,
    /// A hold has been asked for and not answered.
    Asked,
    /// The money is held.
    Authorized,
    /// The money is taken.
    Captured,
    /// The hold was refused.
    Declined,
    /// The hold was given up, or will be refused should it still come.
    Voided,
    /// The money was given back.
    Refunded,
}

/// What the stock ledger has said about a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LineStatus {
    /// Nothing yet.
    Requested,
    /// Held for this order.
    Reserved,
    /// Not to be had.
    Rejected,
    /// Taken from the shelf.
    Confirmed,
    /// Held no more.
    Released,
    /// Put back on the shelf.
    Restocked,
    /// Given back by the buyer, and back on the shelf.
    Returned,
}

/// Why an order is cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CancelReason {
    /// A line asks for more than there is.
    OutOfStock,
    /// A line names a product that does not exist.
    UnknownProduct,
    /// The payment was refused for another reason than funds.
    PaymentDeclined,
    /// The wallet holds less than the total.
    InsufficientFunds,
    /// The buyer asked.
    CancelledByBuyer,
    /// A price is not the one that the buyer agreed to.
    PriceChanged,
    /// The lines are priced in more than one currency, or not in the one that the buyer expects.
    CurrencyMismatch,
    /// The request is outside the bounds, or its total is.
    InvalidOrder,
    /// A participant has not answered in time.
    TimedOut,
    /// All lines were refunded, one by one.
    Refunded,
}

/// Why a command about an order was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CommandRefusal {
    /// There is no such order.
    UnknownOrder,
    /// The order exists with other content.
    Conflict,
    /// The order is being cancelled, or is cancelled.
    TooLate,
    /// The actor may not do this.
    NotAllowed,
    /// The command makes no sense.
    Invalid,
    /// The lines do not stand where the command needs them.
    NotNow,
}

impl OrderState {
    /// The step, from what has been answered.
    #[must_use]
    pub fn step(&self) -> SagaStep {
        match self.cancelling {
            None => self.forward_step(),
            Some(_) => self.unwinding_step(),
        }
    }

    /// The public status.
    #[must_use]
    pub fn status(&self) -> OrderStatus {
        match self.step() {
            SagaStep::Cancelled => OrderStatus::Cancelled,
            SagaStep::Paid | SagaStep::Settling => fulfilled(self.lines.iter().map(|line| {
                let LineFulfilment { status, money, .. } = &line.fulfilment;
                (*status, money.goes_back())
            })),
            SagaStep::Reserving | SagaStep::Authorizing | SagaStep::Confirming | SagaStep::Capturing => {
                OrderStatus::Created
            }
            SagaStep::Voiding | SagaStep::Refunding | SagaStep::Returning => {
                if self.paid {
                    OrderStatus::Paid
                } else {
                    OrderStatus::Created
                }
            }
        }
    }

    /// The line with this number.
    #[must_use]
    pub fn line(&self, line: LineNo) -> Option<&OrderLine> {
        self.lines.iter().find(|candidate| candidate.line == line)
    }

    /// When the first line moves on although nobody says anything, in milliseconds since the epoch.
    #[must_use]
    pub fn moves_at(&self) -> Option<i64> {
        self.lines.iter().filter_map(|line| line.fulfilment.moves_at).min()
    }

    /// Whether every line's money is back with the buyer, line by line.
    #[must_use]
    pub fn is_refunded_by_line(&self) -> bool {
        let is_back = |line: &OrderLine| line.fulfilment.money == LineMoney::Refunded;
        !self.lines.is_empty() && self.lines.iter().all(is_back)
    }

    fn forward_step(&self) -> SagaStep {
        if self.total.is_none() {
            return SagaStep::Reserving;
        }
        match self.payment {
            PaymentStatus::Unasked => SagaStep::Reserving,
            // The last three do not occur here: each of them begins an unwinding.
            PaymentStatus::Asked | PaymentStatus::Declined | PaymentStatus::Voided | PaymentStatus::Refunded => {
                SagaStep::Authorizing
            }
            PaymentStatus::Authorized | PaymentStatus::Captured if !self.all_lines(LineStatus::is_confirmed) => {
                SagaStep::Confirming
            }
            PaymentStatus::Authorized => SagaStep::Capturing,
            PaymentStatus::Captured if self.lines.iter().any(|line| line.ask().is_some()) => SagaStep::Settling,
            PaymentStatus::Captured => SagaStep::Paid,
        }
    }

    fn unwinding_step(&self) -> SagaStep {
        match self.payment {
            PaymentStatus::Asked | PaymentStatus::Authorized => SagaStep::Voiding,
            PaymentStatus::Captured => SagaStep::Refunding,
            PaymentStatus::Unasked | PaymentStatus::Declined | PaymentStatus::Voided | PaymentStatus::Refunded => {
                if self.all_lines(LineStatus::is_given_back) {
                    SagaStep::Cancelled
                } else {
                    SagaStep::Returning
                }
            }
        }
    }

    fn all_lines(&self, holds: fn(LineStatus) -> bool) -> bool {
        self.lines.iter().all(|line| holds(line.status))
    }
}

/// The public status of a paid order, from where each line stands and whether its money goes back.
#[must_use]
pub fn fulfilled(lines: impl Iterator<Item = (Fulfilment, bool)>) -> OrderStatus {
    let kept = lines.filter(|(_, goes_back)| !goes_back).map(|(status, _)| status);
    match kept.min() {
        Some(Fulfilment::Delivered) => OrderStatus::Delivered,
        Some(Fulfilment::Shipped | Fulfilment::ReturnRequested) => OrderStatus::Shipped,
        // Where everything is given back, the order is cancelled when it is back.
        Some(Fulfilment::Unshipped) | None => OrderStatus::Paid,
    }
}

impl WaitingCommand {
    /// Its envelope id.
    #[must_use]
    pub fn id(&self) -> &RecordId {
        match self {
            Self::Lines(command) => &command.command_id,
            Self::Cancel(cancel) => &cancel.command_id,
        }
    }

    /// Who asks.
    #[must_use]
    pub fn actor(&self) -> &Actor {
        match self {
            Self::Lines(command) => &command.actor,
            Self::Cancel(cancel) => &cancel.actor,
        }
    }
}

impl LineStatus {
    /// Whether the goods have been sold.
    #[must_use]
    pub fn is_confirmed(self) -> bool {
        match self {
            Self::Confirmed | Self::Returned => true,
            Self::Requested | Self::Reserved | Self::Rejected | Self::Released | Self::Restocked => false,
        }
    }

    /// Whether the ledger is known to hold nothing for the line.
    #[must_use]
    pub fn is_given_back(self) -> bool {
        match self {
            Self::Rejected | Self::Released | Self::Restocked | Self::Returned => true,
            Self::Requested | Self::Reserved | Self::Confirmed => false,
        }
    }
}

impl SagaStep {
    /// All steps, in the order of the saga.
    pub const ALL: [Self; 10] = [
        Self::Reserving,
        Self::Authorizing,
        Self::Confirming,
        Self::Capturing,
        Self::Voiding,
        Self::Refunding,
        Self::Returning,
        Self::Settling,
        Self::Paid,
        Self::Cancelled,
    ];

    /// Whether nothing is awaited.
    #[must_use]
    pub fn is_final(self) -> bool {
        match self {
            Self::Paid | Self::Cancelled => true,
            Self::Reserving
            | Self::Authorizing
            | Self::Confirming
            | Self::Capturing
            | Self::Voiding
            | Self::Refunding
            | Self::Returning
            | Self::Settling => false,
        }
    }
}
