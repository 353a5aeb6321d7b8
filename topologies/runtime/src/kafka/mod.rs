//! The log on Apache Kafka: one consumer and a few transactional producers per stream thread.

mod client;
mod health;
mod witness;

pub use health::KafkaHealth;
