//! Wrong guesses at passwords, counted where sessions are kept: for every gateway together.
//!
//! A guess is counted before the password is looked at and forgiven when it was right, so guesses that come at the same time are
//! counted too. Who is known to have logged in before has an account of his own ([`Guesser::Device`]), so nobody can shut the owner
//! of an account out by guessing at it from elsewhere ("Slow Down Online Guessing Attacks with Device Cookies", OWASP).

use std::collections::VecDeque;
use std::net::IpAddr;

use crate::lately::Lately;
use crate::limits::{ACCOUNT_GUESSES_MAX, ADDRESS_GUESSES_MAX, GUESSERS_MAX, GUESSES_WINDOW_MS};

/// Whose wrong guesses are counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Guesser {
    /// Everybody who guesses at the credential with this key from nowhere in particular.
    Account(String),
    /// A device from which somebody has logged in to the account before.
    Device(String),
    /// Whoever holds this session and is asked for the password all the same.
    Session(String),
    /// Everybody at an address ([`ClientAddress::site`](crate::http::peer::ClientAddress::site)), whatever the account.
    Address(IpAddr),
}

/// One guess at a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guess {
    /// An id of its own.
    pub id: String,
    /// All those who make it.
    pub guessers: Vec<Guesser>,
    /// When. Milliseconds since the epoch.
    pub now_ms: i64,
}

/// Whether a guess may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It counts as wrong until it is forgiven.
    Admitted,
    /// There were too many; after this time there is room for one more.
    Refused {
        /// From 1 to [`GUESSES_WINDOW_MS`].
        wait_ms: i64,
    },
}

impl Guesser {
    /// The name under which its guesses are counted.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::Account(login_key) => format!("account:{login_key}"),
            Self::Device(id) => format!("device:{id}"),
            Self::Session(id) => format!("session:{id}"),
            Self::Address(address) => format!("address:{address}"),
        }
    }

    /// Its wrong guesses within [`GUESSES_WINDOW_MS`], at most.
    #[must_use]
    pub fn wrong_max(&self) -> usize {
        match self {
            Self::Account(_) | Self::Device(_) | Self::Session(_) => ACCOUNT_GUESSES_MAX,
            Self::Address(_) => ADDRESS_GUESSES_MAX,
        }
    }
}

impl Admission {
    /// What a wait means; none is none.
    #[must_use]
    pub fn after(wait_ms: i64) -> Self {
        if wait_ms <= 0 {
            return Self::Admitted;
        }
        Self::Refused {
            wait_ms: wait_ms.min(GUESSES_WINDOW_MS),
        }
    }
}

/// Wrong guesses inside this process. `guess.lua` does the same inside Redis. Of more than [`GUESSERS_MAX`] guessers those are
/// forgotten that came first.
#[derive(Debug)]
pub(super) struct MemoryGuesses(Lately<VecDeque<Made>>);

#[derive(Debug)]
struct Made {
    id: String,
    at_ms: i64,
}

impl Default for MemoryGuesses {
    fn default() -> Self {
        Self(Lately::new(GUESSERS_MAX))
    }
}

impl MemoryGuesses {
    pub(super) fn begin(&mut self, guess: &Guess) -> Admission {
        let waits = guess.guessers.iter().map(|guesser| self.wait(guesser, guess.now_ms));
        let admission = Admission::after(waits.max().unwrap_or(0));
        if admission == Admission::Admitted {
            for guesser in &guess.guessers {
                self.count(&guesser.key(), guess);
            }
        }
        admission
    }

    pub(super) fn forgive(&mut self, guess: &Guess) {
        for guesser in &guess.guessers {
            if let Some(made) = self.0.get_mut(&guesser.key()) {
                made.retain(|made| made.id != guess.id);
            }
        }
    }

    fn count(&mut self, guesser: &str, guess: &Guess) {
        let guess = Made {
            id: guess.id.clone(),
            at_ms: guess.now_ms,
        };
        match self.0.get_mut(guesser) {
            Some(made) => made.push_back(guess),
            None => self.0.insert(guesser, VecDeque::from([guess])),
        }
    }

    fn wait(&mut self, guesser: &Guesser, now_ms: i64) -> i64 {
        let Some(made) = self.0.get_mut(&guesser.key()) else {
            return 0;
        };
        made.retain(|made| now_ms < made.at_ms + GUESSES_WINDOW_MS);
        let oldest = made.front().filter(|_| made.len() >= guesser.wrong_max());
        oldest.map_or(0, |oldest| oldest.at_ms + GUESSES_WINDOW_MS - now_ms)
    }
}
