//! The business as pure code: orders, payment, stock, products and accounts.
//!
//! Each participant is a state machine with one writer per key: a state and a thing that happened go in,
//! the next state, events and commands come out. Time and ids are arguments. Refusals are outcomes, not errors.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod account;
pub mod authority;
pub mod ids;
pub mod money;
pub mod order;
pub mod payment;
pub mod product;
pub mod stock;
