//! `sluice accounts show | disable | end-sessions | reset-password | remove-second-factor`.

mod change;
mod find;
mod request;

use std::process::ExitCode;

use ::schemas::wire::account::Credential;
use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use self::change::{Outcome, change};
use self::find::{Credentials, Wanted};
use self::request::Request;
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
    /// Make a code by which the owner chooses another password, at `POST /auth/password/reset`.
    ///
    /// It is shown once, is good once and for half an hour, and the last one counts. Make sure who the owner is before you hand it over:
    /// whoever has it and the address has the account, unless that has a second factor, which is asked for all the same.
    ResetPassword(AccountArguments),
    /// Take the second factor of an account away whose owner has lost it, and all its recovery codes. Its sessions are over.
    ///
    /// Make sure who the owner is: from then on the password is enough.
    RemoveSecondFactor(AccountArguments),
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
    /// The code for another password, and until when it is good; null where none was asked for.
    reset_code: Option<String>,
    reset_ends_at: Option<String>,
}

pub(crate) fn run(settings: &Settings, command: &AccountsCommand) -> anyhow::Result<ExitCode> {
    let platform = platform::open(settings)?;
    let mut credentials = Credentials::open(platform.as_ref())?;
    let name = &command.arguments().account;
    let Some(found) = credentials.find(&Wanted::from(name.as_str()))? else {
        let reason = format!("{} has no account {name:?}", platform.describe());
        return Err(Refusal::refused(reason));
    };
    let request = Request::of(command, &found.credential)?;
    let shown = match request {
        None => Shown::new(found.credential, None)?,
        Some(request) if request.is_needless(&found.credential) => {
            Shown::new(found.credential, Some(Outcome::Already))?
        }
        Some(request) => {
            let (account, outcome) = change(settings, platform.as_ref(), &mut credentials, found, &request)?;
            Shown::new(account, Some(outcome))?.with_reset(request)
        }
    };
    print(settings, &shown)?;
    Ok(ExitCode::from(exit::SUCCESS))
}

impl AccountsCommand {
    fn arguments(&self) -> &AccountArguments {
        match self {
            Self::Show(arguments)
            | Self::Disable(arguments)
            | Self::EndSessions(arguments)
            | Self::ResetPassword(arguments)
            | Self::RemoveSecondFactor(arguments) => arguments,
        }
    }
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
            reset_code: None,
            reset_ends_at: None,
        })
    }

    fn with_reset(mut self, request: Request) -> Self {
        if let Some((code, ends_at)) = request.reset() {
            self.reset_code = Some(code);
            self.reset_ends_at = Some(rfc3339(ends_at));
        }
        self
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
    if let (Some(code), Some(ends_at)) = (&shown.reset_code, &shown.reset_ends_at) {
        terminal::line(format!(
            "code for another password, good once and until {ends_at}: {code}"
        ))?;
    }
    shown.outcome.map_or(Ok(()), terminal::line)
}
