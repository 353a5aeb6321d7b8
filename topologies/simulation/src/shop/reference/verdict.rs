//! What has to become of an order, seen from what it was told.

use schemas::wire::order::{CancelReason, Order, OrderStatus, PlaceOrder, SagaStep};
use schemas::wire::payment::{PaymentEventPayload as Payment, PaymentRefusal};
use schemas::wire::stock::{StockRejection, StockReplyPayload as Reply};

use super::deeds::Deeds;

/// Everything that an order was asked and told.
#[derive(Debug, Default)]
pub(super) struct Case {
    pub(super) placed: Option<PlaceOrder>,
    /// Somebody asked to cancel it.
    pub(super) is_given_up: bool,
    pub(super) has_timed_out: bool,
    /// What was done with its lines.
    pub(super) deeds: Deeds,
    pub(super) replies: Vec<Reply>,
    pub(super) payments: Vec<Payment>,
    pub(super) snapshot: Option<Order>,
}

impl Case {
    /// Whether a card pays.
    pub(super) fn is_by_card(&self) -> bool {
        self.placed.as_ref().is_some_and(|placed| placed.card.is_some())
    }

    /// What is wrong with an order that is over.
    pub(super) fn judge(&self, id: &str) -> Vec<String> {
        let (Some(order), Some(placed)) = (&self.snapshot, &self.placed) else {
            return Vec::new();
        };
        if order.step != SagaStep::Done {
            return Vec::new();
        }
        let wrong = match order.status {
            OrderStatus::Paid | OrderStatus::Shipped | OrderStatus::Delivered => self
                .wrongly_paid(order)
                .or_else(|| self.deeds.judge(order, &self.payments, &self.replies)),
            OrderStatus::Cancelled => self.wrongly_cancelled(order),
            other => Some(format!("it is over and {other:?}")),
        };
        let asked: Vec<_> = placed
            .lines
            .iter()
            .map(|line| (line.line, &line.product_id, line.quantity))
            .collect();
        let has: Vec<_> = order
            .lines
            .iter()
            .map(|line| (line.line, &line.product_id, line.quantity))
            .collect();
        let is_another = asked != has || placed.buyer_id != order.buyer_id;
        let another = is_another.then(|| format!("I10: {id} was placed with {asked:?} and has {has:?}"));
        another
            .into_iter()
            .chain(wrong.map(|wrong| format!("{id}: {wrong}")))
            .collect()
    }

    /// A paid order has all its goods, at the prices that it was told, and its money was taken.
    fn wrongly_paid(&self, order: &Order) -> Option<String> {
        let mut due = 0;
        for line in &order.lines {
            let price = self.replies.iter().find_map(|reply| match reply {
                Reply::StockReserved(held) if held.line == line.line => Some(held.unit_price.amount),
                _ => None,
            });
            let is_sold = |reply: &Reply| matches!(reply, Reply::StockConfirmed(sold) if sold.line == line.line);
            let Some(price) = price.filter(|_| self.replies.iter().any(is_sold)) else {
                return Some(format!("it is paid, and line {} was not sold", line.line));
            };
            due += price * line.quantity;
        }
        let is_given_back = |reply: &Reply| {
            matches!(
                reply,
                Reply::StockRejected(_) | Reply::StockReleased(_) | Reply::StockRestocked(_)
            )
        };
        if self.replies.iter().any(is_given_back) {
            return Some("it is paid, and goods of it were refused or given back".to_owned());
        }
        let is_taken =
            |payment: &Payment| matches!(payment, Payment::PaymentCaptured(taken) if taken.amount.amount == due);
        let everything = format!("{}.refund", order.order_id);
        let is_back = |payment: &Payment| match payment {
            Payment::PaymentVoided(_) | Payment::PaymentDeclined(_) => true,
            Payment::PaymentRefunded(refunded) => refunded.refund_id == everything,
            _ => false,
        };
        let is_right = self.payments.iter().any(is_taken) && !self.payments.iter().any(is_back);
        let total = order.total.as_ref().map(|total| total.amount);
        (!is_right || total != Some(due)).then(|| {
            format!(
                "it is paid with {total:?}, its goods cost {due}, and the wallet says {:?}",
                self.payments
            )
        })
    }

    /// A cancelled order has a reason that somebody has given.
    fn wrongly_cancelled(&self, order: &Order) -> Option<String> {
        let is_refused = |reason| {
            let is_it = |reply: &Reply| matches!(reply, Reply::StockRejected(refused) if refused.reason == reason);
            self.replies.iter().any(is_it)
        };
        let is_declined = |reason| {
            let is_it =
                |payment: &Payment| matches!(payment, Payment::PaymentDeclined(declined) if declined.reason == reason);
            self.payments.iter().any(is_it)
        };
        let has_witness = match order.cancel_reason {
            Some(CancelReason::OutOfStock) => is_refused(StockRejection::OutOfStock),
            Some(CancelReason::UnknownProduct) => is_refused(StockRejection::UnknownProduct),
            Some(CancelReason::InsufficientFunds) => is_declined(PaymentRefusal::InsufficientFunds),
            Some(CancelReason::PaymentDeclined) => {
                is_declined(PaymentRefusal::AccountDisabled)
                    || (self.is_by_card() && is_declined(PaymentRefusal::PaymentDeclined))
            }
            Some(CancelReason::CancelledByBuyer) => self.is_given_up,
            Some(CancelReason::TimedOut) => self.has_timed_out,
            Some(CancelReason::Refunded) => {
                let wrong = self.deeds.judge(order, &self.payments, &self.replies);
                return wrong.or_else(|| {
                    let is_back = self.deeds.gave_everything_back(order);
                    (!is_back).then(|| "it is cancelled as refunded, and not everything was".to_owned())
                });
            }
            // No order here is malformed, and nobody agrees to a price.
            _ => false,
        };
        (!has_witness).then(|| {
            format!(
                "it is cancelled as {:?}, and nobody gave that reason",
                order.cancel_reason
            )
        })
    }
}
