//! Groups as brokers describe them.

use std::ffi::{CStr, c_int, c_void};
use std::time::{Duration, Instant};

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::types::RDKafkaErrorCode;

use super::{Client, checked, terminated, text_of, timeout_ms};
use crate::kafka::group::{GroupMember, GroupState, assigned_partitions};
use crate::kafka::port::ClientError;

/// The client asks every broker and waits for all of them, so while one is down an answer comes only when the time for it is over.
/// The first question gets so long, and each further one twice as long as the one before.
///
/// `rd_kafka_DescribeConsumerGroups` asks the coordinator alone. It is not used: where that broker dies, version 2.12.1 goes on
/// asking it, and may end the process by a failed assertion (`rd_kafka_enq_once_del_source_return`).
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Asks the brokers that a consumer of the wrapper crate knows for a group. One that nobody has heard of is empty.
pub(in crate::kafka) fn group_of<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    name: &str,
    timeout: Duration,
) -> Result<GroupState, ClientError> {
    // SAFETY: the consumer keeps its handle live across the call.
    unsafe { ask(consumer.client().native_ptr(), name, timeout) }
}

impl Client {
    /// Asks the brokers for a group. One that nobody has heard of is empty.
    pub(super) fn group(&self, name: &str, timeout: Duration) -> Result<GroupState, ClientError> {
        // SAFETY: the handle is live.
        unsafe { ask(self.ptr(), name, timeout) }
    }
}

/// # Safety
/// The handle is live across the call.
unsafe fn ask(rk: *mut sys::rd_kafka_t, name: &str, timeout: Duration) -> Result<GroupState, ClientError> {
    let name = terminated(name)?;
    let deadline = Instant::now() + timeout;
    let mut wait = FIRST_WAIT.min(timeout);
    loop {
        // SAFETY: promised by the caller.
        let answer = unsafe { ask_once(rk, &name, wait) };
        let left = deadline.saturating_duration_since(Instant::now());
        match answer {
            Err(error) if error.code == RDKafkaErrorCode::OperationTimedOut && !left.is_zero() => {
                wait = (wait * 2).min(left);
            }
            answer => return answer,
        }
    }
}

/// # Safety
/// The handle is live across the call.
unsafe fn ask_once(rk: *mut sys::rd_kafka_t, name: &CStr, timeout: Duration) -> Result<GroupState, ClientError> {
    let mut list = std::ptr::null();
    // SAFETY: the handle, the name and the result live across the call; a list that was answered is ours, is copied while it is
    // live, and freed once.
    unsafe {
        let code = sys::rd_kafka_list_groups(rk, name.as_ptr(), &raw mut list, timeout_ms(timeout));
        // A group that one broker has described is known, whatever the others have to say.
        if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR__PARTIAL {
            checked(code, "cannot ask for the group")?;
        }
        let state = state(&*list);
        sys::rd_kafka_group_list_destroy(list);
        Ok(state)
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
