//! Deliveries of webhooks as records.

use schemas::wire::webhook as wire;

use super::{WireError, attempt, attempt_to_wire, id};
use crate::webhook::{Ask, GivenUp, Input, Outcome, Reason};

/// Reads what the worker or an operator says: about which delivery, and what.
pub fn answer(payload: wire::WebhookAnswerPayload) -> Result<(String, Input), WireError> {
    match payload {
        wire::WebhookAnswerPayload::WebhookAnswered(answered) => {
            let outcomes = answered.outcomes.into_iter().map(outcome);
            let input = Input::Answered {
                attempt: attempt(answered.attempt)?,
                outcomes: outcomes.collect::<Result<_, _>>()?,
            };
            Ok((id(answered.delivery_id, "delivery")?, input))
        }
        wire::WebhookAnswerPayload::RedeliverWebhook(redeliver) => {
            let input = Input::Redeliver(redeliver.endpoint);
            Ok((id(redeliver.delivery_id, "delivery")?, input))
        }
    }
}

fn outcome(told: wire::EndpointOutcome) -> Result<(String, Outcome, String), WireError> {
    let outcome = match told.outcome {
        wire::DeliveryOutcome::Delivered => Outcome::Delivered,
        wire::DeliveryOutcome::Refused => Outcome::Refused,
        wire::DeliveryOutcome::Gone => Outcome::Gone,
        wire::DeliveryOutcome::NotWanted => Outcome::NotWanted,
        wire::DeliveryOutcome::Unknown => return Err(WireError::UnknownSymbol("outcome")),
    };
    Ok((told.endpoint, outcome, told.detail))
}

/// Writes what the worker is asked.
#[must_use]
pub fn ask_to_wire(delivery_id: String, event: String, ask: Ask) -> wire::WebhookCallPayload {
    wire::WebhookCallPayload::DeliverWebhook(wire::DeliverWebhook {
        delivery_id,
        attempt: attempt_to_wire(ask.attempt),
        endpoints: ask.endpoints,
        event,
    })
}

/// Writes that a delivery is given up at an endpoint.
#[must_use]
pub fn given_up_to_wire(
    delivery_id: String,
    endpoint: String,
    event: String,
    given_up: GivenUp,
) -> wire::WebhookDeadLetterPayload {
    wire::WebhookDeadLetterPayload::WebhookGivenUp(wire::WebhookGivenUp {
        delivery_id,
        endpoint,
        reason: match given_up.reason {
            Reason::Exhausted => wire::GivenUpReason::Exhausted,
            Reason::Gone => wire::GivenUpReason::Gone,
        },
        detail: given_up.detail,
        attempt: attempt_to_wire(given_up.attempt),
        event,
    })
}
