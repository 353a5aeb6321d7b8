//! What the saga asks of the other participants.

use planted::Bug;

use crate::ids::{AccountId, LineNo, ProductId, RecordId, line_refund_id, refund_id, settlement_id, step_command_id};
use crate::money::Money;
use crate::order::fulfilment::LineAsk;
use crate::order::state::{LineStatus, OrderLine, OrderState, PaymentStatus, SagaStep};
use crate::payment::PaymentCommand;
use crate::stock::StockCommand;

/// A command that leaves with the turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// To the stock ledger of a product.
    Stock(StockAsk),
    /// To the wallet of the buyer, or of a seller.
    Payment(PaymentAsk),
}

/// A command to a stock ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockAsk {
    /// The command's envelope id; the same send has the same id whenever it is replayed.
    pub id: RecordId,
    /// Whose ledger.
    pub product_id: ProductId,
    /// What it shall do.
    pub command: StockCommand,
}

/// A command to a wallet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentAsk {
    /// The command's envelope id; the same send has the same id whenever it is replayed.
    pub id: RecordId,
    /// Whose wallet.
    pub account_id: AccountId,
    /// What it shall do.
    pub command: PaymentCommand,
}

/// The commands of the step in which `state` stands, for what has not been answered; `attempt` counts from 1.
pub(crate) fn commands(state: &OrderState, attempt: u32) -> Vec<Effect> {
    match state.step() {
        SagaStep::Reserving => each_line(state, LineStatus::Requested, |line| reserve(state, line, attempt)),
        SagaStep::Authorizing => authorize(state, attempt).into_iter().collect(),
        SagaStep::Confirming => confirm_and_capture(state, attempt),
        SagaStep::Capturing => vec![capture(state, attempt)],
        SagaStep::Voiding => vec![void(state, "void", attempt)],
        SagaStep::Refunding => state
            .total
            .map(|total| refund(state, total, "refund", attempt))
            .into_iter()
            .collect(),
        SagaStep::Returning => give_back(state, attempt),
        SagaStep::Settling => line_asks(state)
            .into_iter()
            .filter_map(|ask| line_command(state, ask, attempt))
            .collect(),
        SagaStep::Paid => Vec::new(),
        SagaStep::Cancelled => Vec::new(),
    }
}

/// A release of one line; `step` names the reason in the command's id.
pub(crate) fn release(state: &OrderState, line: LineNo, product: &ProductId, step: &str, attempt: u32) -> Effect {
    let order_id = state.order_id.clone();
    stock(
        state,
        line,
        product,
        step,
        attempt,
        StockCommand::Release { order_id, line },
    )
}

/// A restock of one line.
pub(crate) fn restock(state: &OrderState, line: LineNo, product: &ProductId, step: &str, attempt: u32) -> Effect {
    let order_id = state.order_id.clone();
    stock(
        state,
        line,
        product,
        step,
        attempt,
        StockCommand::Restock { order_id, line },
    )
}

/// A void of the order's payment.
pub(crate) fn void(state: &OrderState, step: &str, attempt: u32) -> Effect {
    payment(
        state,
        step,
        attempt,
        PaymentCommand::Void {
            order_id: state.order_id.clone(),
        },
    )
}

/// The refund of what was taken.
pub(crate) fn refund(state: &OrderState, amount: Money, step: &str, attempt: u32) -> Effect {
    let (order_id, refund_id) = (state.order_id.clone(), refund_id(&state.order_id));
    payment(
        state,
        step,
        attempt,
        PaymentCommand::Refund {
            order_id,
            refund_id,
            amount,
        },
    )
}

/// What the lines of a paid order wait for.
pub(crate) fn line_asks(state: &OrderState) -> Vec<(LineNo, LineAsk)> {
    match state.step() {
        SagaStep::Settling => state
            .lines
            .iter()
            .filter_map(|line| Some((line.line, line.ask()?)))
            .collect(),
        SagaStep::Reserving | SagaStep::Authorizing | SagaStep::Confirming | SagaStep::Capturing => Vec::new(),
        SagaStep::Voiding | SagaStep::Refunding | SagaStep::Returning => Vec::new(),
        SagaStep::Paid | SagaStep::Cancelled => Vec::new(),
    }
}

/// The command by which a line gets what it waits for.
pub(crate) fn line_command(state: &OrderState, (number, ask): (LineNo, LineAsk), attempt: u32) -> Option<Effect> {
    let line = state.line(number)?;
    let (seller, amount) = line.sale()?;
    let order_id = state.order_id.clone();
    let id = |step: &str| step_command_id(&state.order_id, step, Some(number), attempt);
    Some(match ask {
        LineAsk::Refund => {
            let refund_id = line_refund_id(&order_id, number);
            let command = PaymentCommand::Refund {
                order_id,
                refund_id,
                amount,
            };
            wallet(id("refund"), &state.buyer_id, command)
        }
        LineAsk::Return => {
            let command = StockCommand::Return { order_id, line: number };
            stock(state, number, &line.product_id, "return", attempt, command)
        }
        LineAsk::Settle => {
            let settlement_id = settlement_id(&order_id, number);
            let command = PaymentCommand::Settle {
                order_id,
                settlement_id,
                seller_id: seller.clone(),
                amount,
            };
            wallet(id("settle"), &state.buyer_id, command)
        }
        LineAsk::Credit => {
            let settlement_id = settlement_id(&order_id, number);
            let command = PaymentCommand::Credit {
                order_id,
                settlement_id,
                amount,
            };
            wallet(id("credit"), seller, command)
        }
    })
}

fn each_line(state: &OrderState, status: LineStatus, command: impl Fn(&OrderLine) -> Effect) -> Vec<Effect> {
    state
        .lines
        .iter()
        .filter(|line| line.status == status)
        .map(command)
        .collect()
}

fn reserve(state: &OrderState, line: &OrderLine, attempt: u32) -> Effect {
    let command = StockCommand::Reserve {
        order_id: state.order_id.clone(),
        line: line.line,
        attempt,
        quantity: line.quantity,
    };
    stock(state, line.line, &line.product_id, "reserve", attempt, command)
}

/// The goods and the money at once: each is undone without the other, and the order waits half as long.
fn confirm_and_capture(state: &OrderState, attempt: u32) -> Vec<Effect> {
    let mut effects = each_line(state, LineStatus::Reserved, |line| confirm(state, line, attempt));
    if state.payment != PaymentStatus::Captured {
        effects.push(capture(state, attempt));
    }
    effects
}

fn confirm(state: &OrderState, line: &OrderLine, attempt: u32) -> Effect {
    let command = StockCommand::Confirm {
        order_id: state.order_id.clone(),
        line: line.line,
    };
    stock(state, line.line, &line.product_id, "confirm", attempt, command)
}

fn give_back(state: &OrderState, attempt: u32) -> Vec<Effect> {
    let is_open = |line: &&OrderLine| {
        let is_ignored = planted::is(Bug::LateAcceptanceIgnored) && line.status == LineStatus::Requested;
        !line.status.is_given_back() && !is_ignored
    };
    let open = state.lines.iter().filter(is_open);
    open.map(|line| {
        // Once a confirmation has been asked for, only a restock undoes the line whatever became of it.
        if state.confirm_asked || line.status.is_confirmed() {
            restock(state, line.line, &line.product_id, "restock", attempt)
        } else {
            release(state, line.line, &line.product_id, "release", attempt)
        }
    })
    .collect()
}

fn authorize(state: &OrderState, attempt: u32) -> Option<Effect> {
    let command = PaymentCommand::Authorize {
        order_id: state.order_id.clone(),
        amount: state.total?,
        attempt,
        card: state.card.clone(),
    };
    Some(payment(state, "authorize", attempt, command))
}

fn capture(state: &OrderState, attempt: u32) -> Effect {
    payment(
        state,
        "capture",
        attempt,
        PaymentCommand::Capture {
            order_id: state.order_id.clone(),
        },
    )
}

fn stock(
    state: &OrderState,
    line: LineNo,
    product: &ProductId,
    step: &str,
    attempt: u32,
    command: StockCommand,
) -> Effect {
    let id = step_command_id(&state.order_id, step, Some(line), attempt);
    Effect::Stock(StockAsk {
        id,
        product_id: product.clone(),
        command,
    })
}

fn payment(state: &OrderState, step: &str, attempt: u32, command: PaymentCommand) -> Effect {
    let id = step_command_id(&state.order_id, step, None, attempt);
    wallet(id, &state.buyer_id, command)
}

fn wallet(id: RecordId, account_id: &AccountId, command: PaymentCommand) -> Effect {
    Effect::Payment(PaymentAsk {
        id,
        account_id: account_id.clone(),
        command,
    })
}
