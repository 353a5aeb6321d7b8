//! Who is calling: passwords, access tokens, refresh tokens and the table of who may do what.

pub mod access;
pub mod caller;
pub mod gate;
pub mod keys;
pub mod passwords;
pub mod refresh;
pub mod revocations;
pub mod tokens;
pub mod uses;

pub use caller::{Caller, Role};
pub use keys::{KeyError, TokenKeys};
