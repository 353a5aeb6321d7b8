//! What brokers promise their clients, and where the old transaction protocol leaves a gap.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod fixture;
mod groups;
mod hazards;
mod log;
mod moves;
mod offsets;
mod producers;
mod rebalances;
mod static_members;
mod transactions;
