//! Groups as brokers describe them.

use std::ffi::{c_int, c_void};
use std::time::Duration;

use rdkafka::bindings as sys;

use super::{Client, checked, terminated, text_of, timeout_ms};
use crate::kafka::group::{GroupMember, GroupState, assigned_partitions};
use crate::kafka::port::ClientError;

impl Client {
    /// Asks the brokers for a group. One that nobody has heard of is empty.
    pub(super) fn group(&self, name: &str, timeout: Duration) -> Result<GroupState, ClientError> {
        let name = terminated(name)?;
        let mut list = std::ptr::null();
        // SAFETY: the handle, the name and the result live across the call; a list that was answered is ours, is copied
        // while it is live, and freed once.
        unsafe {
            let code = sys::rd_kafka_list_groups(self.ptr(), name.as_ptr(), &raw mut list, timeout_ms(timeout));
            checked(code, "cannot ask for the group")?;
            let state = state(&*list);
            sys::rd_kafka_group_list_destroy(list);
            Ok(state)
        }
    }
}

/// # Safety
/// The list is live.
unsafe fn state(list: &sys::rd_kafka_group_list) -> GroupState {
    if list.group_cnt == 0 {
        return GroupState::default();
    }
    // SAFETY: promised by the caller; the one group that was asked for is the first.
    let group = unsafe { &*list.groups };
    let count = usize::try_from(group.member_cnt).unwrap_or(0);
    GroupState {
        // SAFETY: the string belongs to the live list.
        state: unsafe { text_of(group.state) },
        // SAFETY: the group has as many members as it says.
        members: (0..count)
            .map(|at| unsafe { member(&*group.members.add(at)) })
            .collect(),
    }
}

/// # Safety
/// The member belongs to a live list.
unsafe fn member(member: &sys::rd_kafka_group_member_info) -> GroupMember {
    // SAFETY: strings and bytes belong to the live list.
    unsafe {
        GroupMember {
            member_id: text_of(member.member_id),
            client_id: text_of(member.client_id),
            host: text_of(member.client_host).trim_start_matches('/').to_owned(),
            partitions: assigned_partitions(assignment(member.member_assignment, member.member_assignment_size)),
        }
    }
}

/// # Safety
/// `start` is null, or `size` bytes long for the lifetime that the caller chooses.
unsafe fn assignment<'a>(start: *const c_void, size: c_int) -> &'a [u8] {
    let size = usize::try_from(size).unwrap_or(0);
    if start.is_null() || size == 0 {
        return &[];
    }
    // SAFETY: promised by the caller.
    unsafe { std::slice::from_raw_parts(start.cast(), size) }
}
