//! stub
use std::process::ExitCode;
#[derive(Debug, clap::Args)]
pub(crate) struct LoadArguments {}
pub(crate) fn run(_: &crate::settings::Settings, _: &LoadArguments) -> anyhow::Result<ExitCode> { anyhow::bail!("not yet") }
