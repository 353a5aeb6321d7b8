//! One file per command.

pub(crate) mod accounts;
pub(crate) mod audit;
pub(crate) mod consume;
#[cfg(feature = "trials")]
pub(crate) mod load;
pub(crate) mod metrics;
pub(crate) mod offsets;
pub(crate) mod run;
pub(crate) mod schemas;
mod serving;
#[cfg(feature = "trials")]
pub(crate) mod sim;
pub(crate) mod topics;
pub(crate) mod topology;
pub(crate) mod webhooks;

use std::process::ExitCode;

use clap::CommandFactory;

use crate::arguments::{Arguments, Command};
use crate::exit;

/// Runs a command and answers its exit code.
pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { settings, command } = arguments;
    match command {
        Command::Up(serving) => serving::up(&settings, &serving),
        Command::Run(arguments) => run::run(&settings, &arguments),
        Command::Edge(serving) => serving::edge(&settings, &serving),
        Command::Topics(command) => topics::run(&settings, &command),
        Command::Schemas(command) => schemas::run(&settings, &command),
        Command::Topology(command) => topology::run(&settings, &command),
        Command::Offsets(command) => offsets::run(&settings, &command),
        Command::Accounts(command) => accounts::run(&settings, &command),
        Command::Webhooks(command) => webhooks::run(&settings, &command),
        Command::Consume(arguments) => consume::run(&settings, &arguments),
        Command::Audit(arguments) => audit::run(&settings, &arguments),
        #[cfg(feature = "trials")]
        Command::Sim(arguments) => sim::run(&arguments),
        Command::Metrics(arguments) => metrics::run(&settings, &arguments),
        #[cfg(feature = "trials")]
        Command::Load(arguments) => load::run(&settings, &arguments),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "sluice", &mut std::io::stdout());
            Ok(ExitCode::from(exit::SUCCESS))
        }
    }
}
