//! Records that were taken from a simulated consumer.

use std::collections::VecDeque;

use rdkafka::types::RDKafkaErrorCode;
use runtime::kafka::port::{FetchedBatch, FetchedRecord};
use streams::Headers;

use super::consumer::SimConsumer;
use crate::cluster::StoredRecord;

/// What stands in a consumer's queue.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(super) topic: usize,
    pub(super) partition: i32,
    pub(super) offset: i64,
    pub(super) content: Result<StoredRecord, RDKafkaErrorCode>,
}

/// A batch of them.
#[derive(Debug, Default)]
pub(crate) struct SimBatch {
    waiting: VecDeque<Fetched>,
    shown: Option<Fetched>,
    turn: usize,
}

impl FetchedBatch<SimConsumer> for SimBatch {
    type Record<'a> = &'a Fetched;

    fn refill(&mut self, consumer: &SimConsumer) -> bool {
        if self.waiting.is_empty() {
            self.waiting = consumer.take(&mut self.turn);
        }
        !self.waiting.is_empty()
    }

    fn next(&mut self) -> Option<&Fetched> {
        self.shown = self.waiting.pop_front();
        self.shown.as_ref()
    }

    fn retain(&mut self, mut keep: impl FnMut(&&Fetched) -> bool) {
        self.waiting.retain(|fetched| keep(&fetched));
    }

    fn clear(&mut self) {
        self.waiting.clear();
    }
}

impl<'a> FetchedRecord<'a> for &'a Fetched {
    fn error(&self) -> Option<RDKafkaErrorCode> {
        self.content.as_ref().err().copied()
    }

    fn error_text(&self) -> String {
        self.error().map_or_else(String::new, |code| code.to_string())
    }

    fn topic(&self) -> usize {
        self.topic
    }

    fn partition(&self) -> i32 {
        self.partition
    }

    fn offset(&self) -> i64 {
        self.offset
    }

    fn timestamp_ms(&self) -> i64 {
        self.content.as_ref().map_or(-1, |record| record.timestamp_ms)
    }

    fn key(&self) -> Option<&'a [u8]> {
        self.content.as_ref().ok()?.key.as_deref()
    }

    fn value(&self) -> Option<&'a [u8]> {
        self.content.as_ref().ok()?.value.as_deref()
    }

    fn headers(&self, keep: impl Fn(&str) -> bool) -> Headers {
        let headers = self.content.iter().flat_map(|record| record.headers.iter());
        Headers::from_list(headers.filter(|header| keep(&header.key)).cloned().collect())
    }
}
