//! Accounts: who may sign in, and as what. One writer per sign-in key, so that an e-mail address is taken once.

mod recovery;
mod second_factor;

pub use recovery::{RESET_MS_MAX, Renewal, Reset};
pub use second_factor::{Code, RECOVERY_CODES_MAX, SEALED_SECRET_BYTES_MAX, SecondFactor};

use serde::{Deserialize, Serialize};

use crate::authority::{Actor, Role, act_on_account};
use crate::ids::{AccountId, LoginKey};

/// Characters of a display name, at most.
pub const DISPLAY_NAME_CHARS_MAX: usize = 200;

/// Bytes of an encoded password hash, at most.
pub const PASSWORD_HASH_BYTES_MAX: usize = 1024;

/// An account, under its sign-in key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The sign-in key.
    pub login_key: LoginKey,
    /// The account.
    pub account_id: AccountId,
    /// What it may do.
    pub role: Role,
    /// The name to show.
    pub display_name: String,
    /// The encoded hash of the password; opaque here.
    pub password_hash: String,
    /// Whether it may sign in.
    pub status: AccountStatus,
    /// What a login needs besides the password, if anything.
    #[serde(default)]
    pub second_factor: Option<SecondFactor>,
    /// By what the password can be replaced without the one before, if an operator has offered it.
    #[serde(default)]
    pub reset: Option<Reset>,
    /// Changes so far that end sessions, from 1. That a code is used up, offered, or that a secret is kept in another way is none.
    pub version: u64,
    /// Events so far under the account's key.
    pub events: u64,
    /// Milliseconds since the epoch.
    pub created_at: i64,
    /// Milliseconds since the epoch.
    pub updated_at: i64,
}

/// Whether an account may sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum AccountStatus {
    /// It may.
    Active,
    /// It may not, for good.
    Disabled,
}

/// What is asked of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountCommand {
    /// Take the sign-in key. The first one wins.
    Register {
        /// The account to be.
        account_id: AccountId,
        /// The name to show.
        display_name: String,
        /// What it may do.
        role: Role,
        /// The encoded hash of the password.
        password_hash: String,
    },
    /// Sign in with another password from now on.
    ChangePassword {
        /// The encoded hash of the new password.
        password_hash: String,
    },
    /// Sign in no more.
    Disable,
    /// End every session that has begun.
    EndSessions,
    /// Need a second factor from now on.
    Enrol(SecondFactor),
    /// Use a code up.
    Spend {
        /// Which.
        code: Code,
        /// Who tries.
        attempt: String,
    },
    /// Use a code up, and need none from now on.
    RemoveSecondFactor {
        /// Which.
        code: Code,
        /// Who tries.
        attempt: String,
    },
    /// Let whoever has the code choose another password.
    OfferReset(Reset),
    /// Sign in with another password from now on, because of the code that was offered.
    ResetPassword {
        /// The hash of the code.
        code_hash: String,
        /// The encoded hash of the new password.
        password_hash: String,
        /// A code of the second factor, and who tries.
        second_factor: Option<(Code, String)>,
    },
    /// Need no second factor from now on: it is lost.
    ForgetSecondFactor,
    /// Keep the same secrets in another way.
    Renew(Renewal),
}

/// What happened to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountEvent {
    /// Its number under the account, from 1; 0 of a refused registration.
    pub seq: u64,
    /// The account.
    pub account_id: AccountId,
    /// What happened.
    pub kind: AccountEventKind,
}

/// The kinds of an [`AccountEvent`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountEventKind {
    /// It exists.
    Registered {
        /// What it may do.
        role: Role,
        /// The name to show.
        display_name: String,
    },
    /// It may sign in no more.
    Disabled,
    /// The sign-in key belongs to another account.
    RegistrationRefused,
}

/// What one command leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountStep {
    /// The account after it.
    pub account: Option<Account>,
    /// What happened; nothing of a duplicate, of a new password, of a second factor, or of ended sessions.
    pub event: Option<AccountEvent>,
    /// Why every session is over that began with an earlier version of the account, if that is so.
    pub revocation: Option<RevocationReason>,
}

/// Why sessions are over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RevocationReason {
    /// There is another password.
    PasswordChanged,
    /// The account is disabled.
    AccountDisabled,
    /// The account itself wanted it.
    Logout,
    /// An operator wanted it.
    RevokedByOperator,
}

/// Why a command is put aside. The gateway lets none of these through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AccountRefusal {
    /// Nobody has registered under the sign-in key.
    #[error("there is no account under this key")]
    UnknownAccount,
    /// The actor is somebody else.
    #[error("the actor may not change this account")]
    NotAllowed,
    /// The account is disabled.
    #[error("the account is disabled")]
    Disabled,
    /// The name, the hash or the role is outside the bounds.
    #[error("the command is outside the bounds")]
    Invalid,
}

/// Takes one command about the account under `login_key`. Registering needs no authority: it makes the account.
pub fn step(
    login_key: &LoginKey,
    account: Option<Account>,
    command: AccountCommand,
    actor: &Actor,
    now: i64,
) -> Result<AccountStep, AccountRefusal> {
    match (account, command) {
        (
            None,
            AccountCommand::Register {
                account_id,
                display_name,
                role,
                password_hash,
            },
        ) => {
            let account = Account {
                login_key: login_key.clone(),
                account_id,
                role,
                display_name,
                password_hash,
                status: AccountStatus::Active,
                second_factor: None,
                reset: None,
                version: 1,
                events: 1,
                created_at: now,
                updated_at: now,
            };
            register(account)
        }
        (Some(account), AccountCommand::Register { account_id, .. }) => Ok(register_again(account, account_id)),
        (
            None,
            AccountCommand::ChangePassword { .. }
            | AccountCommand::Disable
            | AccountCommand::EndSessions
            | AccountCommand::Enrol(_)
            | AccountCommand::Spend { .. }
            | AccountCommand::RemoveSecondFactor { .. }
            | AccountCommand::OfferReset(_)
            | AccountCommand::ResetPassword { .. }
            | AccountCommand::ForgetSecondFactor
            | AccountCommand::Renew(_),
        ) => Err(AccountRefusal::UnknownAccount),
        (Some(account), AccountCommand::ChangePassword { password_hash }) => {
            change_password(account, password_hash, actor, now)
        }
        (Some(account), AccountCommand::Disable) => disable(account, actor, now),
        (Some(account), AccountCommand::EndSessions) => end_sessions(account, actor, now),
        (Some(account), AccountCommand::Enrol(second_factor)) => {
            second_factor::enrol(account, second_factor, actor, now)
        }
        (Some(account), AccountCommand::Spend { code, attempt }) => {
            second_factor::spend(account, &code, attempt, actor, now)
        }
        (Some(account), AccountCommand::RemoveSecondFactor { code, attempt }) => {
            second_factor::remove(account, &code, attempt, actor, now)
        }
        (Some(account), AccountCommand::OfferReset(reset)) => recovery::offer(account, reset, actor, now),
        (
            Some(account),
            AccountCommand::ResetPassword {
                code_hash,
                password_hash,
                second_factor,
            },
        ) => recovery::reset(account, &code_hash, password_hash, second_factor, actor, now),
        (Some(account), AccountCommand::ForgetSecondFactor) => recovery::forget_second_factor(account, actor, now),
        (Some(account), AccountCommand::Renew(renewal)) => recovery::renew(account, renewal, actor, now),
    }
}

fn register(account: Account) -> Result<AccountStep, AccountRefusal> {
    let role_allowed = match account.role {
        Role::Buyer => true,
        Role::Seller => true,
        Role::System => false,
    };
    let named = (1..=DISPLAY_NAME_CHARS_MAX).contains(&account.display_name.chars().count());
    if !role_allowed || !named || !is_hash(&account.password_hash) {
        return Err(AccountRefusal::Invalid);
    }
    let kind = AccountEventKind::Registered {
        role: account.role,
        display_name: account.display_name.clone(),
    };
    Ok(AccountStep {
        event: Some(event(&account, kind)),
        account: Some(account),
        revocation: None,
    })
}

/// The same account again is a duplicate; the sign-in key is taken for any other.
fn register_again(account: Account, account_id: AccountId) -> AccountStep {
    let taken = account.account_id != account_id;
    let refused = AccountEvent {
        seq: 0,
        account_id,
        kind: AccountEventKind::RegistrationRefused,
    };
    AccountStep {
        account: Some(account),
        event: taken.then_some(refused),
        revocation: None,
    }
}

fn change_password(
    mut account: Account,
    password_hash: String,
    actor: &Actor,
    now: i64,
) -> Result<AccountStep, AccountRefusal> {
    act_on_account(actor, &account.account_id).map_err(|_| AccountRefusal::NotAllowed)?;
    match account.status {
        AccountStatus::Disabled => return Err(AccountRefusal::Disabled),
        AccountStatus::Active => {}
    }
    if !is_hash(&password_hash) {
        return Err(AccountRefusal::Invalid);
    }
    let is_new = account.password_hash != password_hash;
    if is_new {
        account.password_hash = password_hash;
        account.reset = None;
        change(&mut account, now);
    }
    Ok(AccountStep {
        account: Some(account),
        event: None,
        revocation: is_new.then_some(RevocationReason::PasswordChanged),
    })
}

fn disable(mut account: Account, actor: &Actor, now: i64) -> Result<AccountStep, AccountRefusal> {
    act_on_account(actor, &account.account_id).map_err(|_| AccountRefusal::NotAllowed)?;
    match account.status {
        AccountStatus::Disabled => Ok(unchanged(account)),
        AccountStatus::Active => {
            account.status = AccountStatus::Disabled;
            account.events += 1;
            change(&mut account, now);
            let event = event(&account, AccountEventKind::Disabled);
            Ok(AccountStep {
                account: Some(account),
                event: Some(event),
                revocation: Some(RevocationReason::AccountDisabled),
            })
        }
    }
}

/// Sessions know the version with which they began, so the next version is what ends them.
fn end_sessions(mut account: Account, actor: &Actor, now: i64) -> Result<AccountStep, AccountRefusal> {
    act_on_account(actor, &account.account_id).map_err(|_| AccountRefusal::NotAllowed)?;
    change(&mut account, now);
    let reason = match actor.role {
        Role::Buyer => RevocationReason::Logout,
        Role::Seller => RevocationReason::Logout,
        Role::System => RevocationReason::RevokedByOperator,
    };
    Ok(AccountStep {
        account: Some(account),
        event: None,
        revocation: Some(reason),
    })
}

/// Nobody has to hear of it.
fn unchanged(account: Account) -> AccountStep {
    AccountStep {
        account: Some(account),
        event: None,
        revocation: None,
    }
}

fn change(account: &mut Account, now: i64) {
    account.version += 1;
    account.updated_at = now;
}

fn event(account: &Account, kind: AccountEventKind) -> AccountEvent {
    AccountEvent {
        seq: account.events,
        account_id: account.account_id.clone(),
        kind,
    }
}

fn is_hash(hash: &str) -> bool {
    (1..=PASSWORD_HASH_BYTES_MAX).contains(&hash.len())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn register(id: &str, role: Role) -> AccountCommand {
        AccountCommand::Register {
            account_id: id.into(),
            display_name: "Ann".to_owned(),
            role,
            password_hash: "hash".to_owned(),
        }
    }

    fn take(account: Option<Account>, command: AccountCommand, actor: &Actor) -> Result<AccountStep, AccountRefusal> {
        step(&"key".into(), account, command, actor, 7)
    }

    fn ann() -> Actor {
        Actor {
            account_id: "ann".into(),
            role: Role::Buyer,
        }
    }

    fn registered() -> Account {
        take(None, register("ann", Role::Buyer), &ann())
            .unwrap()
            .account
            .unwrap()
    }

    #[test]
    fn the_first_registration_wins_and_its_duplicate_is_silent() {
        let account = registered();
        let again = take(Some(account.clone()), register("ann", Role::Buyer), &ann()).unwrap();
        assert_eq!(
            again,
            AccountStep {
                account: Some(account.clone()),
                event: None,
                revocation: None,
            }
        );
        let other = take(Some(account.clone()), register("bob", Role::Buyer), &ann()).unwrap();
        assert_eq!(other.account, Some(account));
        let event = other.event.unwrap();
        assert_eq!(
            (event.account_id.as_str(), event.kind),
            ("bob", AccountEventKind::RegistrationRefused)
        );
    }

    #[test]
    fn nobody_registers_as_the_system() {
        assert_eq!(
            take(None, register("ann", Role::System), &ann()),
            Err(AccountRefusal::Invalid)
        );
    }

    #[test]
    fn only_the_account_itself_changes_its_password() {
        let command = || AccountCommand::ChangePassword {
            password_hash: "new".to_owned(),
        };
        let step = take(Some(registered()), command(), &ann()).unwrap();
        assert_eq!(step.revocation, Some(RevocationReason::PasswordChanged));
        let changed = step.account.unwrap();
        assert_eq!((changed.password_hash.as_str(), changed.version), ("new", 2));
        let again = take(Some(changed.clone()), command(), &ann()).unwrap();
        assert_eq!((again.account, again.revocation), (Some(changed), None));
        let bob = Actor {
            account_id: "bob".into(),
            role: Role::Buyer,
        };
        assert_eq!(
            take(Some(registered()), command(), &bob),
            Err(AccountRefusal::NotAllowed)
        );
        assert_eq!(take(None, command(), &ann()), Err(AccountRefusal::UnknownAccount));
    }

    #[test]
    fn a_disabled_account_stays_so_and_changes_no_password() {
        let disabled = take(Some(registered()), AccountCommand::Disable, &Actor::system("operator")).unwrap();
        assert_eq!(disabled.event.unwrap().seq, 2);
        assert_eq!(disabled.revocation, Some(RevocationReason::AccountDisabled));
        let account = disabled.account.unwrap();
        assert_eq!(
            take(Some(account.clone()), AccountCommand::Disable, &ann())
                .unwrap()
                .event,
            None
        );
        let change = AccountCommand::ChangePassword {
            password_hash: "new".to_owned(),
        };
        assert_eq!(take(Some(account), change, &ann()), Err(AccountRefusal::Disabled));
        assert_eq!(
            take(None, AccountCommand::Disable, &ann()),
            Err(AccountRefusal::UnknownAccount)
        );
    }

    #[test]
    fn sessions_end_with_the_version_that_they_began_with() {
        let end = |actor: &Actor| take(Some(registered()), AccountCommand::EndSessions, actor);
        let ended = end(&ann()).unwrap();
        assert_eq!((ended.account.unwrap().version, ended.event), (2, None));
        assert_eq!(ended.revocation, Some(RevocationReason::Logout));
        let by_operator = end(&Actor::system("operator")).unwrap();
        assert_eq!(by_operator.revocation, Some(RevocationReason::RevokedByOperator));
        let bob = Actor {
            account_id: "bob".into(),
            role: Role::Seller,
        };
        assert_eq!(end(&bob), Err(AccountRefusal::NotAllowed));
        assert_eq!(
            take(None, AccountCommand::EndSessions, &ann()),
            Err(AccountRefusal::UnknownAccount)
        );
    }

    #[test]
    fn an_account_has_a_name_and_a_hash_within_their_bounds() {
        let register = |name: &str, hash: &str| AccountCommand::Register {
            account_id: "ann".into(),
            display_name: name.to_owned(),
            role: Role::Buyer,
            password_hash: hash.to_owned(),
        };
        let (long_name, long_hash) = (
            "n".repeat(DISPLAY_NAME_CHARS_MAX + 1),
            "h".repeat(PASSWORD_HASH_BYTES_MAX + 1),
        );
        for (name, hash) in [("", "hash"), (&long_name, "hash"), ("Ann", ""), ("Ann", &long_hash)] {
            let taken = take(None, register(name, hash), &ann());
            assert_eq!(taken, Err(AccountRefusal::Invalid), "{name} {hash}");
        }
        let change = AccountCommand::ChangePassword {
            password_hash: long_hash,
        };
        assert_eq!(take(Some(registered()), change, &ann()), Err(AccountRefusal::Invalid));
    }
}
