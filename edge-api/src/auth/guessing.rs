//! Looking at a password that somebody presents, unless too many before it were wrong.

use zeroize::Zeroizing;

use super::passwords::PasswordError;
use crate::model::account::weak_password;
use crate::problem::{Code, Problem};
use crate::security::{self, SecurityEvent};
use crate::sessions::{Admission, Guess, Guesser};
use crate::state::{EdgeState, sessions_unavailable};

/// Whether the password belongs to the hash; without a hash it does not, and the answer takes the same time. A wrong one counts
/// against all of `guessers`.
pub(crate) async fn check_password(
    state: &EdgeState,
    guessers: Vec<Guesser>,
    password: Zeroizing<String>,
    hash: Option<String>,
) -> Result<bool, Problem> {
    let verified = async { state.passwords().verify(password, hash).await.map_err(not_hashed) };
    guess(state, guessers, verified, |is_right| !is_right).await
}

/// Looks at what somebody presents, unless too many before it were wrong. A wrong one counts against all of `guessers`.
pub(crate) async fn guess<T>(
    state: &EdgeState,
    guessers: Vec<Guesser>,
    look: impl Future<Output = Result<T, Problem>>,
    is_wrong: impl Fn(&T) -> bool,
) -> Result<T, Problem> {
    let guess = begin_guess(state, guessers).await?;
    let seen = look.await;
    if !seen.as_ref().is_ok_and(is_wrong) {
        forgive(state, &guess).await;
    }
    seen
}

/// Counts a guess as wrong for now.
pub(crate) async fn begin_guess(state: &EdgeState, guessers: Vec<Guesser>) -> Result<Guess, Problem> {
    let guess = Guess {
        id: state.random_id()?,
        guessers,
        now_ms: state.now_ms(),
    };
    match state
        .sessions()
        .begin_guess(&guess)
        .await
        .map_err(sessions_unavailable)?
    {
        Admission::Admitted => Ok(guess),
        Admission::Refused { wait_ms } => {
            let detail = "Too many wrong passwords came before. Try again after the time in `Retry-After`.";
            Err(Problem::new(Code::TooManyAttempts, detail).retry_after((wait_ms + 999) / 1_000))
        }
    }
}

/// A guess that was right counts no more. Where that cannot be recorded it counts until its time is over, and nobody is let in by it.
pub(crate) async fn forgive(state: &EdgeState, guess: &Guess) {
    if let Err(error) = state.sessions().forgive(guess).await {
        tracing::debug!(%error, "a right password goes on counting as a wrong one for an hour");
    }
}

/// The answer when a password could not be hashed or checked.
pub(crate) fn not_hashed(error: PasswordError) -> Problem {
    match error {
        PasswordError::Busy => {
            security::note(SecurityEvent::HashQueueFull);
            Problem::new(Code::TooManyRequests, "Too many logins wait already. Try again.")
        }
        PasswordError::Breached => {
            Problem::internal("a password that is not new was looked for among the breached ones")
        }
        PasswordError::Unchecked(cause) => {
            tracing::error!(%cause, "the file of breached passwords cannot be read: see --breached-passwords-file");
            Problem::new(Code::Unavailable, "No new password can be checked now. Try again.")
        }
        PasswordError::Failed(cause) => Problem::internal(cause),
    }
}

/// The answer when a new password, the field at `pointer`, was not hashed.
pub(crate) fn not_taken(pointer: &'static str) -> impl FnOnce(PasswordError) -> Problem {
    move |error| match error {
        PasswordError::Breached => weak_password(pointer, "Not one that became known in a breach of somebody's data."),
        PasswordError::Busy | PasswordError::Unchecked(_) | PasswordError::Failed(_) => not_hashed(error),
    }
}
