//! The second factor of an account: its secret, its recovery codes, and whether somebody has shown a code of it.

use schemas::topics::CREDENTIALS;
use schemas::wire::account::{AccountCommandPayload, SecondFactor, SpendCode};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::sealing::Place;
use super::{not_hashed, totp};
use crate::clock::{hex, random_bytes};
use crate::limits::{ENROLMENT_TTL_MS, RECOVERY_CODE_LEN, RECOVERY_CODES, TOTP_SECRET_LEN};
use crate::problem::Problem;
use crate::reading::LoginRecord;
use crate::state::EdgeState;

/// Digits between two dashes of a recovery code.
const GROUP_LEN: usize = 4;

/// The secret of a second factor.
pub(crate) type Secret = [u8; TOTP_SECRET_LEN];

/// What somebody has shown of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Not the password, or not a code where one was given.
    Nothing,
    /// The password, and the account needs a code too.
    PasswordOnly,
    /// The password, and the account needs no more.
    Password,
    /// The password and this code, which is not used up yet.
    Both(RightCode),
}

/// A code that is right, and perhaps used up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RightCode {
    Step(i64),
    Recovery(String),
}

/// A secret that somebody wants to take, as it comes back with the first code of it. Nobody keeps it meanwhile.
pub(crate) struct Enrolment {
    pub(crate) secret: Zeroizing<Secret>,
    pub(crate) ends_at_ms: i64,
}

/// Looks at a password, and at a code if the account has a second factor. Without a record nothing is shown, and the answer takes
/// the same time.
pub(crate) async fn look_at(
    state: &EdgeState,
    record: Option<&LoginRecord>,
    password: Zeroizing<String>,
    code: Option<&str>,
) -> Result<Shown, Problem> {
    let hash = record.map(|record| record.password_hash.clone());
    let is_right = state.passwords().verify(password, hash).await.map_err(not_hashed)?;
    let Some(record) = record.filter(|_| is_right) else {
        return Ok(Shown::Nothing);
    };
    let Some(second_factor) = &record.second_factor else {
        return Ok(Shown::Password);
    };
    let Some(code) = code else {
        return Ok(Shown::PasswordOnly);
    };
    let right = right_code(state, &record.account_id, second_factor, code)?;
    Ok(right.map_or(Shown::Nothing, Shown::Both))
}

fn right_code(
    state: &EdgeState,
    account_id: &str,
    second_factor: &SecondFactor,
    code: &str,
) -> Result<Option<RightCode>, Problem> {
    let secret = state
        .sealing()
        .open(kept(account_id), &second_factor.sealed_secret)
        .map_err(Problem::internal)?;
    if let Some(step) = totp::step_of(&secret, code.trim(), state.now_ms()) {
        return Ok(Some(RightCode::Step(step)));
    }
    let hash = recovery_hash(account_id, code);
    let is_left = second_factor.recovery_hashes.contains(&hash);
    Ok(is_left.then_some(RightCode::Recovery(hash)))
}

impl RightCode {
    /// The command that uses it up.
    pub(crate) fn spending(self, attempt: String) -> SpendCode {
        let (step, recovery_hash) = match self {
            Self::Step(step) => (Some(step), None),
            Self::Recovery(hash) => (None, Some(hash)),
        };
        SpendCode {
            attempt,
            step,
            recovery_hash,
        }
    }
}

/// Uses a code up, in the log. False if somebody was faster, through whatever gateway.
pub(crate) async fn spend(
    state: &EdgeState,
    login_key: &str,
    record: &LoginRecord,
    code: RightCode,
    request_id: String,
) -> Result<bool, Problem> {
    let attempt = state.random_id()?;
    let payload = AccountCommandPayload::SpendCode(code.spending(attempt.clone()));
    let command = state.account_command(payload, record.actor(), request_id);
    let receipt = state.append(login_key, &command).await?;
    let after = state.reader().login(login_key, &receipt.seen()).await?;
    let spent = after.and_then(|record| record.second_factor);
    Ok(spent.is_some_and(|second_factor| second_factor.spent_by == attempt))
}

impl Enrolment {
    /// A new secret.
    pub(crate) fn begin(state: &EdgeState) -> Result<Self, Problem> {
        Ok(Self {
            secret: Zeroizing::new(random_bytes(state.entropy())?),
            ends_at_ms: state.now_ms().saturating_add(ENROLMENT_TTL_MS),
        })
    }

    /// What its holder brings back. Nobody else can read it, and for nobody else it is good.
    pub(crate) fn seal(&self, state: &EdgeState, account_id: &str) -> Result<String, Problem> {
        let bytes = Zeroizing::new([self.ends_at_ms.to_be_bytes().as_slice(), self.secret.as_slice()].concat());
        state.sealing().seal(begun(account_id), &bytes, state.entropy())
    }

    /// What was sealed for this account, if its time is not over.
    pub(crate) fn open(state: &EdgeState, account_id: &str, sealed: &str) -> Option<Self> {
        let bytes = state.sealing().open(begun(account_id), sealed).ok()?;
        let (ends_at, secret) = bytes.split_first_chunk::<8>()?;
        let ends_at_ms = i64::from_be_bytes(*ends_at);
        let secret = Zeroizing::new(secret.try_into().ok()?);
        (state.now_ms() < ends_at_ms).then_some(Self { secret, ends_at_ms })
    }

    /// The secret as its topic keeps it.
    pub(crate) fn sealed_secret(&self, state: &EdgeState, account_id: &str) -> Result<String, Problem> {
        let secret = self.secret.as_slice();
        state.sealing().seal(kept(account_id), secret, state.entropy())
    }
}

/// Fresh recovery codes.
pub(crate) fn recovery_codes(state: &EdgeState) -> Result<Vec<String>, Problem> {
    let codes = (0..RECOVERY_CODES).map(|_| {
        let digits = totp::base32(&random_bytes::<RECOVERY_CODE_LEN>(state.entropy())?);
        let groups = digits.as_bytes().chunks(GROUP_LEN);
        let groups: Vec<_> = groups.map(String::from_utf8_lossy).collect();
        Ok(groups.join("-"))
    });
    codes.collect()
}

/// What is kept of a recovery code: its letter case, dashes and spaces do not matter. It has too many bits to be guessed from its
/// hash.
pub(crate) fn recovery_hash(account_id: &str, code: &str) -> String {
    let digits = code.chars().filter(char::is_ascii_alphanumeric);
    let digits: String = digits.map(|digit| digit.to_ascii_uppercase()).collect();
    hex(&Sha256::digest(format!("{account_id}\0{digits}")))
}

fn kept(account_id: &str) -> Place<'_> {
    Place {
        topic: CREDENTIALS.name,
        account_id,
        field: "second_factor.secret",
    }
}

fn begun(account_id: &str) -> Place<'_> {
    Place {
        topic: "",
        account_id,
        field: "enrolment",
    }
}
