//! The log on Apache Kafka: one consumer and a few transactional producers per stream thread.

mod admin;
mod bare;
mod client;
mod commands;
mod config;
mod global_consumer;
mod group;
mod health;
mod inputs;
mod internal_topics;
mod leader;
mod log;
pub mod port;
mod reader;
mod transaction;
mod witness;

pub use admin::{Ends, KafkaAdmin, TopicPartition, TopicSpec};
pub use bare::BareCopy;
pub use client::Librdkafka;
pub use commands::KafkaCommandLog;
pub use config::KafkaConfig;
pub use global_consumer::KafkaGlobalConsumer;
pub use group::{GroupMember, GroupState};
pub use health::KafkaHealth;
pub use internal_topics::{ensure_internal_topics, internal_topics, verify};
pub use log::KafkaLog;
pub use reader::KafkaReader;
pub use witness::Witness;
