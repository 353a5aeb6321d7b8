//! One command about an order's payment: each pair of a command and a standing is answered here.

use std::collections::BTreeMap;

use crate::ids::{AccountId, OrderId, RefundId, SettlementId};
use crate::money::Money;
use crate::payment::card::{CardStep, CardToken};
use crate::payment::holder::{self, Holder};
use crate::payment::ledger::{LedgerKind, Purse};
use crate::payment::order_payment::{PARTS_MAX, Payment, PaymentStep, Standing};
use crate::payment::part::Part;
use crate::payment::wallet::is_amount;
use crate::payment::{PaymentEvent, PaymentFact, PaymentOperation, PaymentRefusal, Wallet};

pub(super) struct Turn<'a> {
    pub(super) account_id: &'a AccountId,
    pub(super) holder: Option<Holder>,
    pub(super) wallet: Option<Wallet>,
    pub(super) payment: Option<Payment>,
    pub(super) now: i64,
}

impl<'a> Turn<'a> {
    pub(super) fn new(
        account_id: &'a AccountId,
        holder: Option<Holder>,
        wallet: Option<Wallet>,
        payment: Option<Payment>,
        now: i64,
    ) -> Self {
        Self {
            account_id,
            holder,
            wallet,
            payment,
            now,
        }
    }

    pub(super) fn authorize(
        self,
        order_id: OrderId,
        amount: Money,
        attempt: u32,
        card: Option<CardToken>,
    ) -> PaymentStep {
        // Nobody's card is asked for nothing.
        let card = card.filter(|_| amount.amount > 0);
        match &self.payment {
            None => self.authorize_first(order_id, amount, attempt, card),
            Some(payment) if payment.is_other(amount, card.as_ref()) => {
                self.refuse(order_id, PaymentOperation::Authorize, PaymentRefusal::Conflict)
            }
            Some(payment) => {
                let account_id = self.account_id.clone();
                let fact = match payment.status {
                    Standing::Asked => return self.silent(),
                    Standing::Held => PaymentFact::Authorized {
                        account_id,
                        amount,
                        attempt,
                    },
                    Standing::Captured => {
                        let authorized = PaymentFact::Authorized {
                            account_id: account_id.clone(),
                            amount,
                            attempt,
                        };
                        refunded(account_id, payment, (&order_id, amount)).unwrap_or(authorized)
                    }
                    Standing::Voided => PaymentFact::Voided {
                        account_id,
                        amount: payment.amount,
                    },
                    Standing::Declined(reason) => PaymentFact::Declined {
                        account_id,
                        amount,
                        attempt,
                        reason,
                    },
                };
                self.answer(order_id, fact)
            }
        }
    }

    fn authorize_first(
        mut self,
        order_id: OrderId,
        amount: Money,
        attempt: u32,
        card: Option<CardToken>,
    ) -> PaymentStep {
        let held = match card {
            Some(card) => match self.admits(amount) {
                Ok(()) => return self.ask_for_hold(&order_id, amount, card),
                Err(reason) => Err(reason),
            },
            None => self.hold(amount),
        };
        match held {
            Ok(wallet) => {
                self.payment = Some(self.standing(Standing::Held, Some(amount)));
                self.held(order_id, (amount, attempt), wallet, Purse::Wallet)
            }
            Err(reason) => {
                self.payment = Some(self.standing(Standing::Declined(reason), Some(amount)));
                self.declined(order_id, (amount, attempt), reason)
            }
        }
    }

    /// The answer of a wallet that has just booked the hold.
    pub(super) fn held(
        mut self,
        order_id: OrderId,
        (amount, attempt): (Money, u32),
        wallet: Wallet,
        purse: Purse,
    ) -> PaymentStep {
        let operation = (Some(&order_id), order_id.as_str());
        let entry = purse.entry(&wallet, LedgerKind::Authorization, operation, amount);
        self.wallet = Some(wallet);
        let fact = PaymentFact::Authorized {
            account_id: self.account_id.clone(),
            amount,
            attempt,
        };
        PaymentStep {
            entry: Some(entry),
            ..self.answer(order_id, fact)
        }
    }

    /// The answer where no hold is to be had.
    pub(super) fn declined(
        self,
        order_id: OrderId,
        (amount, attempt): (Money, u32),
        reason: PaymentRefusal,
    ) -> PaymentStep {
        let fact = PaymentFact::Declined {
            account_id: self.account_id.clone(),
            amount,
            attempt,
            reason,
        };
        self.answer(order_id, fact)
    }

    /// Whether the holder may pay such an amount at all.
    fn admits(&self, amount: Money) -> Result<(), PaymentRefusal> {
        holder::may_pay(self.holder)?;
        if is_amount(amount) {
            Ok(())
        } else {
            Err(PaymentRefusal::InvalidAmount)
        }
    }

    fn hold(&self, amount: Money) -> Result<Wallet, PaymentRefusal> {
        self.admits(amount)?;
        let mut wallet = self.wallet_or_empty();
        wallet.book(amount.currency, -amount.amount, amount.amount, self.now)?;
        Ok(wallet)
    }

    pub(super) fn wallet_or_empty(&self) -> Wallet {
        let known = self.wallet.clone();
        known.unwrap_or_else(|| Wallet::empty(self.account_id.clone()))
    }

    pub(super) fn capture(self, order_id: OrderId) -> PaymentStep {
        match (self.payment.clone(), self.wallet.clone()) {
            (Some(payment), Some(wallet)) if payment.status == Standing::Held => {
                match payment.amount.filter(|_| payment.is_held_by_card()) {
                    Some(amount) => self.ask(&order_id, CardStep::Capture, amount),
                    None => self.resolve(order_id, wallet, payment, Standing::Captured),
                }
            }
            (Some(payment), _) => self.answer_from(order_id, &payment, PaymentOperation::Capture),
            (None, _) => self.refuse(order_id, PaymentOperation::Capture, PaymentRefusal::UnknownPayment),
        }
    }

    pub(super) fn void(mut self, order_id: OrderId) -> PaymentStep {
        match (self.payment.clone(), self.wallet.clone()) {
            // Whether there is a hold to give up is known when the provider has said what became of it.
            (Some(payment), _) if payment.status == Standing::Asked || payment.is_held_by_card() => {
                match payment.amount {
                    Some(amount) => self.ask(&order_id, CardStep::Void, amount),
                    None => self.unresolved(order_id),
                }
            }
            (Some(payment), Some(wallet)) if payment.status == Standing::Held => {
                self.resolve(order_id, wallet, payment, Standing::Voided)
            }
            (Some(payment), _) => self.answer_from(order_id, &payment, PaymentOperation::Void),
            (None, _) => {
                self.payment = Some(self.standing(Standing::Voided, None));
                let fact = PaymentFact::Voided {
                    account_id: self.account_id.clone(),
                    amount: None,
                };
                self.answer(order_id, fact)
            }
        }
    }

    /// Takes what is held, or lets it go: given up, or not given by whoever held it.
    pub(super) fn resolve(
        mut self,
        order_id: OrderId,
        mut wallet: Wallet,
        payment: Payment,
        status: Standing,
    ) -> PaymentStep {
        let Some(amount) = payment.amount else {
            return self.unresolved(order_id);
        };
        let (kind, free) = match status {
            Standing::Captured => (LedgerKind::Capture, 0),
            Standing::Asked | Standing::Held | Standing::Voided | Standing::Declined(_) => {
                (LedgerKind::Void, payment.purse().gain(amount))
            }
        };
        if wallet.book(amount.currency, free, -amount.amount, self.now).is_err() {
            return self.unresolved(order_id);
        }
        let operation = (Some(&order_id), order_id.as_str());
        let entry = payment.purse().entry(&wallet, kind, operation, amount);
        let payment = Payment {
            status,
            changed_at: self.now,
            ..payment
        };
        let fact = self.fact_of(&payment, (&order_id, amount));
        (self.wallet, self.payment) = (Some(wallet), Some(payment));
        PaymentStep {
            entry: Some(entry),
            ..self.answer_if(order_id, fact)
        }
    }

    /// A held payment has an amount, and the wallet holds at least that: the refusal is an alarm, not an answer.
    fn unresolved(self, order_id: OrderId) -> PaymentStep {
        self.refuse(order_id, PaymentOperation::Capture, PaymentRefusal::InvalidAmount)
    }

    pub(super) fn refund(self, order_id: OrderId, refund_id: RefundId, amount: Money) -> PaymentStep {
        let refusal = match self.payment.as_ref().map(|payment| payment.status) {
            Some(Standing::Captured) => {
                let fact = PaymentFact::Refunded {
                    account_id: self.account_id.clone(),
                    refund_id: refund_id.clone(),
                    amount,
                };
                return self.part(order_id, Part::Refund(refund_id, Purse::Wallet), amount, fact);
            }
            Some(Standing::Asked | Standing::Held) => PaymentRefusal::InvalidAmount,
            Some(Standing::Voided) => PaymentRefusal::AlreadyVoided,
            Some(Standing::Declined(_)) | None => PaymentRefusal::UnknownPayment,
        };
        self.refuse(order_id, PaymentOperation::Refund, refusal)
    }

    /// Sets money of the escrow aside.
    pub(super) fn settle(
        self,
        order_id: OrderId,
        (settlement_id, seller_id): (SettlementId, AccountId),
        amount: Money,
    ) -> PaymentStep {
        let fact = PaymentFact::Settled {
            account_id: self.account_id.clone(),
            settlement_id: settlement_id.clone(),
            seller_id,
            amount,
        };
        self.part(order_id, Part::Settlement(settlement_id), amount, fact)
    }

    /// A part of what was taken leaves the escrow, once.
    fn part(self, order_id: OrderId, part: Part, amount: Money, fact: PaymentFact) -> PaymentStep {
        let Some(payment) = self.payment.clone() else {
            return self.refuse(order_id, part.operation(), PaymentRefusal::UnknownPayment);
        };
        match part.known(&payment).filter(|_| !planted::is(part.bug())) {
            Some(known) if known == amount.amount => self.answer(order_id, fact),
            Some(_) => self.refuse(order_id, part.operation(), PaymentRefusal::Conflict),
            None => match (part, &payment.card) {
                (Part::Refund(refund_id, _), Some(card)) => self.refund_to_card(order_id, refund_id, amount, card),
                (part, _) => self.part_first(order_id, part, amount, payment, fact),
            },
        }
    }

    pub(super) fn part_first(
        mut self,
        order_id: OrderId,
        part: Part,
        amount: Money,
        mut payment: Payment,
        fact: PaymentFact,
    ) -> PaymentStep {
        let allowed = payment.has_left(amount, planted::is(part.bug())) && part.made(&payment) < PARTS_MAX;
        let mut wallet = self.wallet_or_empty();
        if !allowed || wallet.book(amount.currency, part.gain(amount), 0, self.now).is_err() {
            return self.refuse(order_id, part.operation(), PaymentRefusal::InvalidAmount);
        }
        let entry = part
            .purse()
            .entry(&wallet, part.kind(), (Some(&order_id), part.id()), amount);
        part.keep(&mut payment, amount);
        payment.changed_at = self.now;
        (self.wallet, self.payment) = (Some(wallet), Some(payment));
        PaymentStep {
            entry: Some(entry),
            ..self.answer(order_id, fact)
        }
    }

    /// The answer to a command that finds its question settled.
    fn answer_from(self, order_id: OrderId, payment: &Payment, operation: PaymentOperation) -> PaymentStep {
        match payment.amount {
            Some(amount) => {
                let fact = self.fact_of(payment, (&order_id, amount));
                self.answer_if(order_id, fact)
            }
            None if payment.status == Standing::Voided => {
                let fact = PaymentFact::Voided {
                    account_id: self.account_id.clone(),
                    amount: None,
                };
                self.answer(order_id, fact)
            }
            None => self.refuse(order_id, operation, PaymentRefusal::InvalidAmount),
        }
    }

    /// How the payment stands; nothing where the provider has yet to say.
    fn fact_of(&self, payment: &Payment, (order_id, amount): (&OrderId, Money)) -> Option<PaymentFact> {
        let account_id = self.account_id.clone();
        Some(match payment.status {
            Standing::Asked => return None,
            Standing::Held => PaymentFact::Authorized {
                account_id,
                amount,
                attempt: 1,
            },
            Standing::Captured => refunded(account_id.clone(), payment, (order_id, amount))
                .unwrap_or(PaymentFact::Captured { account_id, amount }),
            Standing::Voided => PaymentFact::Voided {
                account_id,
                amount: Some(amount),
            },
            Standing::Declined(reason) => PaymentFact::Declined {
                account_id,
                amount,
                attempt: 1,
                reason,
            },
        })
    }

    pub(super) fn standing(&self, status: Standing, amount: Option<Money>) -> Payment {
        Payment {
            status,
            amount,
            refunds: BTreeMap::new(),
            settlements: BTreeMap::new(),
            card: None,
            events: 0,
            changed_at: self.now,
        }
    }

    /// Where the payment stands from now on.
    pub(super) fn stand(&mut self, status: Standing) {
        if let Some(payment) = &mut self.payment {
            (payment.status, payment.changed_at) = (status, self.now);
        }
    }

    pub(super) fn answer(self, order_id: OrderId, fact: PaymentFact) -> PaymentStep {
        self.emit(PaymentEvent::Fact { order_id, fact })
    }

    fn answer_if(self, order_id: OrderId, fact: Option<PaymentFact>) -> PaymentStep {
        match fact {
            Some(fact) => self.answer(order_id, fact),
            None => self.silent(),
        }
    }

    /// Nothing that anybody is told.
    pub(super) fn silent(self) -> PaymentStep {
        PaymentStep {
            wallet: self.wallet,
            payment: self.payment,
            ..PaymentStep::default()
        }
    }

    pub(super) fn refuse(self, order_id: OrderId, operation: PaymentOperation, reason: PaymentRefusal) -> PaymentStep {
        self.emit(PaymentEvent::Refused {
            order_id,
            operation,
            reason,
        })
    }

    pub(super) fn emit(mut self, event: PaymentEvent) -> PaymentStep {
        if let Some(payment) = &mut self.payment {
            payment.events += 1;
        }
        PaymentStep {
            event: Some(event),
            ..self.silent()
        }
    }
}

/// The refund of everything, if that is what became of the payment. Refunds of lines leave it as taken as it was.
fn refunded(account_id: AccountId, payment: &Payment, (order_id, amount): (&OrderId, Money)) -> Option<PaymentFact> {
    let (refund_id, units) = payment.whole_refund(order_id)?;
    Some(PaymentFact::Refunded {
        account_id,
        refund_id,
        amount: Money {
            amount: units,
            ..amount
        },
    })
}
