//! From events to state. The saga changes its state through [`apply`] only, so that the state is the fold of
//! the events that were published.

use std::collections::BTreeSet;

use crate::authority::Actor;
use crate::ids::{LineNo, OrderId, line_of_refund, line_of_settlement};
use crate::money::{Currency, Money, MoneyError};
use crate::order::event::{OrderEvent, RecordedEvent};
use crate::order::fulfilment::{DELIVERY_ASSUMED_MS, Fulfilment, LineFulfilment, LineMoney, RETURN_AGREED_MS};
use crate::order::input::RequestedLine;
use crate::order::snapshot::OrderSnapshot;
use crate::order::state::{CancelReason, LineStatus, OrderLine, OrderState, PaymentStatus, SagaStep};
use crate::payment::{PaymentFact, PaymentRefusal};
use crate::stock::{Rejection, Reservation, StockRejection, StockReply};

/// The snapshot that a whole history of an order leads to (invariant I8). `None` without an `OrderCreated`.
pub fn fold<'a>(order_id: &OrderId, events: impl IntoIterator<Item = &'a RecordedEvent>) -> Option<OrderSnapshot> {
    let mut state: Option<OrderState> = None;
    for recorded in events {
        match &mut state {
            Some(state) => apply(state, recorded),
            None => state = created(order_id, recorded),
        }
    }
    state.as_ref().map(OrderSnapshot::of)
}

/// Applies one more event to the state that the events before it have made.
pub(crate) fn apply(state: &mut OrderState, recorded: &RecordedEvent) {
    let before = state.step();
    apply_event(state, &recorded.event, recorded.at);
    if state.step() != before {
        state.needs_attention = false;
    }
    state.seq = recorded.seq;
    state.updated_at = recorded.at;
}

/// The state that a first event makes; only `OrderCreated` makes one.
pub(crate) fn created(order_id: &OrderId, recorded: &RecordedEvent) -> Option<OrderState> {
    let OrderEvent::OrderCreated {
        buyer_id,
        lines,
        currency,
        request_hash,
        card,
    } = &recorded.event
    else {
        return None;
    };
    Some(OrderState {
        order_id: order_id.clone(),
        buyer_id: buyer_id.clone(),
        request_hash: request_hash.clone(),
        card: card.clone(),
        currency: *currency,
        lines: lines.iter().map(requested).collect(),
        total: None,
        payment: PaymentStatus::Unasked,
        cancelling: lines.is_empty().then_some(CancelReason::InvalidOrder),
        cancel_command: None,
        line_commands: BTreeSet::new(),
        waiting: Vec::new(),
        confirm_asked: false,
        paid: false,
        needs_attention: false,
        seq: recorded.seq,
        created_at: recorded.at,
        updated_at: recorded.at,
        deadline: None,
        timer: None,
    })
}

fn requested(line: &RequestedLine) -> OrderLine {
    OrderLine {
        line: line.line,
        product_id: line.product_id.clone(),
        quantity: line.quantity,
        status: LineStatus::Requested,
        product_name: None,
        seller_id: None,
        unit_price: None,
        fulfilment: LineFulfilment::default(),
    }
}

fn apply_event(state: &mut OrderState, event: &OrderEvent, at: i64) {
    match event {
        // The first one made the state; the saga publishes no second one.
        OrderEvent::OrderCreated { .. } => {}
        OrderEvent::Stock(reply) => apply_stock(state, reply),
        OrderEvent::Payment(fact) => apply_payment(state, fact),
        OrderEvent::OrderPaid { .. } => state.paid = true,
        OrderEvent::CancellationRequested { .. } => unwind(state, CancelReason::CancelledByBuyer),
        OrderEvent::StepTimedOut { .. } => unwind(state, CancelReason::TimedOut),
        OrderEvent::OrderCancelled { reason } => {
            if state.is_refunded_by_line() {
                state.payment = PaymentStatus::Refunded;
            }
            unwind(state, *reason);
        }
        OrderEvent::CommandRefused { .. } => {}
        OrderEvent::NeedsAttention { .. } => state.needs_attention = true,
        OrderEvent::LinesShipped { lines, parcel } => each_of(state, lines, |line| {
            line.status = Fulfilment::Shipped;
            line.parcel = parcel.clone();
            line.moves_at = Some(at.saturating_add(DELIVERY_ASSUMED_MS));
        }),
        OrderEvent::LinesDelivered { lines } => each_of(state, lines, |line| {
            line.status = Fulfilment::Delivered;
            line.money = LineMoney::SettlementAsked;
            line.moves_at = None;
        }),
        OrderEvent::ReturnRequested { lines, .. } => each_of(state, lines, |line| {
            line.status = Fulfilment::ReturnRequested;
            line.moves_at = Some(at.saturating_add(RETURN_AGREED_MS));
        }),
        OrderEvent::ReturnRejected { lines, .. } => each_of(state, lines, |line| {
            line.status = Fulfilment::Shipped;
            line.return_rejected = true;
            line.moves_at = Some(at.saturating_add(DELIVERY_ASSUMED_MS));
        }),
        OrderEvent::RefundRequested { lines, .. } => each_of(state, lines, |line| {
            line.money = LineMoney::RefundAsked;
            line.moves_at = None;
        }),
    }
}

fn each_of(state: &mut OrderState, lines: &[LineNo], change: impl Fn(&mut LineFulfilment)) {
    let named = state.lines.iter_mut().filter(|line| lines.contains(&line.line));
    named.for_each(|line| change(&mut line.fulfilment));
}

fn apply_stock(state: &mut OrderState, reply: &StockReply) {
    match reply {
        StockReply::Reserved(reservation) => apply_reservation(state, reservation),
        StockReply::Rejected(rejection) => apply_rejection(state, rejection),
        StockReply::Confirmed { line, .. } => {
            set_line(state, *line, LineStatus::Confirmed);
            // Goods leave the shelf only when money is held: an order that has not asked for any forgot it.
            if state.payment == PaymentStatus::Unasked {
                state.payment = PaymentStatus::Asked;
            }
        }
        StockReply::Released { line, .. } => {
            set_line(state, *line, LineStatus::Released);
            // Goods that were given back without being asked for cannot be sold: a participant remembers
            // an unwinding that this saga does not.
            unwind(state, CancelReason::TimedOut);
        }
        StockReply::Restocked { line, .. } => {
            set_line(state, *line, LineStatus::Restocked);
            unwind(state, CancelReason::TimedOut);
        }
        StockReply::Returned { line, .. } => set_line(state, *line, LineStatus::Returned),
    }
}

fn apply_reservation(state: &mut OrderState, reservation: &Reservation) {
    let Some(line) = state.lines.iter_mut().find(|line| line.line == reservation.line) else {
        return;
    };
    line.status = LineStatus::Reserved;
    line.product_name = Some(reservation.product_name.clone());
    line.seller_id = Some(reservation.seller_id.clone());
    line.unit_price = Some(reservation.unit_price);
    if state.cancelling.is_some() || state.lines.iter().any(|line| line.status != LineStatus::Reserved) {
        return;
    }
    match total(state.currency, &state.lines) {
        Ok(total) => {
            state.total = Some(total);
            state.payment = PaymentStatus::Asked;
        }
        Err(MoneyError::CurrencyMismatch) => unwind(state, CancelReason::CurrencyMismatch),
        Err(MoneyError::OutOfRange | MoneyError::NotACurrency | MoneyError::NoParts) => {
            unwind(state, CancelReason::InvalidOrder);
        }
    }
}

fn total(expected: Option<Currency>, lines: &[OrderLine]) -> Result<Money, MoneyError> {
    let mut sum = expected.map(Money::zero);
    for line in lines {
        let price = line.unit_price.ok_or(MoneyError::NoParts)?.times(line.quantity)?;
        sum = Some(match sum {
            Some(sum) => sum.plus(price)?,
            None => price,
        });
    }
    sum.ok_or(MoneyError::NoParts)
}

fn apply_rejection(state: &mut OrderState, rejection: &Rejection) {
    set_line(state, rejection.line, LineStatus::Rejected);
    let reason = match rejection.reason {
        StockRejection::OutOfStock => CancelReason::OutOfStock,
        StockRejection::UnknownProduct => CancelReason::UnknownProduct,
        StockRejection::InvalidQuantity => CancelReason::InvalidOrder,
    };
    unwind(state, reason);
}

fn apply_payment(state: &mut OrderState, fact: &PaymentFact) {
    match fact {
        // The order has not asked yet. It will ask, or void.
        PaymentFact::Authorized { .. } | PaymentFact::Captured { .. } if state.step() == SagaStep::Reserving => {
            state.payment = PaymentStatus::Asked;
        }
        PaymentFact::Authorized { .. } => {
            // The confirmations leave in the same turn.
            state.confirm_asked |= state.step() == SagaStep::Authorizing;
            state.payment = PaymentStatus::Authorized;
        }
        PaymentFact::Declined { reason, .. } => {
            state.payment = PaymentStatus::Declined;
            unwind(state, decline_reason(*reason));
        }
        PaymentFact::Captured { amount, .. } => {
            state.payment = PaymentStatus::Captured;
            // Only a saga that reads its inputs again can hear of a capture before it knows the total.
            state.total.get_or_insert(*amount);
        }
        PaymentFact::Voided { .. } => {
            state.payment = PaymentStatus::Voided;
            unwind(state, CancelReason::TimedOut);
        }
        PaymentFact::Refunded { refund_id, .. } if line_of_refund(&state.order_id, refund_id).is_some() => {
            let line = line_of_refund(&state.order_id, refund_id);
            move_money(state, line, LineMoney::Refunded);
        }
        PaymentFact::Settled { settlement_id, .. } => {
            let line = line_of_settlement(&state.order_id, settlement_id);
            move_money(state, line, LineMoney::CreditAsked);
        }
        PaymentFact::Credited { settlement_id, .. } => {
            let line = line_of_settlement(&state.order_id, settlement_id);
            move_money(state, line, LineMoney::Settled);
        }
        PaymentFact::Refunded { .. } => {
            state.payment = PaymentStatus::Refunded;
            // Whatever was wrong with the money, it is back.
            state.needs_attention = false;
            unwind(state, CancelReason::TimedOut);
        }
    }
}

fn move_money(state: &mut OrderState, line: Option<LineNo>, money: LineMoney) {
    each_of(state, line.as_slice(), |line| line.money = money);
}

fn decline_reason(refusal: PaymentRefusal) -> CancelReason {
    match refusal {
        PaymentRefusal::InsufficientFunds => CancelReason::InsufficientFunds,
        PaymentRefusal::Declined
        | PaymentRefusal::AccountDisabled
        | PaymentRefusal::AlreadyVoided
        | PaymentRefusal::TooManyPayouts
        | PaymentRefusal::UnknownPayment
        | PaymentRefusal::Conflict
        | PaymentRefusal::InvalidAmount => CancelReason::PaymentDeclined,
    }
}

/// The first reason stands.
fn unwind(state: &mut OrderState, reason: CancelReason) {
    state.cancelling.get_or_insert(reason);
}

fn set_line(state: &mut OrderState, line: LineNo, status: LineStatus) {
    if let Some(line) = state.lines.iter_mut().find(|candidate| candidate.line == line) {
        line.status = status;
    }
}

/// The actor of an event that nobody asked for.
pub(crate) fn saga() -> Actor {
    Actor::system("orders")
}
