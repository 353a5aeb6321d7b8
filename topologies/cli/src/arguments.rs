//! The command line.

use clap::{Parser, Subcommand};
use clap_complete::Shell;

use crate::commands::{accounts, audit, consume, metrics, offsets, run, schemas, topics, topology, webhooks};
#[cfg(feature = "trials")]
use crate::commands::{load, sim};
use crate::exit;
use crate::settings::{Serving, Settings};

/// Stream processing with exactly-once state, and a shop that runs on it.
#[derive(Debug, Parser)]
#[command(name = "sluice", version, after_help = exit::HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run everything in one process: all topologies and the edge API.
    Up(Serving),
    /// Run one or more topologies as their own deployable.
    Run(run::RunArguments),
    /// Run the edge API alone.
    Edge(Serving),
    /// Compare topics with what the topologies need, and create them.
    #[command(subcommand)]
    Topics(topics::TopicsCommand),
    /// Check schemas against the registry, and register them.
    #[command(subcommand)]
    Schemas(schemas::SchemasCommand),
    /// Show topologies.
    #[command(subcommand)]
    Topology(topology::TopologyCommand),
    /// Show and reset a topology's committed offsets.
    #[command(subcommand)]
    Offsets(offsets::OffsetsCommand),
    /// Show an account, disable it, or end its sessions.
    #[command(subcommand)]
    Accounts(accounts::AccountsCommand),
    /// Show deliveries of webhooks that are on their way or were given up, and deliver again.
    #[command(subcommand)]
    Webhooks(webhooks::WebhooksCommand),
    /// Read a topic: Avro to JSON.
    Consume(consume::ConsumeArguments),
    /// Check whether the books are right: orders, stock, money, changelogs and stores.
    Audit(audit::AuditArguments),
    /// Run the engine on a simulated cluster in which everything goes wrong, seed by seed.
    #[cfg(feature = "trials")]
    Sim(sim::SimArguments),
    /// List every metric that a serving process shows.
    Metrics(metrics::MetricsArguments),
    /// Post orders to an edge and measure how long they take.
    #[cfg(feature = "trials")]
    Load(load::LoadArguments),
    /// Print a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

impl Arguments {
    /// Whether what runs is a simulation.
    #[cfg_attr(
        not(feature = "trials"),
        allow(clippy::unused_self, reason = "what is shipped simulates nothing")
    )]
    pub(crate) fn is_simulated(&self) -> bool {
        #[cfg(feature = "trials")]
        let is_simulated = matches!(self.command, Command::Sim(_));
        #[cfg(not(feature = "trials"))]
        let is_simulated = false;
        is_simulated
    }
}
