//! Records of the stock ledger: its commands, replies and entries, in both directions.

use schemas::wire::stock as wire;

use crate::ids::{LineNo, OrderId, ProductId};
use crate::stock::{
    ProductRefusal, Rejection, Reservation, StockChange, StockChangeKind, StockCommand, StockEventKind, StockRejection,
    StockReply,
};
use crate::wire::{WireError, attempt, attempt_to_wire, id, line, money, money_to_wire};

/// Reads a command.
pub fn command(payload: wire::StockCommandPayload) -> Result<StockCommand, WireError> {
    Ok(match payload {
        wire::StockCommandPayload::ReserveStock(reserve) => StockCommand::Reserve {
            order_id: id(reserve.order_id, "order id")?,
            line: line(reserve.line)?,
            attempt: attempt(reserve.attempt)?,
            quantity: reserve.quantity,
        },
        wire::StockCommandPayload::ConfirmStock(confirm) => StockCommand::Confirm {
            order_id: id(confirm.order_id, "order id")?,
            line: line(confirm.line)?,
        },
        wire::StockCommandPayload::ReleaseStock(release) => StockCommand::Release {
            order_id: id(release.order_id, "order id")?,
            line: line(release.line)?,
        },
        wire::StockCommandPayload::RestockStock(restock) => StockCommand::Restock {
            order_id: id(restock.order_id, "order id")?,
            line: line(restock.line)?,
        },
        wire::StockCommandPayload::ReturnStock(wire) => StockCommand::Return {
            order_id: id(wire.order_id, "order id")?,
            line: line(wire.line)?,
        },
    })
}

/// Writes a command.
#[must_use]
pub fn command_to_wire(command: StockCommand) -> wire::StockCommandPayload {
    match command {
        StockCommand::Reserve {
            order_id,
            line,
            attempt,
            quantity,
        } => wire::StockCommandPayload::ReserveStock(wire::ReserveStock {
            order_id: order_id.0,
            line: line.0.into(),
            attempt: attempt_to_wire(attempt),
            quantity,
        }),
        StockCommand::Confirm { order_id, line } => {
            let (order_id, line) = (order_id.0, line.0.into());
            wire::StockCommandPayload::ConfirmStock(wire::ConfirmStock { order_id, line })
        }
        StockCommand::Release { order_id, line } => {
            let (order_id, line) = (order_id.0, line.0.into());
            wire::StockCommandPayload::ReleaseStock(wire::ReleaseStock { order_id, line })
        }
        StockCommand::Restock { order_id, line } => {
            let (order_id, line) = (order_id.0, line.0.into());
            wire::StockCommandPayload::RestockStock(wire::RestockStock { order_id, line })
        }
        StockCommand::Return { order_id, line } => {
            let (order_id, line) = (order_id.0, line.0.into());
            wire::StockCommandPayload::ReturnStock(wire::ReturnStock { order_id, line })
        }
    }
}

/// Reads a reply.
pub fn reply(payload: wire::StockReplyPayload) -> Result<StockReply, WireError> {
    Ok(match payload {
        wire::StockReplyPayload::StockReserved(reserved) => StockReply::Reserved(reservation(reserved)?),
        wire::StockReplyPayload::StockRejected(rejected) => StockReply::Rejected(rejection(rejected)?),
        wire::StockReplyPayload::StockConfirmed(confirmed) => StockReply::Confirmed {
            line: line(confirmed.line)?,
            product_id: id(confirmed.product_id, "product id")?,
        },
        wire::StockReplyPayload::StockReleased(released) => StockReply::Released {
            line: line(released.line)?,
            product_id: id(released.product_id, "product id")?,
        },
        wire::StockReplyPayload::StockRestocked(restocked) => StockReply::Restocked {
            line: line(restocked.line)?,
            product_id: id(restocked.product_id, "product id")?,
        },
        wire::StockReplyPayload::StockReturned(returned) => StockReply::Returned {
            line: line(returned.line)?,
            product_id: id(returned.product_id, "product id")?,
        },
    })
}

/// Writes a reply.
#[must_use]
pub fn reply_to_wire(reply: StockReply) -> wire::StockReplyPayload {
    match reply {
        StockReply::Reserved(reservation) => wire::StockReplyPayload::StockReserved(reservation_to_wire(reservation)),
        StockReply::Rejected(rejection) => wire::StockReplyPayload::StockRejected(rejection_to_wire(rejection)),
        StockReply::Confirmed { line, product_id } => {
            wire::StockReplyPayload::StockConfirmed(confirmed_to_wire(line, product_id))
        }
        StockReply::Released { line, product_id } => {
            wire::StockReplyPayload::StockReleased(released_to_wire(line, product_id))
        }
        StockReply::Restocked { line, product_id } => {
            wire::StockReplyPayload::StockRestocked(restocked_to_wire(line, product_id))
        }
        StockReply::Returned { line, product_id } => {
            wire::StockReplyPayload::StockReturned(returned_to_wire(line, product_id))
        }
    }
}

/// Reads a reservation.
pub fn reservation(wire: wire::StockReserved) -> Result<Reservation, WireError> {
    Ok(Reservation {
        line: line(wire.line)?,
        attempt: attempt(wire.attempt)?,
        product_id: id(wire.product_id, "product id")?,
        seller_id: id(wire.seller_id, "seller id")?,
        product_name: wire.product_name,
        quantity: wire.quantity,
        unit_price: money(&wire.unit_price)?,
    })
}

/// Writes a reservation.
#[must_use]
pub fn reservation_to_wire(reservation: Reservation) -> wire::StockReserved {
    wire::StockReserved {
        line: reservation.line.0.into(),
        attempt: attempt_to_wire(reservation.attempt),
        product_id: reservation.product_id.0,
        seller_id: reservation.seller_id.0,
        product_name: reservation.product_name,
        quantity: reservation.quantity,
        unit_price: money_to_wire(reservation.unit_price),
    }
}

/// Reads a rejection.
pub fn rejection(wire: wire::StockRejected) -> Result<Rejection, WireError> {
    Ok(Rejection {
        line: line(wire.line)?,
        attempt: attempt(wire.attempt)?,
        product_id: id(wire.product_id, "product id")?,
        reason: match wire.reason {
            wire::StockRejection::OutOfStock => StockRejection::OutOfStock,
            wire::StockRejection::UnknownProduct => StockRejection::UnknownProduct,
            wire::StockRejection::InvalidQuantity => StockRejection::InvalidQuantity,
            wire::StockRejection::Unknown => {
                return Err(WireError::UnknownSymbol("rejection reason"));
            }
        },
        requested: wire.requested,
        available: wire.available,
    })
}

/// Writes a rejection.
#[must_use]
pub fn rejection_to_wire(rejection: Rejection) -> wire::StockRejected {
    wire::StockRejected {
        line: rejection.line.0.into(),
        attempt: attempt_to_wire(rejection.attempt),
        product_id: rejection.product_id.0,
        reason: match rejection.reason {
            StockRejection::OutOfStock => wire::StockRejection::OutOfStock,
            StockRejection::UnknownProduct => wire::StockRejection::UnknownProduct,
            StockRejection::InvalidQuantity => wire::StockRejection::InvalidQuantity,
        },
        requested: rejection.requested,
        available: rejection.available,
    }
}

/// Writes a confirmation.
#[must_use]
pub fn confirmed_to_wire(line: LineNo, product_id: ProductId) -> wire::StockConfirmed {
    wire::StockConfirmed {
        line: line.0.into(),
        product_id: product_id.0,
    }
}

/// Writes a release.
#[must_use]
pub fn released_to_wire(line: LineNo, product_id: ProductId) -> wire::StockReleased {
    wire::StockReleased {
        line: line.0.into(),
        product_id: product_id.0,
    }
}

/// Writes a restock.
#[must_use]
pub fn restocked_to_wire(line: LineNo, product_id: ProductId) -> wire::StockRestocked {
    wire::StockRestocked {
        line: line.0.into(),
        product_id: product_id.0,
    }
}

/// Writes a return.
#[must_use]
pub fn returned_to_wire(line: LineNo, product_id: ProductId) -> wire::StockReturned {
    wire::StockReturned {
        line: line.0.into(),
        product_id: product_id.0,
    }
}

/// Reads an event of the stock ledger.
pub fn event(payload: wire::StockEventPayload) -> Result<StockEventKind, WireError> {
    match payload {
        wire::StockEventPayload::StockChanged(changed) => Ok(StockEventKind::Changed(change(changed)?)),
        wire::StockEventPayload::ProductRefused(refused) => Ok(StockEventKind::Refused(refusal(refused.reason)?)),
    }
}

/// Writes an event of the stock ledger.
#[must_use]
pub fn event_to_wire(kind: StockEventKind) -> wire::StockEventPayload {
    match kind {
        StockEventKind::Changed(change) => wire::StockEventPayload::StockChanged(change_to_wire(change)),
        StockEventKind::Refused(refusal) => wire::StockEventPayload::ProductRefused(wire::ProductRefused {
            reason: refusal_to_wire(refusal),
        }),
    }
}

fn change(wire: wire::StockChanged) -> Result<StockChange, WireError> {
    let hold = match (wire.order_id, wire.line) {
        (Some(order_id), Some(number)) => Some((OrderId(order_id), line(number)?)),
        (None, _) | (_, None) => None,
    };
    Ok(StockChange {
        kind: change_kind(wire.kind)?,
        hold,
        delta_on_hand: wire.delta_on_hand,
        delta_reserved: wire.delta_reserved,
        on_hand: wire.on_hand,
        reserved: wire.reserved,
    })
}

fn change_to_wire(change: StockChange) -> wire::StockChanged {
    let line = change.hold.as_ref().map(|(_, line)| line.0.into());
    wire::StockChanged {
        kind: change_kind_to_wire(change.kind),
        order_id: change.hold.map(|(order_id, _)| order_id.0),
        line,
        delta_on_hand: change.delta_on_hand,
        delta_reserved: change.delta_reserved,
        on_hand: change.on_hand,
        reserved: change.reserved,
    }
}

fn change_kind(wire: wire::StockChangeKind) -> Result<StockChangeKind, WireError> {
    Ok(match wire {
        wire::StockChangeKind::Created => StockChangeKind::Created,
        wire::StockChangeKind::Adjusted => StockChangeKind::Adjusted,
        wire::StockChangeKind::Reserved => StockChangeKind::Reserved,
        wire::StockChangeKind::Confirmed => StockChangeKind::Confirmed,
        wire::StockChangeKind::Released => StockChangeKind::Released,
        wire::StockChangeKind::Restocked => StockChangeKind::Restocked,
        wire::StockChangeKind::Returned => StockChangeKind::Returned,
        wire::StockChangeKind::Unknown => return Err(WireError::UnknownSymbol("stock change")),
    })
}

fn change_kind_to_wire(kind: StockChangeKind) -> wire::StockChangeKind {
    match kind {
        StockChangeKind::Created => wire::StockChangeKind::Created,
        StockChangeKind::Adjusted => wire::StockChangeKind::Adjusted,
        StockChangeKind::Reserved => wire::StockChangeKind::Reserved,
        StockChangeKind::Confirmed => wire::StockChangeKind::Confirmed,
        StockChangeKind::Released => wire::StockChangeKind::Released,
        StockChangeKind::Restocked => wire::StockChangeKind::Restocked,
        StockChangeKind::Returned => wire::StockChangeKind::Returned,
    }
}

fn refusal(wire: wire::ProductRefusal) -> Result<ProductRefusal, WireError> {
    Ok(match wire {
        wire::ProductRefusal::AlreadyExists => ProductRefusal::AlreadyExists,
        wire::ProductRefusal::UnknownProduct => ProductRefusal::UnknownProduct,
        wire::ProductRefusal::NotOwner => ProductRefusal::NotOwner,
        wire::ProductRefusal::StockWouldBeNegative => ProductRefusal::StockWouldBeNegative,
        wire::ProductRefusal::Conflict => ProductRefusal::Conflict,
        wire::ProductRefusal::Invalid => ProductRefusal::Invalid,
        wire::ProductRefusal::OtherVersion => ProductRefusal::OtherVersion,
        wire::ProductRefusal::Unknown => return Err(WireError::UnknownSymbol("refusal")),
    })
}

fn refusal_to_wire(refusal: ProductRefusal) -> wire::ProductRefusal {
    match refusal {
        ProductRefusal::AlreadyExists => wire::ProductRefusal::AlreadyExists,
        ProductRefusal::UnknownProduct => wire::ProductRefusal::UnknownProduct,
        ProductRefusal::NotOwner => wire::ProductRefusal::NotOwner,
        ProductRefusal::StockWouldBeNegative => wire::ProductRefusal::StockWouldBeNegative,
        ProductRefusal::Conflict => wire::ProductRefusal::Conflict,
        ProductRefusal::Invalid => wire::ProductRefusal::Invalid,
        ProductRefusal::OtherVersion => wire::ProductRefusal::OtherVersion,
    }
}
