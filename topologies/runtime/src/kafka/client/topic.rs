//! Topics as the C client knows them.

use std::ptr::NonNull;

use rdkafka::bindings as sys;

use super::{Client, of_settings, terminated};
use crate::kafka::port::ClientError;

/// A topic as the client knows it; the pointer stays the same as long as this lives.
pub(super) struct Topic(NonNull<sys::rd_kafka_topic_t>);

// SAFETY: topic handles may be used and freed from any thread.
unsafe impl Send for Topic {}

impl Topic {
    pub(super) fn new(client: &Client, name: &str) -> Result<Self, ClientError> {
        let name = terminated(name)?;
        // SAFETY: the handle and the name live across the call; null settings mean the handle's own.
        let topic = unsafe { sys::rd_kafka_topic_new(client.ptr(), name.as_ptr(), std::ptr::null_mut()) };
        NonNull::new(topic)
            .map(Self)
            .ok_or_else(|| of_settings(format!("the Kafka client refuses the topic name {name:?}")))
    }

    pub(super) fn ptr(&self) -> *mut sys::rd_kafka_topic_t {
        self.0.as_ptr()
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: live, owned by this value, freed once, before the handle.
        unsafe { sys::rd_kafka_topic_destroy(self.0.as_ptr()) }
    }
}
