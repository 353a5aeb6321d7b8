//! `sluice webhooks list | redeliver`.

mod deliveries;
mod redeliver;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use commerce::topologies::webhooks::NAME;
use serde::Serialize;

use self::deliveries::{Found, State, each};
use crate::commands::topology;
use crate::exit::{self, Refusal};
use crate::platform::{self, Platform};
use crate::settings::Settings;
use crate::terminal;
use crate::times::rfc3339;

/// Rows that are printed unless more are asked for.
const ROWS_DEFAULT: usize = 100;

#[derive(Debug, Subcommand)]
pub(crate) enum WebhooksCommand {
    /// Show events that an endpoint has still to get, and those that were given up.
    ///
    /// It is read from the changelog of the topology webhooks, whichever instance has the task: on Kafka beside the running system,
    /// on the embedded log while that is stopped.
    List(ListArguments),
    /// Have what was given up delivered again, by the topology webhooks.
    ///
    /// An event is offered with the id that it had before. On the embedded log it happens when `sluice up` starts.
    Redeliver(RedeliverArguments),
}

#[derive(Debug, Args)]
pub(crate) struct ListArguments {
    /// Only of this endpoint; an event that no endpoint has been asked about yet is of none.
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
    /// Only what was given up.
    #[arg(long)]
    given_up: bool,
    /// Rows to print; what is behind them is counted.
    #[arg(long, value_name = "N", default_value_t = ROWS_DEFAULT)]
    limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct RedeliverArguments {
    /// The events, by id.
    #[arg(value_name = "EVENT", required_unless_present = "all", conflicts_with = "all")]
    events: Vec<String>,
    /// All that was given up.
    #[arg(long)]
    all: bool,
    /// Only to this endpoint.
    #[arg(long, value_name = "NAME")]
    endpoint: Option<String>,
}

/// What is shown. Fields may be added.
#[derive(Debug, Default, Serialize)]
struct Listed {
    /// Events that are on their way to an endpoint.
    pending: u64,
    /// Events that were given up at an endpoint.
    given_up: u64,
    items: Vec<Row>,
}

#[derive(Debug, Serialize)]
struct Row {
    event_id: String,
    order_id: String,
    #[serde(rename = "type")]
    kind: String,
    /// Null while no endpoint has been asked about the event.
    endpoint: Option<String>,
    state: State,
    attempt: u32,
    /// When something happens by itself: the next attempt, the next time that the worker is asked, or the end of what was given up.
    due_at: String,
    detail: String,
}

pub(crate) fn run(settings: &Settings, command: &WebhooksCommand) -> anyhow::Result<ExitCode> {
    let platform = platform::open(settings)?;
    if !platform::has_webhooks(&platform.topics()?) {
        return Err(Refusal::refused(format!(
            "{} has no topics of webhooks; they come with --webhooks-file",
            platform.describe()
        )));
    }
    match command {
        WebhooksCommand::List(arguments) => list(settings, platform.as_ref(), arguments),
        WebhooksCommand::Redeliver(arguments) => redeliver::run(settings, platform.as_ref(), arguments),
    }?;
    Ok(ExitCode::from(exit::SUCCESS))
}

/// The deliveries as the topology has committed them.
fn all(settings: &Settings, platform: &dyn Platform) -> anyhow::Result<Vec<Found>> {
    let mut named = topology::named(topology::all()?, &[NAME.to_owned()])?;
    let mut found = Vec::new();
    if let Some(topology) = named.pop() {
        let layout = platform::place(platform, settings, &topology)?;
        deliveries::read(platform, &layout, &mut found)?;
    }
    Ok(found)
}

fn list(settings: &Settings, platform: &dyn Platform, arguments: &ListArguments) -> anyhow::Result<()> {
    let mut listed = Listed::default();
    for found in all(settings, platform)? {
        for told in each(&found) {
            let is_of = arguments.endpoint.is_none() || arguments.endpoint == told.endpoint;
            if !is_of || (arguments.given_up && told.state != State::GivenUp) {
                continue;
            }
            match told.state {
                State::GivenUp => listed.given_up += 1,
                State::Asked | State::Resting => listed.pending += 1,
            }
            if listed.items.len() < arguments.limit {
                listed.items.push(Row {
                    event_id: found.event_id.clone(),
                    order_id: found.order_id.clone(),
                    kind: found.kind.clone(),
                    endpoint: told.endpoint,
                    state: told.state,
                    attempt: told.attempt,
                    due_at: rfc3339(found.due_at),
                    detail: told.detail,
                });
            }
        }
    }
    print(settings, &listed)
}

fn print(settings: &Settings, listed: &Listed) -> anyhow::Result<()> {
    if settings.json() {
        return terminal::json(listed);
    }
    let row = |row: &Row| {
        vec![
            row.event_id.clone(),
            row.kind.clone(),
            row.endpoint.clone().unwrap_or_else(|| "-".to_owned()),
            row.state.to_string(),
            row.attempt.to_string(),
            row.due_at.clone(),
            row.detail.clone(),
        ]
    };
    let rows: Vec<_> = listed.items.iter().map(row).collect();
    terminal::table(
        &["EVENT", "TYPE", "ENDPOINT", "STATE", "ATTEMPT", "DUE", "DETAIL"],
        &rows,
    )?;
    let (pending, given_up) = (listed.pending, listed.given_up);
    terminal::line(format!("{pending} on their way, {given_up} given up"))
}
