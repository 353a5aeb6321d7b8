//! The log contract on the embedded log.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod log_contract;

use std::collections::BTreeMap;
use std::sync::Arc;

use log_contract::{Appended, LogFixture, layout, log_contract};
use runtime::GlobalConsumer;
use runtime::commands::CommandRecord;
use runtime::embedded::{Cleanup, EmbeddedBroker, EmbeddedLog, EmbeddedReader, EmbeddedTopic};
use streams::Layout;
use tempfile::TempDir;

struct EmbeddedFixture {
    broker: Arc<EmbeddedBroker>,
    layout: Arc<Layout>,
    _dir: TempDir,
}

impl LogFixture for EmbeddedFixture {
    type Log = EmbeddedLog;
    type Reader = EmbeddedReader;

    fn new(partitions: i32) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let broker = EmbeddedBroker::open(dir.path()).unwrap();
        let layout = layout("contract", partitions);
        let external = layout.topics[..2].iter().map(|topic| EmbeddedTopic {
            name: topic.name.clone(),
            partitions,
            cleanup: Cleanup::Delete { retention_ms: -1 },
        });
        broker.create_topics(&external.collect::<Vec<_>>()).unwrap();
        broker.create_internal_topics(&layout).unwrap();
        Self {
            broker,
            layout,
            _dir: dir,
        }
    }

    fn layout(&self) -> Arc<Layout> {
        Arc::clone(&self.layout)
    }

    fn join(&self, thread: u16) -> EmbeddedLog {
        let log = self.broker.join(self.layout(), usize::from(thread)).unwrap();
        log.with_numbered_outputs()
    }

    fn reader(&self) -> EmbeddedReader {
        self.broker.reader()
    }

    fn global_consumer(&self, topic: &str) -> Box<dyn GlobalConsumer> {
        Box::new(self.broker.global_consumer(topic).unwrap())
    }

    fn append(&self, topic: &str, partition: i32, record: &Appended<'_>) -> i64 {
        let headers = record.header.iter();
        let record = CommandRecord {
            topic: topic.to_owned(),
            key: record.key.as_bytes().to_vec(),
            value: Some(record.value.as_bytes().to_vec()),
            headers: headers
                .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
                .collect(),
            timestamp_ms: record.timestamp_ms,
        };
        self.broker.append(partition, &record).unwrap()
    }

    fn committed(&self) -> BTreeMap<i32, i64> {
        let offsets = self.broker.group_offsets(&self.layout.application_id);
        offsets
            .into_iter()
            .map(|((_, partition), next)| (partition, next))
            .collect()
    }
}

log_contract!(EmbeddedFixture);
