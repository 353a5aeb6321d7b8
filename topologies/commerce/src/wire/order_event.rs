//! Events of orders, in both directions: the saga writes them, an auditor folds them.

use schemas::wire::{fulfilment as line_wire, order as wire, stock as stock_wire};

use crate::ids::OrderId;
use crate::order::{OrderEvent, RecordedEvent};
use crate::payment::PaymentFact;
use crate::stock::StockReply;
use crate::wire::fulfilment::{numbers, numbers_to_wire, shipped, shipped_to_wire};
use crate::wire::order::{
    cancel_reason, cancel_reason_to_wire, refusal, refusal_to_wire, requested, requested_to_wire, step, step_to_wire,
};
use crate::wire::payment_event as payments;
use crate::wire::{
    WireError, actor, count, money, money_to_wire, optional_card, optional_currency, optional_currency_to_wire, stock,
};

/// Reads an event with its place in the order's history.
pub fn recorded(wire: wire::OrderEvent) -> Result<RecordedEvent, WireError> {
    let (seq, at, actor) = (count(wire.seq)?, wire.at, actor(&wire.actor)?);
    Ok(RecordedEvent {
        seq,
        at,
        actor,
        event: event(wire.payload)?,
    })
}

/// Reads an event.
pub fn event(payload: wire::OrderEventPayload) -> Result<OrderEvent, WireError> {
    Ok(match payload {
        wire::OrderEventPayload::OrderCreated(wire) => OrderEvent::OrderCreated {
            buyer_id: wire.buyer_id.into(),
            lines: wire.lines.into_iter().map(requested).collect::<Result<_, _>>()?,
            currency: optional_currency(&wire.currency)?,
            request_hash: wire.request_hash,
            card: optional_card(wire.card.as_deref())?,
        },
        wire::OrderEventPayload::StockReserved(wire) => {
            OrderEvent::Stock(StockReply::Reserved(stock::reservation(wire)?))
        }
        wire::OrderEventPayload::StockRejected(wire) => {
            OrderEvent::Stock(StockReply::Rejected(stock::rejection(wire)?))
        }
        wire::OrderEventPayload::StockConfirmed(wire) => {
            stock_event(stock_wire::StockReplyPayload::StockConfirmed(wire))?
        }
        wire::OrderEventPayload::StockReleased(wire) => {
            stock_event(stock_wire::StockReplyPayload::StockReleased(wire))?
        }
        wire::OrderEventPayload::StockRestocked(wire) => {
            stock_event(stock_wire::StockReplyPayload::StockRestocked(wire))?
        }
        wire::OrderEventPayload::PaymentAuthorized(wire) => OrderEvent::Payment(payments::authorized(wire)?),
        wire::OrderEventPayload::PaymentDeclined(wire) => OrderEvent::Payment(payments::declined(wire)?),
        wire::OrderEventPayload::PaymentCaptured(wire) => OrderEvent::Payment(payments::captured(wire)?),
        wire::OrderEventPayload::PaymentVoided(wire) => OrderEvent::Payment(payments::voided(wire)?),
        wire::OrderEventPayload::PaymentRefunded(wire) => OrderEvent::Payment(payments::refunded(wire)?),
        wire::OrderEventPayload::OrderPaid(wire) => OrderEvent::OrderPaid {
            total: money(&wire.total)?,
        },
        wire::OrderEventPayload::CancellationRequested(wire) => {
            OrderEvent::CancellationRequested { reason: wire.reason }
        }
        wire::OrderEventPayload::StepTimedOut(wire) => OrderEvent::StepTimedOut { step: step(wire.step)? },
        wire::OrderEventPayload::OrderCancelled(wire) => OrderEvent::OrderCancelled {
            reason: cancel_reason(wire.reason)?,
        },
        wire::OrderEventPayload::CommandRefused(wire) => OrderEvent::CommandRefused {
            command_id: wire.command_id.into(),
            reason: refusal(wire.reason)?,
        },
        wire::OrderEventPayload::NeedsAttention(wire) => OrderEvent::NeedsAttention { step: step(wire.step)? },
        wire::OrderEventPayload::LinesShipped(wire) => shipped(wire)?,
        wire::OrderEventPayload::LinesDelivered(wire) => OrderEvent::LinesDelivered {
            lines: numbers(wire.lines)?,
        },
        wire::OrderEventPayload::ReturnRequested(wire) => OrderEvent::ReturnRequested {
            lines: numbers(wire.lines)?,
            reason: wire.reason,
        },
        wire::OrderEventPayload::ReturnRejected(wire) => OrderEvent::ReturnRejected {
            lines: numbers(wire.lines)?,
            reason: wire.reason,
        },
        wire::OrderEventPayload::RefundRequested(wire) => OrderEvent::RefundRequested {
            lines: numbers(wire.lines)?,
            reason: wire.reason,
        },
        wire::OrderEventPayload::PaymentSettled(wire) => OrderEvent::Payment(payments::settled(wire)?),
        wire::OrderEventPayload::SellerCredited(wire) => OrderEvent::Payment(payments::credited(wire)?),
        wire::OrderEventPayload::StockReturned(wire) => {
            stock_event(stock_wire::StockReplyPayload::StockReturned(wire))?
        }
    })
}

fn stock_event(reply: stock_wire::StockReplyPayload) -> Result<OrderEvent, WireError> {
    Ok(OrderEvent::Stock(stock::reply(reply)?))
}

/// Writes an event of `order_id`.
#[must_use]
pub fn event_to_wire(order_id: &OrderId, event: OrderEvent) -> wire::OrderEventPayload {
    match event {
        OrderEvent::OrderCreated {
            buyer_id,
            lines,
            currency,
            request_hash,
            card,
        } => wire::OrderEventPayload::OrderCreated(wire::OrderCreated {
            buyer_id: buyer_id.0,
            lines: lines.into_iter().map(requested_to_wire).collect(),
            currency: optional_currency_to_wire(currency),
            request_hash,
            card: card.map(|card| card.as_str().to_owned()),
        }),
        OrderEvent::Stock(reply) => stock_to_wire(reply),
        OrderEvent::Payment(fact) => payment_to_wire(order_id, fact),
        OrderEvent::OrderPaid { total } => wire::OrderEventPayload::OrderPaid(wire::OrderPaid {
            total: money_to_wire(total),
        }),
        OrderEvent::CancellationRequested { reason } => {
            wire::OrderEventPayload::CancellationRequested(wire::CancellationRequested { reason })
        }
        OrderEvent::StepTimedOut { step } => wire::OrderEventPayload::StepTimedOut(wire::StepTimedOut {
            step: step_to_wire(step),
        }),
        OrderEvent::OrderCancelled { reason } => {
            let reason = cancel_reason_to_wire(reason);
            wire::OrderEventPayload::OrderCancelled(wire::OrderCancelled { reason })
        }
        OrderEvent::CommandRefused { command_id, reason } => {
            let (command_id, reason) = (command_id.0, refusal_to_wire(reason));
            wire::OrderEventPayload::CommandRefused(wire::CommandRefused { command_id, reason })
        }
        OrderEvent::NeedsAttention { step } => wire::OrderEventPayload::NeedsAttention(wire::NeedsAttention {
            step: step_to_wire(step),
        }),
        OrderEvent::LinesShipped { lines, parcel } => {
            wire::OrderEventPayload::LinesShipped(shipped_to_wire(&lines, parcel))
        }
        OrderEvent::LinesDelivered { lines } => {
            let lines = numbers_to_wire(&lines);
            wire::OrderEventPayload::LinesDelivered(line_wire::LinesDelivered { lines })
        }
        OrderEvent::ReturnRequested { lines, reason } => {
            let lines = numbers_to_wire(&lines);
            wire::OrderEventPayload::ReturnRequested(line_wire::ReturnRequested { lines, reason })
        }
        OrderEvent::ReturnRejected { lines, reason } => {
            let lines = numbers_to_wire(&lines);
            wire::OrderEventPayload::ReturnRejected(line_wire::ReturnRejected { lines, reason })
        }
        OrderEvent::RefundRequested { lines, reason } => {
            let lines = numbers_to_wire(&lines);
            wire::OrderEventPayload::RefundRequested(line_wire::RefundRequested { lines, reason })
        }
    }
}

fn stock_to_wire(reply: StockReply) -> wire::OrderEventPayload {
    match reply {
        StockReply::Reserved(reservation) => {
            wire::OrderEventPayload::StockReserved(stock::reservation_to_wire(reservation))
        }
        StockReply::Rejected(rejection) => wire::OrderEventPayload::StockRejected(stock::rejection_to_wire(rejection)),
        StockReply::Confirmed { line, product_id } => {
            wire::OrderEventPayload::StockConfirmed(stock::confirmed_to_wire(line, product_id))
        }
        StockReply::Released { line, product_id } => {
            wire::OrderEventPayload::StockReleased(stock::released_to_wire(line, product_id))
        }
        StockReply::Restocked { line, product_id } => {
            wire::OrderEventPayload::StockRestocked(stock::restocked_to_wire(line, product_id))
        }
        StockReply::Returned { line, product_id } => {
            wire::OrderEventPayload::StockReturned(stock::returned_to_wire(line, product_id))
        }
    }
}

fn payment_to_wire(order_id: &OrderId, fact: PaymentFact) -> wire::OrderEventPayload {
    match fact {
        PaymentFact::Authorized {
            account_id,
            amount,
            attempt,
        } => {
            let authorized = payments::authorized_to_wire(order_id, account_id, amount, attempt);
            wire::OrderEventPayload::PaymentAuthorized(authorized)
        }
        PaymentFact::Declined {
            account_id,
            amount,
            attempt,
            reason,
        } => {
            let declined = payments::declined_to_wire(order_id, account_id, amount, (attempt, reason));
            wire::OrderEventPayload::PaymentDeclined(declined)
        }
        PaymentFact::Captured { account_id, amount } => {
            wire::OrderEventPayload::PaymentCaptured(payments::captured_to_wire(order_id, account_id, amount))
        }
        PaymentFact::Voided { account_id, amount } => {
            wire::OrderEventPayload::PaymentVoided(payments::voided_to_wire(order_id, account_id, amount))
        }
        PaymentFact::Refunded {
            account_id,
            refund_id,
            amount,
        } => {
            let refunded = payments::refunded_to_wire(order_id, account_id, refund_id, amount);
            wire::OrderEventPayload::PaymentRefunded(refunded)
        }
        PaymentFact::Settled {
            account_id,
            settlement_id,
            seller_id,
            amount,
        } => {
            let accounts = (account_id, seller_id);
            wire::OrderEventPayload::PaymentSettled(payments::settled_to_wire(
                order_id,
                accounts,
                settlement_id,
                amount,
            ))
        }
        PaymentFact::Credited {
            account_id,
            settlement_id,
            amount,
        } => {
            let credited = payments::credited_to_wire(order_id, account_id, settlement_id, amount);
            wire::OrderEventPayload::SellerCredited(credited)
        }
    }
}
