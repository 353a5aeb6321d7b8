//! The stock ledger's turn: one command about one hold in, at most one change and one answer out.

use planted::Bug;

use crate::authority::{Actor, act_as_saga};
use crate::ids::{LineNo, OrderId, ProductId};
use crate::order::QUANTITY_MAX;
use crate::product::Product;
use crate::stock::{
    Hold, HoldStatus, ProductRefusal, Rejection, Reservation, StockChange, StockChangeKind, StockCommand, StockEvent,
    StockEventKind, StockRejection, StockReply,
};

/// What one command leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockStep {
    /// The product after it.
    pub product: Option<Product>,
    /// The hold after it.
    pub hold: Option<Hold>,
    /// What happened to the stock, if anything did.
    pub event: Option<StockEvent>,
    /// The answer to the order that asked; none to somebody who may not ask.
    pub reply: Option<StockReply>,
}

/// Takes one command about the stock of `product_id`. `hold` is the one that the command names, if it is known.
#[must_use]
pub fn step(
    product_id: &ProductId,
    product: Option<Product>,
    hold: Option<Hold>,
    command: &StockCommand,
    actor: &Actor,
    now: i64,
) -> StockStep {
    match (product, act_as_saga(actor)) {
        (product, Err(_)) => refuse(product, hold, ProductRefusal::NotOwner),
        (None, Ok(())) => without_product(product_id, command),
        (Some(product), Ok(())) => match hold {
            None => without_hold(product, command, now),
            Some(hold) => with_hold(product, hold, command, now),
        },
    }
}

/// Nothing is kept about a product that does not exist, so that made-up ids cannot fill the store.
fn without_product(product_id: &ProductId, command: &StockCommand) -> StockStep {
    let reply = match command {
        StockCommand::Reserve {
            line,
            attempt,
            quantity,
            ..
        } => StockReply::Rejected(Rejection {
            line: *line,
            attempt: *attempt,
            product_id: product_id.clone(),
            reason: StockRejection::UnknownProduct,
            requested: *quantity,
            available: 0,
        }),
        StockCommand::Confirm { line, .. } => released(*line, product_id),
        StockCommand::Release { line, .. } => released(*line, product_id),
        StockCommand::Restock { line, .. } => released(*line, product_id),
        StockCommand::Return { line, .. } => released(*line, product_id),
    };
    StockStep {
        product: None,
        hold: None,
        event: None,
        reply: Some(reply),
    }
}

fn without_hold(product: Product, command: &StockCommand, now: i64) -> StockStep {
    match command {
        StockCommand::Reserve {
            order_id,
            line,
            attempt,
            quantity,
        } => reserve(product, order_id, *line, *attempt, *quantity, now),
        // What is not held cannot be sold; nor may it come to be held after this answer.
        StockCommand::Confirm { line, .. } => tombstone(product, *line, now),
        StockCommand::Release { line, .. } => tombstone(product, *line, now),
        StockCommand::Restock { line, .. } => tombstone(product, *line, now),
        StockCommand::Return { line, .. } => tombstone(product, *line, now),
    }
}

fn with_hold(product: Product, hold: Hold, command: &StockCommand, now: i64) -> StockStep {
    match (hold.status, command) {
        (
            HoldStatus::Reserved | HoldStatus::Confirmed | HoldStatus::Returned | HoldStatus::Rejected { .. },
            StockCommand::Reserve {
                line,
                attempt,
                quantity,
                ..
            },
        ) => reserve_again(product, hold, *line, *attempt, *quantity),
        (HoldStatus::Reserved, StockCommand::Confirm { .. }) => {
            resolve(product, hold, command, StockChangeKind::Confirmed, now)
        }
        // What was never sold is not given back by a buyer: it is held no more.
        (
            HoldStatus::Reserved,
            StockCommand::Release { .. } | StockCommand::Restock { .. } | StockCommand::Return { .. },
        ) => resolve(product, hold, command, StockChangeKind::Released, now),
        (HoldStatus::Confirmed, StockCommand::Restock { .. }) => {
            resolve(product, hold, command, StockChangeKind::Restocked, now)
        }
        (HoldStatus::Confirmed, StockCommand::Return { .. }) => {
            resolve(product, hold, command, StockChangeKind::Returned, now)
        }
        // A saga that reads everything again finds the line as sold as it was.
        (
            HoldStatus::Returned,
            StockCommand::Confirm { .. }
            | StockCommand::Release { .. }
            | StockCommand::Restock { .. }
            | StockCommand::Return { .. },
        ) => answer(product, hold, command),
        (HoldStatus::Confirmed, StockCommand::Confirm { .. }) if planted::is(Bug::SoldTwice) => {
            resolve(product, hold, command, StockChangeKind::Confirmed, now)
        }
        // A release does not undo a sale, and a sale is not made twice.
        (HoldStatus::Confirmed, StockCommand::Confirm { .. } | StockCommand::Release { .. }) => {
            answer(product, hold, command)
        }
        (
            HoldStatus::Released | HoldStatus::Restocked,
            StockCommand::Reserve { .. }
            | StockCommand::Confirm { .. }
            | StockCommand::Release { .. }
            | StockCommand::Restock { .. }
            | StockCommand::Return { .. },
        ) => answer(product, hold, command),
        (
            HoldStatus::Rejected { .. },
            StockCommand::Confirm { .. }
            | StockCommand::Release { .. }
            | StockCommand::Restock { .. }
            | StockCommand::Return { .. },
        ) => answer(product, hold, command),
    }
}

fn reserve(product: Product, order_id: &OrderId, line: LineNo, attempt: u32, quantity: i64, now: i64) -> StockStep {
    let rejection = if (1..=QUANTITY_MAX).contains(&quantity) {
        let free = if planted::is(Bug::HeldGoodsSold) {
            product.on_hand
        } else {
            product.available()
        };
        (quantity > free).then_some(StockRejection::OutOfStock)
    } else {
        Some(StockRejection::InvalidQuantity)
    };
    let hold = Hold {
        status: match rejection {
            None => HoldStatus::Reserved,
            Some(reason) => HoldStatus::Rejected {
                reason,
                available: product.available(),
            },
        },
        quantity,
        unit_price: rejection.is_none().then_some(product.price),
        product_name: rejection.is_none().then(|| product.name.clone()),
        changed_at: now,
    };
    let reply = reservation_reply(&product, &hold, line, attempt);
    let mut step = StockStep {
        product: None,
        hold: Some(hold),
        event: None,
        reply: Some(reply),
    };
    if rejection.is_some() {
        step.product = Some(product);
    } else {
        let change = (StockChangeKind::Reserved, Some((order_id.clone(), line)), 0, quantity);
        let (product, event) = ledger_changed(product, change, now);
        (step.product, step.event) = (Some(product), Some(event));
    }
    step
}

/// The same request gets the same answer; another one under the same name is a conflict.
fn reserve_again(product: Product, hold: Hold, line: LineNo, attempt: u32, quantity: i64) -> StockStep {
    if hold.quantity == quantity {
        let reply = reservation_reply(&product, &hold, line, attempt);
        StockStep {
            product: Some(product),
            hold: Some(hold),
            event: None,
            reply: Some(reply),
        }
    } else {
        refuse(Some(product), Some(hold), ProductRefusal::Conflict)
    }
}

fn reservation_reply(product: &Product, hold: &Hold, line: LineNo, attempt: u32) -> StockReply {
    match hold.status {
        HoldStatus::Reserved | HoldStatus::Confirmed | HoldStatus::Returned => StockReply::Reserved(Reservation {
            line,
            attempt,
            product_id: product.product_id.clone(),
            seller_id: product.seller_id.clone(),
            product_name: hold.product_name.clone().unwrap_or_else(|| product.name.clone()),
            quantity: hold.quantity,
            unit_price: hold.unit_price.unwrap_or(product.price),
        }),
        HoldStatus::Released => released(line, &product.product_id),
        HoldStatus::Restocked => StockReply::Restocked {
            line,
            product_id: product.product_id.clone(),
        },
        HoldStatus::Rejected { reason, available } => StockReply::Rejected(Rejection {
            line,
            attempt,
            product_id: product.product_id.clone(),
            reason,
            requested: hold.quantity,
            available,
        }),
    }
}

fn resolve(product: Product, hold: Hold, command: &StockCommand, kind: StockChangeKind, now: i64) -> StockStep {
    let pieces = hold.quantity;
    let (status, delta_on_hand, delta_reserved) = match kind {
        StockChangeKind::Confirmed if planted::is(Bug::HoldKeptAfterSale) => (HoldStatus::Confirmed, -pieces, 0),
        StockChangeKind::Confirmed => (HoldStatus::Confirmed, -pieces, -pieces),
        StockChangeKind::Released if planted::is(Bug::ReleasedTooMuch) => (HoldStatus::Released, 0, -pieces - 1),
        StockChangeKind::Released => (HoldStatus::Released, 0, -pieces),
        StockChangeKind::Restocked if planted::is(Bug::RestockForgotten) => (HoldStatus::Restocked, 0, 0),
        StockChangeKind::Restocked => (HoldStatus::Restocked, pieces, 0),
        StockChangeKind::Returned => (HoldStatus::Returned, pieces, 0),
        // The others make no hold move on.
        StockChangeKind::Created | StockChangeKind::Adjusted | StockChangeKind::Reserved => (hold.status, 0, 0),
    };
    let (order_id, line) = command.hold();
    let change = (kind, Some((order_id.clone(), line)), delta_on_hand, delta_reserved);
    let (product, event) = ledger_changed(product, change, now);
    let hold = Hold {
        status,
        changed_at: now,
        ..hold
    };
    StockStep {
        event: Some(event),
        ..answer(product, hold, command)
    }
}

/// The answer that the hold's state gives to anything but a first reservation.
fn answer(product: Product, hold: Hold, command: &StockCommand) -> StockStep {
    let (line, product_id) = (command.hold().1, product.product_id.clone());
    let reply = match (hold.status, command) {
        (HoldStatus::Returned, StockCommand::Return { .. } | StockCommand::Restock { .. }) => {
            StockReply::Returned { line, product_id }
        }
        (HoldStatus::Confirmed | HoldStatus::Returned, _) => StockReply::Confirmed { line, product_id },
        (HoldStatus::Reserved | HoldStatus::Released | HoldStatus::Restocked | HoldStatus::Rejected { .. }, _) => {
            reservation_reply(&product, &hold, line, 1)
        }
    };
    StockStep {
        product: Some(product),
        hold: Some(hold),
        event: None,
        reply: Some(reply),
    }
}

fn tombstone(product: Product, line: LineNo, now: i64) -> StockStep {
    let hold = Hold {
        status: HoldStatus::Released,
        quantity: 0,
        unit_price: None,
        product_name: None,
        changed_at: now,
    };
    let reply = released(line, &product.product_id);
    StockStep {
        product: Some(product),
        hold: Some(hold),
        event: None,
        reply: Some(reply),
    }
}

fn refuse(product: Option<Product>, hold: Option<Hold>, refusal: ProductRefusal) -> StockStep {
    let (product, event) = ledger_refused(product, refusal);
    StockStep {
        product,
        hold,
        event: Some(event),
        reply: None,
    }
}

fn released(line: LineNo, product_id: &ProductId) -> StockReply {
    StockReply::Released {
        line,
        product_id: product_id.clone(),
    }
}

/// Books a change: its kind, the hold it is for, and by how much shelf and holds change.
pub(crate) fn ledger_changed(
    mut product: Product,
    (kind, hold, delta_on_hand, delta_reserved): (StockChangeKind, Option<(OrderId, LineNo)>, i64, i64),
    now: i64,
) -> (Product, StockEvent) {
    product.on_hand += delta_on_hand;
    product.reserved += delta_reserved;
    product.version += 1;
    product.events += u64::from(!planted::is(Bug::StockEventsUncounted));
    product.updated_at = now;
    let (on_hand, reserved) = (product.on_hand, product.reserved);
    let change = StockChange {
        kind,
        hold,
        delta_on_hand,
        delta_reserved,
        on_hand,
        reserved,
    };
    let event = StockEvent {
        seq: product.events,
        kind: StockEventKind::Changed(change),
    };
    (product, event)
}

/// Numbers a refusal under the product, where there is one.
pub(crate) fn ledger_refused(product: Option<Product>, refusal: ProductRefusal) -> (Option<Product>, StockEvent) {
    let product = product.map(|product| Product {
        events: product.events + 1,
        ..product
    });
    let seq = product.as_ref().map_or(0, |product| product.events);
    (
        product,
        StockEvent {
            seq,
            kind: StockEventKind::Refused(refusal),
        },
    )
}
