//! Passwords: which an account may have, and their hashes, argon2id, a few at a time.

mod breached;
mod common;
mod rules;

pub use breached::BreachedPasswords;
pub use rules::{Context, weakness};

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::limits::HASHES_WAITING_MAX;
use crate::metrics;

/// KiB of memory that one hash takes.
const MEMORY_KIB: u32 = 19_456;

/// Passes over that memory.
const PASSES: u32 = 2;

/// Lanes.
const LANES: u32 = 1;

/// Hashes and checks passwords. A hash takes some 30 ms of a core, so only a few run at a time, a few more wait,
/// and the rest is refused: a flood of logins must not take the machine.
#[derive(Debug)]
pub struct Passwords {
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    decoy: String,
    breached: Option<Arc<BreachedPasswords>>,
}

/// Why there is no answer about a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// [`HASHES_WAITING_MAX`] others wait already.
    #[error("too many password checks wait already")]
    Busy,
    /// The password became known in a breach.
    #[error("the password became known in a breach")]
    Breached,
    /// The breached passwords cannot be read now.
    #[error("the file of breached passwords cannot be read: {0}")]
    Unchecked(String),
    /// The hash function failed.
    #[error("the password cannot be hashed: {0}")]
    Failed(String),
}

impl Passwords {
    /// Lets `at_once` hashes run at the same time, at least one, and refuses new passwords that are among the breached ones.
    pub fn new(at_once: usize, breached: Option<Arc<BreachedPasswords>>) -> Result<Self, PasswordError> {
        Ok(Self {
            turns: Arc::new(Semaphore::new(at_once.max(1))),
            waiting: AtomicUsize::new(0),
            decoy: hash(b"the password of nobody", [0; 16])?,
            breached,
        })
    }

    /// The argon2id hash of a password that somebody has chosen, as a PHC string, unless it is a breached one. `salt` is 16 random
    /// bytes.
    pub async fn hash(&self, password: Zeroizing<String>, salt: [u8; 16]) -> Result<String, PasswordError> {
        let breached = self.breached.clone();
        let hashing = move || {
            // What cannot be looked up is not taken: whoever chooses a password can wait.
            let looked_up = breached.map_or(Ok(false), |breached| breached.contains(&password));
            match looked_up {
                Ok(false) => hash(password.as_bytes(), salt),
                Ok(true) => Err(PasswordError::Breached),
                Err(error) => Err(PasswordError::Unchecked(error.to_string())),
            }
        };
        self.run(hashing).await?
    }

    /// Another hash of a right password, if `hash` is not how one is made today. `salt` is 16 random bytes.
    pub async fn hashed_anew(
        &self,
        password: Zeroizing<String>,
        hash_before: &str,
        salt: [u8; 16],
    ) -> Result<Option<String>, PasswordError> {
        if is_of_today(hash_before) {
            return Ok(None);
        }
        let hashed = self.run(move || hash(password.as_bytes(), salt)).await?;
        hashed.map(Some)
    }

    /// Whether the password belongs to the hash. Without a hash the answer is no, and takes the same time.
    pub async fn verify(&self, password: Zeroizing<String>, hash: Option<String>) -> Result<bool, PasswordError> {
        let is_real = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.decoy.clone());
        let matches = self.run(move || verify(password.as_bytes(), &hash)).await?;
        Ok(matches && is_real)
    }

    /// Runs `work` off the async threads. The turn ends with the work, even if the request is gone by then.
    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
        let turn = self.wait_for_turn().await?;
        let working = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        working.await.map_err(|error| PasswordError::Failed(error.to_string()))
    }

    async fn wait_for_turn(&self) -> Result<OwnedSemaphorePermit, PasswordError> {
        if let Ok(turn) = Arc::clone(&self.turns).try_acquire_owned() {
            return Ok(turn);
        }
        let _place = Place::take(&self.waiting)?;
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        turn.map_err(|error| PasswordError::Failed(error.to_string()))
    }
}

/// A place in the queue; it is given back also when the request is dropped while it waits.
struct Place<'a>(&'a AtomicUsize);

impl<'a> Place<'a> {
    fn take(waiting: &'a AtomicUsize) -> Result<Self, PasswordError> {
        let before = waiting.fetch_add(1, Ordering::Relaxed);
        let place = Self(waiting);
        metrics::hashes_waiting(before + 1);
        if before < HASHES_WAITING_MAX {
            Ok(place)
        } else {
            Err(PasswordError::Busy)
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let before = self.0.fetch_sub(1, Ordering::Relaxed);
        metrics::hashes_waiting(before.saturating_sub(1));
    }
}

fn argon2() -> Result<Argon2<'static>, PasswordError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).map_err(failed)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn hash(password: &[u8], salt: [u8; 16]) -> Result<String, PasswordError> {
    let hash: PasswordHash = argon2()?.hash_password_with_salt(password, &salt).map_err(failed)?;
    Ok(hash.to_string())
}

/// A hash that cannot be read belongs to no password.
fn verify(password: &[u8], hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    argon2().is_ok_and(|argon2| argon2.verify_password(password, &hash).is_ok())
}

/// Whether a hash was made by the function and with the parameters that make one today.
fn is_of_today(hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else {
        return false;
    };
    let is_function = hash.algorithm == Algorithm::Argon2id.ident() && hash.version == Some(Version::V0x13.into());
    is_function
        && Params::try_from(&hash)
            .is_ok_and(|made| (made.m_cost(), made.t_cost(), made.p_cost()) == (MEMORY_KIB, PASSES, LANES))
}

fn failed(error: impl std::fmt::Display) -> PasswordError {
    PasswordError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn secret(text: &str) -> Zeroizing<String> {
        Zeroizing::new(text.to_owned())
    }

    #[tokio::test]
    async fn a_hash_belongs_to_its_password_and_names_its_parameters() {
        let passwords = Passwords::new(1, None).unwrap();
        let hash = passwords.hash(secret("correct horse"), [1; 16]).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(
            passwords
                .verify(secret("correct horse"), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(!passwords.verify(secret("wrong horse"), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn a_hash_of_other_parameters_is_made_anew_and_belongs_to_the_same_password() {
        let passwords = Passwords::new(1, None).unwrap();
        let weaker = |algorithm, memory, passes, lanes| {
            let params = Params::new(memory, passes, lanes, None).unwrap();
            let argon2 = Argon2::new(algorithm, Version::V0x13, params);
            let hash: PasswordHash = argon2.hash_password_with_salt(b"correct horse", &[1; 16]).unwrap();
            hash.to_string()
        };
        let others = [
            weaker(Algorithm::Argon2id, 64, PASSES, LANES),
            weaker(Algorithm::Argon2id, MEMORY_KIB, 1, LANES),
            weaker(Algorithm::Argon2id, MEMORY_KIB, PASSES, 2),
            weaker(Algorithm::Argon2i, MEMORY_KIB, PASSES, LANES),
        ];
        for before in others {
            assert!(
                passwords
                    .verify(secret("correct horse"), Some(before.clone()))
                    .await
                    .unwrap()
            );
            let anew = passwords.hashed_anew(secret("correct horse"), &before, [2; 16]).await;
            let anew = anew.unwrap().unwrap();
            assert!(
                passwords
                    .verify(secret("correct horse"), Some(anew.clone()))
                    .await
                    .unwrap()
            );
            assert_eq!(
                passwords.hashed_anew(secret("correct horse"), &anew, [3; 16]).await,
                Ok(None)
            );
        }
    }

    #[tokio::test]
    async fn nobodys_password_is_wrong_even_if_it_is_the_decoys() {
        let passwords = Passwords::new(1, None).unwrap();
        assert!(!passwords.verify(secret("the password of nobody"), None).await.unwrap());
        assert!(!passwords.verify(secret("x"), Some("no hash".into())).await.unwrap());
    }

    #[tokio::test]
    async fn the_ninth_waiting_check_is_refused_and_a_dropped_one_gives_its_place_back() {
        let passwords = Passwords::new(1, None).unwrap();
        let turn = passwords.wait_for_turn().await.unwrap();
        let mut waiting: Vec<_> = (0..HASHES_WAITING_MAX)
            .map(|_| Box::pin(passwords.verify(secret("x"), None)))
            .collect();
        for check in &mut waiting {
            assert!(poll_once(check.as_mut()).is_none());
        }
        assert_eq!(passwords.verify(secret("x"), None).await, Err(PasswordError::Busy));
        waiting.pop();
        let mut next = Box::pin(passwords.verify(secret("x"), None));
        assert!(poll_once(next.as_mut()).is_none());
        drop((waiting, turn));
        assert_eq!(next.await, Ok(false));
    }

    fn poll_once<F: Future>(future: std::pin::Pin<&mut F>) -> Option<F::Output> {
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match future.poll(&mut context) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        }
    }
}
