//! Records to and of a payment provider, in both directions: topologies write calls and read answers, whoever talks to the
//! provider reads calls and writes answers.

use schemas::wire::provider as wire;

use crate::payment::{CardStep, CardToken, ProviderAnswer, ProviderCall, ProviderOutcome};
use crate::wire::{WireError, attempt, attempt_to_wire, id, money, money_to_wire};

/// Writes a call.
#[must_use]
pub fn call_to_wire(call: ProviderCall) -> wire::ProviderCallPayload {
    wire::ProviderCallPayload::AskProvider(wire::AskProvider {
        call_id: call.call_id,
        order_id: call.order_id.0,
        card: call.card.as_str().to_owned(),
        operation: operation_to_wire(&call.step),
        amount: money_to_wire(call.amount),
        attempt: attempt_to_wire(call.attempt),
    })
}

/// Reads a call.
pub fn call(payload: wire::ProviderCallPayload) -> Result<ProviderCall, WireError> {
    let wire::ProviderCallPayload::AskProvider(asked) = payload;
    let step = match asked.operation {
        wire::ProviderOperation::Authorize => CardStep::Authorize,
        wire::ProviderOperation::Capture => CardStep::Capture,
        wire::ProviderOperation::Void => CardStep::Void,
        wire::ProviderOperation::Refund => CardStep::Refund(refund_of(&asked.call_id)?.into()),
        wire::ProviderOperation::Unknown => return Err(WireError::UnknownSymbol("provider operation")),
    };
    Ok(ProviderCall {
        call_id: id(asked.call_id, "call id")?,
        order_id: id(asked.order_id, "order id")?,
        card: CardToken::parse(&asked.card).map_err(|_| WireError::BadId("card"))?,
        step,
        amount: money(&asked.amount)?,
        attempt: attempt(asked.attempt)?,
    })
}

/// Writes the answer to a call.
#[must_use]
pub fn answer_to_wire(call: &ProviderCall, outcome: ProviderOutcome) -> wire::ProviderAnswerPayload {
    wire::ProviderAnswerPayload::ProviderAnswered(wire::ProviderAnswered {
        call_id: call.call_id.clone(),
        order_id: call.order_id.0.clone(),
        operation: operation_to_wire(&call.step),
        outcome: match outcome {
            ProviderOutcome::Done => wire::ProviderOutcome::Done,
            ProviderOutcome::Declined => wire::ProviderOutcome::Declined,
        },
    })
}

/// Reads an answer.
pub fn answer(payload: wire::ProviderAnswerPayload) -> Result<ProviderAnswer, WireError> {
    let wire::ProviderAnswerPayload::ProviderAnswered(answered) = payload;
    Ok(ProviderAnswer {
        call_id: id(answered.call_id, "call id")?,
        order_id: id(answered.order_id, "order id")?,
        outcome: match answered.outcome {
            wire::ProviderOutcome::Done => ProviderOutcome::Done,
            wire::ProviderOutcome::Declined => ProviderOutcome::Declined,
            wire::ProviderOutcome::Unknown => return Err(WireError::UnknownSymbol("provider outcome")),
        },
    })
}

fn operation_to_wire(step: &CardStep) -> wire::ProviderOperation {
    match step {
        CardStep::Authorize => wire::ProviderOperation::Authorize,
        CardStep::Capture => wire::ProviderOperation::Capture,
        CardStep::Void => wire::ProviderOperation::Void,
        CardStep::Refund(_) => wire::ProviderOperation::Refund,
    }
}

fn refund_of(call_id: &str) -> Result<&str, WireError> {
    CardStep::refund_of(call_id).ok_or(WireError::BadId("call id"))
}
