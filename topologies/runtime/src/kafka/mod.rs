//! The log on Apache Kafka: one consumer and a few transactional producers per stream thread.

mod client;
mod config;
mod health;
mod inputs;
mod log;
mod transaction;
mod witness;

pub use config::KafkaConfig;
pub use health::KafkaHealth;
pub use log::KafkaLog;
