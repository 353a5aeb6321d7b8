//! What people look at when something is wrong, held against the system that it speaks of: every metric, every query of every
//! dashboard, every rule.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod expressions;
mod live;
mod rules;
mod scrape;

use std::path::PathBuf;

use e2e::workspace;

/// Where the configuration is.
fn folder() -> PathBuf {
    workspace().join("compose/observability")
}
