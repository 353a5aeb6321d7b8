//! [`GlobalConsumer`] on the embedded log.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use streams::LogError;
use streams::log::{LogReader, StoredRecord};

use super::EmbeddedBroker;
use super::reader::EmbeddedReader;
use crate::global_table::GlobalConsumer;

/// Between two looks for new records.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Reads every partition of one topic. It looks for new records when it is asked, and nothing wakes it before.
#[derive(Debug)]
pub struct EmbeddedGlobalConsumer {
    reader: EmbeddedReader,
    topic: String,
    /// The next offset of each partition.
    next: Vec<i64>,
}

impl EmbeddedBroker {
    /// A reader of the whole of `topic`.
    pub fn global_consumer(self: &Arc<Self>, topic: &str) -> Result<EmbeddedGlobalConsumer, LogError> {
        let mut reader = self.reader();
        let count = reader.partitions(topic)?;
        let count = count.ok_or_else(|| LogError::Retriable(format!("there is no topic {topic}")))?;
        Ok(EmbeddedGlobalConsumer {
            reader,
            topic: topic.to_owned(),
            next: vec![0; usize::try_from(count).unwrap_or_default()],
        })
    }
}

impl GlobalConsumer for EmbeddedGlobalConsumer {
    fn poll(&mut self, wait: Duration, take: &mut dyn FnMut(StoredRecord<'_>)) -> Result<bool, LogError> {
        let mut is_idle = true;
        for (partition, next) in (0..).zip(&mut self.next) {
            let (first, end) = self.reader.offsets(&self.topic, partition)?;
            let from = first.max(*next);
            if from < end {
                is_idle = false;
                let mut visit = |record: StoredRecord<'_>| {
                    take(record);
                    ControlFlow::Continue(())
                };
                *next = self.reader.read(&self.topic, partition, from, end, &mut visit)?;
            }
        }
        if is_idle {
            std::thread::sleep(wait.min(LOOK_INTERVAL));
        }
        Ok(true)
    }
}
