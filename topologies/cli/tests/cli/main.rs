//! The `sluice` binary as operators use it, on the embedded log: a process, its exit code, what it prints, and its HTTP answers.
//!
//! Nothing sleeps: a test waits for the line `ready`, or for an answer that the edge itself waits with.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod accounts;
mod audit;
mod cards;
mod consume;
mod help;
mod journey;
mod load;
mod logging;
mod offsets;
mod process;
mod protection;
mod second_factor;
mod shop;
mod topics;
mod topology;
mod tracing;
mod webhooks;
