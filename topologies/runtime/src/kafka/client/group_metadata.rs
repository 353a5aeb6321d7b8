//! Membership of a group, as transactions carry it.

use std::ptr::NonNull;

use rdkafka::bindings as sys;

use super::{Client, text_of};

/// The membership that a transaction is fenced with. Taken anew for every transaction.
pub(in crate::kafka) struct GroupMetadata(NonNull<sys::rd_kafka_consumer_group_metadata_t>);

impl GroupMetadata {
    /// The membership as it is now; nothing for a client without a group.
    pub(super) fn of(client: &Client) -> Option<Self> {
        // SAFETY: the handle is live; the answer is ours, or null without a group.
        NonNull::new(unsafe { sys::rd_kafka_consumer_group_metadata(client.ptr()) }).map(Self)
    }

    /// Number of the group's present constellation, negative while this consumer is no member.
    pub(in crate::kafka) fn generation(&self) -> i32 {
        // SAFETY: live as long as this value.
        unsafe { sys::rd_kafka_consumer_group_metadata_generation_id(self.ptr()) }
    }

    pub(super) fn ptr(&self) -> *const sys::rd_kafka_consumer_group_metadata_t {
        self.0.as_ptr()
    }

    /// The name that the group has given to this consumer; empty before that and after it was laid down.
    pub(in crate::kafka) fn member_id(&self) -> String {
        // SAFETY: live as long as this value; the answered string is its own.
        unsafe { text_of(sys::rd_kafka_consumer_group_metadata_member_id(self.ptr())) }
    }

    /// Whether the group has given a name to this consumer that it has not laid down.
    pub(super) fn is_member(&self) -> bool {
        !self.member_id().is_empty()
    }
}

impl Drop for GroupMetadata {
    fn drop(&mut self) {
        // SAFETY: live, owned by this value, freed once.
        unsafe { sys::rd_kafka_consumer_group_metadata_destroy(self.0.as_ptr()) }
    }
}
