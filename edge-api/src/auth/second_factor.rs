//! The second factor of an account: its secret, its recovery codes, and whether somebody has shown a code of it.

use schemas::topics::CREDENTIALS;
use schemas::wire::account::{AccountCommandPayload, SecondFactor, SpendCode};
use zeroize::Zeroizing;

use super::codes::{fresh_code, recovery_hash};
use super::sealing::Place;
use super::{not_hashed, totp};
use crate::clock::random_bytes;
use crate::limits::{ENROLMENT_TTL_MS, RECOVERY_CODES, TOTP_SECRET_LEN};
use crate::problem::Problem;
use crate::reading::LoginRecord;
use crate::state::EdgeState;

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

/// The code, if it is one of the second factor's and was not used up before.
pub(crate) fn right_code(
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
    let codes = (0..RECOVERY_CODES).map(|_| fresh_code(state.entropy()).map_err(Problem::from));
    codes.collect()
}

/// The secret of the account's second factor, sealed by the newest key. `None` if that has sealed it, or there is none.
pub(crate) fn sealed_anew(state: &EdgeState, record: &LoginRecord) -> Result<Option<String>, Problem> {
    let sealed = record
        .second_factor
        .as_ref()
        .map(|factor| factor.sealed_secret.as_str());
    let Some(sealed) = sealed.filter(|sealed| !state.sealing().is_by_newest(sealed)) else {
        return Ok(None);
    };
    let place = kept(&record.account_id);
    let secret = state.sealing().open(place, sealed).map_err(Problem::internal)?;
    state.sealing().seal(place, &secret, state.entropy()).map(Some)
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
