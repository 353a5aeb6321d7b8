//! stub
use std::process::ExitCode;
#[derive(Debug, clap::Subcommand)]
pub(crate) enum OffsetsCommand { /// s
Show }
pub(crate) fn run(_: &crate::settings::Settings, _: &OffsetsCommand) -> anyhow::Result<ExitCode> { anyhow::bail!("not yet") }
