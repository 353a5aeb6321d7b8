//! Records of the accounts topology.

use schemas::wire::account as wire;

use crate::account::{Account, AccountCommand, AccountEventKind, AccountStatus};
use crate::ids::AccountId;
use crate::wire::{WireError, id, number, role, role_to_wire};

/// Reads a command.
pub fn command(payload: wire::AccountCommandPayload) -> Result<AccountCommand, WireError> {
    Ok(match payload {
        wire::AccountCommandPayload::RegisterAccount(register) => AccountCommand::Register {
            account_id: id(register.account_id, "account id")?,
            display_name: register.display_name,
            role: role(register.role)?,
            password_hash: register.password_hash,
        },
        wire::AccountCommandPayload::ChangePassword(change) => AccountCommand::ChangePassword {
            password_hash: change.password_hash,
        },
        wire::AccountCommandPayload::DisableAccount(wire::DisableAccount {}) => AccountCommand::Disable,
    })
}

/// Writes an event about an account.
#[must_use]
pub fn event_to_wire(account_id: AccountId, kind: AccountEventKind) -> wire::AccountEventPayload {
    let account_id = account_id.0;
    match kind {
        AccountEventKind::Registered { role, display_name } => {
            let role = role_to_wire(role);
            wire::AccountEventPayload::AccountRegistered(wire::AccountRegistered {
                account_id,
                role,
                display_name,
            })
        }
        AccountEventKind::Disabled => wire::AccountEventPayload::AccountDisabled(wire::AccountDisabled { account_id }),
        AccountEventKind::RegistrationRefused => {
            let reason = wire::RegistrationRefusal::EmailTaken;
            wire::AccountEventPayload::RegistrationRefused(wire::RegistrationRefused { account_id, reason })
        }
    }
}

/// What everybody may know of an account.
#[must_use]
pub fn snapshot(account: &Account) -> wire::Account {
    wire::Account {
        account_id: account.account_id.0.clone(),
        role: role_to_wire(account.role),
        display_name: account.display_name.clone(),
        status: status_to_wire(account.status),
        version: number(account.version),
        updated_at: account.updated_at,
    }
}

/// What a sign-in is checked against.
#[must_use]
pub fn credential(account: &Account) -> wire::Credential {
    wire::Credential {
        login_key: account.login_key.0.clone(),
        account_id: account.account_id.0.clone(),
        role: role_to_wire(account.role),
        password_hash: account.password_hash.clone(),
        display_name: account.display_name.clone(),
        status: status_to_wire(account.status),
        version: number(account.version),
        updated_at: account.updated_at,
    }
}

fn status_to_wire(status: AccountStatus) -> wire::AccountStatus {
    match status {
        AccountStatus::Active => wire::AccountStatus::Active,
        AccountStatus::Disabled => wire::AccountStatus::Disabled,
    }
}
