//! `sluice run`: topologies without the edge.

use std::process::ExitCode;

use clap::Args;
use commerce::topologies::webhooks;

use crate::commands::{serving, topology};
use crate::exit::Refusal;
use crate::settings::{Serving, Settings};

#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The topologies: accounts, products, payments, orders, views, and webhooks where it is wanted.
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
    let delivers = arguments.names.iter().any(|name| name == webhooks::NAME);
    if delivers && arguments.serving.webhooks_file.is_none() {
        let reason = "the topology webhooks needs --webhooks-file: without endpoints nobody answers it";
        return Err(Refusal::refused(reason));
    }
    serving::serve(
        settings,
        &arguments.serving,
        |name| arguments.names.iter().any(|own| own == name),
        false,
    )
}
