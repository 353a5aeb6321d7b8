//! Ends of partitions with an isolation level other than the consumer's own.

use std::ffi::c_char;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaErrorCode;

use super::partitions::PartitionList;
use super::queue::Queue;
use super::{Client, ERROR_TEXT_BYTES, checked, of_settings, text_of, timeout_ms};
use crate::kafka::port::{ClientError, Partition};

/// The offset that stands for "the end" in a question.
const LATEST: i64 = sys::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_LATEST as i64;

impl Client {
    /// The offset after the last record of a partition, committed or not.
    pub(super) fn high_watermark(&self, topic: &str, partition: i32, timeout: Duration) -> Result<i64, ClientError> {
        self.ask_leader(topic, timeout, |wait| {
            self.high_watermark_of_known_leader(topic, partition, wait)
        })
    }

    fn high_watermark_of_known_leader(
        &self,
        topic: &str,
        partition: i32,
        timeout: Duration,
    ) -> Result<i64, ClientError> {
        let wanted = Partition {
            offset: LATEST,
            ..Partition::new(topic, partition)
        };
        let list = PartitionList::new(&[wanted])?;
        let options = Options::new(self, timeout)?;
        // SAFETY: the handle is live; the answered queue is ours to free, or null.
        let queue = Queue::owned(unsafe { sys::rd_kafka_queue_new(self.ptr()) })?;
        // SAFETY: handle, list, options and queue live across the calls; the event is ours and freed once, after what is in
        // it was copied.
        unsafe {
            sys::rd_kafka_ListOffsets(self.ptr(), list.ptr(), options.0.as_ptr(), queue.ptr());
            let event = NonNull::new(sys::rd_kafka_queue_poll(queue.ptr(), timeout_ms(timeout)));
            let event = event.ok_or_else(|| unanswered(RDKafkaErrorCode::OperationTimedOut, ""))?;
            let end = end_in(event.as_ptr());
            sys::rd_kafka_event_destroy(event.as_ptr());
            end
        }
    }
}

/// # Safety
/// `event` is live across the call.
unsafe fn end_in(event: *mut sys::rd_kafka_event_t) -> Result<i64, ClientError> {
    // SAFETY: the event is live; what it answers belongs to it, and there is one element for each partition asked for.
    unsafe {
        let code = sys::rd_kafka_event_error(event);
        if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(unanswered(
                code.into(),
                &text_of(sys::rd_kafka_event_error_string(event)),
            ));
        }
        let mut count = 0;
        let infos =
            sys::rd_kafka_ListOffsets_result_infos(sys::rd_kafka_event_ListOffsets_result(event), &raw mut count);
        if count == 0 {
            return Err(unanswered(RDKafkaErrorCode::UnknownPartition, ""));
        }
        let partition = &*sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*infos);
        checked(partition.err, "cannot ask for the end of a partition").map(|()| partition.offset)
    }
}

fn unanswered(code: RDKafkaErrorCode, text: &str) -> ClientError {
    ClientError {
        code,
        reason: format!("cannot ask for the end of a partition: {code} {text}"),
        fatal: false,
        retriable: true,
    }
}

struct Options(NonNull<sys::rd_kafka_AdminOptions_t>);

impl Options {
    fn new(client: &Client, timeout: Duration) -> Result<Self, ClientError> {
        // SAFETY: the handle is live; the answer is ours to free.
        let options = unsafe {
            sys::rd_kafka_AdminOptions_new(client.ptr(), sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS)
        };
        let options = NonNull::new(options)
            .map(Self)
            .ok_or_else(|| of_settings("out of memory for a question".to_owned()))?;
        let uncommitted = sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED;
        let mut text = [0 as c_char; ERROR_TEXT_BYTES];
        // SAFETY: the options and the buffer live across the calls; the error, if any, is taken over.
        let (error, code) = unsafe {
            let at = options.0.as_ptr();
            let error = sys::rd_kafka_AdminOptions_set_isolation_level(at, uncommitted);
            let wait = timeout_ms(timeout);
            (
                error,
                sys::rd_kafka_AdminOptions_set_request_timeout(at, wait, text.as_mut_ptr(), text.len()),
            )
        };
        client.take_error(error)?;
        checked(code, "cannot limit the wait for an answer").map(|()| options)
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: live, owned by this value, freed once.
        unsafe { sys::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) }
    }
}
