//! What the payment provider says about a payment, and what follows when it says nothing.

use planted::Bug;

use crate::ids::{AccountId, OrderId, RefundId};
use crate::money::Money;
use crate::payment::card::{CardPayment, CardStep, CardToken, ProviderAnswer, ProviderOutcome};
use crate::payment::ledger::Purse;
use crate::payment::order_payment::{PARTS_MAX, Payment, PaymentStep, Standing};
use crate::payment::part::Part;
use crate::payment::turn::Turn;
use crate::payment::{PaymentEvent, PaymentFact, PaymentOperation, PaymentRefusal, Wallet};

/// Takes an answer of the provider. One of a payment that is not known, or about something that was not asked, leads to nothing.
#[must_use]
pub fn step_answer(
    account_id: &AccountId,
    wallet: Option<Wallet>,
    payment: Option<Payment>,
    answer: &ProviderAnswer,
    now: i64,
) -> PaymentStep {
    let turn = Turn::new(account_id, None, wallet, payment, now);
    turn.answered(answer).with_call(&answer.order_id, now)
}

/// Asks again where the provider has not answered in time. The first time it is an event, so that people see it.
#[must_use]
pub fn step_overdue(
    account_id: &AccountId,
    wallet: Option<Wallet>,
    payment: Option<Payment>,
    order_id: &OrderId,
    now: i64,
) -> PaymentStep {
    let call = payment
        .as_ref()
        .and_then(|payment| payment.card.as_ref()?.calls.first());
    let overdue = call.filter(|call| call.sends > 0 && call.due_at <= now);
    let news = overdue
        .filter(|call| call.sends == 1)
        .map(|call| PaymentEvent::Unknown {
            order_id: order_id.clone(),
            operation: call.step.operation(),
        });
    let turn = Turn::new(account_id, None, wallet, payment, now);
    let step = match news {
        Some(event) => turn.emit(event),
        None => turn.silent(),
    };
    step.with_call(order_id, now)
}

impl PaymentStep {
    /// Sends the question whose turn it is.
    pub(super) fn with_call(mut self, order_id: &OrderId, now: i64) -> Self {
        let call = |payment: &mut Payment| payment.next_call(order_id, now);
        self.call = self.payment.as_mut().and_then(call);
        self
    }
}

impl Turn<'_> {
    /// Asks the provider for the hold of a payment that nobody has heard of.
    pub(super) fn ask_for_hold(mut self, order_id: &OrderId, amount: Money, card: CardToken) -> PaymentStep {
        let mut asked = self.standing(Standing::Asked, Some(amount));
        asked.card = Some(CardPayment::new(card));
        self.payment = Some(asked);
        self.ask(order_id, CardStep::Authorize, amount)
    }

    /// Asks the provider for a step of the payment, behind those that it has not answered. The saga hears of it when it has.
    pub(super) fn ask(mut self, order_id: &OrderId, step: CardStep, amount: Money) -> PaymentStep {
        if let Some(card) = self.card() {
            card.ask(order_id, step, amount.amount);
        }
        self.silent()
    }

    /// Asks the provider to give money back, if it was not asked for before and there is so much left.
    pub(super) fn refund_to_card(
        self,
        order_id: OrderId,
        refund_id: RefundId,
        amount: Money,
        card: &CardPayment,
    ) -> PaymentStep {
        let step = CardStep::Refund(refund_id);
        let allowed = self.payment.as_ref().is_some_and(|payment| {
            payment.has_left(amount, false) && payment.refunds.len() + card.calls.len() < PARTS_MAX
        });
        match card.asked(&step) {
            Some(units) if units == amount.amount => self.silent(),
            Some(_) => self.refuse(order_id, PaymentOperation::Refund, PaymentRefusal::Conflict),
            None if allowed => self.ask(&order_id, step, amount),
            None => self.refuse(order_id, PaymentOperation::Refund, PaymentRefusal::InvalidAmount),
        }
    }

    fn answered(mut self, answer: &ProviderAnswer) -> PaymentStep {
        let order_id = answer.order_id.clone();
        let known = self
            .payment
            .as_mut()
            .and_then(|payment| payment.amount.zip(payment.card.as_mut()));
        let Some((amount, card)) = known else {
            return self.silent();
        };
        let contradicted = card.contradicted(answer);
        let units = card.calls.first().map_or(0, |call| call.units);
        match (card.answered(&order_id, answer), answer.outcome) {
            (None, _) => match contradicted {
                Some(operation) => self.refuse(order_id, operation, PaymentRefusal::Conflict),
                None => self.silent(),
            },
            (Some(CardStep::Authorize), ProviderOutcome::Done) => self.held_by_card(order_id, amount),
            (Some(CardStep::Authorize), ProviderOutcome::Declined) => {
                self.nothing_more_to_ask();
                self.declined_by_card(order_id, amount, PaymentRefusal::Declined)
            }
            (Some(CardStep::Capture), ProviderOutcome::Done) => self.resolved_by_card(order_id, Standing::Captured),
            // The provider does not give what it has held: the order is not paid.
            (Some(CardStep::Capture), ProviderOutcome::Declined) => {
                self.resolved_by_card(order_id, Standing::Declined(PaymentRefusal::Declined))
            }
            // A hold that cannot be given up has ended by itself, or there is none.
            (Some(CardStep::Void), ProviderOutcome::Done | ProviderOutcome::Declined) => {
                self.resolved_by_card(order_id, Standing::Voided)
            }
            (Some(CardStep::Refund(refund_id)), outcome) => {
                let amount = Money {
                    amount: units,
                    ..amount
                };
                self.refunded_by_card(order_id, refund_id, amount, outcome)
            }
        }
    }

    /// The hold is in the books from now on. Where they cannot take it, it is given up again.
    fn held_by_card(mut self, order_id: OrderId, amount: Money) -> PaymentStep {
        let mut wallet = self.wallet_or_empty();
        match wallet.book(amount.currency, 0, amount.amount, self.now) {
            Ok(()) => {
                self.stand(Standing::Held);
                self.held(order_id, (amount, 1), wallet, Purse::Card)
            }
            Err(reason) => {
                self.nothing_more_to_ask();
                if let Some(card) = self.card() {
                    card.ask(&order_id, CardStep::Void, amount.amount);
                }
                self.declined_by_card(order_id, amount, reason)
            }
        }
    }

    fn declined_by_card(mut self, order_id: OrderId, amount: Money, reason: PaymentRefusal) -> PaymentStep {
        self.stand(Standing::Declined(reason));
        self.declined(order_id, (amount, 1), reason)
    }

    /// A hold is taken, given up, or not given, which answers whatever waited behind it.
    fn resolved_by_card(mut self, order_id: OrderId, status: Standing) -> PaymentStep {
        self.nothing_more_to_ask();
        match (self.payment.clone(), self.wallet.clone()) {
            (Some(payment), Some(wallet)) if payment.status == Standing::Held => {
                self.resolve(order_id, wallet, payment, status)
            }
            // The hold that the books could not take is given up.
            (_, _) => self.silent(),
        }
    }

    fn nothing_more_to_ask(&mut self) {
        if let Some(card) = self.card() {
            card.calls.clear();
        }
    }

    fn card(&mut self) -> Option<&mut CardPayment> {
        self.payment.as_mut()?.card.as_mut()
    }

    /// What the provider does not give back to the card is the buyer's all the same: it goes to the wallet.
    fn refunded_by_card(
        self,
        order_id: OrderId,
        refund_id: RefundId,
        amount: Money,
        outcome: ProviderOutcome,
    ) -> PaymentStep {
        let fact = PaymentFact::Refunded {
            account_id: self.account_id.clone(),
            refund_id: refund_id.clone(),
            amount,
        };
        let purse = match outcome {
            ProviderOutcome::Done => Purse::Card,
            ProviderOutcome::Declined if planted::is(Bug::DeclinedRefundLost) => Purse::Card,
            ProviderOutcome::Declined => Purse::Wallet,
        };
        match self.payment.clone() {
            Some(payment) => self.part_first(order_id, Part::Refund(refund_id, purse), amount, payment, fact),
            None => self.silent(),
        }
    }
}
