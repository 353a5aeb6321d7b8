//! The gateway before the real topologies on an embedded log, in one process: they start once for all of it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod accounts;
mod asvs;
mod console;
mod faults;
mod forgery;
mod fulfilment;
mod guessing;
mod hardening;
mod idempotency;
mod journey;
mod openapi;
mod ownership;
mod passwords;
mod payouts;
mod problems;
mod quota;
mod recovery;
mod redis;
mod rotation;
mod second_factor;
mod secrets;
mod serving;
mod sessions;
mod stream;
mod support;
mod tls;
mod tokens;
mod versions;
