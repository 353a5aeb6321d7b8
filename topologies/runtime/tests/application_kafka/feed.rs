//! The other side of the application: somebody who sends records to the input, and knows what was sent.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use streams::partition::partition_for_key;

use crate::counting::{Instance, PARTITIONS};

const SEND_WAIT: Duration = Duration::from_mins(1);

/// How many records of each key were sent.
pub(crate) type Sent = BTreeMap<String, i64>;

/// Sends `count` records, spread over `keys` keys, and adds them to `sent`.
pub(crate) fn send(instance: &Instance, sent: &mut Sent, count: usize, keys: usize) {
    let mut settings = ClientConfig::new();
    settings
        .set("bootstrap.servers", &instance.bootstrap)
        .set("enable.idempotence", "true")
        .set("linger.ms", "5");
    let producer: BaseProducer = settings.create().unwrap();
    let topic = instance.input();
    for number in 0..count {
        let key = format!("key-{}", number % keys);
        let partition = partition_for_key(key.as_bytes(), PARTITIONS);
        let mut record = BaseRecord::to(&topic).key(&key).payload("x").partition(partition);
        while let Err((error, refused)) = producer.send(record) {
            assert_eq!(error, KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull));
            producer.poll(Duration::from_millis(10));
            record = refused;
        }
        *sent.entry(key).or_default() += 1;
    }
    producer.flush(SEND_WAIT).unwrap();
}
