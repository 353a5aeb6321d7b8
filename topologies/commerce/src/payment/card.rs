//! Payments by card: what the payment provider is asked, how often, and what its answers lead to.
//!
//! Each step of such a payment is true here when the provider has said so, and not before. It is asked one thing at a time about one
//! payment, in the order in which the saga asked, and again and again until it answers: it may be down, the question may be
//! lost, or the answer. A question keeps its id, and the provider carries it out once. So an outcome that nobody knows
//! is never guessed: the money may be taken or not, and goods are not released before that is known.

use std::collections::BTreeMap;

use planted::Bug;
use serde::{Deserialize, Serialize};

use crate::ids::{OrderId, RefundId, TransferId};
use crate::money::Money;
use crate::payment::{Payment, PaymentOperation};

/// How long the first question waits for its answer, in milliseconds. It doubles with each repetition, up to
/// [`CALL_WAIT_MAX_MS`], and ends with the answer only.
pub const CALL_WAIT_MS: i64 = 10_000;

/// The longest time between two repetitions, in milliseconds.
pub const CALL_WAIT_MAX_MS: i64 = 15 * 60 * 1000;

/// Bytes of a card's token, at most.
pub const CARD_BYTES_MAX: usize = 64;

/// Digits from which on a text looks like the number of a card (ISO/IEC 7812).
const CARD_NUMBER_DIGITS: usize = 12;

/// Ends the id of a question about a refund.
const REFUND_SUFFIX: &str = ".card";

/// A card by the name that the payment provider has given it. It is no number of a card, and of no use to anybody but this shop.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CardToken(String);

/// The card of a payment, and what its provider has been asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardPayment {
    /// The card.
    pub card: CardToken,
    /// Questions without an answer. The first is under way, the others wait for it.
    pub calls: Vec<Call>,
    /// What the provider has said, by question.
    pub outcomes: BTreeMap<String, ProviderOutcome>,
}

/// A question to the provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// What is asked for.
    pub step: CardStep,
    /// Minor units of the payment's currency.
    pub units: i64,
    /// How often it was sent; 0 of one that waits.
    pub sends: u32,
    /// When it is sent again, in milliseconds since the epoch.
    pub due_at: i64,
}

/// What a provider can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CardStep {
    /// Hold the money.
    Authorize,
    /// Take what is held.
    Capture,
    /// Give up the hold.
    Void,
    /// Give back what was taken, or a part of it.
    Refund(RefundId),
}

/// A question as it goes to the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderCall {
    /// The same for each repetition: the provider carries it out once.
    pub call_id: String,
    /// What to do.
    pub task: ProviderTask,
    /// The card.
    pub card: CardToken,
    /// How much of it.
    pub amount: Money,
    /// How often it has been sent, from 1.
    pub attempt: u32,
}

/// What a question is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderTask {
    /// A step of the payment of an order.
    Step(OrderId, CardStep),
    /// Money of a wallet for the card.
    Payout(TransferId),
}

/// What the provider has said about a payment. It may come late, and more than once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderAnswer {
    /// The question.
    pub call_id: String,
    /// The order.
    pub order_id: OrderId,
    /// What became of it.
    pub outcome: ProviderOutcome,
}

/// What a provider did about a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ProviderOutcome {
    /// It is done.
    Done,
    /// It was refused, for good.
    Declined,
}

/// Why a text is no card's token, in a sentence for whoever sent it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotACard {
    /// Letters, digits, `_` and `-` only, at least one letter, and not too many.
    #[error("1 to {CARD_BYTES_MAX} letters, digits, `_` and `-`, a letter among them.")]
    Malformed,
    /// It could be the number of a card, which must not get into this system.
    #[error("This looks like the number of a card. Send the token that the payment provider has given out for it.")]
    Number,
}

impl CardToken {
    /// Reads a token. Whatever could be the number of a card is refused, so that none gets into a topic.
    pub fn parse(text: &str) -> Result<Self, NotACard> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !(1..=CARD_BYTES_MAX).contains(&text.len()) || !text.bytes().all(allowed) {
            return Err(NotACard::Malformed);
        }
        if text.bytes().any(|byte| byte.is_ascii_alphabetic()) {
            return Ok(Self(text.to_owned()));
        }
        let digits = text.bytes().filter(u8::is_ascii_digit).count();
        Err(if digits >= CARD_NUMBER_DIGITS {
            NotACard::Number
        } else {
            NotACard::Malformed
        })
    }

    /// The token as it travels.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CardStep {
    /// The id of this question about an order's payment.
    #[must_use]
    pub fn call_id(&self, order_id: &OrderId) -> String {
        match self {
            Self::Authorize => format!("{order_id}.card.authorize"),
            Self::Capture => format!("{order_id}.card.capture"),
            Self::Void => format!("{order_id}.card.void"),
            Self::Refund(refund_id) => format!("{refund_id}{REFUND_SUFFIX}"),
        }
    }

    /// The refund that a question is about.
    #[must_use]
    pub fn refund_of(call_id: &str) -> Option<&str> {
        call_id.strip_suffix(REFUND_SUFFIX)
    }

    /// The operation of the payment that it is for.
    #[must_use]
    pub fn operation(&self) -> PaymentOperation {
        match self {
            Self::Authorize => PaymentOperation::Authorize,
            Self::Capture => PaymentOperation::Capture,
            Self::Void => PaymentOperation::Void,
            Self::Refund(_) => PaymentOperation::Refund,
        }
    }
}

impl ProviderTask {
    /// The word for a payout.
    pub const PAYOUT: &str = "payout";

    /// The name at the provider of what moves the money: the order, or the withdrawal.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Step(order_id, _) => order_id.as_str(),
            Self::Payout(transfer_id) => transfer_id.as_str(),
        }
    }

    /// The word for what is to be done, for people and metrics.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Step(_, step) => step.operation().word(),
            Self::Payout(_) => Self::PAYOUT,
        }
    }
}

impl CardPayment {
    /// A payment by `card` of which nothing was asked yet.
    pub(super) fn new(card: CardToken) -> Self {
        Self {
            card,
            calls: Vec::new(),
            outcomes: BTreeMap::new(),
        }
    }

    /// Has a question wait for its turn, unless it waits or was answered already.
    pub(super) fn ask(&mut self, order_id: &OrderId, step: CardStep, units: i64) {
        let is_known = self.outcomes.contains_key(&step.call_id(order_id)) || self.asked(&step).is_some();
        if !is_known {
            self.calls.push(Call {
                step,
                units,
                sends: 0,
                due_at: 0,
            });
        }
    }

    /// The minor units of a question that has no answer yet.
    pub(super) fn asked(&self, step: &CardStep) -> Option<i64> {
        let call = self.calls.iter().find(|call| call.step == *step);
        call.map(|call| call.units)
    }

    /// Minor units of the refunds that have no answer yet.
    pub(super) fn refunding(&self) -> i64 {
        let refunds = self
            .calls
            .iter()
            .filter(|call| matches!(call.step, CardStep::Refund(_)));
        refunds.map(|call| call.units).sum()
    }

    /// Takes the question under way, if this is its answer; none of one that was answered, or never asked.
    pub(super) fn answered(&mut self, order_id: &OrderId, answer: &ProviderAnswer) -> Option<CardStep> {
        let first = self.calls.first()?;
        if first.sends == 0 || first.step.call_id(order_id) != answer.call_id {
            return None;
        }
        self.outcomes.insert(answer.call_id.clone(), answer.outcome);
        Some(self.calls.remove(0).step)
    }

    /// The operation about which the provider has said something else before.
    pub(super) fn contradicted(&self, answer: &ProviderAnswer) -> Option<PaymentOperation> {
        let known = self.outcomes.get(&answer.call_id);
        known.filter(|known| **known != answer.outcome)?;
        let steps = [CardStep::Authorize, CardStep::Capture, CardStep::Void];
        let step = steps
            .iter()
            .find(|step| step.call_id(&answer.order_id) == answer.call_id);
        Some(step.map_or(PaymentOperation::Refund, CardStep::operation))
    }

    /// When the question under way is to be sent again, in milliseconds since the epoch.
    #[must_use]
    pub fn due_at(&self) -> Option<i64> {
        self.calls.first().filter(|call| call.sends > 0).map(|call| call.due_at)
    }
}

impl Payment {
    /// The next question to send at `now`: the first, if it was not sent yet or has waited long enough.
    pub(super) fn next_call(&mut self, order_id: &OrderId, now: i64) -> Option<ProviderCall> {
        let currency = self.amount?.currency;
        let card = self.card.as_mut()?;
        let call = card.calls.first_mut()?;
        if call.sends > 0 && call.due_at > now {
            return None;
        }
        note_sent(&mut call.sends, &mut call.due_at, now);
        let mut call_id = call.step.call_id(order_id);
        if planted::is(Bug::CardAskedAnew) && call.sends > 1 {
            call_id = format!("{call_id}.{}", call.sends);
        }
        Some(ProviderCall {
            call_id,
            task: ProviderTask::Step(order_id.clone(), call.step.clone()),
            card: card.card.clone(),
            amount: Money::new(call.units, currency),
            attempt: call.sends,
        })
    }
}

/// Notes that a question is sent at `now`: how often it was by now, and when it is sent again unless it is answered.
pub(super) fn note_sent(sends: &mut u32, due_at: &mut i64, now: i64) {
    *due_at = now.saturating_add(wait_ms(*sends));
    *sends = sends.saturating_add(1);
}

/// How long to wait for the answer to a question that was sent so often before, in milliseconds.
fn wait_ms(sends: u32) -> i64 {
    let doubled = 1_i64
        .checked_shl(sends)
        .and_then(|times| CALL_WAIT_MS.checked_mul(times));
    doubled.map_or(CALL_WAIT_MAX_MS, |wait| wait.clamp(CALL_WAIT_MS, CALL_WAIT_MAX_MS))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn what_could_be_the_number_of_a_card_is_no_token() {
        for number in [
            "4111111111111111",
            "4111-1111-1111-1111",
            "378282246310005",
            "41111_11111_11",
        ] {
            assert_eq!(CardToken::parse(number), Err(NotACard::Number));
        }
        for text in [
            "",
            "card 1",
            "12345678901",
            "-_-",
            "4111 1111 1111 1111",
            "카드",
            &"x".repeat(65),
        ] {
            assert_eq!(CardToken::parse(text), Err(NotACard::Malformed));
        }
        for token in ["card_approved", "tok-1a2b3c4d5e6f7890123", "x"] {
            assert_eq!(CardToken::parse(token).unwrap().as_str(), token);
        }
    }

    #[test]
    fn a_question_is_repeated_ever_more_rarely_and_never_given_up() {
        let waits: Vec<i64> = (0..9).map(|sends| wait_ms(sends) / 1000).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 320, 640, 900, 900]);
        assert_eq!(wait_ms(62), CALL_WAIT_MAX_MS);
        assert_eq!(wait_ms(u32::MAX), CALL_WAIT_MAX_MS);
    }
}
