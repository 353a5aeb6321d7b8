//! Who is calling: passwords, access tokens, refresh tokens and the table of who may do what.

pub mod access;
pub mod caller;
pub mod cookie;
pub mod devices;
pub mod gate;
mod guessing;
pub mod keys;
pub mod passwords;
pub mod refresh;
pub mod revocations;
pub mod tokens;
pub mod uses;

pub use caller::{Caller, Role};
pub(crate) use guessing::{begin_guess, check_password, forgive, not_hashed};
pub use keys::{KeyError, TokenKey, TokenKeys};
