//! Membership of a group, as transactions carry it.

use std::ptr::NonNull;
use std::sync::Arc;

use rdkafka::bindings as sys;

use super::{Client, text_of};
use crate::kafka::port::GroupMembership;

/// The membership that a transaction is fenced with. Taken anew for every transaction. Clones share it.
#[derive(Clone)]
pub struct GroupMetadata(Arc<Owned>);

struct Owned(NonNull<sys::rd_kafka_consumer_group_metadata_t>);

// SAFETY: nothing writes to a membership between its creation and its end, and it may be read and freed from any thread.
unsafe impl Send for Owned {}
// SAFETY: as above.
unsafe impl Sync for Owned {}

impl GroupMetadata {
    /// The membership as it is now; nothing for a client without a group.
    pub(super) fn of(client: &Client) -> Option<Self> {
        // SAFETY: the handle is live; the answer is ours, or null without a group.
        let found = NonNull::new(unsafe { sys::rd_kafka_consumer_group_metadata(client.ptr()) });
        found.map(|found| Self(Arc::new(Owned(found))))
    }

    pub(super) fn ptr(&self) -> *const sys::rd_kafka_consumer_group_metadata_t {
        self.0.0.as_ptr()
    }
}

impl GroupMembership for GroupMetadata {
    fn generation(&self) -> i32 {
        // SAFETY: live as long as this value.
        unsafe { sys::rd_kafka_consumer_group_metadata_generation_id(self.ptr()) }
    }

    fn member_id(&self) -> String {
        // SAFETY: live as long as this value; the answered string is its own.
        unsafe { text_of(sys::rd_kafka_consumer_group_metadata_member_id(self.ptr())) }
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: live, owned by this value, freed once.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) }
    }
}
