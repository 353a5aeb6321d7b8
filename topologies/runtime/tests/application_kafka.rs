//! A whole application on Apache Kafka with `RocksDB` state: right counts through restarts, kills and lost disks.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

#[path = "application_kafka/audit.rs"]
mod audit;
#[path = "application_kafka/child.rs"]
mod child;
#[path = "application_kafka/counting.rs"]
mod counting;
#[path = "application_kafka/feed.rs"]
mod feed;
#[path = "application_kafka/kills.rs"]
mod kills;
#[path = "application_kafka/orphans.rs"]
mod orphans;
#[path = "application_kafka/restarts.rs"]
mod restarts;
#[path = "application_kafka/restored.rs"]
mod restored;
mod support;
