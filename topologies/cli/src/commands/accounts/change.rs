//! A change of an account that an operator asks for.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ::schemas::SchemaTable;
use ::schemas::wire::account::{AccountCommand, AccountCommandPayload, Credential};
use ::schemas::wire::envelope::{Actor, Envelope, Role};
use anyhow::Context;
use edge_api::CommandSerdes;
use edge_api::clock::{SystemEntropy, random_id};
use edge_api::commands::append;
use runtime::{Machine, OsMachine};
use serde::Serialize;

use super::find::{Credentials, Found};
use super::request::Request;
use crate::exit::Refusal;
use crate::platform::{self, Platform};
use crate::settings::Settings;

/// The accounts topology has acted by then, if it runs.
const DONE_WAIT_MAX: Duration = Duration::from_secs(30);
/// Interval at which it is looked whether it has.
const DONE_INTERVAL: Duration = Duration::from_millis(100);
/// Under whose name an operator acts.
const OPERATOR: &str = "operator";

/// What a change has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// It is done.
    Done,
    /// It is stored, and done when `sluice up` starts.
    Stored,
    /// There was nothing to do.
    Already,
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Done => "done",
            Self::Stored => "stored; it is done when `sluice up` starts",
            Self::Already => "there is nothing to do: it is so already, or the account is disabled",
        })
    }
}

/// Stores the command, and waits until the topology has acted on it if one can run beside this process.
pub(super) fn change(
    settings: &Settings,
    platform: &dyn Platform,
    credentials: &mut Credentials<'_>,
    mut found: Found,
    request: &Request,
) -> anyhow::Result<(Credential, Outcome)> {
    store(platform, &found.credential, request.payload())?;
    if settings.kafka.is_none() {
        return Ok((found.credential, Outcome::Stored));
    }
    let before = found.credential.version;
    let deadline = Instant::now() + DONE_WAIT_MAX;
    loop {
        credentials.follow(&mut found)?;
        if request.is_done(&found.credential, before) {
            return Ok((found.credential, Outcome::Done));
        }
        if Instant::now() >= deadline {
            let reason = format!(
                "the change is stored, but no accounts topology has acted on it within {} s; it will when one runs. \
                 See `sluice offsets show accounts`",
                DONE_WAIT_MAX.as_secs()
            );
            return Err(Refusal::unavailable(reason));
        }
        std::thread::sleep(DONE_INTERVAL);
    }
}

fn store(platform: &dyn Platform, account: &Credential, payload: AccountCommandPayload) -> anyhow::Result<()> {
    let schemas = Arc::new(SchemaTable::new());
    platform::publish_schemas(platform.registry()?.as_ref(), &schemas)?;
    let serdes = CommandSerdes::avro(&schemas);
    let id = random_id(&SystemEntropy)?;
    let command: AccountCommand = Envelope {
        id: commerce::ids::command_id(OPERATOR, &account.account_id, &id).to_string(),
        seq: 0,
        at: OsMachine.now_ms(),
        actor: Actor {
            account_id: OPERATOR.to_owned(),
            role: Role::System,
        },
        causation: id.clone(),
        correlation: id,
        payload,
    };
    let runtime = tokio::runtime::Runtime::new().context("cannot start the asynchronous runtime")?;
    let log = platform.commands()?;
    let stored = runtime.block_on(append(log.as_ref(), &serdes, &account.login_key, &command));
    stored
        .map(drop)
        .map_err(|problem| Refusal::unavailable(problem.body("").detail))
}
