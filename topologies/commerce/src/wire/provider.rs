//! Records to and of a payment provider, in both directions: topologies write calls and read answers, whoever talks to the
//! provider reads calls and writes answers.

use schemas::wire::provider as wire;

use crate::payment::{CardStep, CardToken, PayoutAnswer, ProviderAnswer, ProviderCall, ProviderOutcome, ProviderTask};
use crate::wire::{WireError, attempt, attempt_to_wire, id, money, money_to_wire};

/// An answer of the provider, by what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// A step of the payment of an order.
    Payment(ProviderAnswer),
    /// A payout.
    Payout(PayoutAnswer),
}

/// Writes a call.
#[must_use]
pub fn call_to_wire(call: ProviderCall) -> wire::ProviderCallPayload {
    wire::ProviderCallPayload::AskProvider(wire::AskProvider {
        order_id: call.task.name().to_owned(),
        operation: operation_to_wire(&call.task),
        call_id: call.call_id,
        card: call.card.as_str().to_owned(),
        amount: money_to_wire(call.amount),
        attempt: attempt_to_wire(call.attempt),
    })
}

/// Reads a call.
pub fn call(payload: wire::ProviderCallPayload) -> Result<ProviderCall, WireError> {
    let wire::ProviderCallPayload::AskProvider(asked) = payload;
    Ok(ProviderCall {
        task: task(&asked)?,
        call_id: id(asked.call_id, "call id")?,
        card: CardToken::parse(&asked.card).map_err(|_| WireError::BadId("card"))?,
        amount: money(&asked.amount)?,
        attempt: attempt(asked.attempt)?,
    })
}

fn task(asked: &wire::AskProvider) -> Result<ProviderTask, WireError> {
    let step = match asked.operation {
        wire::ProviderOperation::Authorize => CardStep::Authorize,
        wire::ProviderOperation::Capture => CardStep::Capture,
        wire::ProviderOperation::Void => CardStep::Void,
        wire::ProviderOperation::Refund => CardStep::Refund(refund_of(&asked.call_id)?.into()),
        wire::ProviderOperation::Payout => {
            let transfer_id = id(asked.order_id.clone(), "withdrawal id")?;
            return Ok(ProviderTask::Payout(transfer_id));
        }
        wire::ProviderOperation::Unknown => return Err(WireError::UnknownSymbol("provider operation")),
    };
    Ok(ProviderTask::Step(id(asked.order_id.clone(), "order id")?, step))
}

/// Writes the answer to a call.
#[must_use]
pub fn answer_to_wire(call: &ProviderCall, outcome: ProviderOutcome) -> wire::ProviderAnswerPayload {
    wire::ProviderAnswerPayload::ProviderAnswered(wire::ProviderAnswered {
        call_id: call.call_id.clone(),
        order_id: call.task.name().to_owned(),
        operation: operation_to_wire(&call.task),
        outcome: match outcome {
            ProviderOutcome::Done => wire::ProviderOutcome::Done,
            ProviderOutcome::Declined => wire::ProviderOutcome::Declined,
        },
    })
}

/// Reads an answer. The id of the call says what it answers about a payment; a payout is asked one thing only.
pub fn answer(payload: wire::ProviderAnswerPayload) -> Result<Answer, WireError> {
    let wire::ProviderAnswerPayload::ProviderAnswered(answered) = payload;
    let outcome = match answered.outcome {
        wire::ProviderOutcome::Done => ProviderOutcome::Done,
        wire::ProviderOutcome::Declined => ProviderOutcome::Declined,
        wire::ProviderOutcome::Unknown => return Err(WireError::UnknownSymbol("provider outcome")),
    };
    Ok(match answered.operation {
        wire::ProviderOperation::Payout => Answer::Payout(PayoutAnswer {
            transfer_id: id(answered.order_id, "withdrawal id")?,
            outcome,
        }),
        wire::ProviderOperation::Authorize
        | wire::ProviderOperation::Capture
        | wire::ProviderOperation::Void
        | wire::ProviderOperation::Refund
        | wire::ProviderOperation::Unknown => Answer::Payment(ProviderAnswer {
            call_id: id(answered.call_id, "call id")?,
            order_id: id(answered.order_id, "order id")?,
            outcome,
        }),
    })
}

fn operation_to_wire(task: &ProviderTask) -> wire::ProviderOperation {
    match task {
        ProviderTask::Step(_, CardStep::Authorize) => wire::ProviderOperation::Authorize,
        ProviderTask::Step(_, CardStep::Capture) => wire::ProviderOperation::Capture,
        ProviderTask::Step(_, CardStep::Void) => wire::ProviderOperation::Void,
        ProviderTask::Step(_, CardStep::Refund(_)) => wire::ProviderOperation::Refund,
        ProviderTask::Payout(_) => wire::ProviderOperation::Payout,
    }
}

fn refund_of(call_id: &str) -> Result<&str, WireError> {
    CardStep::refund_of(call_id).ok_or(WireError::BadId("call id"))
}
