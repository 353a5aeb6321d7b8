//! Records about single lines of an order: commands and events in both directions, and their part of the snapshot.

use schemas::wire::{fulfilment as wire, order as order_wire};

use crate::authority::Actor;
use crate::ids::{LineNo, RecordId};
use crate::order::{Fulfilment, LineCommand, LineCommandKind, LineFulfilment, LineMoney, OrderEvent, Parcel};
use crate::wire::{WireError, line};

/// Words of a reason, and the names of a carrier and of a parcel: characters, at most.
pub const WORDS_MAX: usize = 500;

/// Reads a command about lines; the others come back.
pub fn command(
    payload: order_wire::OrderCommandPayload,
    command_id: RecordId,
    actor: Actor,
) -> Result<LineCommand, WireError> {
    let (lines, kind) = match payload {
        order_wire::OrderCommandPayload::ShipLines(ship) => {
            let parcel = Parcel {
                carrier: words(ship.carrier)?,
                tracking_number: words(ship.tracking_number)?,
            };
            (ship.lines, LineCommandKind::Ship(parcel))
        }
        order_wire::OrderCommandPayload::ConfirmDelivery(confirm) => (confirm.lines, LineCommandKind::ConfirmDelivery),
        order_wire::OrderCommandPayload::RequestReturn(request) => {
            let reason = words(request.reason)?;
            (request.lines, LineCommandKind::RequestReturn { reason })
        }
        order_wire::OrderCommandPayload::RejectReturn(reject) => {
            let reason = words(reject.reason)?;
            (reject.lines, LineCommandKind::RejectReturn { reason })
        }
        order_wire::OrderCommandPayload::RefundLines(refund) => {
            let reason = words(refund.reason)?;
            (refund.lines, LineCommandKind::Refund { reason })
        }
        order_wire::OrderCommandPayload::PlaceOrder(_) | order_wire::OrderCommandPayload::CancelOrder(_) => {
            return Err(WireError::UnknownSymbol("command about lines"));
        }
    };
    Ok(LineCommand {
        command_id,
        actor,
        lines: numbers(lines)?,
        kind,
    })
}

/// Reads lines that were shipped.
pub(super) fn shipped(wire: wire::LinesShipped) -> Result<OrderEvent, WireError> {
    let (carrier, tracking_number) = (wire.carrier, wire.tracking_number);
    Ok(OrderEvent::LinesShipped {
        lines: numbers(wire.lines)?,
        parcel: Parcel {
            carrier,
            tracking_number,
        },
    })
}

/// Writes lines that were shipped.
pub(super) fn shipped_to_wire(lines: &[LineNo], parcel: Parcel) -> wire::LinesShipped {
    wire::LinesShipped {
        lines: numbers_to_wire(lines),
        carrier: parcel.carrier,
        tracking_number: parcel.tracking_number,
    }
}

/// Reads line numbers.
pub(super) fn numbers(wire: Vec<i32>) -> Result<Vec<LineNo>, WireError> {
    wire.into_iter().map(line).collect()
}

/// Writes line numbers.
pub(super) fn numbers_to_wire(lines: &[LineNo]) -> Vec<i32> {
    lines.iter().map(|line| line.0.into()).collect()
}

/// Writes where a line is on its way to the buyer, and where its money goes.
pub(super) fn fulfilment_to_wire(line: &LineFulfilment) -> (wire::Fulfilment, wire::LineMoney) {
    let status = match line.status {
        Fulfilment::Unshipped => wire::Fulfilment::Unshipped,
        Fulfilment::Shipped => wire::Fulfilment::Shipped,
        Fulfilment::ReturnRequested => wire::Fulfilment::ReturnRequested,
        Fulfilment::Delivered => wire::Fulfilment::Delivered,
    };
    let money = match line.money {
        LineMoney::WithOrder => wire::LineMoney::WithOrder,
        LineMoney::RefundAsked => wire::LineMoney::Refunding,
        LineMoney::Refunded => wire::LineMoney::Refunded,
        LineMoney::SettlementAsked | LineMoney::CreditAsked => wire::LineMoney::Settling,
        LineMoney::Settled => wire::LineMoney::Settled,
    };
    (status, money)
}

/// Reads where a line is on its way to the buyer.
pub(crate) fn fulfilment(wire: wire::Fulfilment) -> Fulfilment {
    match wire {
        wire::Fulfilment::Shipped => Fulfilment::Shipped,
        wire::Fulfilment::ReturnRequested => Fulfilment::ReturnRequested,
        wire::Fulfilment::Delivered => Fulfilment::Delivered,
        // Of what a newer program writes, the least is believed.
        wire::Fulfilment::Unshipped | wire::Fulfilment::Unknown => Fulfilment::Unshipped,
    }
}

fn words(text: Option<String>) -> Result<Option<String>, WireError> {
    match text {
        Some(text) if text.chars().count() > WORDS_MAX => Err(WireError::OutOfRange("text")),
        text => Ok(text),
    }
}
