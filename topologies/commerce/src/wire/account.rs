//! Records of the accounts topology.

use schemas::wire::account as wire;
use schemas::wire::revocation::{self, Revocation};

use crate::account::{
    Account, AccountCommand, AccountEventKind, AccountStatus, Code, Renewal, Reset, RevocationReason, SecondFactor,
};
use crate::ids::AccountId;
use crate::payment::Holder;
use crate::wire::{WireError, count, id, number, role, role_to_wire};

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
        wire::AccountCommandPayload::EndSessions(wire::EndSessions {}) => AccountCommand::EndSessions,
        wire::AccountCommandPayload::EnrolSecondFactor(enrol) => AccountCommand::Enrol(SecondFactor {
            sealed_secret: enrol.sealed_secret,
            recovery_hashes: enrol.recovery_hashes,
            last_step: enrol.step,
            spent_by: id(enrol.attempt, "attempt")?,
        }),
        wire::AccountCommandPayload::SpendCode(spend) => AccountCommand::Spend {
            code: code(spend.step, spend.recovery_hash)?,
            attempt: id(spend.attempt, "attempt")?,
        },
        wire::AccountCommandPayload::RemoveSecondFactor(wire::RemoveSecondFactor { code: spend }) => {
            AccountCommand::RemoveSecondFactor {
                code: code(spend.step, spend.recovery_hash)?,
                attempt: id(spend.attempt, "attempt")?,
            }
        }
        wire::AccountCommandPayload::OfferPasswordReset(offer) => AccountCommand::OfferReset(Reset {
            code_hash: offer.code_hash,
            ends_at: offer.ends_at,
        }),
        wire::AccountCommandPayload::ResetPassword(reset) => AccountCommand::ResetPassword {
            code_hash: reset.code_hash,
            password_hash: reset.password_hash,
            second_factor: reset.second_factor.map(spent).transpose()?,
        },
        wire::AccountCommandPayload::ForgetSecondFactor(wire::ForgetSecondFactor {}) => {
            AccountCommand::ForgetSecondFactor
        }
        wire::AccountCommandPayload::RenewProtection(renewal) => AccountCommand::Renew(Renewal {
            version: count(renewal.version)?,
            password_hash: renewal.password_hash,
            sealed_secret: renewal.sealed_secret,
        }),
    })
}

/// A code that is used up beside something else, and who tries.
fn spent(spend: wire::SpendCode) -> Result<(Code, String), WireError> {
    Ok((code(spend.step, spend.recovery_hash)?, id(spend.attempt, "attempt")?))
}

/// A code is of a step or a recovery code, and not both.
fn code(step: Option<i64>, recovery_hash: Option<String>) -> Result<Code, WireError> {
    match (step, recovery_hash) {
        (Some(step), None) => Ok(Code::Step(step)),
        (None, Some(hash)) => Ok(Code::Recovery(hash)),
        (Some(_), Some(_)) | (None, None) => Err(WireError::OutOfRange("code")),
    }
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

/// What a wallet may know of the account that holds it. A status that this program does not know is no leave to pay.
pub fn holder(account: &wire::Account) -> Result<Holder, WireError> {
    Ok(Holder {
        role: role(account.role)?,
        status: match account.status {
            wire::AccountStatus::Active => AccountStatus::Active,
            wire::AccountStatus::Disabled => AccountStatus::Disabled,
            wire::AccountStatus::Unknown => AccountStatus::Disabled,
        },
        version: count(account.version)?,
    })
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
        second_factor: account.second_factor.as_ref().map(|factor| wire::SecondFactor {
            sealed_secret: factor.sealed_secret.clone(),
            recovery_hashes: factor.recovery_hashes.clone(),
            last_step: factor.last_step,
            spent_by: factor.spent_by.clone(),
        }),
        reset: account.reset.as_ref().map(|reset| wire::PasswordReset {
            code_hash: reset.code_hash.clone(),
            ends_at: reset.ends_at,
        }),
    }
}

/// Every session is over that began with an earlier version of the account.
#[must_use]
pub fn revocation(account: &Account, reason: RevocationReason) -> Revocation {
    Revocation {
        session_id: None,
        account_id: account.account_id.0.clone(),
        revoked_at: account.updated_at,
        reason: match reason {
            RevocationReason::PasswordChanged => revocation::RevocationReason::PasswordChanged,
            RevocationReason::AccountDisabled => revocation::RevocationReason::AccountDisabled,
            RevocationReason::Logout => revocation::RevocationReason::Logout,
            RevocationReason::RevokedByOperator => revocation::RevocationReason::RevokedByOperator,
        },
        version: Some(number(account.version)),
    }
}

fn status_to_wire(status: AccountStatus) -> wire::AccountStatus {
    match status {
        AccountStatus::Active => wire::AccountStatus::Active,
        AccountStatus::Disabled => wire::AccountStatus::Disabled,
    }
}
