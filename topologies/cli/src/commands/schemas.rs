//! `sluice schemas check | register`.

use std::process::ExitCode;

use ::schemas::evolution;
use ::schemas::registry::{RegistryError, SchemaRegistry};
use ::schemas::topics::{self as page, TopicSpec};
use clap::Subcommand;
use serde::Serialize;

use crate::exit::{self, Refusal};
use crate::platform;
use crate::settings::Settings;
use crate::terminal;

#[derive(Debug, Subcommand)]
pub(crate) enum SchemasCommand {
    /// Check every schema against its recorded versions and against the registry. Registers nothing; exits with 2 when a
    /// schema is refused.
    Check,
    /// Set each subject's compatibility level and register its schema. What is registered already keeps its id.
    Register,
}

/// What there is to say about one subject.
#[derive(Debug, Serialize)]
struct Line {
    subject: &'static str,
    level: &'static str,
    state: State,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// The registry's newest version is this schema.
    Registered,
    /// The registry does not know the subject.
    New,
    /// The registry would take this schema as a further version.
    Compatible,
    /// The gate or the registry refuses it.
    Refused,
}

pub(crate) fn run(settings: &Settings, command: &SchemasCommand) -> anyhow::Result<ExitCode> {
    // The registry may live in the log, which is closed with the platform.
    let platform = platform::open(settings)?;
    let registry = platform.registry()?;
    let look = match command {
        SchemasCommand::Check => check,
        SchemasCommand::Register => register,
    };
    let mut lines = Vec::new();
    for topic in page::topics() {
        lines.push(look(registry.as_ref(), topic).map_err(|error| Refusal::unavailable(error.to_string()))?);
    }
    print(settings, &lines)?;
    let refused = lines.iter().any(|line| line.state == State::Refused);
    Ok(ExitCode::from(if refused { exit::REFUSED } else { exit::SUCCESS }))
}

/// A refusal is a line; an error means that the registry does not answer.
fn check(registry: &dyn SchemaRegistry, topic: &'static TopicSpec) -> Result<Line, RegistryError> {
    if let Err(refused) = evolution::check_topic(topic) {
        return Ok(line(topic, State::Refused, None, Some(refused.to_string())));
    }
    let latest = match registry.latest(topic.subject) {
        Ok(latest) => latest,
        Err(error) => return told(topic, error),
    };
    if let Some(latest) = latest.as_ref().filter(|latest| same(&latest.schema, topic.schema)) {
        return Ok(line(topic, State::Registered, Some(latest.id), None));
    }
    // The registry's level may be any; the versions that it has are checked here too, by the level that is wanted.
    let gate = latest.as_ref().map_or(Ok(()), |latest| {
        evolution::check(topic.subject, &latest.schema, topic.schema, topic.level())
    });
    if let Err(refused) = gate {
        return Ok(line(topic, State::Refused, None, Some(refused.to_string())));
    }
    match registry.compatibility(topic.subject, topic.schema) {
        Ok(()) if latest.is_none() => Ok(line(topic, State::New, None, None)),
        Ok(()) => Ok(line(topic, State::Compatible, None, None)),
        Err(error) => told(topic, error),
    }
}

fn register(registry: &dyn SchemaRegistry, topic: &'static TopicSpec) -> Result<Line, RegistryError> {
    let registered = registry
        .set_level(topic.subject, topic.level())
        .and_then(|()| registry.register(topic.subject, topic.schema));
    match registered {
        Ok(id) => Ok(line(topic, State::Registered, Some(id), None)),
        Err(error) => told(topic, error),
    }
}

fn told(topic: &'static TopicSpec, error: RegistryError) -> Result<Line, RegistryError> {
    if error.is_retriable() {
        Err(error)
    } else {
        Ok(line(topic, State::Refused, None, Some(error.to_string())))
    }
}

fn line(topic: &'static TopicSpec, state: State, id: Option<u32>, reason: Option<String>) -> Line {
    Line {
        subject: topic.subject,
        level: topic.level().as_str(),
        state,
        id,
        reason,
    }
}

/// Whether two texts are the same JSON; registries may write a schema without its spaces.
fn same(one: &str, other: &str) -> bool {
    let parsed = |text| serde_json::from_str::<serde_json::Value>(text).ok();
    one == other || parsed(one).is_some_and(|one| parsed(other) == Some(one))
}

fn print(settings: &Settings, lines: &[Line]) -> anyhow::Result<()> {
    if settings.json() {
        return terminal::json(&lines);
    }
    let row = |line: &Line| {
        let id = line.id.map_or_else(String::new, |id| id.to_string());
        let state = match line.state {
            State::Registered => "registered",
            State::New => "new",
            State::Compatible => "compatible",
            State::Refused => "refused",
        };
        let reason = line.reason.clone().unwrap_or_default();
        vec![
            line.subject.to_owned(),
            line.level.to_owned(),
            state.to_owned(),
            id,
            reason,
        ]
    };
    let rows: Vec<_> = lines.iter().map(row).collect();
    terminal::table(&["SUBJECT", "LEVEL", "STATE", "ID", "REASON"], &rows)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use ::schemas::registry::InProcessRegistry;

    use super::*;

    #[test]
    fn a_subject_is_new_until_it_is_registered() {
        let registry = InProcessRegistry::new();
        assert_eq!(check(&registry, &page::ORDERS).unwrap().state, State::New);
        let id = register(&registry, &page::ORDERS).unwrap().id;
        let found = check(&registry, &page::ORDERS).unwrap();
        assert_eq!((found.state, found.id), (State::Registered, id));
    }

    #[test]
    fn a_schema_that_breaks_what_the_registry_has_is_refused_with_a_reason() {
        let registry = InProcessRegistry::new();
        let other = r#"{"type": "record", "name": "Order", "namespace": "sluice", "fields": []}"#;
        registry.register(page::ORDERS.subject, other).unwrap();
        let found = check(&registry, &page::ORDERS).unwrap();
        assert_eq!(found.state, State::Refused);
        assert!(found.reason.is_some());
    }
}
