//! The log contract on Apache Kafka.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/kafka_fixture.rs"]
mod kafka_fixture;
mod log_contract;
mod support;

use kafka_fixture::KafkaFixture;
use log_contract::{fixture, log_contract};

log_contract!(KafkaFixture);
