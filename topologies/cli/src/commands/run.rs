//! `sluice run`: topologies without the edge.

use std::process::ExitCode;

use clap::Args;

use crate::commands::{serving, topology};
use crate::exit::Refusal;
use crate::settings::{Serving, Settings};

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The topologies: accounts, products, payments, orders, views.
    #[arg(required = true, value_name = "TOPOLOGY")]
    names: Vec<String>,
    #[command(flatten)]
    serving: Serving,
}

pub(crate) fn run(settings: &Settings, arguments: &RunArguments) -> anyhow::Result<ExitCode> {
    if settings.kafka.is_none() {
        let reason = "`sluice run` needs --kafka: the embedded log serves one process, use `sluice up`";
        return Err(Refusal::refused(reason));
    }
    topology::named(topology::all()?, &arguments.names)?;
    serving::serve(
        settings,
        &arguments.serving,
        |name| arguments.names.iter().any(|own| own == name),
        false,
    )
}
