//! `sluice topics plan | apply | acls`.

mod acls;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Args, Subcommand};
use commerce::topologies::is_optional;
use streams::PartitionCounts;

use crate::commands::topology;
use crate::exit::{self, Refusal};
use crate::platform::{self, Platform, TopicPlan, WantedTopic};
use crate::settings::Settings;
use crate::terminal;

#[derive(Debug, Subcommand)]
pub(crate) enum TopicsCommand {
    /// Say what is there, what differs and what would be created. Exits with 2 when anything is to be done.
    Plan(TopicsArguments),
    /// Create what is missing. A topic in another shape is refused, and then nothing is created.
    Apply(TopicsArguments),
    /// Say what parts of the system have to be allowed on Kafka, as arguments of `kafka-acls.sh`, a call a line. Give each part a
    /// principal of its own; Kafka is not asked. `| xargs -L 1 kafka-acls.sh --bootstrap-server ...` grants them.
    Acls(acls::AclsArguments),
}

#[derive(Debug, Args)]
pub(crate) struct TopicsArguments {
    /// With the topics of webhooks, which are left out as long as there are none.
    #[arg(long)]
    webhooks: bool,
}

pub(crate) fn run(settings: &Settings, command: &TopicsCommand) -> anyhow::Result<ExitCode> {
    match command {
        TopicsCommand::Plan(arguments) => {
            let (_, plan) = planned(settings, arguments)?;
            print(settings, &plan)?;
            let settled = plan.iter().all(|step| matches!(step, TopicPlan::Keep { .. }));
            Ok(ExitCode::from(if settled { exit::SUCCESS } else { exit::REFUSED }))
        }
        TopicsCommand::Apply(arguments) => {
            let (platform, plan) = planned(settings, arguments)?;
            apply(settings, platform.as_ref(), &plan)
        }
        TopicsCommand::Acls(arguments) => acls::run(settings, arguments),
    }
}

fn planned(settings: &Settings, arguments: &TopicsArguments) -> anyhow::Result<(Arc<dyn Platform>, Vec<TopicPlan>)> {
    let platform = platform::open(settings)?;
    let found = platform.topics()?;
    let webhooks = arguments.webhooks || platform::has_webhooks(&found);
    let plan = platform::plan(wanted(settings, &found, webhooks)?, &found);
    Ok((platform, plan))
}

fn apply(settings: &Settings, platform: &dyn Platform, plan: &[TopicPlan]) -> anyhow::Result<ExitCode> {
    print(settings, plan)?;
    let differing: Vec<&str> = plan.iter().filter_map(differing).collect();
    if !differing.is_empty() {
        return Err(Refusal::refused(format!(
            "nothing was created: {} in another shape; a topic is never altered by itself, because its records would be \
             spread or removed differently. Change it with Kafka's own tools, or choose another --application-id",
            differing.join(", ")
        )));
    }
    let missing: Vec<WantedTopic> = plan.iter().filter_map(missing).cloned().collect();
    platform.create_topics(&missing)?;
    tracing::info!(
        created = missing.len(),
        log = platform.describe(),
        "topics are as they should be"
    );
    Ok(ExitCode::from(exit::SUCCESS))
}

/// The external topics and the internal ones of every topology, placed as they will be once the external ones are there.
fn wanted(
    settings: &Settings,
    found: &BTreeMap<String, WantedTopic>,
    webhooks: bool,
) -> anyhow::Result<Vec<WantedTopic>> {
    let mut wanted = platform::external(settings.partitions, found, webhooks);
    let mut counts: PartitionCounts = wanted
        .iter()
        .map(|topic| (topic.name.clone(), topic.partitions))
        .collect();
    counts.extend(found.values().map(|topic| (topic.name.clone(), topic.partitions)));
    for topology in topology::all()? {
        if is_optional(topology.name()) && !webhooks {
            continue;
        }
        let layout = topology.place(&settings.application(topology.name()), &counts)?;
        wanted.extend(platform::internal(&layout));
    }
    Ok(wanted)
}

fn missing(step: &TopicPlan) -> Option<&WantedTopic> {
    match step {
        TopicPlan::Create { topic } => Some(topic),
        TopicPlan::Keep { .. } | TopicPlan::Differs { .. } => None,
    }
}

fn differing(step: &TopicPlan) -> Option<&str> {
    match step {
        TopicPlan::Differs { topic, .. } => Some(&topic.name),
        TopicPlan::Keep { .. } | TopicPlan::Create { .. } => None,
    }
}

fn print(settings: &Settings, plan: &[TopicPlan]) -> anyhow::Result<()> {
    if settings.json() {
        return terminal::json(&plan);
    }
    let rows: Vec<_> = plan.iter().map(row).collect();
    terminal::table(&["TOPIC", "PARTITIONS", "CLEANUP", "ACTION"], &rows)
}

fn row(step: &TopicPlan) -> Vec<String> {
    let (topic, action) = match step {
        TopicPlan::Keep { topic } => (topic, "keep".to_owned()),
        TopicPlan::Create { topic } => (topic, "create".to_owned()),
        TopicPlan::Differs { topic, found } => (topic, format!("differs: has {found}")),
    };
    vec![
        topic.name.clone(),
        topic.partitions.to_string(),
        topic.cleanup.to_string(),
        action,
    ]
}
