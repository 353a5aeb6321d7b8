//! What only Kafka does to a stream thread: lost answers, hanging brokers, dead owners, records that are gone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "kafka_log/admin.rs"]
mod admin;
#[path = "kafka_log/commands.rs"]
mod commands;
#[path = "log_contract/fixture.rs"]
mod fixture;
#[path = "kafka_log/gone.rs"]
mod gone;
#[path = "support/kafka_fixture.rs"]
mod kafka_fixture;
#[path = "kafka_log/outage.rs"]
mod outage;
#[path = "kafka_log/scenario.rs"]
mod scenario;
mod support;
#[path = "kafka_log/takeover.rs"]
mod takeover;
#[path = "kafka_log/torn.rs"]
mod torn;
