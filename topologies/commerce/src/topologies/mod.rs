//! The deployables as topologies: the state machines wired to topics, stores and timers.

pub mod accounts;
pub mod orders;
pub mod payments;
pub mod products;
pub mod views;
pub mod webhooks;

use std::sync::Arc;

use schemas::wire::{Wire, envelope::Envelope};
use schemas::{AvroSerde, SchemaTable};
use streams::serde::StringSerde;
use streams::{ProcessError, ProcessorContext, TimerRef, Topic, Topology, TopologyError};

use crate::authority::Actor;
use crate::wire;

/// All topologies of the shop, in the order in which a process starts them.
pub fn all(schemas: &Arc<SchemaTable>) -> Result<Vec<Topology>, TopologyError> {
    Ok(vec![
        accounts::topology(schemas)?,
        products::topology(schemas)?,
        payments::topology(schemas)?,
        orders::topology(schemas)?,
        views::topology(schemas)?,
    ])
}

/// The shop's topologies, and those that run only where they are wanted.
pub fn every(schemas: &Arc<SchemaTable>) -> Result<Vec<Topology>, TopologyError> {
    let mut every = all(schemas)?;
    every.push(webhooks::topology(schemas)?);
    Ok(every)
}

/// Whether a topology runs only where it is wanted: a shop without it is whole.
#[must_use]
pub fn is_optional(topology: &str) -> bool {
    topology == webhooks::NAME
}

/// The topic that holds records of type `T`, with the serdes of its keys and values.
#[must_use]
pub fn topic<T: Wire>(schemas: &Arc<SchemaTable>) -> Topic<String, T> {
    Topic::new(T::topic().name, StringSerde, AvroSerde::<T>::new(schemas))
}

/// Has the one timer of a key fire at another time than before, or no more.
fn move_timer(
    context: &mut ProcessorContext<'_, '_, (), ()>,
    timers: &TimerRef<String>,
    key: &String,
    before: Option<i64>,
    after: Option<i64>,
) -> Result<(), ProcessError> {
    if before == after {
        return Ok(());
    }
    if let Some(at) = before {
        context.cancel_timer(timers, key, at)?;
    }
    after.map_or(Ok(()), |at| context.set_timer(timers, key, at))
}

/// What an incoming envelope says about the records that follow from it.
struct Cause {
    id: String,
    correlation: String,
}

impl Cause {
    fn of<P>(envelope: &Envelope<P>) -> Self {
        Self {
            id: envelope.id.clone(),
            correlation: envelope.correlation.clone(),
        }
    }
}

/// Checks the key of a record and who asked for it.
fn admit<P>(key: &str, envelope: &Envelope<P>) -> Result<Actor, ProcessError> {
    wire::check_key(key).map_err(ProcessError::refused)?;
    wire::actor(&envelope.actor).map_err(ProcessError::refused)
}
