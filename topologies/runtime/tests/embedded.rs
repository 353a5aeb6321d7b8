//! The embedded log as one process sees it: what survives, what is refused, and what is removed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "embedded/child.rs"]
mod child;
#[path = "embedded/commands.rs"]
mod commands;
#[path = "embedded/compaction.rs"]
mod compaction;
#[path = "embedded/crash.rs"]
mod crash;
#[path = "embedded/directory.rs"]
mod directory;
#[path = "embedded/disk_failure.rs"]
mod disk_failure;
#[path = "embedded/fixture.rs"]
mod fixture;
#[path = "embedded/group_offsets.rs"]
mod group_offsets;
#[path = "embedded/membership.rs"]
mod membership;
#[path = "embedded/power_loss.rs"]
mod power_loss;
#[path = "embedded/reopen.rs"]
mod reopen;
#[path = "embedded/retention.rs"]
mod retention;
#[path = "embedded/transactions.rs"]
mod transactions;
