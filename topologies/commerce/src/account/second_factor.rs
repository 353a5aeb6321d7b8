//! What a login needs besides the password. Whether a code is right the gateway says; that it is used once is decided here, where
//! each account has one writer: whatever gateways do at the same time, and whatever any cache forgets.

use serde::{Deserialize, Serialize};

use super::{Account, AccountRefusal, AccountStatus, AccountStep, RevocationReason, change, unchanged};
use crate::authority::{Actor, act_on_account};

/// Recovery codes of an account, at most.
pub const RECOVERY_CODES_MAX: usize = 10;

/// Bytes of a sealed secret, at most.
pub const SEALED_SECRET_BYTES_MAX: usize = 512;

/// Characters of a hash of a code: SHA-256 in hex.
pub(super) const HASH_CHARS: usize = 64;

/// The second factor of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecondFactor {
    /// The sealed secret; opaque here.
    pub sealed_secret: String,
    /// The hashes of the recovery codes that are left.
    pub recovery_hashes: Vec<String>,
    /// The newest time step of which a code was used. It and all before it are over.
    pub last_step: i64,
    /// The attempt that used the last code up: how whoever made it knows that it was this one.
    pub spent_by: String,
}

/// A code that a gateway has found to be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Code {
    /// The code of a time step.
    Step(i64),
    /// A recovery code, by its hash.
    Recovery(String),
}

impl SecondFactor {
    /// Uses a code up; false if it is used up already.
    pub(super) fn spend(&mut self, code: &Code, attempt: String) -> bool {
        let is_left = match code {
            Code::Step(step) => *step > self.last_step,
            Code::Recovery(hash) => self.recovery_hashes.contains(hash),
        };
        if is_left {
            match code {
                Code::Step(step) => self.last_step = *step,
                Code::Recovery(hash) => self.recovery_hashes.retain(|left| left != hash),
            }
            self.spent_by = attempt;
        }
        is_left
    }

    fn is_within_bounds(&self) -> bool {
        let is_hash = |hash: &String| hash.len() == HASH_CHARS;
        (1..=SEALED_SECRET_BYTES_MAX).contains(&self.sealed_secret.len())
            && self.recovery_hashes.len() <= RECOVERY_CODES_MAX
            && self.recovery_hashes.iter().all(is_hash)
    }
}

/// Takes a second factor from now on. Every session is over that began without it. The first one stays until it is removed.
pub(super) fn enrol(
    mut account: Account,
    second_factor: SecondFactor,
    actor: &Actor,
    now: i64,
) -> Result<AccountStep, AccountRefusal> {
    admit(&account, actor)?;
    if !second_factor.is_within_bounds() {
        return Err(AccountRefusal::Invalid);
    }
    if account.second_factor.is_some() {
        return Ok(unchanged(account));
    }
    account.second_factor = Some(second_factor);
    change(&mut account, now);
    Ok(ended(account))
}

/// Uses a code up. No session ends, so the version of the account stays.
pub(super) fn spend(
    mut account: Account,
    code: &Code,
    attempt: String,
    actor: &Actor,
    now: i64,
) -> Result<AccountStep, AccountRefusal> {
    admit(&account, actor)?;
    if let Some(second_factor) = &mut account.second_factor
        && second_factor.spend(code, attempt)
    {
        account.updated_at = now;
    }
    Ok(unchanged(account))
}

/// Uses a code up and gives the second factor up. Every session is over that began with it.
pub(super) fn remove(
    mut account: Account,
    code: &Code,
    attempt: String,
    actor: &Actor,
    now: i64,
) -> Result<AccountStep, AccountRefusal> {
    admit(&account, actor)?;
    let is_left = |second_factor: &mut SecondFactor| second_factor.spend(code, attempt);
    if !account.second_factor.as_mut().is_some_and(is_left) {
        return Ok(unchanged(account));
    }
    account.second_factor = None;
    change(&mut account, now);
    Ok(ended(account))
}

/// Whether the actor may change the account, and the account can be changed.
pub(super) fn admit(account: &Account, actor: &Actor) -> Result<(), AccountRefusal> {
    act_on_account(actor, &account.account_id).map_err(|_| AccountRefusal::NotAllowed)?;
    match account.status {
        AccountStatus::Disabled => Err(AccountRefusal::Disabled),
        AccountStatus::Active => Ok(()),
    }
}

fn ended(account: Account) -> AccountStep {
    AccountStep {
        account: Some(account),
        event: None,
        revocation: Some(RevocationReason::Logout),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::{AccountCommand, step};
    use super::*;
    use crate::authority::Role;

    fn ann() -> Actor {
        Actor {
            account_id: "ann".into(),
            role: Role::Seller,
        }
    }

    fn take(account: Option<Account>, command: AccountCommand, actor: &Actor) -> Result<AccountStep, AccountRefusal> {
        step(&"key".into(), account, command, actor, 7)
    }

    fn registered() -> Account {
        let register = AccountCommand::Register {
            account_id: "ann".into(),
            display_name: "Ann".to_owned(),
            role: Role::Seller,
            password_hash: "hash".to_owned(),
        };
        take(None, register, &ann()).unwrap().account.unwrap()
    }

    fn factor() -> SecondFactor {
        SecondFactor {
            sealed_secret: "sealed".to_owned(),
            recovery_hashes: ["a", "b"].map(|digit| digit.repeat(HASH_CHARS)).to_vec(),
            last_step: 10,
            spent_by: "enrolment".to_owned(),
        }
    }

    fn enrolled() -> Account {
        let enrolled = take(Some(registered()), AccountCommand::Enrol(factor()), &ann()).unwrap();
        assert_eq!(enrolled.revocation, Some(RevocationReason::Logout));
        enrolled.account.unwrap()
    }

    fn spend(account: Account, code: Code, attempt: &str) -> Account {
        let attempt = attempt.to_owned();
        let spent = take(Some(account), AccountCommand::Spend { code, attempt }, &ann()).unwrap();
        assert_eq!((spent.event, spent.revocation), (None, None));
        spent.account.unwrap()
    }

    fn spent_by(account: &Account) -> &str {
        &account.second_factor.as_ref().unwrap().spent_by
    }

    #[test]
    fn the_first_second_factor_stays_and_ends_the_sessions_before_it() {
        let account = enrolled();
        assert_eq!((account.version, account.second_factor.as_ref()), (2, Some(&factor())));
        let other = SecondFactor {
            spent_by: "another".to_owned(),
            ..factor()
        };
        let again = take(Some(account.clone()), AccountCommand::Enrol(other), &ann()).unwrap();
        assert_eq!((again.account, again.revocation), (Some(account), None));
    }

    #[test]
    fn a_code_is_used_once_and_none_before_it_is_good_any_more() {
        let account = spend(enrolled(), Code::Step(11), "one");
        assert_eq!((spent_by(&account), account.version), ("one", 2));
        for step in [11, 10, 9] {
            let again = spend(account.clone(), Code::Step(step), "two");
            assert_eq!(again, account, "{step}");
        }
        assert_eq!(spent_by(&spend(account, Code::Step(12), "three")), "three");
    }

    #[test]
    fn a_recovery_code_is_used_once() {
        let code = || Code::Recovery("a".repeat(HASH_CHARS));
        let account = spend(enrolled(), code(), "one");
        let left = &account.second_factor.as_ref().unwrap().recovery_hashes;
        assert_eq!((spent_by(&account), left.len()), ("one", 1));
        assert_eq!(spend(account.clone(), code(), "two"), account);
    }

    #[test]
    fn a_second_factor_goes_with_a_code_that_is_left() {
        let remove = |code| AccountCommand::RemoveSecondFactor {
            code,
            attempt: "removal".to_owned(),
        };
        let stale = take(Some(enrolled()), remove(Code::Step(10)), &ann()).unwrap();
        assert_eq!((stale.account, stale.revocation), (Some(enrolled()), None));
        let removed = take(Some(enrolled()), remove(Code::Step(11)), &ann()).unwrap();
        assert_eq!(removed.revocation, Some(RevocationReason::Logout));
        let account = removed.account.unwrap();
        assert_eq!((account.version, &account.second_factor), (3, &None));
        let spent = spend(account.clone(), Code::Step(12), "one");
        assert_eq!(spent, account, "without a second factor there is nothing to use up");
    }

    #[test]
    fn nobody_else_and_nobody_disabled_touches_a_second_factor() {
        let commands = || {
            let (code, attempt) = (Code::Step(11), "one".to_owned());
            [
                AccountCommand::Enrol(factor()),
                AccountCommand::Spend {
                    code: code.clone(),
                    attempt: attempt.clone(),
                },
                AccountCommand::RemoveSecondFactor { code, attempt },
            ]
        };
        let bob = Actor {
            account_id: "bob".into(),
            role: Role::Seller,
        };
        let disabled = take(Some(enrolled()), AccountCommand::Disable, &ann()).unwrap().account;
        for command in commands() {
            let of_bob = take(Some(enrolled()), command.clone(), &bob);
            assert_eq!(of_bob, Err(AccountRefusal::NotAllowed));
            assert_eq!(
                take(disabled.clone(), command.clone(), &ann()),
                Err(AccountRefusal::Disabled)
            );
            assert_eq!(take(None, command, &ann()), Err(AccountRefusal::UnknownAccount));
        }
    }

    #[test]
    fn a_second_factor_has_its_bounds() {
        let outside = [
            SecondFactor {
                sealed_secret: String::new(),
                ..factor()
            },
            SecondFactor {
                sealed_secret: "s".repeat(SEALED_SECRET_BYTES_MAX + 1),
                ..factor()
            },
            SecondFactor {
                recovery_hashes: vec!["a".repeat(HASH_CHARS); RECOVERY_CODES_MAX + 1],
                ..factor()
            },
            SecondFactor {
                recovery_hashes: vec!["a".to_owned()],
                ..factor()
            },
        ];
        for factor in outside {
            let taken = take(Some(registered()), AccountCommand::Enrol(factor), &ann());
            assert_eq!(taken, Err(AccountRefusal::Invalid));
        }
    }
}
