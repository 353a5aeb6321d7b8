//! stub
use std::process::ExitCode;
#[derive(Debug, clap::Args)]
pub(crate) struct ConsumeArguments {}
pub(crate) fn run(_: &crate::settings::Settings, _: &ConsumeArguments) -> anyhow::Result<ExitCode> { anyhow::bail!("not yet") }
