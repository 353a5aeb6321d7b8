//! The till, told again by hand: what each command to a wallet has to lead to.

use std::collections::BTreeMap;

use schemas::wire::envelope::Money;
use schemas::wire::payment::{
    AuthorizePayment, CapturePayment, CreditSeller, Deposit, DepositPosted, DepositRefused, LedgerEntryKind,
    PaymentAuthorized, PaymentCaptured, PaymentCommandPayload as Command, PaymentDeclined,
    PaymentEventPayload as Event, PaymentOperation, PaymentRefunded, PaymentRefusal, PaymentRefused, PaymentSettled,
    PaymentVoided, PayoutRequested, RefundPayment, SellerCredited, SettlePayment, VoidPayment, Withdraw,
    WithdrawalPosted, WithdrawalRefused,
};

/// One wallet in the one currency of the simulation.
#[derive(Debug, Default)]
pub(super) struct Till {
    account: String,
    /// Whether its holder begins nothing any more.
    is_barred: bool,
    pub(super) free: i64,
    pub(super) held: i64,
    transfers: BTreeMap<String, i64>,
    payments: BTreeMap<String, Payment>,
    credits: BTreeMap<String, Money>,
}

/// What a command leads to: an event, and an entry of the books with its amount.
pub(super) type Told = (Option<Event>, Option<(LedgerEntryKind, i64)>);

#[derive(Debug, Clone)]
struct Payment {
    stands: Stands,
    /// What was asked for. None for a void that came before its authorisation.
    amount: Option<Money>,
    refunds: Vec<(String, Money)>,
    settlements: BTreeMap<String, Money>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Held,
    Captured,
    Voided,
    Declined(PaymentRefusal),
}

/// The order whose money a command is about, where it is the buyer's.
pub(super) fn order_of(command: &Command) -> Option<&str> {
    match command {
        Command::AuthorizePayment(AuthorizePayment { order_id, .. })
        | Command::CapturePayment(CapturePayment { order_id })
        | Command::VoidPayment(VoidPayment { order_id })
        | Command::RefundPayment(RefundPayment { order_id, .. })
        | Command::SettlePayment(SettlePayment { order_id, .. }) => Some(order_id),
        Command::Deposit(_) | Command::Withdraw(_) | Command::CreditSeller(_) => None,
    }
}

impl Till {
    pub(super) fn of(account: &str) -> Self {
        Self {
            account: account.to_owned(),
            ..Self::default()
        }
    }

    /// The account is disabled from now on.
    pub(super) fn bar(&mut self) {
        self.is_barred = true;
    }

    pub(super) fn take(&mut self, command: &Command) -> Told {
        match command {
            Command::Deposit(deposit) => self.deposit(deposit),
            Command::Withdraw(withdraw) => self.withdraw(withdraw),
            Command::AuthorizePayment(authorize) => self.authorize(authorize),
            Command::CapturePayment(capture) => self.capture(&capture.order_id),
            Command::VoidPayment(void) => self.void(&void.order_id),
            Command::RefundPayment(refund) => self.refund(refund),
            Command::SettlePayment(settle) => self.settle(settle),
            Command::CreditSeller(credit) => self.credit(credit),
        }
    }

    fn deposit(&mut self, deposit: &Deposit) -> Told {
        let Deposit { deposit_id, amount } = deposit.clone();
        let account_id = self.account.clone();
        match self.transfer(&deposit_id, amount.amount, amount.amount) {
            Ok(false) => (None, None),
            Ok(true) => {
                let entry = (LedgerEntryKind::Deposit, amount.amount);
                let posted = DepositPosted {
                    deposit_id,
                    account_id,
                    amount,
                };
                (Some(Event::DepositPosted(posted)), Some(entry))
            }
            Err(reason) => {
                let refused = DepositRefused {
                    deposit_id,
                    account_id,
                    amount,
                    reason,
                };
                (Some(Event::DepositRefused(refused)), None)
            }
        }
    }

    fn withdraw(&mut self, withdraw: &Withdraw) -> Told {
        let Withdraw {
            withdrawal_id,
            amount,
            card,
        } = withdraw.clone();
        let account_id = self.account.clone();
        match (self.transfer(&withdrawal_id, amount.amount, -amount.amount), card) {
            (Ok(false), _) => (None, None),
            (Ok(true), Some(card)) => {
                let entry = (LedgerEntryKind::Payout, amount.amount);
                let requested = PayoutRequested {
                    withdrawal_id,
                    account_id,
                    amount,
                    card,
                };
                (Some(Event::PayoutRequested(requested)), Some(entry))
            }
            (Ok(true), None) => {
                let entry = (LedgerEntryKind::Withdrawal, amount.amount);
                let posted = WithdrawalPosted {
                    withdrawal_id,
                    account_id,
                    amount,
                };
                (Some(Event::WithdrawalPosted(posted)), Some(entry))
            }
            (Err(reason), _) => {
                let refused = WithdrawalRefused {
                    withdrawal_id,
                    account_id,
                    amount,
                    reason,
                };
                (Some(Event::WithdrawalRefused(refused)), None)
            }
        }
    }

    /// Money comes or goes, once under each id. Answers whether it did now.
    fn transfer(&mut self, id: &str, amount: i64, change: i64) -> Result<bool, PaymentRefusal> {
        match self.transfers.get(id) {
            Some(known) if *known == change => Ok(false),
            Some(_) => Err(PaymentRefusal::Conflict),
            None if self.is_barred => Err(PaymentRefusal::AccountDisabled),
            None if amount <= 0 => Err(PaymentRefusal::InvalidAmount),
            None if self.free + change < 0 => Err(PaymentRefusal::InsufficientFunds),
            None => {
                self.free += change;
                self.transfers.insert(id.to_owned(), change);
                Ok(true)
            }
        }
    }

    fn authorize(&mut self, asked: &AuthorizePayment) -> Told {
        let Some(payment) = self.payments.get(&asked.order_id).cloned() else {
            let refusal = if self.is_barred {
                Some(PaymentRefusal::AccountDisabled)
            } else {
                (asked.amount.amount > self.free).then_some(PaymentRefusal::InsufficientFunds)
            };
            let can_pay = refusal.is_none();
            let payment = Payment {
                stands: refusal.map_or(Stands::Held, Stands::Declined),
                amount: Some(asked.amount.clone()),
                refunds: Vec::new(),
                settlements: BTreeMap::new(),
            };
            let event = self.answer(&asked.order_id, &payment, asked.attempt);
            self.payments.insert(asked.order_id.clone(), payment);
            if can_pay {
                self.free -= asked.amount.amount;
                self.held += asked.amount.amount;
            }
            let entry = (LedgerEntryKind::Authorization, asked.amount.amount);
            return (Some(event), can_pay.then_some(entry));
        };
        if payment.amount.as_ref().is_some_and(|known| *known != asked.amount) {
            return self.refuse(&asked.order_id, PaymentOperation::Authorize, PaymentRefusal::Conflict);
        }
        // Money that was taken is held from the order's point of view, as long as it is not back.
        let is_taken = payment.stands == Stands::Captured && payment.refund_of_all(&asked.order_id).is_none();
        let payment = Payment {
            stands: if is_taken { Stands::Held } else { payment.stands },
            ..payment
        };
        (Some(self.answer(&asked.order_id, &payment, asked.attempt)), None)
    }

    fn capture(&mut self, order: &str) -> Told {
        let Some(payment) = self.payments.get_mut(order) else {
            return self.refuse(order, PaymentOperation::Capture, PaymentRefusal::UnknownPayment);
        };
        let amount = payment.amount.as_ref().map_or(0, |amount| amount.amount);
        let is_held = payment.stands == Stands::Held;
        if is_held {
            payment.stands = Stands::Captured;
            self.held -= amount;
        }
        let payment = payment.clone();
        let entry = is_held.then_some((LedgerEntryKind::Capture, amount));
        (Some(self.answer(order, &payment, 1)), entry)
    }

    fn void(&mut self, order: &str) -> Told {
        let unknown = Payment {
            stands: Stands::Voided,
            amount: None,
            refunds: Vec::new(),
            settlements: BTreeMap::new(),
        };
        let payment = self.payments.entry(order.to_owned()).or_insert(unknown);
        let amount = payment.amount.as_ref().map_or(0, |amount| amount.amount);
        let is_held = payment.stands == Stands::Held;
        if is_held {
            payment.stands = Stands::Voided;
            self.held -= amount;
            self.free += amount;
        }
        let payment = payment.clone();
        let entry = is_held.then_some((LedgerEntryKind::Void, amount));
        (Some(self.answer(order, &payment, 1)), entry)
    }

    fn refund(&mut self, asked: &RefundPayment) -> Told {
        let refuse = |this: &Self, reason| this.refuse(&asked.order_id, PaymentOperation::Refund, reason);
        let Some(payment) = self.payments.get_mut(&asked.order_id) else {
            return refuse(self, PaymentRefusal::UnknownPayment);
        };
        match payment.stands {
            Stands::Held => return refuse(self, PaymentRefusal::InvalidAmount),
            Stands::Voided => return refuse(self, PaymentRefusal::AlreadyVoided),
            Stands::Declined(_) => return refuse(self, PaymentRefusal::UnknownPayment),
            Stands::Captured => {}
        }
        let refunded = Event::PaymentRefunded(PaymentRefunded {
            order_id: asked.order_id.clone(),
            account_id: self.account.clone(),
            refund_id: asked.refund_id.clone(),
            amount: asked.amount.clone(),
        });
        let known = payment.refunds.iter().find(|(id, _)| *id == asked.refund_id);
        match known {
            Some((_, amount)) if *amount == asked.amount => (Some(refunded), None),
            Some(_) => refuse(self, PaymentRefusal::Conflict),
            None if asked.amount.amount > payment.left() => refuse(self, PaymentRefusal::InvalidAmount),
            None => {
                payment.refunds.push((asked.refund_id.clone(), asked.amount.clone()));
                self.free += asked.amount.amount;
                (Some(refunded), Some((LedgerEntryKind::Refund, asked.amount.amount)))
            }
        }
    }

    fn settle(&mut self, asked: &SettlePayment) -> Told {
        let refuse = |this: &Self, reason| this.refuse(&asked.order_id, PaymentOperation::Settle, reason);
        let settled = Event::PaymentSettled(PaymentSettled {
            order_id: asked.order_id.clone(),
            account_id: self.account.clone(),
            settlement_id: asked.settlement_id.clone(),
            seller_id: asked.seller_id.clone(),
            amount: asked.amount.clone(),
        });
        let payment = self.payments.get_mut(&asked.order_id);
        let Some(payment) = payment.filter(|payment| payment.stands == Stands::Captured) else {
            return refuse(self, PaymentRefusal::InvalidAmount);
        };
        match payment.settlements.get(&asked.settlement_id) {
            Some(amount) if *amount == asked.amount => (Some(settled), None),
            Some(_) => refuse(self, PaymentRefusal::Conflict),
            None if asked.amount.amount > payment.left() => refuse(self, PaymentRefusal::InvalidAmount),
            None => {
                let settlement = (asked.settlement_id.clone(), asked.amount.clone());
                payment.settlements.extend([settlement]);
                (Some(settled), Some((LedgerEntryKind::Settlement, asked.amount.amount)))
            }
        }
    }

    fn credit(&mut self, asked: &CreditSeller) -> Told {
        let credited = Event::SellerCredited(SellerCredited {
            order_id: asked.order_id.clone(),
            account_id: self.account.clone(),
            settlement_id: asked.settlement_id.clone(),
            amount: asked.amount.clone(),
        });
        match self.credits.get(&asked.settlement_id) {
            Some(amount) if *amount == asked.amount => (Some(credited), None),
            Some(_) => self.refuse(&asked.order_id, PaymentOperation::Credit, PaymentRefusal::Conflict),
            None => {
                self.free += asked.amount.amount;
                self.credits.insert(asked.settlement_id.clone(), asked.amount.clone());
                (Some(credited), Some((LedgerEntryKind::Credit, asked.amount.amount)))
            }
        }
    }

    /// What a payment answers to whoever asks.
    fn answer(&self, order: &str, payment: &Payment, attempt: i32) -> Event {
        let (order_id, account_id) = (order.to_owned(), self.account.clone());
        let amount = || {
            payment.amount.clone().unwrap_or(Money {
                amount: 0,
                currency: String::new(),
            })
        };
        match payment.stands {
            Stands::Held => Event::PaymentAuthorized(PaymentAuthorized {
                order_id,
                account_id,
                amount: amount(),
                attempt,
            }),
            Stands::Captured => match payment.refund_of_all(order) {
                Some((refund_id, amount)) => Event::PaymentRefunded(PaymentRefunded {
                    order_id,
                    account_id,
                    refund_id: refund_id.clone(),
                    amount: amount.clone(),
                }),
                None => Event::PaymentCaptured(PaymentCaptured {
                    order_id,
                    account_id,
                    amount: amount(),
                }),
            },
            Stands::Voided => Event::PaymentVoided(PaymentVoided {
                order_id,
                account_id,
                amount: payment.amount.clone(),
            }),
            Stands::Declined(reason) => Event::PaymentDeclined(PaymentDeclined {
                order_id,
                account_id,
                amount: amount(),
                attempt,
                reason,
            }),
        }
    }

    fn refuse(&self, order: &str, operation: PaymentOperation, reason: PaymentRefusal) -> Told {
        let refused = PaymentRefused {
            order_id: order.to_owned(),
            account_id: self.account.clone(),
            operation,
            reason,
        };
        (Some(Event::PaymentRefused(refused)), None)
    }
}

impl Payment {
    fn left(&self) -> i64 {
        let refunded: i64 = self.refunds.iter().map(|(_, amount)| amount.amount).sum();
        let settled: i64 = self.settlements.values().map(|amount| amount.amount).sum();
        self.amount.as_ref().map_or(0, |amount| amount.amount) - refunded - settled
    }

    /// What was given back line by line was paid before.
    fn refund_of_all(&self, order: &str) -> Option<&(String, Money)> {
        self.refunds.iter().find(|(id, _)| *id == format!("{order}.refund"))
    }
}
