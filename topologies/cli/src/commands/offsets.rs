//! `sluice offsets show | reset`.

mod arguments;
mod inputs;
mod members;
mod moves;
mod reset;
mod show;
mod state;
mod target;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Subcommand;
use streams::{Layout, Topology};

use self::arguments::ResetArguments;
pub(super) use self::show::{Shown, shown};
use crate::commands::topology;
use crate::platform::{self, Platform};
use crate::settings::Settings;

#[derive(Debug, Subcommand)]
pub(crate) enum OffsetsCommand {
    /// Show what each topology has committed, and how far behind it is.
    ///
    /// Lag counts offsets; on Kafka a few of them hold no record. Time lag is the age of the oldest record that is still to be read.
    Show {
        /// The topology; all of them when it is left out.
        topology: Option<String>,
    },
    /// Set a stopped topology's committed offsets, and reset the state that follows from them.
    ///
    /// Without --execute only the plan is printed. A process that has just stopped counts as a member until its session ends
    /// (10 s on Kafka); --execute waits for that, a little longer than it takes. Refused, with nothing changed: live members,
    /// an unknown topology, topic or partition, an offset that a partition does not have, and a reset that would lose state.
    /// Records that are read again give outputs with the ids that they had before, so whoever reads them by id sees no change.
    Reset(Box<ResetArguments>),
}

pub(crate) fn run(settings: &Settings, command: &OffsetsCommand) -> anyhow::Result<ExitCode> {
    match command {
        OffsetsCommand::Show { topology } => show::run(settings, topology.as_deref()),
        OffsetsCommand::Reset(arguments) => reset::run(settings, arguments),
    }
}

/// A topology with its place on the platform's topics.
fn placed(platform: &dyn Platform, settings: &Settings, name: &str) -> anyhow::Result<(Topology, Arc<Layout>)> {
    let mut named = topology::named(topology::all()?, &[name.to_owned()])?;
    let topology = named.pop().context("the topology vanished")?;
    let layout = platform::place(platform, settings, &topology)?;
    Ok((topology, layout))
}
