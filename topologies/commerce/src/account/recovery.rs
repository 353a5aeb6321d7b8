//! The ways back into an account whose password or second factor is lost, which an operator opens; and its secrets kept in another
//! way. What is offered is used once, here, where each account has one writer.

use serde::{Deserialize, Serialize};

use super::second_factor::{HASH_CHARS, SEALED_SECRET_BYTES_MAX, admit};
use super::{Account, AccountRefusal, AccountStep, Code, RevocationReason, change, is_hash, unchanged};
use crate::authority::{Actor, act_as_operator};

/// How long a code for another password is good at most, in milliseconds.
pub const RESET_MS_MAX: i64 = 60 * 60 * 1_000;

/// By what a password can be replaced without the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reset {
    /// The hash of the code.
    pub code_hash: String,
    /// Until when it is good, in milliseconds since the epoch.
    pub ends_at: i64,
}

/// The secrets of an account, kept in another way. The secrets themselves are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Renewal {
    /// The version of the account that had these secrets. If it is another one by now, they may be others.
    pub version: u64,
    /// Another encoded hash of the same password.
    pub password_hash: Option<String>,
    /// The same secret of the second factor, sealed anew.
    pub sealed_secret: Option<String>,
}

/// Offers a code. Until it is used the password is the one before, and no session ends. The last offer counts.
pub(super) fn offer(
    mut account: Account,
    reset: Reset,
    actor: &Actor,
    now: i64,
) -> Result<AccountStep, AccountRefusal> {
    act_as_operator(actor).map_err(|_| AccountRefusal::NotAllowed)?;
    admit(&account, actor)?;
    let is_in_time = reset.ends_at <= now.saturating_add(RESET_MS_MAX);
    if reset.code_hash.len() != HASH_CHARS || !is_in_time {
        return Err(AccountRefusal::Invalid);
    }
    account.reset = Some(reset);
    account.updated_at = now;
    Ok(unchanged(account))
}

/// Uses the code up, and one of the second factor where there is one. Every session is over. Whatever is wrong, used up or over
/// changes nothing.
pub(super) fn reset(
    mut account: Account,
    code_hash: &str,
    password_hash: String,
    second_factor: Option<(Code, String)>,
    actor: &Actor,
    now: i64,
) -> Result<AccountStep, AccountRefusal> {
    admit(&account, actor)?;
    if !is_hash(&password_hash) {
        return Err(AccountRefusal::Invalid);
    }
    let is_offered = |reset: &Reset| reset.code_hash == code_hash && now < reset.ends_at;
    let is_shown = match (&mut account.second_factor, second_factor) {
        _ if !account.reset.as_ref().is_some_and(is_offered) => false,
        (None, _) => true,
        (Some(kept), Some((code, attempt))) => kept.spend(&code, attempt),
        (Some(_), None) => false,
    };
    if !is_shown {
        return Ok(unchanged(account));
    }
    account.reset = None;
    account.password_hash = password_hash;
    change(&mut account, now);
    Ok(ended(account, RevocationReason::PasswordChanged))
}

/// Takes the second factor away. Every session is over that began with it.
pub(super) fn forget_second_factor(
    mut account: Account,
    actor: &Actor,
    now: i64,
) -> Result<AccountStep, AccountRefusal> {
    act_as_operator(actor).map_err(|_| AccountRefusal::NotAllowed)?;
    admit(&account, actor)?;
    if account.second_factor.take().is_none() {
        return Ok(unchanged(account));
    }
    change(&mut account, now);
    Ok(ended(account, RevocationReason::RevokedByOperator))
}

/// Keeps the same secrets in another way. No session ends, so the version stays.
pub(super) fn renew(
    mut account: Account,
    renewal: Renewal,
    actor: &Actor,
    now: i64,
) -> Result<AccountStep, AccountRefusal> {
    admit(&account, actor)?;
    let is_sealed = |sealed: &String| (1..=SEALED_SECRET_BYTES_MAX).contains(&sealed.len());
    let is_within_bounds = renewal.password_hash.as_ref().is_none_or(|hash| is_hash(hash))
        && renewal.sealed_secret.as_ref().is_none_or(is_sealed);
    if !is_within_bounds {
        return Err(AccountRefusal::Invalid);
    }
    if renewal.version != account.version {
        return Ok(unchanged(account));
    }
    if let Some(hash) = renewal.password_hash {
        account.password_hash = hash;
    }
    if let (Some(kept), Some(sealed)) = (&mut account.second_factor, renewal.sealed_secret) {
        kept.sealed_secret = sealed;
    }
    account.updated_at = now;
    Ok(unchanged(account))
}

fn ended(account: Account, reason: RevocationReason) -> AccountStep {
    AccountStep {
        account: Some(account),
        event: None,
        revocation: Some(reason),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::super::{AccountCommand, SecondFactor, step};
    use super::*;
    use crate::authority::Role;

    const NOW: i64 = 1_000;

    fn ann() -> Actor {
        Actor {
            account_id: "ann".into(),
            role: Role::Buyer,
        }
    }

    fn operator() -> Actor {
        Actor::system("operator")
    }

    fn take_at(
        account: &Account,
        command: AccountCommand,
        actor: &Actor,
        now: i64,
    ) -> Result<AccountStep, AccountRefusal> {
        step(&"key".into(), Some(account.clone()), command, actor, now)
    }

    fn take(account: &Account, command: AccountCommand, actor: &Actor) -> Result<AccountStep, AccountRefusal> {
        take_at(account, command, actor, NOW)
    }

    /// What becomes of the account by something that ends no session.
    fn quietly(account: &Account, command: AccountCommand, actor: &Actor, now: i64) -> Account {
        let step = take_at(account, command, actor, now).unwrap();
        assert_eq!((step.event, step.revocation), (None, None));
        step.account.unwrap()
    }

    fn registered() -> Account {
        let register = AccountCommand::Register {
            account_id: "ann".into(),
            display_name: "Ann".to_owned(),
            role: Role::Buyer,
            password_hash: "old".to_owned(),
        };
        let step = step(&"key".into(), None, register, &ann(), NOW).unwrap();
        step.account.unwrap()
    }

    fn enrolled() -> Account {
        let factor = SecondFactor {
            sealed_secret: "sealed".to_owned(),
            recovery_hashes: vec!["a".repeat(HASH_CHARS)],
            last_step: 10,
            spent_by: "enrolment".to_owned(),
        };
        take(&registered(), AccountCommand::Enrol(factor), &ann())
            .unwrap()
            .account
            .unwrap()
    }

    fn offer(digit: &str) -> AccountCommand {
        AccountCommand::OfferReset(Reset {
            code_hash: digit.repeat(HASH_CHARS),
            ends_at: NOW + 100,
        })
    }

    fn reset(digit: &str, second_factor: Option<Code>) -> AccountCommand {
        AccountCommand::ResetPassword {
            code_hash: digit.repeat(HASH_CHARS),
            password_hash: "new".to_owned(),
            second_factor: second_factor.map(|code| (code, "attempt".to_owned())),
        }
    }

    #[test]
    fn a_code_replaces_the_password_once_and_ends_every_session() {
        let offered = quietly(&registered(), offer("c"), &operator(), NOW);
        assert_eq!((offered.version, offered.password_hash.as_str()), (1, "old"));
        let done = take(&offered, reset("c", None), &ann()).unwrap();
        assert_eq!(done.revocation, Some(RevocationReason::PasswordChanged));
        let account = done.account.unwrap();
        assert_eq!(
            (account.version, account.password_hash.as_str(), &account.reset),
            (2, "new", &None)
        );
        assert_eq!(quietly(&account, reset("c", None), &ann(), NOW), account);
    }

    #[test]
    fn a_wrong_code_one_that_is_over_and_one_that_was_offered_before_change_nothing() {
        let account = registered();
        assert_eq!(quietly(&account, reset("c", None), &ann(), NOW), account);
        let offered = quietly(&account, offer("c"), &operator(), NOW);
        assert_eq!(quietly(&offered, reset("d", None), &ann(), NOW), offered);
        assert_eq!(quietly(&offered, reset("c", None), &ann(), NOW + 100), offered);
        let again = quietly(&offered, offer("d"), &operator(), NOW);
        assert_eq!(quietly(&again, reset("c", None), &ann(), NOW), again);
        take_at(&again, reset("d", None), &ann(), NOW + 99)
            .unwrap()
            .revocation
            .unwrap();
    }

    #[test]
    fn a_code_goes_past_no_second_factor() {
        let offered = quietly(&enrolled(), offer("c"), &operator(), NOW);
        assert_eq!(quietly(&offered, reset("c", None), &ann(), NOW), offered);
        assert_eq!(
            quietly(&offered, reset("c", Some(Code::Step(10))), &ann(), NOW),
            offered
        );
        // A wrong code of the operator's uses none of the second factor up.
        assert_eq!(
            quietly(&offered, reset("d", Some(Code::Step(11))), &ann(), NOW),
            offered
        );
        let done = take(&offered, reset("c", Some(Code::Step(11))), &ann()).unwrap();
        let account = done.account.unwrap();
        assert_eq!((account.version, account.password_hash.as_str()), (3, "new"));
        assert_eq!(account.second_factor.unwrap().last_step, 11);
    }

    #[test]
    fn who_remembers_the_password_takes_the_offer_away() {
        let offered = quietly(&registered(), offer("c"), &operator(), NOW);
        let change = AccountCommand::ChangePassword {
            password_hash: "own".to_owned(),
        };
        let changed = take(&offered, change, &ann()).unwrap().account.unwrap();
        assert_eq!(changed.reset, None);
    }

    #[test]
    fn an_operator_takes_a_lost_second_factor_away() {
        let done = take(&enrolled(), AccountCommand::ForgetSecondFactor, &operator()).unwrap();
        assert_eq!(done.revocation, Some(RevocationReason::RevokedByOperator));
        let account = done.account.unwrap();
        assert_eq!((account.version, &account.second_factor), (3, &None));
        let again = quietly(&account, AccountCommand::ForgetSecondFactor, &operator(), NOW);
        assert_eq!(again, account);
    }

    fn renewal(version: u64) -> AccountCommand {
        AccountCommand::Renew(Renewal {
            version,
            password_hash: Some("stronger".to_owned()),
            sealed_secret: Some("resealed".to_owned()),
        })
    }

    #[test]
    fn secrets_are_kept_in_another_way_and_no_session_ends() {
        let renewed = quietly(&enrolled(), renewal(2), &ann(), NOW);
        assert_eq!((renewed.version, renewed.password_hash.as_str()), (2, "stronger"));
        assert_eq!(renewed.second_factor.as_ref().unwrap().sealed_secret, "resealed");
        // What was renewed may be another secret by now.
        for version in [1, 3] {
            assert_eq!(quietly(&enrolled(), renewal(version), &ann(), NOW), enrolled());
        }
        let without = quietly(&registered(), renewal(1), &ann(), NOW);
        assert_eq!(
            (without.password_hash.as_str(), without.second_factor),
            ("stronger", None)
        );
        let nothing = AccountCommand::Renew(Renewal {
            version: 2,
            password_hash: None,
            sealed_secret: None,
        });
        assert_eq!(quietly(&enrolled(), nothing, &ann(), NOW), enrolled());
    }

    #[test]
    fn only_operators_offer_and_forget_and_nobody_touches_what_is_not_theirs_or_disabled() {
        for command in [offer("c"), AccountCommand::ForgetSecondFactor] {
            assert_eq!(take(&enrolled(), command, &ann()), Err(AccountRefusal::NotAllowed));
        }
        let bob = Actor {
            account_id: "bob".into(),
            role: Role::Buyer,
        };
        for command in [reset("c", None), renewal(2)] {
            assert_eq!(take(&enrolled(), command, &bob), Err(AccountRefusal::NotAllowed));
        }
        let disabled = take(&enrolled(), AccountCommand::Disable, &ann())
            .unwrap()
            .account
            .unwrap();
        let commands = || {
            [
                offer("c"),
                AccountCommand::ForgetSecondFactor,
                reset("c", None),
                renewal(3),
            ]
        };
        for command in commands() {
            assert_eq!(take(&disabled, command, &operator()), Err(AccountRefusal::Disabled));
        }
        for command in commands() {
            let nobody = step(&"key".into(), None, command, &operator(), NOW);
            assert_eq!(nobody, Err(AccountRefusal::UnknownAccount));
        }
    }

    #[test]
    fn what_is_kept_has_its_bounds() {
        let long = |ends_at| {
            AccountCommand::OfferReset(Reset {
                code_hash: "c".repeat(HASH_CHARS),
                ends_at,
            })
        };
        quietly(&registered(), long(NOW + RESET_MS_MAX), &operator(), NOW);
        let short = AccountCommand::OfferReset(Reset {
            code_hash: "c".to_owned(),
            ends_at: NOW + 1,
        });
        let empty = AccountCommand::ResetPassword {
            code_hash: "c".repeat(HASH_CHARS),
            password_hash: String::new(),
            second_factor: None,
        };
        let renew = |password_hash: Option<&str>, sealed_secret: Option<&str>| {
            AccountCommand::Renew(Renewal {
                version: 1,
                password_hash: password_hash.map(str::to_owned),
                sealed_secret: sealed_secret.map(str::to_owned),
            })
        };
        let outside = [
            long(NOW + RESET_MS_MAX + 1),
            short,
            empty,
            renew(Some(""), None),
            renew(None, Some("")),
            renew(None, Some(&"s".repeat(SEALED_SECRET_BYTES_MAX + 1))),
        ];
        for command in outside {
            assert_eq!(take(&registered(), command, &operator()), Err(AccountRefusal::Invalid));
        }
    }
}
