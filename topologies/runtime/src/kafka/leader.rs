//! Questions that the leader of a partition answers.
//!
//! librdkafka asks the leader that it has in its cache and, told that this is not the leader any more, looks for the new one only
//! when the cache is due, five minutes after the client's start and so on. Until then every question fails. Asking for the topic's
//! metadata replaces what is in the cache.

use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;

/// Asks, and asks once more with a leader that is looked for when the answer is an error. `ask` is told how long it may take; all of
/// it takes at most `wait`.
pub(super) fn ask_leader<C: ConsumerContext, T>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    wait: Duration,
    ask: impl Fn(Duration) -> KafkaResult<T>,
) -> KafkaResult<T> {
    ask_again(wait, ask, |wait| consumer.fetch_metadata(Some(topic), wait).map(drop))
}

/// The same for any client: `look` asks it for the topic's metadata.
pub(super) fn ask_again<T, E>(
    wait: Duration,
    ask: impl Fn(Duration) -> Result<T, E>,
    look: impl FnOnce(Duration) -> Result<(), E>,
) -> Result<T, E> {
    let step = wait / 3;
    ask(step).or_else(|_| {
        look(step)?;
        ask(step)
    })
}
