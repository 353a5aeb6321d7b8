//! The port to a schema registry, and what a process does with one.
//!
//! Registries are asked rarely: once per topic at the start, once per schema id ever met. The one over
//! HTTP lives in the runtime; [`InProcessRegistry`] serves the embedded log, tests and simulation.

mod in_process;

use thiserror::Error;

pub use in_process::{InProcessRegistry, REGISTRATIONS_MAX};

use crate::SchemaTable;
use crate::evolution::Level;
use crate::topics::{self, TopicSpec};

/// A schema registry. Calls may block on I/O, so they are made between records, never within one.
pub trait SchemaRegistry: Send + Sync {
    /// Registers `schema` as the newest version of `subject` and answers its id. Registering a version
    /// again answers the id it has.
    fn register(&self, subject: &str, schema: &str) -> Result<u32, RegistryError>;

    /// The text of the schema with this id; `None` if the registry has none.
    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError>;

    /// The newest version of `subject`; `None` if the registry does not know the subject.
    fn latest(&self, subject: &str) -> Result<Option<Registration>, RegistryError>;

    /// Whether `schema` may become the newest version of `subject`; registers nothing.
    fn compatibility(&self, subject: &str, schema: &str) -> Result<(), RegistryError>;

    /// Sets what new versions of `subject` have to keep. Some registries check nothing unless told.
    fn set_level(&self, subject: &str, level: Level) -> Result<(), RegistryError>;
}

/// One registered version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// The id that records carry.
    pub id: u32,
    /// The subject.
    pub subject: String,
    /// The schema as Avro JSON.
    pub schema: String,
}

/// Why a registry did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RegistryError {
    /// It did not answer, or said that it cannot now: ask again later.
    #[error("the schema registry is not available: {0}")]
    Unavailable(String),
    /// The schema breaks readers of the subject: asking again will not help.
    #[error("incompatible schema: {0}")]
    Incompatible(String),
    /// It refused for another reason: asking again will not help.
    #[error("the schema registry refused: {0}")]
    Refused(String),
}

/// Registers the current schema of these topics, level first, and records the ids in `table`. Stops at
/// the first error; what is registered until then stays, and calling again goes on.
pub fn publish(
    registry: &dyn SchemaRegistry,
    topics: &[&'static TopicSpec],
    table: &SchemaTable,
) -> Result<(), RegistryError> {
    for topic in topics {
        registry.set_level(topic.subject, topic.level())?;
        let id = registry.register(topic.subject, topic.schema)?;
        table.set_subject(topic.subject, id);
    }
    Ok(())
}

/// Looks up a schema id that a record named (`SerdeError::MissingSchema`) and records the answer, so
/// that the record can be read again: it decodes, or it is malformed. An error means that the registry
/// could not tell; the record has to wait.
pub fn resolve(registry: &dyn SchemaRegistry, id: u32, table: &SchemaTable) -> Result<(), RegistryError> {
    match registry.schema(id)? {
        Some(schema) => table.insert(id, &schema),
        None => table.mark_absent(id),
    }
    Ok(())
}

/// The level of a subject: that of its topic, backward for any other.
fn level_of(subject: &str) -> Level {
    topics::by_subject(subject).map_or(Level::BackwardTransitive, TopicSpec::level)
}

impl RegistryError {
    /// Whether asking again later may help.
    #[must_use]
    pub const fn is_retriable(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Incompatible(_) | Self::Refused(_) => false,
        }
    }
}
