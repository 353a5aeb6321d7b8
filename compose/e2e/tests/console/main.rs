//! The console in a real browser, on the real binary: journeys of buyers, sellers and operators, both languages,
//! both colour schemes, a phone, the keyboard, and the modules by themselves.
//!
//! Nothing sleeps: the page itself tells when a condition has come true. Pictures of what was seen are kept below `SLUICE_PICTURES`,
//! or in the target directory.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod buyer;
mod fulfilment;
mod looks;
mod modules;
mod operator;
mod second_factor;
mod seller;
mod support;
mod trouble;
