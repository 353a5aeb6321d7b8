//! Membership of a group, as transactions carry it.

use std::ptr::NonNull;

use rdkafka::bindings as sys;

use super::{Client, text_of};
use crate::kafka::port::GroupMembership;

/// The membership that a transaction is fenced with. Taken anew for every transaction.
pub struct GroupMetadata(NonNull<sys::rd_kafka_consumer_group_metadata_t>);

impl GroupMetadata {
    /// The membership as it is now; nothing for a client without a group.
    pub(super) fn of(client: &Client) -> Option<Self> {
        // SAFETY: the handle is live; the answer is ours, or null without a group.
        NonNull::new(unsafe { sys::rd_kafka_consumer_group_metadata(client.ptr()) }).map(Self)
    }

    pub(super) fn ptr(&self) -> *const sys::rd_kafka_consumer_group_metadata_t {
        self.0.as_ptr()
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

impl Drop for GroupMetadata {
    fn drop(&mut self) {
        // SAFETY: live, owned by this value, freed once.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) }
    }
}
