//! Records of orders: commands in, snapshots out.

use schemas::wire::order as wire;

use crate::authority::Actor;
use crate::ids::RecordId;
use crate::order::{
    CancelOrder, CancelReason, CommandRefusal, LineStatus, OrderInput, OrderLine, OrderSnapshot, OrderStatus,
    PaymentStatus, PlaceOrder, RequestedLine, SagaStep,
};
use crate::wire::fulfilment;
use crate::wire::{
    WireError, id, line, money_to_wire, number, optional_card, optional_currency, optional_currency_to_wire,
};

/// Reads a command with its envelope id, its actor and its time in milliseconds since the epoch.
pub fn command(
    payload: wire::OrderCommandPayload,
    command_id: RecordId,
    actor: Actor,
    at: i64,
) -> Result<OrderInput, WireError> {
    Ok(match payload {
        wire::OrderCommandPayload::PlaceOrder(place) => OrderInput::Place(PlaceOrder {
            command_id,
            at,
            actor,
            buyer_id: id(place.buyer_id, "buyer id")?,
            lines: place.lines.into_iter().map(requested).collect::<Result<_, _>>()?,
            currency: optional_currency(&place.currency)?,
            request_hash: place.request_hash,
            card: optional_card(place.card.as_deref())?,
        }),
        wire::OrderCommandPayload::CancelOrder(cancel) => OrderInput::Cancel(CancelOrder {
            command_id,
            actor,
            reason: cancel.reason,
        }),
        wire::OrderCommandPayload::ShipLines(_)
        | wire::OrderCommandPayload::ConfirmDelivery(_)
        | wire::OrderCommandPayload::RequestReturn(_)
        | wire::OrderCommandPayload::RejectReturn(_)
        | wire::OrderCommandPayload::RefundLines(_) => {
            OrderInput::Lines(fulfilment::command(payload, command_id, actor)?)
        }
    })
}

/// An order as it is published.
#[must_use]
pub fn snapshot(order: &OrderSnapshot) -> wire::Order {
    wire::Order {
        order_id: order.order_id.0.clone(),
        buyer_id: order.buyer_id.0.clone(),
        seller_ids: order.seller_ids.iter().map(|seller| seller.0.clone()).collect(),
        status: status_to_wire(order.status),
        cancel_reason: order.cancel_reason.map(cancel_reason_to_wire),
        payment_status: payment_status_to_wire(order.payment),
        step: step_to_wire(order.step),
        needs_attention: order.needs_attention,
        lines: order.lines.iter().map(line_to_wire).collect(),
        currency: optional_currency_to_wire(order.currency),
        total: order.total.map(money_to_wire),
        created_at: order.created_at,
        updated_at: order.updated_at,
        version: number(order.version),
        payment_method: if order.by_card {
            wire::PaymentMethod::Card
        } else {
            wire::PaymentMethod::Wallet
        },
    }
}

/// Reads a line of a request.
pub(super) fn requested(wire: wire::RequestedLine) -> Result<RequestedLine, WireError> {
    Ok(RequestedLine {
        line: line(wire.line)?,
        product_id: wire.product_id.into(),
        quantity: wire.quantity,
    })
}

/// Writes a line of a request.
pub(super) fn requested_to_wire(requested: RequestedLine) -> wire::RequestedLine {
    wire::RequestedLine {
        line: requested.line.0.into(),
        product_id: requested.product_id.0,
        quantity: requested.quantity,
    }
}

/// Reads a cancellation's reason.
pub(super) fn cancel_reason(wire: wire::CancelReason) -> Result<CancelReason, WireError> {
    Ok(match wire {
        wire::CancelReason::OutOfStock => CancelReason::OutOfStock,
        wire::CancelReason::UnknownProduct => CancelReason::UnknownProduct,
        wire::CancelReason::PaymentDeclined => CancelReason::PaymentDeclined,
        wire::CancelReason::InsufficientFunds => CancelReason::InsufficientFunds,
        wire::CancelReason::CancelledByBuyer => CancelReason::CancelledByBuyer,
        wire::CancelReason::PriceChanged => CancelReason::PriceChanged,
        wire::CancelReason::CurrencyMismatch => CancelReason::CurrencyMismatch,
        wire::CancelReason::InvalidOrder => CancelReason::InvalidOrder,
        wire::CancelReason::TimedOut => CancelReason::TimedOut,
        wire::CancelReason::Refunded => CancelReason::Refunded,
        wire::CancelReason::Unknown => return Err(WireError::UnknownSymbol("cancel reason")),
    })
}

/// Writes a cancellation's reason.
pub(super) fn cancel_reason_to_wire(reason: CancelReason) -> wire::CancelReason {
    match reason {
        CancelReason::OutOfStock => wire::CancelReason::OutOfStock,
        CancelReason::UnknownProduct => wire::CancelReason::UnknownProduct,
        CancelReason::PaymentDeclined => wire::CancelReason::PaymentDeclined,
        CancelReason::InsufficientFunds => wire::CancelReason::InsufficientFunds,
        CancelReason::CancelledByBuyer => wire::CancelReason::CancelledByBuyer,
        CancelReason::PriceChanged => wire::CancelReason::PriceChanged,
        CancelReason::CurrencyMismatch => wire::CancelReason::CurrencyMismatch,
        CancelReason::InvalidOrder => wire::CancelReason::InvalidOrder,
        CancelReason::TimedOut => wire::CancelReason::TimedOut,
        CancelReason::Refunded => wire::CancelReason::Refunded,
    }
}

/// Reads a refusal.
pub(super) fn refusal(wire: wire::CommandRefusal) -> Result<CommandRefusal, WireError> {
    Ok(match wire {
        wire::CommandRefusal::UnknownOrder => CommandRefusal::UnknownOrder,
        wire::CommandRefusal::Conflict => CommandRefusal::Conflict,
        wire::CommandRefusal::TooLate => CommandRefusal::TooLate,
        wire::CommandRefusal::NotAllowed => CommandRefusal::NotAllowed,
        wire::CommandRefusal::Invalid => CommandRefusal::Invalid,
        wire::CommandRefusal::NotNow => CommandRefusal::NotNow,
        wire::CommandRefusal::Unknown => return Err(WireError::UnknownSymbol("command refusal")),
    })
}

/// Writes a refusal.
pub(super) fn refusal_to_wire(refusal: CommandRefusal) -> wire::CommandRefusal {
    match refusal {
        CommandRefusal::UnknownOrder => wire::CommandRefusal::UnknownOrder,
        CommandRefusal::Conflict => wire::CommandRefusal::Conflict,
        CommandRefusal::TooLate => wire::CommandRefusal::TooLate,
        CommandRefusal::NotAllowed => wire::CommandRefusal::NotAllowed,
        CommandRefusal::Invalid => wire::CommandRefusal::Invalid,
        CommandRefusal::NotNow => wire::CommandRefusal::NotNow,
    }
}

/// Reads a step that waits; a final one is announced by no event.
pub(super) fn step(wire: wire::SagaStep) -> Result<SagaStep, WireError> {
    Ok(match wire {
        wire::SagaStep::Reserving => SagaStep::Reserving,
        wire::SagaStep::Authorizing => SagaStep::Authorizing,
        wire::SagaStep::Confirming => SagaStep::Confirming,
        wire::SagaStep::Capturing => SagaStep::Capturing,
        wire::SagaStep::Voiding => SagaStep::Voiding,
        wire::SagaStep::Refunding => SagaStep::Refunding,
        wire::SagaStep::Returning => SagaStep::Returning,
        wire::SagaStep::Settling => SagaStep::Settling,
        wire::SagaStep::Done => SagaStep::Cancelled,
        wire::SagaStep::Unknown => return Err(WireError::UnknownSymbol("saga step")),
    })
}

/// Writes a step; both final ones are `DONE`.
pub(super) fn step_to_wire(step: SagaStep) -> wire::SagaStep {
    match step {
        SagaStep::Reserving => wire::SagaStep::Reserving,
        SagaStep::Authorizing => wire::SagaStep::Authorizing,
        SagaStep::Confirming => wire::SagaStep::Confirming,
        SagaStep::Capturing => wire::SagaStep::Capturing,
        SagaStep::Voiding => wire::SagaStep::Voiding,
        SagaStep::Refunding => wire::SagaStep::Refunding,
        SagaStep::Returning => wire::SagaStep::Returning,
        SagaStep::Settling => wire::SagaStep::Settling,
        SagaStep::Paid => wire::SagaStep::Done,
        SagaStep::Cancelled => wire::SagaStep::Done,
    }
}

fn line_to_wire(line: &OrderLine) -> wire::OrderLine {
    let (fulfilment, money) = fulfilment::fulfilment_to_wire(&line.fulfilment);
    let parcel = &line.fulfilment.parcel;
    wire::OrderLine {
        line: line.line.0.into(),
        product_id: line.product_id.0.clone(),
        quantity: line.quantity,
        status: line_status_to_wire(line.status),
        product_name: line.product_name.clone(),
        seller_id: line.seller_id.as_ref().map(|seller| seller.0.clone()),
        unit_price: line.unit_price.map(money_to_wire),
        fulfilment,
        money,
        carrier: parcel.carrier.clone(),
        tracking_number: parcel.tracking_number.clone(),
    }
}

fn line_status_to_wire(status: LineStatus) -> wire::LineStatus {
    match status {
        LineStatus::Requested => wire::LineStatus::Requested,
        LineStatus::Reserved => wire::LineStatus::Reserved,
        LineStatus::Rejected => wire::LineStatus::Rejected,
        LineStatus::Confirmed => wire::LineStatus::Confirmed,
        LineStatus::Released => wire::LineStatus::Released,
        LineStatus::Restocked => wire::LineStatus::Restocked,
        LineStatus::Returned => wire::LineStatus::Returned,
    }
}

pub(crate) fn status_to_wire(status: OrderStatus) -> wire::OrderStatus {
    match status {
        OrderStatus::Created => wire::OrderStatus::Created,
        OrderStatus::Paid => wire::OrderStatus::Paid,
        OrderStatus::Shipped => wire::OrderStatus::Shipped,
        OrderStatus::Delivered => wire::OrderStatus::Delivered,
        OrderStatus::Cancelled => wire::OrderStatus::Cancelled,
    }
}

fn payment_status_to_wire(status: PaymentStatus) -> wire::PaymentStatus {
    match status {
        PaymentStatus::Unasked => wire::PaymentStatus::None,
        PaymentStatus::Asked => wire::PaymentStatus::None,
        PaymentStatus::Authorized => wire::PaymentStatus::Authorized,
        PaymentStatus::Captured => wire::PaymentStatus::Captured,
        PaymentStatus::Declined => wire::PaymentStatus::Declined,
        PaymentStatus::Voided => wire::PaymentStatus::Voided,
        PaymentStatus::Refunded => wire::PaymentStatus::Refunded,
    }
}
