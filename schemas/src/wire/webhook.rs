//! Records of the topics `webhook-calls`, `webhook-answers` and `webhook-dead-letters`.

use serde::{Deserialize, Serialize};

use super::Wire;
use super::envelope::Envelope;
use crate::topics::{self, TopicSpec};

/// Asks the worker to deliver an event to endpoints; the key is the order id.
pub type WebhookCall = Envelope<WebhookCallPayload>;

impl Wire for WebhookCall {
    fn topic() -> &'static TopicSpec {
        &topics::WEBHOOK_CALLS
    }
}

/// What a [`WebhookCall`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WebhookCallPayload {
    /// Deliver the event, once more if it was delivered before.
    #[serde(alias = "sluice.DeliverWebhook")]
    DeliverWebhook(DeliverWebhook),
}

/// What the worker and operators say about a delivery; the key is the order id.
pub type WebhookAnswer = Envelope<WebhookAnswerPayload>;

impl Wire for WebhookAnswer {
    fn topic() -> &'static TopicSpec {
        &topics::WEBHOOK_ANSWERS
    }
}

/// What a [`WebhookAnswer`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WebhookAnswerPayload {
    /// What an attempt came to.
    #[serde(alias = "sluice.WebhookAnswered")]
    WebhookAnswered(WebhookAnswered),
    /// Try again what was given up.
    #[serde(alias = "sluice.RedeliverWebhook")]
    RedeliverWebhook(RedeliverWebhook),
}

/// Deliveries that were given up; the key is the order id.
pub type WebhookDeadLetter = Envelope<WebhookDeadLetterPayload>;

impl Wire for WebhookDeadLetter {
    fn topic() -> &'static TopicSpec {
        &topics::WEBHOOK_DEAD_LETTERS
    }
}

/// What a [`WebhookDeadLetter`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WebhookDeadLetterPayload {
    /// The event does not reach the endpoint unless an operator has it delivered again.
    #[serde(alias = "sluice.WebhookGivenUp")]
    WebhookGivenUp(WebhookGivenUp),
}

/// Deliver the event, once more if it was delivered before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliverWebhook {
    /// Id of the event, and of its delivery.
    pub delivery_id: String,
    /// Number of the attempt, from 1; the answer repeats it.
    pub attempt: i32,
    /// Names of the endpoints to which it is still to be delivered; none if to all that are configured.
    pub endpoints: Vec<String>,
    /// The event as JSON, as the timeline of its order has it.
    pub event: String,
}

/// What an attempt came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookAnswered {
    /// The delivery.
    pub delivery_id: String,
    /// Attempt of the `DeliverWebhook` that is answered.
    pub attempt: i32,
    /// By endpoint.
    pub outcomes: Vec<EndpointOutcome>,
}

/// What an attempt came to at one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointOutcome {
    /// Name of the endpoint.
    pub endpoint: String,
    /// What it came to.
    pub outcome: DeliveryOutcome,
    /// What the endpoint answered, for operators; empty if there is nothing to say.
    pub detail: String,
}

/// What a delivery to an endpoint came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DeliveryOutcome {
    /// The endpoint has it.
    Delivered,
    /// The endpoint did not take it now.
    Refused,
    /// The endpoint takes nothing any more.
    Gone,
    /// The endpoint is not to have it, or is not configured any more.
    NotWanted,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// Try again what was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedeliverWebhook {
    /// The delivery.
    pub delivery_id: String,
    /// Name of the endpoint; null for all at which it was given up.
    #[serde(default)]
    pub endpoint: Option<String>,
}

/// The event does not reach the endpoint unless an operator has it delivered again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookGivenUp {
    /// The delivery.
    pub delivery_id: String,
    /// Name of the endpoint.
    pub endpoint: String,
    /// Why.
    pub reason: GivenUpReason,
    /// What the endpoint answered last.
    pub detail: String,
    /// Number of the last attempt.
    pub attempt: i32,
    /// The event as JSON, as the timeline of its order has it.
    pub event: String,
}

/// Why a delivery was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GivenUpReason {
    /// Every attempt was refused.
    Exhausted,
    /// The endpoint takes nothing any more.
    Gone,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}
