//! `sluice` commands that do one thing and end.

use std::process::{Command, Stdio};

use anyhow::Context;
use serde_json::Value;

use crate::process::binary;

/// What a command did.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// Its results: standard output.
    pub printed: String,
    /// What it told people beside them: standard error.
    pub said: String,
}

/// Runs `sluice ARGUMENTS...` to its end.
pub fn run(arguments: &[&str], environment: &[(String, String)]) -> anyhow::Result<Ended> {
    let output = Command::new(binary()?)
        .args(arguments)
        .envs(environment.iter().cloned())
        .stdin(Stdio::null())
        .output()?;
    Ok(Ended {
        code: output.status.code().context("the command was killed")?,
        printed: String::from_utf8(output.stdout)?,
        said: String::from_utf8(output.stderr)?,
    })
}

/// Runs a command that has to succeed, and reads its results as JSON.
pub fn results(arguments: &[&str], environment: &[(String, String)]) -> anyhow::Result<Value> {
    let ended = run(&[arguments, &["--output", "json"]].concat(), environment)?;
    anyhow::ensure!(ended.code == 0, "{arguments:?}: {ended:?}");
    serde_json::from_str(&ended.printed).with_context(|| format!("{arguments:?}: {ended:?}"))
}
