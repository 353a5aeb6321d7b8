//! `sluice topology list | describe`.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::{Subcommand, ValueEnum};
use commerce::topologies::{every, is_optional};
use schemas::SchemaTable;
use serde_json::json;
use streams::Topology;

use crate::exit::{self, Refusal};
use crate::platform::{self, WantedTopic};
use crate::settings::Settings;
use crate::terminal;

#[derive(Debug, Subcommand)]
pub(crate) enum TopologyCommand {
    /// List the topologies with their sources, stores and sinks.
    List,
    /// Draw a topology.
    Describe {
        /// The topology; all of them when it is left out.
        name: Option<String>,
        /// The form of the drawing; --output json is the same as json here.
        #[arg(long, value_enum, default_value_t = Form::Text)]
        form: Form,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Text in Kafka Streams' style.
    Text,
    /// JSON.
    Json,
    /// A Mermaid flowchart.
    Mermaid,
}

pub(crate) fn run(settings: &Settings, command: &TopologyCommand) -> anyhow::Result<ExitCode> {
    match command {
        TopologyCommand::List => list(settings),
        TopologyCommand::Describe { name, form } => describe(settings, name.as_deref(), *form),
    }?;
    Ok(ExitCode::from(exit::SUCCESS))
}

/// All topologies, for commands that need their shape but no schema ids.
pub(crate) fn all() -> anyhow::Result<Vec<Topology>> {
    every(&Arc::new(SchemaTable::new())).context("the topologies are built wrongly")
}

/// The topologies that are deployed on these topics: those that run only where they are wanted have topics of their own.
pub(crate) fn deployed(found: &BTreeMap<String, WantedTopic>) -> anyhow::Result<Vec<Topology>> {
    let mut deployed = all()?;
    deployed.retain(|topology| platform::has_webhooks(found) || !is_optional(topology.name()));
    Ok(deployed)
}

/// The topologies of these names, in the order of [`all`]; an unknown name is refused.
pub(crate) fn named(all: Vec<Topology>, names: &[String]) -> anyhow::Result<Vec<Topology>> {
    let known: Vec<&str> = all.iter().map(Topology::name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        let known = known.join(", ");
        return Err(Refusal::refused(format!(
            "there is no topology {unknown:?}; there are {known}"
        )));
    }
    Ok(all
        .into_iter()
        .filter(|topology| names.iter().any(|name| name == topology.name()))
        .collect())
}

fn list(settings: &Settings) -> anyhow::Result<()> {
    let topologies = all()?;
    if settings.json() {
        let described: Vec<_> = topologies.iter().map(|topology| summary(topology, settings)).collect();
        return terminal::json(&described);
    }
    let row = |topology: &Topology| {
        let parts = topology.subtopologies().len();
        let stores = topology
            .stores()
            .iter()
            .map(|store| store.name.as_str())
            .collect::<Vec<_>>()
            .join(", ");
        let external = topology.external_topics().collect::<Vec<_>>().join(", ");
        vec![
            topology.name().to_owned(),
            settings.application(topology.name()),
            parts.to_string(),
            stores,
            external,
        ]
    };
    let rows: Vec<_> = topologies.iter().map(row).collect();
    terminal::table(&["TOPOLOGY", "APPLICATION", "PARTS", "STORES", "TOPICS"], &rows)
}

fn summary(topology: &Topology, settings: &Settings) -> serde_json::Value {
    json!({
        "topology": topology.name(),
        "application_id": settings.application(topology.name()),
        "subtopologies": topology.subtopologies().len(),
        "stores": topology.stores().iter().map(|store| &store.name).collect::<Vec<_>>(),
        "topics": topology.external_topics().collect::<Vec<_>>(),
    })
}

fn describe(settings: &Settings, name: Option<&str>, form: Form) -> anyhow::Result<()> {
    let mut topologies = all()?;
    if let Some(name) = name {
        topologies = named(topologies, &[name.to_owned()])?;
    }
    let form = if settings.json() { Form::Json } else { form };
    for description in topologies.iter().map(Topology::describe) {
        match form {
            Form::Text => terminal::line(description)?,
            Form::Json => terminal::json(&description)?,
            Form::Mermaid => terminal::line(description.mermaid())?,
        }
    }
    Ok(())
}
