//! One turn of a delivery.

use std::collections::BTreeMap;

use super::delivery::{Delivery, GivenUp, Left, Outcome, Reason, Stage};
use super::limits::{GIVEN_UP_KEPT_MS, TRIES_MAX, answer_wait_ms, rest_ms};

/// What comes to a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The event, as JSON. Again, it changes nothing while its delivery is known.
    Event {
        /// The order that it is of.
        order_id: String,
        /// The event.
        event: String,
    },
    /// What an attempt came to, by endpoint, with what the endpoint said.
    Answered {
        /// The attempt that is answered.
        attempt: u32,
        /// By name.
        outcomes: Vec<(String, Outcome, String)>,
    },
    /// An operator wants what was given up at this endpoint, or at all of them, to be delivered again.
    Redeliver(Option<String>),
    /// The delivery's timer.
    Due,
}

/// What the worker is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Number of the attempt.
    pub attempt: u32,
    /// To whom; none stands for all.
    pub endpoints: Vec<String>,
}

/// What a turn comes to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Next {
    /// What is kept; `None` when it is forgotten, or was never known.
    pub delivery: Option<Delivery>,
    /// What the worker is asked.
    pub ask: Option<Ask>,
    /// What is given up in this turn, by endpoint.
    pub given_up: Vec<(String, GivenUp)>,
}

/// Takes one turn at `now`, in milliseconds since the epoch. An answer counts by what it says: that an endpoint has the event is
/// true whenever it is heard, that it refused counts once, for the attempt that is waited for.
#[must_use]
pub fn step(delivery: Option<Delivery>, delivery_id: &str, input: Input, now: i64) -> Next {
    match (delivery, input) {
        (None, Input::Event { order_id, event }) => ask(first(order_id, event), now),
        // Answered in full, or forgotten.
        (None, Input::Answered { .. } | Input::Redeliver(_) | Input::Due) => Next::default(),
        (Some(known), Input::Event { .. }) => kept(known),
        (Some(known), Input::Answered { attempt, outcomes }) => answered(known, delivery_id, attempt, outcomes, now),
        (Some(known), Input::Redeliver(endpoint)) => redeliver(known, endpoint.as_deref(), now),
        (Some(known), Input::Due) if known.due_at > now => kept(known),
        (Some(known), Input::Due) => match known.stage {
            Stage::Asked { sends } => ask_again(known, sends, now),
            Stage::Resting => next_attempt(known, now),
            Stage::Over => Next::default(),
        },
    }
}

fn first(order_id: String, event: String) -> Delivery {
    Delivery {
        order_id,
        event,
        attempt: 1,
        tries: 0,
        stage: Stage::Asked { sends: 1 },
        left: Left::All,
        given_up: BTreeMap::new(),
        due_at: 0,
    }
}

fn kept(delivery: Delivery) -> Next {
    Next {
        delivery: Some(delivery),
        ..Next::default()
    }
}

/// Asks for the delivery's attempt for the first time.
fn ask(delivery: Delivery, now: i64) -> Next {
    ask_again(delivery, 0, now)
}

fn ask_again(mut delivery: Delivery, sends: u32, now: i64) -> Next {
    let sends = sends.saturating_add(1);
    delivery.stage = Stage::Asked { sends };
    delivery.due_at = now.saturating_add(answer_wait_ms(sends));
    let ask = Ask {
        attempt: delivery.attempt,
        endpoints: delivery.left.names(),
    };
    Next {
        ask: Some(ask),
        ..kept(delivery)
    }
}

fn next_attempt(mut delivery: Delivery, now: i64) -> Next {
    delivery.attempt = delivery.attempt.saturating_add(1);
    ask(delivery, now)
}

fn answered(
    mut delivery: Delivery,
    delivery_id: &str,
    attempt: u32,
    outcomes: Vec<(String, Outcome, String)>,
    now: i64,
) -> Next {
    let is_waited_for = attempt == delivery.attempt && matches!(delivery.stage, Stage::Asked { .. });
    let mut refused = BTreeMap::new();
    let mut gone = Vec::new();
    for (name, outcome, detail) in outcomes {
        match outcome {
            Outcome::Delivered | Outcome::NotWanted => {
                delivery.left.remove(&name);
                delivery.given_up.remove(&name);
            }
            Outcome::Refused | Outcome::Gone if !is_waited_for || !delivery.left.has(&name) => {}
            Outcome::Refused => drop(refused.insert(name, detail)),
            Outcome::Gone => {
                delivery.left.remove(&name);
                gone.push((name, given_up(Reason::Gone, detail, attempt)));
            }
        }
    }
    if is_waited_for && delivery.left == Left::All {
        delivery.left = Left::Named(refused.keys().cloned().collect());
    }
    delivery.given_up.extend(gone.iter().cloned());
    let mut next = if is_waited_for && !delivery.left.is_empty() {
        rest_or_give_up(delivery, delivery_id, &mut refused, now)
    } else {
        settled(delivery, now)
    };
    next.given_up.extend(gone);
    next
}

/// The attempt is answered, and somebody is left.
fn rest_or_give_up(
    mut delivery: Delivery,
    delivery_id: &str,
    refused: &mut BTreeMap<String, String>,
    now: i64,
) -> Next {
    delivery.tries = delivery.tries.saturating_add(1);
    if delivery.tries < TRIES_MAX {
        delivery.stage = Stage::Resting;
        delivery.due_at = now.saturating_add(rest_ms(delivery_id, delivery.tries));
        return kept(delivery);
    }
    let attempt = delivery.attempt;
    let exhausted = |name: String| {
        let detail = refused.remove(&name).unwrap_or_default();
        (name, given_up(Reason::Exhausted, detail, attempt))
    };
    let exhausted: Vec<_> = delivery.left.names().into_iter().map(exhausted).collect();
    delivery.left = Left::Named(Vec::new());
    delivery.given_up.extend(exhausted.iter().cloned());
    Next {
        given_up: exhausted,
        ..settled(delivery, now)
    }
}

/// Over, if nobody is left; and forgotten, if nothing was given up.
fn settled(mut delivery: Delivery, now: i64) -> Next {
    if !delivery.left.is_empty() {
        return kept(delivery);
    }
    if delivery.given_up.is_empty() {
        return Next::default();
    }
    if delivery.stage != Stage::Over {
        delivery.stage = Stage::Over;
        delivery.due_at = now.saturating_add(GIVEN_UP_KEPT_MS);
    }
    kept(delivery)
}

fn given_up(reason: Reason, detail: String, attempt: u32) -> GivenUp {
    GivenUp {
        reason,
        detail,
        attempt,
    }
}

/// Whoever is still tried is tried with those that are taken up again.
fn redeliver(mut delivery: Delivery, endpoint: Option<&str>, now: i64) -> Next {
    let wanted = |name: &String| endpoint.is_none_or(|endpoint| endpoint == name);
    let again: Vec<String> = delivery.given_up.keys().filter(|name| wanted(name)).cloned().collect();
    if again.is_empty() {
        return kept(delivery);
    }
    delivery.given_up.retain(|name, _| !again.contains(name));
    let mut left = delivery.left.names();
    left.extend(again);
    delivery.left = Left::Named(left);
    delivery.tries = 0;
    next_attempt(delivery, now)
}
