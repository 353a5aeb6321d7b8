//! What is kept of an event that is on its way to endpoints.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// An event on its way. It is forgotten when every endpoint has it, or what was given up is too old.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The order that the event is of.
    pub order_id: String,
    /// The event as JSON, as the timeline has it.
    pub event: String,
    /// Number of the last attempt, from 1; never one twice.
    pub attempt: u32,
    /// Attempts since the event came, or since an operator had it delivered again, that some endpoint refused.
    pub tries: u32,
    /// What happens next.
    pub stage: Stage,
    /// Who is still to have it.
    pub left: Left,
    /// Who did not take it and is not asked any more, by name.
    pub given_up: BTreeMap<String, GivenUp>,
    /// When something is to be done if nothing comes before, in milliseconds since the epoch: the one timer of a delivery.
    pub due_at: i64,
}

/// What happens next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// The worker answers, or is asked again.
    Asked {
        /// How often this attempt was sent.
        sends: u32,
    },
    /// The next attempt.
    Resting,
    /// Nothing by itself: what was given up is kept for operators.
    Over,
}

/// The endpoints that are still to have an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Left {
    /// All that are configured, whoever they are.
    All,
    /// These, each once.
    Named(Vec<String>),
}

/// Why an endpoint does not get an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GivenUp {
    /// Why.
    pub reason: Reason,
    /// What the endpoint answered last.
    pub detail: String,
    /// Number of the last attempt.
    pub attempt: u32,
}

/// Why it was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// Every attempt was refused.
    Exhausted,
    /// The endpoint takes nothing any more.
    Gone,
}

/// What an attempt came to at one endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint has it.
    Delivered,
    /// The endpoint did not take it now.
    Refused,
    /// The endpoint takes nothing any more.
    Gone,
    /// The endpoint is not to have it.
    NotWanted,
}

impl Left {
    /// The names as a call has them: none stands for all.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        match self {
            Self::All => Vec::new(),
            Self::Named(names) => names.clone(),
        }
    }

    /// Whether nobody is left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Named(names) if names.is_empty())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.iter().any(|known| known == name),
        }
    }

    /// Takes an endpoint off. Of all, nobody knows who the others are.
    pub(super) fn remove(&mut self, name: &str) {
        if let Self::Named(names) = self {
            names.retain(|known| known != name);
        }
    }
}
