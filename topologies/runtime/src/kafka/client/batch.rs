//! Fetched records, taken from the client many at a time.

use std::ffi::{CStr, c_void};

use bytes::Bytes;
use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaErrorCode;
use streams::record::{Header, Headers};

use super::{consumer::Consumer, text_of};
use crate::kafka::port::{FetchedBatch, FetchedRecord};

/// Records that one call takes from the client at most.
const BATCH_RECORDS_MAX: usize = 1024;

/// Records that were taken from the client and wait to be looked at. What is not looked at is given back on drop.
pub struct Batch {
    messages: Vec<*mut sys::rd_kafka_message_t>,
    next: usize,
    /// Partitions take turns.
    turn: usize,
}

// SAFETY: messages belong to this value alone, and reading or freeing them is allowed from any thread.
unsafe impl Send for Batch {}

impl Default for Batch {
    fn default() -> Self {
        Self {
            messages: Vec::with_capacity(BATCH_RECORDS_MAX),
            next: 0,
            turn: 0,
        }
    }
}

impl Batch {
    /// Whether nothing waits.
    pub(in crate::kafka) fn is_empty(&self) -> bool {
        self.next >= self.messages.len()
    }
}

impl FetchedBatch<Consumer> for Batch {
    type Record<'a> = Fetched<'a>;

    fn refill(&mut self, consumer: &Consumer) -> bool {
        while self.is_empty() {
            self.clear();
            let Some(queue) = consumer.next_records(&mut self.turn) else {
                return false;
            };
            // SAFETY: the buffer has room for as many pointers as said, the queue is live, and only this thread takes
            // batches from this consumer. The call answers how many pointers it wrote, or -1. What is in the queue may be
            // outdated or no record at all; then it writes none, and the queue is empty.
            unsafe {
                let taken = sys::rd_kafka_consume_batch_queue(queue, 0, self.messages.as_mut_ptr(), BATCH_RECORDS_MAX);
                self.messages.set_len(usize::try_from(taken).unwrap_or(0));
            }
        }
        true
    }

    fn next(&mut self) -> Option<Fetched<'_>> {
        let message = self.messages.get(self.next)?;
        self.next += 1;
        // SAFETY: the message is live until `clear` or drop, and both need this value mutably.
        Some(Fetched(unsafe { &**message }))
    }

    fn retain(&mut self, mut keep: impl FnMut(&Fetched<'_>) -> bool) {
        let mut at = 0;
        let next = self.next;
        self.messages.retain(|message| {
            at += 1;
            // SAFETY: the message is live until it is freed, here or in `clear`.
            let kept = at <= next || keep(&Fetched(unsafe { &**message }));
            if !kept {
                // SAFETY: the message came from the client, leaves the list with this answer and is freed exactly once.
                unsafe { sys::rd_kafka_message_destroy(*message) }
            }
            kept
        });
    }

    fn clear(&mut self) {
        for message in self.messages.drain(..) {
            // SAFETY: the message came from the client and is freed exactly once.
            unsafe { sys::rd_kafka_message_destroy(message) }
        }
        self.next = 0;
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        self.clear();
    }
}

/// One fetched record, or an error that the client delivers in its place. Keys and values are borrowed from the fetch buffer.
pub struct Fetched<'a>(&'a sys::rd_kafka_message_t);

impl<'a> FetchedRecord<'a> for Fetched<'a> {
    fn error(&self) -> Option<RDKafkaErrorCode> {
        (self.0.err != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| self.0.err.into())
    }

    fn error_text(&self) -> String {
        // SAFETY: the message is live; the answered string belongs to it or is static.
        unsafe { text_of(sys::rd_kafka_message_errstr(self.0)) }
    }

    fn topic(&self) -> usize {
        self.0.rkt as usize
    }

    fn partition(&self) -> i32 {
        self.0.partition
    }

    fn offset(&self) -> i64 {
        self.0.offset
    }

    fn timestamp_ms(&self) -> i64 {
        // SAFETY: the message is live; the kind of the time stamp is not asked for.
        unsafe { sys::rd_kafka_message_timestamp(self.0, std::ptr::null_mut()) }
    }

    fn key(&self) -> Option<&'a [u8]> {
        // SAFETY: key and length of a live message; they live as long as it.
        unsafe { bytes(self.0.key, self.0.key_len) }
    }

    fn value(&self) -> Option<&'a [u8]> {
        // SAFETY: payload and length of a live message; they live as long as it.
        unsafe { bytes(self.0.payload, self.0.len) }
    }

    fn headers(&self, keep: impl Fn(&str) -> bool) -> Headers {
        let mut headers = std::ptr::null_mut();
        // SAFETY: the message is live; the answered headers belong to it.
        let code = unsafe { sys::rd_kafka_message_headers(self.0, &raw mut headers) };
        if code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Headers::default();
        }
        // SAFETY: the headers live as long as the message.
        let all = (0..).map_while(|at| unsafe { header(headers, at) });
        let kept = all.filter_map(|(name, value)| {
            let name = name.to_string_lossy();
            keep(&name).then(|| Header {
                key: name.into_owned(),
                value: value.map(Bytes::copy_from_slice),
            })
        });
        Headers::from_list(kept.collect())
    }
}

/// # Safety
/// `headers` is live across the call and as long as the answer is used.
unsafe fn header<'a>(headers: *const sys::rd_kafka_headers_t, at: usize) -> Option<(&'a CStr, Option<&'a [u8]>)> {
    let (mut name, mut value, mut size) = (std::ptr::null(), std::ptr::null(), 0);
    // SAFETY: promised by the caller; all results live across the call; on success `name` is terminated and `value` is
    // null or `size` bytes long.
    unsafe {
        let code = sys::rd_kafka_header_get_all(headers, at, &raw mut name, &raw mut value, &raw mut size);
        (code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR)
            .then(|| (CStr::from_ptr(name), bytes(value, size)))
    }
}

/// # Safety
/// `start` is null, or `size` bytes long for the lifetime that the caller chooses.
unsafe fn bytes<'a>(start: *const c_void, size: usize) -> Option<&'a [u8]> {
    // SAFETY: promised by the caller.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast(), size) })
}
