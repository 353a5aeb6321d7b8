//! What can happen to an order.

use serde::{Deserialize, Serialize};

use crate::authority::Actor;
use crate::ids::{AccountId, LineNo, ProductId, RecordId, is_id};
use crate::money::Currency;
use crate::order::line_command::LineCommand;
use crate::order::state::OrderState;
use crate::payment::{CardToken, PaymentFact};
use crate::stock::StockReply;

/// Lines of one order, at most.
pub const LINES_MAX: usize = 100;

/// Pieces on one line, at most.
pub const QUANTITY_MAX: i64 = 1_000_000;

/// One thing that happens to an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OrderInput {
    /// A buyer places the order.
    Place(PlaceOrder),
    /// A buyer cancels it.
    Cancel(CancelOrder),
    /// A buyer or a seller does something with some of its lines.
    Lines(LineCommand),
    /// The stock ledger answers.
    Stock(StockReply),
    /// The wallet answers.
    Payment(PaymentFact),
    /// The wallet refuses a step that should have been possible: an alarm.
    PaymentRefused,
    /// The timer of the present step has fired.
    DeadlinePassed,
}

/// The command that creates an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceOrder {
    /// The command's envelope id.
    pub command_id: RecordId,
    /// When it was accepted, in milliseconds since the epoch: the same whenever the command is read again.
    pub at: i64,
    /// Who asks.
    pub actor: Actor,
    /// Who orders and pays.
    pub buyer_id: AccountId,
    /// What is ordered.
    pub lines: Vec<RequestedLine>,
    /// The currency that the buyer expects, if any.
    pub currency: Option<Currency>,
    /// The fingerprint of the request.
    pub request_hash: String,
    /// The card that pays; without one the wallet does.
    pub card: Option<CardToken>,
}

/// One line as the buyer asks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedLine {
    /// Its number inside the order.
    pub line: LineNo,
    /// What is bought.
    pub product_id: ProductId,
    /// How many.
    pub quantity: i64,
}

/// The command that cancels an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CancelOrder {
    /// The command's envelope id.
    pub command_id: RecordId,
    /// Who asks.
    pub actor: Actor,
    /// The buyer's own words.
    pub reason: Option<String>,
}

impl RequestedLine {
    fn is_valid(&self) -> bool {
        is_id(self.product_id.as_str()) && (1..=QUANTITY_MAX).contains(&self.quantity)
    }
}

impl PlaceOrder {
    /// Whether the request is inside the bounds: 1 to [`LINES_MAX`] lines with different numbers,
    /// 1 to [`QUANTITY_MAX`] pieces on each.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        let mut numbers: Vec<LineNo> = self.lines.iter().map(|line| line.line).collect();
        numbers.sort_unstable();
        numbers.dedup();
        (1..=LINES_MAX).contains(&self.lines.len())
            && numbers.len() == self.lines.len()
            && self.lines.iter().all(RequestedLine::is_valid)
    }

    /// Whether this is the request that made `state`, sent again.
    #[must_use]
    pub fn made(&self, state: &OrderState) -> bool {
        self.buyer_id == state.buyer_id && self.request_hash == state.request_hash
    }
}
