//! What happens where there is no order yet.

use crate::authority::{Actor, act_on_order};
use crate::ids::{OrderId, RecordId};
use crate::order::event::{OrderEvent, RecordedEvent};
use crate::order::fold;
use crate::order::input::{OrderInput, PlaceOrder};
use crate::order::state::CommandRefusal;
use crate::order::turn::{Step, Turn};

/// Takes an input about an order that does not exist.
pub(crate) fn without_order(order_id: &OrderId, input: OrderInput, now: i64) -> Step {
    match input {
        OrderInput::Place(place) => place_first(order_id, place, now),
        OrderInput::Cancel(cancel) => refused(cancel.actor, cancel.command_id, CommandRefusal::UnknownOrder, now),
        OrderInput::Lines(command) => refused(command.actor, command.command_id, CommandRefusal::UnknownOrder, now),
        // An order exists before anybody is asked to hold something for it. Only when all inputs are read again
        // from the start can an answer overtake its order, and then the order will ask again.
        OrderInput::Stock(_) => Step::default(),
        OrderInput::Payment(_) => Step::default(),
        OrderInput::PaymentRefused => Step::default(),
        OrderInput::DeadlinePassed => Step::default(),
    }
}

/// A request outside the bounds becomes an order that is cancelled at once: its id has been given out,
/// and whoever asks for it must find why.
fn place_first(order_id: &OrderId, place: PlaceOrder, now: i64) -> Step {
    if act_on_order(&place.actor, &place.buyer_id).is_err() {
        return refused(place.actor, place.command_id, CommandRefusal::NotAllowed, now);
    }
    let valid = place.is_valid();
    let created = RecordedEvent {
        seq: 1,
        at: place.at,
        actor: place.actor,
        event: OrderEvent::OrderCreated {
            buyer_id: place.buyer_id,
            lines: if valid { place.lines } else { Vec::new() },
            currency: place.currency,
            request_hash: place.request_hash,
            card: place.card,
        },
    };
    match fold::created(order_id, &created) {
        Some(state) => Turn::first(state, created, now),
        None => Step::default(),
    }
}

fn refused(actor: Actor, command_id: RecordId, reason: CommandRefusal, now: i64) -> Step {
    let event = OrderEvent::CommandRefused { command_id, reason };
    Step {
        events: vec![RecordedEvent {
            seq: 0,
            at: now,
            actor,
            event,
        }],
        ..Step::default()
    }
}
