//! What each part has to be allowed on Kafka, from the topologies themselves: no more than it does.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;

use ::schemas::topics as page;
use clap::Args;
use commerce::topologies::{payments, webhooks};
use edge_api::CommandSerdes;
use serde::Serialize;
use streams::{Layout, Topology};

use crate::commands::topology;
use crate::exit::{self, Refusal};
use crate::platform;
use crate::settings::Settings;
use crate::terminal;

/// Creates topics and registers schemas.
const PREPARE: &str = "prepare";
/// Runs a gateway.
const EDGE: &str = "edge";
/// Looks, audits, resets offsets, disables accounts.
const OPERATOR: &str = "operator";

#[derive(Debug, Args)]
pub(crate) struct AclsArguments {
    /// What the principal does: topologies by their names, `edge`, `prepare` (topics and schemas), `operator` (every other command).
    #[arg(required = true, value_name = "PART")]
    parts: Vec<String>,

    /// Who does it, as the brokers call it.
    #[arg(long, value_name = "TYPE:NAME", default_value = "User:sluice")]
    principal: String,
}

/// What is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Resource {
    Topic,
    Group,
    TransactionalId,
}

/// Whether a name means itself or all that begins with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Pattern {
    Literal,
    Prefixed,
}

/// What may be done, by Kafka's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
enum Operation {
    Create,
    Delete,
    Describe,
    DescribeConfigs,
    Read,
    Write,
}

/// What a process has to see of a topic that it touches: it compares its shape with what it needs.
const SEE: [Operation; 2] = [Operation::Describe, Operation::DescribeConfigs];

type Place = (Resource, Pattern, String);

/// What one principal may do where.
#[derive(Default)]
struct Rights(BTreeMap<Place, BTreeSet<Operation>>);

/// Rights on places of one kind that are the same.
#[derive(Serialize)]
struct Rule {
    resource: Resource,
    pattern: Pattern,
    operations: BTreeSet<Operation>,
    names: Vec<String>,
}

pub(super) fn run(settings: &Settings, arguments: &AclsArguments) -> anyhow::Result<ExitCode> {
    let mut rights = Rights::default();
    let placed = placed(settings)?;
    for part in &arguments.parts {
        match part.as_str() {
            PREPARE => rights.of_prepare(&placed),
            EDGE => rights.of_edge(settings),
            OPERATOR => rights.of_operator(settings, &placed),
            name => match placed.iter().find(|(topology, _)| topology.name() == name) {
                Some((topology, layout)) => rights.of_topology(settings, topology, layout),
                None => return Err(Refusal::refused(unknown(name, &placed))),
            },
        }
    }
    print(settings, &arguments.principal, &rights.rules())?;
    Ok(ExitCode::from(exit::SUCCESS))
}

/// The topologies on the topics that they will have. Nobody is asked: numbers of partitions make no difference.
fn placed(settings: &Settings) -> anyhow::Result<Vec<(Topology, Layout)>> {
    let external = platform::external(settings.partitions, &BTreeMap::new(), true);
    let counts = external
        .into_iter()
        .map(|topic| (topic.name, topic.partitions))
        .collect();
    let place = |topology: Topology| {
        let layout = topology.place(&settings.application(topology.name()), &counts)?;
        Ok((topology, layout))
    };
    topology::all()?.into_iter().map(place).collect()
}

fn unknown(name: &str, placed: &[(Topology, Layout)]) -> String {
    let topologies = placed.iter().map(|(topology, _)| topology.name());
    let known: Vec<&str> = topologies.chain([EDGE, PREPARE, OPERATOR]).collect();
    format!("{name:?} is no part; there are {}", known.join(", "))
}

impl Rights {
    /// Reads its inputs, writes its outputs, does both with what is its own; sees all topics of the shop, on which it places the other
    /// topologies to find their owners.
    fn of_topology(&mut self, settings: &Settings, topology: &Topology, layout: &Layout) {
        self.see_the_shop(settings);
        let mut touch = |index, operation| {
            if let Some(topic) = layout.topic(index) {
                self.on_topic(&topic.name, &SEE);
                self.on_topic(&topic.name, &[operation]);
            }
        };
        for part in topology.subtopologies() {
            part.inputs.iter().for_each(|input| touch(*input, Operation::Read));
            part.outputs.iter().for_each(|output| touch(*output, Operation::Write));
            if let Some(changelog) = part.changelog {
                touch(changelog, Operation::Read);
                touch(changelog, Operation::Write);
            }
        }
        // Dead letters are nobody's declared output.
        for topic in layout.written() {
            self.on_topic(&topic.name, &SEE);
            self.on_topic(&topic.name, &[Operation::Write]);
        }
        // What is said outside to what a topology asks there is written by the process that runs it.
        if let Some(topic) = answers(topology.name()) {
            self.on_topic(topic.name, &[Operation::Write]);
        }
        self.on_topic(&layout.task_topic(), &SEE);
        self.on_topic(&layout.task_topic(), &[Operation::Read]);
        let own = &layout.application_id;
        self.on(
            Resource::Group,
            Pattern::Literal,
            own,
            &[Operation::Read, Operation::Describe],
        );
        let transactions = [Operation::Write, Operation::Describe];
        self.on(
            Resource::TransactionalId,
            Pattern::Prefixed,
            &format!("{own}-"),
            &transactions,
        );
    }

    /// Appends commands, follows which sessions are over, and finds the owners of keys.
    fn of_edge(&mut self, settings: &Settings) {
        self.see_the_shop(settings);
        for topic in CommandSerdes::TOPICS {
            self.on_topic(topic.name, &[Operation::Write]);
        }
        self.on_topic(page::REVOCATIONS.name, &[Operation::Read]);
    }

    fn of_prepare(&mut self, placed: &[(Topology, Layout)]) {
        for name in shop().chain(own_topics(placed)) {
            self.on_topic(&name, &SEE);
            self.on_topic(&name, &[Operation::Create]);
        }
    }

    /// Reads everything; moves groups and makes state anew (`offsets reset`); asks for accounts to be disabled.
    fn of_operator(&mut self, settings: &Settings, placed: &[(Topology, Layout)]) {
        self.see_the_shop(settings);
        for name in shop() {
            self.on_topic(&name, &[Operation::Read]);
        }
        // Accounts that are disabled, and webhooks that are delivered again.
        for topic in [&page::ACCOUNT_COMMANDS, &page::WEBHOOK_ANSWERS] {
            self.on_topic(topic.name, &[Operation::Write]);
        }
        for name in own_topics(placed) {
            self.on_topic(&name, &SEE);
            self.on_topic(&name, &[Operation::Create, Operation::Delete, Operation::Read]);
        }
        for (_, layout) in placed {
            let group = [Operation::Read, Operation::Describe];
            self.on(Resource::Group, Pattern::Literal, &layout.application_id, &group);
        }
    }

    fn see_the_shop(&mut self, settings: &Settings) {
        for name in shop() {
            self.on_topic(&name, &SEE);
        }
        let groups = format!("{}-", settings.application_id);
        self.on(Resource::Group, Pattern::Prefixed, &groups, &[Operation::Describe]);
    }

    fn on_topic(&mut self, name: &str, operations: &[Operation]) {
        self.on(Resource::Topic, Pattern::Literal, name, operations);
    }

    fn on(&mut self, resource: Resource, pattern: Pattern, name: &str, operations: &[Operation]) {
        let place = (resource, pattern, name.to_owned());
        self.0.entry(place).or_default().extend(operations);
    }

    /// As few rules as say the same.
    fn rules(self) -> Vec<Rule> {
        let mut rules: BTreeMap<(Resource, Pattern, BTreeSet<Operation>), Vec<String>> = BTreeMap::new();
        for ((resource, pattern, name), operations) in self.0 {
            rules.entry((resource, pattern, operations)).or_default().push(name);
        }
        let rule = |((resource, pattern, operations), names)| Rule {
            resource,
            pattern,
            operations,
            names,
        };
        rules.into_iter().map(rule).collect()
    }
}

/// Where the workers beside a topology put what they have heard outside.
fn answers(topology: &str) -> Option<&'static page::TopicSpec> {
    match topology {
        payments::NAME => Some(&page::PROVIDER_ANSWERS),
        webhooks::NAME => Some(&page::WEBHOOK_ANSWERS),
        _ => None,
    }
}

/// The topics that everybody knows.
fn shop() -> impl Iterator<Item = String> {
    page::topics().iter().map(|topic| topic.name.to_owned())
}

/// The topics that the engine keeps for topologies.
fn own_topics(placed: &[(Topology, Layout)]) -> impl Iterator<Item = String> {
    let own = placed.iter().flat_map(|(_, layout)| platform::internal(layout));
    own.map(|topic| topic.name)
}

/// The arguments of `kafka-acls.sh`, a call a line.
fn print(settings: &Settings, principal: &str, rules: &[Rule]) -> anyhow::Result<()> {
    if settings.json() {
        return terminal::json(&serde_json::json!({ "principal": principal, "rules": rules }));
    }
    for rule in rules {
        terminal::line(rule.arguments(principal))?;
    }
    Ok(())
}

impl Rule {
    fn arguments(&self, principal: &str) -> String {
        let kind = match self.resource {
            Resource::Topic => "--topic",
            Resource::Group => "--group",
            Resource::TransactionalId => "--transactional-id",
        };
        let pattern = match self.pattern {
            Pattern::Literal => "literal",
            Pattern::Prefixed => "prefixed",
        };
        let operations = self
            .operations
            .iter()
            .map(|operation| format!(" --operation {operation:?}"));
        let names = self.names.iter().map(|name| format!(" {kind} {name}"));
        let rest: String = operations.chain(names).collect();
        format!("--add --allow-principal {principal} --resource-pattern-type {pattern}{rest}")
    }
}
