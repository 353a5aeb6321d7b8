//! What an operator would set in the brokers' configuration.

use std::time::Duration;

/// Limits of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Number of brokers; 0 counts as 1.
    pub brokers: u32,
    /// Batches per producer and partition that a duplicate is recognised by. Fixed at 5 in Kafka, which is why a producer may
    /// have at most 5 requests on their way.
    pub remembered_batches: usize,
    /// The longest transaction timeout that a producer may ask for (`transaction.max.timeout.ms`).
    pub max_transaction_timeout: Duration,
    /// How long an empty group waits for more members before its first rebalance ends
    /// (`group.initial.rebalance.delay.ms`; 3 s in Kafka, 0 in this repository's `compose`).
    pub initial_rebalance_delay: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            brokers: 3,
            remembered_batches: 5,
            max_transaction_timeout: Duration::from_secs(900),
            initial_rebalance_delay: Duration::ZERO,
        }
    }
}
