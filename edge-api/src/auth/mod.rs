//! Who is calling: passwords, access tokens, refresh tokens and the table of who may do what.

pub mod access;
pub mod caller;
pub mod codes;
pub mod cookie;
pub mod devices;
pub mod gate;
mod guessing;
pub mod keys;
pub mod passwords;
pub mod refresh;
pub(crate) mod renewal;
pub mod revocations;
pub mod sealing;
pub(crate) mod second_factor;
pub mod tokens;
pub mod totp;
pub mod uses;

pub use caller::{Caller, Role};
pub(crate) use guessing::{begin_guess, check_password, forgive, guess, not_hashed, not_taken};
pub use keys::{KeyError, TokenKey, TokenKeys};
pub use sealing::{SealingKey, SealingKeys};
