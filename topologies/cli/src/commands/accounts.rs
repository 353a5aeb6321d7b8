//! `sluice accounts show | disable | end-sessions`.

mod change;
mod find;

use std::process::ExitCode;

use ::schemas::wire::account::{AccountCommandPayload, AccountStatus, Credential, DisableAccount, EndSessions};
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use self::change::{Outcome, change};
use self::find::{Credentials, Wanted};
use crate::exit::{self, Refusal};
use crate::platform;
use crate::settings::Settings;
use crate::terminal;
use crate::times::rfc3339;

#[derive(Debug, Subcommand)]
pub(crate) enum AccountsCommand {
    /// Show an account.
    Show(AccountArguments),
    /// Close an account for good: its sessions are over, and it cannot log in any more.
    ///
    /// Its orders go on to their end, and what is in its wallet stays there.
    Disable(AccountArguments),
    /// End every session of an account; its owner can log in again.
    EndSessions(AccountArguments),
}

#[derive(Debug, Args)]
#[command(after_help = "\
A change goes the way of every command: it is stored in the topic account-commands, and the accounts topology acts on it, on
Kafka within a moment. The embedded log belongs to one process, so there a change is stored while that is stopped, and done
when it starts.")]
pub(crate) struct AccountArguments {
    /// Its e-mail address, its account id, or its login key.
    #[arg(value_name = "EMAIL|ID")]
    account: String,
}

/// An account as it is printed. Fields may be added.
#[derive(Debug, Serialize)]
struct Shown {
    account_id: String,
    login_key: String,
    display_name: String,
    role: Value,
    status: Value,
    version: i64,
    updated_at: String,
    /// What the command has come to; null where nothing was asked for.
    outcome: Option<Outcome>,
}

pub(crate) fn run(settings: &Settings, command: &AccountsCommand) -> anyhow::Result<ExitCode> {
    let (arguments, payload) = match command {
        AccountsCommand::Show(arguments) => (arguments, None),
        AccountsCommand::Disable(arguments) => (
            arguments,
            Some(AccountCommandPayload::DisableAccount(DisableAccount {})),
        ),
        AccountsCommand::EndSessions(arguments) => {
            (arguments, Some(AccountCommandPayload::EndSessions(EndSessions {})))
        }
    };
    let platform = platform::open(settings)?;
    let mut credentials = Credentials::open(platform.as_ref())?;
    let wanted = Wanted::from(arguments.account.as_str());
    let Some(found) = credentials.find(&wanted)? else {
        let reason = format!("{} has no account {:?}", platform.describe(), arguments.account);
        return Err(Refusal::refused(reason));
    };
    let (account, outcome) = match payload {
        None => (found.credential, None),
        // Whoever may not sign in has no session.
        Some(_) if found.credential.status == AccountStatus::Disabled => (found.credential, Some(Outcome::Already)),
        Some(payload) => {
            let (account, outcome) = change(settings, platform.as_ref(), &mut credentials, found, payload)?;
            (account, Some(outcome))
        }
    };
    print(settings, &Shown::new(account, outcome)?)?;
    Ok(ExitCode::from(exit::SUCCESS))
}

impl Shown {
    fn new(account: Credential, outcome: Option<Outcome>) -> anyhow::Result<Self> {
        Ok(Self {
            account_id: account.account_id,
            login_key: account.login_key,
            display_name: account.display_name,
            role: serde_json::to_value(account.role)?,
            status: serde_json::to_value(account.status)?,
            version: account.version,
            updated_at: rfc3339(account.updated_at),
            outcome,
        })
    }
}

fn print(settings: &Settings, shown: &Shown) -> anyhow::Result<()> {
    if settings.json() {
        return terminal::json(shown);
    }
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let header = ["ACCOUNT", "NAME", "ROLE", "STATUS", "VERSION", "CHANGED"];
    let row = vec![
        shown.account_id.clone(),
        shown.display_name.clone(),
        word(&shown.role),
        word(&shown.status),
        shown.version.to_string(),
        shown.updated_at.clone(),
    ];
    terminal::table(&header, &[row])?;
    shown.outcome.map_or(Ok(()), terminal::line)
}
