//! Records of the topics `provider-calls` and `provider-answers`.

use serde::{Deserialize, Serialize};

use super::Wire;
use super::envelope::{Envelope, Money};
use crate::topics::{self, TopicSpec};

/// What the payment provider is asked to do; the key is the account id of the owner of the wallet.
pub type ProviderCall = Envelope<ProviderCallPayload>;

impl Wire for ProviderCall {
    fn topic() -> &'static TopicSpec {
        &topics::PROVIDER_CALLS
    }
}

/// What a [`ProviderCall`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderCallPayload {
    /// One step of a payment, or a payout.
    #[serde(alias = "sluice.AskProvider")]
    AskProvider(AskProvider),
}

/// What the payment provider has said; the key is the account id of the owner of the wallet.
pub type ProviderAnswer = Envelope<ProviderAnswerPayload>;

impl Wire for ProviderAnswer {
    fn topic() -> &'static TopicSpec {
        &topics::PROVIDER_ANSWERS
    }
}

/// What a [`ProviderAnswer`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderAnswerPayload {
    /// What became of a step.
    #[serde(alias = "sluice.ProviderAnswered")]
    ProviderAnswered(ProviderAnswered),
}

/// One step of a payment, or a payout. The provider carries it out once, however often it is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskProvider {
    /// Id of the step: what the provider tells a repetition by.
    pub call_id: String,
    /// The payment's name at the provider: the order, or the withdrawal of a payout.
    pub order_id: String,
    /// Token of the card, as the provider has given it out.
    pub card: String,
    /// What to do.
    pub operation: ProviderOperation,
    /// How much of it.
    pub amount: Money,
    /// How often it was asked, from 1.
    pub attempt: i32,
}

/// A step of a payment at a provider, or a payout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProviderOperation {
    /// Hold.
    Authorize,
    /// Take what is held.
    Capture,
    /// Give the hold up.
    Void,
    /// Give back what was taken, or a part of it.
    Refund,
    /// Pay money of a wallet to a card.
    Payout,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}

/// What became of a step of a payment, or of a payout. It may come late, and more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderAnswered {
    /// The step.
    pub call_id: String,
    /// The order, or the withdrawal of a payout.
    pub order_id: String,
    /// What was asked for.
    pub operation: ProviderOperation,
    /// What the provider did.
    pub outcome: ProviderOutcome,
}

/// What a provider did about a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ProviderOutcome {
    /// It is done.
    Done,
    /// It was refused, for good.
    Declined,
    /// A symbol of a newer writer that this reader does not know.
    #[serde(other)]
    Unknown,
}
