//! The schema registry of an embedded log: a table in this process, kept as records of an internal topic.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use schemas::evolution::Level;
use schemas::registry::{InProcessRegistry, Registration, RegistryError, SchemaRegistry};
use serde::{Deserialize, Serialize};
use streams::LogError;
use streams::log::LogReader;

use crate::commands::CommandRecord;
use crate::embedded::{Cleanup, EmbeddedBroker, EmbeddedError, EmbeddedTopic};

/// The topic of the registrations, one record each; Confluent's registry has one of the same name and purpose.
const TOPIC: &str = "_schemas";

/// A registry whose registrations live in the embedded log: a registration is on disk before its id is given away.
#[derive(Debug)]
pub struct EmbeddedRegistry {
    broker: Arc<EmbeddedBroker>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    table: InProcessRegistry,
    /// How many of the table's registrations are known to be on disk. One beyond keeps its id, since its write may have got through.
    saved: usize,
}

/// A registration as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct StoredRegistration {
    id: u32,
    subject: String,
    schema: String,
}

impl EmbeddedRegistry {
    /// The registry of this log, with everything that was ever registered in it.
    pub fn open(broker: &Arc<EmbeddedBroker>) -> Result<Self, EmbeddedError> {
        broker.create_topics(&[EmbeddedTopic {
            name: TOPIC.to_owned(),
            partitions: 1,
            cleanup: Cleanup::Delete { retention_ms: -1 },
        }])?;
        let registrations = stored(broker)?;
        let saved = registrations.len();
        let table = InProcessRegistry::import(registrations).map_err(|cause| damaged(&cause))?;
        Ok(Self {
            broker: Arc::clone(broker),
            state: Mutex::new(State { table, saved }),
        })
    }

    /// A panic elsewhere leaves the state whole: each of its two parts changes in one step, the table first.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn store(&self, registration: &Registration) -> Result<(), RegistryError> {
        let stored = StoredRegistration {
            id: registration.id,
            subject: registration.subject.clone(),
            schema: registration.schema.clone(),
        };
        let value = serde_json::to_vec(&stored).map_err(|cause| RegistryError::Refused(cause.to_string()))?;
        let record = CommandRecord {
            topic: TOPIC.to_owned(),
            key: registration.subject.clone().into_bytes(),
            value: Some(value),
            headers: Vec::new(),
            timestamp_ms: 0,
        };
        let written = self.broker.append(0, &record);
        written
            .map(drop)
            .map_err(|cause| RegistryError::Unavailable(cause.to_string()))
    }
}

impl SchemaRegistry for EmbeddedRegistry {
    fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError> {
        let mut state = self.state();
        let id = state.table.register(subject, schema)?;
        for registration in state.table.export().iter().skip(state.saved) {
            self.store(registration)?;
            state.saved += 1;
        }
        Ok(id)
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        self.state().table.schema(id)
    }

    fn latest(&self, subject: &str) -> Result<Option<Registration>, RegistryError> {
        self.state().table.latest(subject)
    }

    fn compatibility(&self, subject: &str, schema: &str) -> Result<(), RegistryError> {
        self.state().table.compatibility(subject, schema)
    }

    /// Levels are not kept: whoever starts sets them again.
    fn set_level(&self, subject: &str, level: Level) -> Result<(), RegistryError> {
        self.state().table.set_level(subject, level)
    }
}

/// Registrations in the order in which they were made. One whose write was unclear may be there twice.
fn stored(broker: &Arc<EmbeddedBroker>) -> Result<Vec<Registration>, EmbeddedError> {
    let mut reader = broker.reader();
    let mut registrations: Vec<Registration> = Vec::new();
    let mut unreadable = None;
    let read = reader.offsets(TOPIC, 0).and_then(|(start, end)| {
        reader.read(
            TOPIC,
            0,
            start,
            end,
            &mut |record| match serde_json::from_slice::<StoredRegistration>(record.value.unwrap_or_default()) {
                Ok(StoredRegistration { id, subject, schema }) => {
                    let registration = Registration { id, subject, schema };
                    if !registrations.contains(&registration) {
                        registrations.push(registration);
                    }
                    ControlFlow::Continue(())
                }
                Err(cause) => {
                    unreadable = Some(cause);
                    ControlFlow::Break(())
                }
            },
        )
    });
    read.map_err(|cause: LogError| EmbeddedError::Unavailable(cause.to_string()))?;
    unreadable.map_or(Ok(registrations), |cause| Err(damaged(&cause)))
}

fn damaged(cause: &dyn std::fmt::Display) -> EmbeddedError {
    EmbeddedError::Damaged(format!("the topic {TOPIC} of the embedded log cannot be read: {cause}"))
}
