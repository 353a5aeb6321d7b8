//! An application of its own on a broker.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use runtime::GlobalConsumer;
use runtime::kafka::{KafkaConfig, KafkaGlobalConsumer, KafkaHealth, KafkaLog, KafkaReader, ensure_internal_topics};
use streams::Layout;
use streams::log::LogReader;

use crate::fixture::{Appended, LogFixture, layout};
use crate::support::{KafkaServer, unique};

/// Topics and stream threads of one application.
pub(crate) struct KafkaFixture {
    pub(crate) server: &'static KafkaServer,
    pub(crate) layout: Arc<Layout>,
}

impl KafkaFixture {
    /// A fresh application on a broker.
    pub(crate) fn on(server: &'static KafkaServer, partitions: i32) -> Self {
        let layout = layout(&unique("contract"), partitions);
        for topic in &layout.topics[..2] {
            server.create_topic(&topic.name, partitions);
        }
        ensure_internal_topics(&server.admin(), &layout, 1).unwrap();
        Self { server, layout }
    }

    /// A thread's configuration: its tasks move as soon as it is closed.
    pub(crate) fn config(&self, thread: u16) -> KafkaConfig {
        KafkaConfig {
            leave_on_close: true,
            number_outputs: true,
            ..self.server.config(&self.layout.application_id, thread)
        }
    }
}

impl LogFixture for KafkaFixture {
    type Log = KafkaLog;
    type Reader = KafkaReader;

    fn new(partitions: i32) -> Self {
        Self::on(KafkaServer::shared(), partitions)
    }

    fn layout(&self) -> Arc<Layout> {
        Arc::clone(&self.layout)
    }

    fn join(&self, thread: u16) -> KafkaLog {
        KafkaLog::connect(self.config(thread), self.layout(), Arc::new(KafkaHealth::default())).unwrap()
    }

    fn reader(&self) -> KafkaReader {
        KafkaReader::connect(&self.config(0), Arc::new(KafkaHealth::default())).unwrap()
    }

    fn global_consumer(&self, topic: &str) -> Box<dyn GlobalConsumer> {
        Box::new(KafkaGlobalConsumer::connect(&self.config(0), topic, Arc::default()).unwrap())
    }

    fn append(&self, topic: &str, partition: i32, record: &Appended<'_>) -> i64 {
        let mut settings = ClientConfig::new();
        let settings = settings
            .set("bootstrap.servers", self.server.bootstrap())
            .set("linger.ms", "0");
        let producer: BaseProducer = settings.create().unwrap();
        let mut sent = BaseRecord::to(topic)
            .partition(partition)
            .key(record.key)
            .payload(record.value)
            .timestamp(record.timestamp_ms);
        if let Some((key, value)) = record.header {
            sent = sent.headers(OwnedHeaders::new().insert(Header {
                key,
                value: Some(value),
            }));
        }
        producer.send(sent).map_err(|(error, _)| error).unwrap();
        producer.flush(Duration::from_secs(30)).unwrap();
        self.reader().offsets(topic, partition).unwrap().1 - 1
    }

    fn committed(&self) -> BTreeMap<i32, i64> {
        let input = &self.layout.topics[0];
        let partitions: Vec<_> = (0..input.partitions)
            .map(|partition| (input.name.clone(), partition))
            .collect();
        let offsets = self
            .server
            .admin()
            .committed(&self.layout.application_id, &partitions)
            .unwrap();
        offsets
            .into_iter()
            .map(|((_, partition), offset)| (partition, offset))
            .collect()
    }
}
