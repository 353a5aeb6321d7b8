//! Webhooks as a pure state machine: what is owed to whom of one event, what is asked of the worker, and when it is given up.
//!
//! A delivery is one event on its way to endpoints. The topology knows no address and no secret, not even which endpoints there
//! are: the first call names none, and the answer tells by name which of them did not take the event. Whatever is tried again is
//! the same event with the same id, so an endpoint that has taken it and was not understood can tell.

mod delivery;
mod limits;
mod turn;

pub use delivery::{Delivery, GivenUp, Left, Outcome, Reason, Stage};
pub use limits::{
    ANSWER_WAIT_MAX_MS, ANSWER_WAIT_MS, GIVEN_UP_KEPT_MS, JITTER_PERCENT, REST_FIRST_MS, REST_MAX_MS, TRIES_MAX,
};
pub use turn::{Ask, Input, Next, step};
