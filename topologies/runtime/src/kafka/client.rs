//! The only module that calls the C client: handles, callbacks and errors. Everything above it is safe code.
//!
//! The wrapper crate's consumer and producers are not used here: they hide rebalance events in callbacks, take 100 ms
//! to commit a transaction and wait without a bound when they are dropped.
#![allow(
    unsafe_code,
    reason = "librdkafka is a C library; batch reads, rebalance events and raw transaction calls have no safe wrapper"
)]

mod aside;
mod batch;
mod consumer;
mod ends;
mod group_list;
mod group_metadata;
mod partitions;
mod producer;
mod queue;
mod topic;

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaErrorCode;

use super::leader::ask_again;
use super::port::{ClientError, KafkaClient, Settings};
use super::witness::Witness;

pub(super) use batch::Batch;
pub(super) use consumer::Consumer;
pub(super) use group_list::group_of;
use partitions::PartitionList;
pub(super) use producer::Producer;
use topic::Topic;

/// Bytes that the C client may use to describe an error.
const ERROR_TEXT_BYTES: usize = 512;

/// The C client.
#[derive(Debug, Clone, Copy, Default)]
pub struct Librdkafka;

impl KafkaClient for Librdkafka {
    type Consumer = Consumer;
    type Producer = Producer;

    fn consumer(&self, settings: &Settings, witness: Arc<Witness>) -> Result<Consumer, ClientError> {
        Consumer::new(settings, witness)
    }

    fn producer(&self, settings: &Settings, topics: &[&str], witness: Arc<Witness>) -> Result<Producer, ClientError> {
        Producer::new(settings, topics, witness)
    }
}

fn of_code(code: sys::rd_kafka_resp_err_t, context: &str) -> ClientError {
    let code = RDKafkaErrorCode::from(code);
    ClientError {
        code,
        reason: format!("{context}: {code}"),
        fatal: code == RDKafkaErrorCode::Fatal,
        retriable: false,
    }
}

fn of_settings(reason: String) -> ClientError {
    ClientError {
        code: RDKafkaErrorCode::InvalidArgument,
        reason,
        fatal: true,
        retriable: false,
    }
}

/// One handle of the C client, with its threads.
struct Client {
    rk: NonNull<sys::rd_kafka_t>,
    // The callbacks read it, so it is kept until the handle is destroyed.
    witness: Arc<Witness>,
}

// SAFETY: every call on a handle is documented as thread safe; the pointer is owned by this value alone.
unsafe impl Send for Client {}
// SAFETY: as above.
unsafe impl Sync for Client {}

impl Client {
    fn consumer(settings: &Settings, witness: Arc<Witness>) -> Result<Self, ClientError> {
        let events = sys::RD_KAFKA_EVENT_REBALANCE | sys::RD_KAFKA_EVENT_ERROR;
        Self::new(settings, witness, sys::rd_kafka_type_t::RD_KAFKA_CONSUMER, |conf| {
            // SAFETY: `conf` is a live configuration.
            unsafe { sys::rd_kafka_conf_set_events(conf, events) }
        })
    }

    fn producer(settings: &Settings, witness: Arc<Witness>) -> Result<Self, ClientError> {
        Self::new(settings, witness, sys::rd_kafka_type_t::RD_KAFKA_PRODUCER, |conf| {
            // SAFETY: `conf` is a live configuration and both callbacks have the required signature.
            unsafe {
                sys::rd_kafka_conf_set_dr_msg_cb(conf, Some(producer::on_delivery));
                sys::rd_kafka_conf_set_error_cb(conf, Some(on_error));
            }
        })
    }

    fn new(
        settings: &Settings,
        witness: Arc<Witness>,
        kind: sys::rd_kafka_type_t,
        callbacks: impl FnOnce(*mut sys::rd_kafka_conf_t),
    ) -> Result<Self, ClientError> {
        let conf = configure(settings)?;
        callbacks(conf);
        let mut text = [0 as c_char; ERROR_TEXT_BYTES];
        // SAFETY: `conf` is live and given away only on success; the opaque pointer stays valid because the returned
        // `Client` keeps `witness` until the handle is destroyed; `text` is as long as said.
        let rk = unsafe {
            sys::rd_kafka_conf_set_opaque(conf, Arc::as_ptr(&witness).cast_mut().cast());
            sys::rd_kafka_conf_set_log_cb(conf, Some(on_log));
            sys::rd_kafka_new(kind, conf, text.as_mut_ptr(), text.len())
        };
        NonNull::new(rk).map(|rk| Self { rk, witness }).ok_or_else(|| {
            // SAFETY: the failed call left `conf` with us, and a terminated string in `text`.
            let reason = unsafe {
                sys::rd_kafka_conf_destroy(conf);
                text_of(text.as_ptr())
            };
            of_settings(format!("the Kafka client refuses to start: {reason}"))
        })
    }

    fn ptr(&self) -> *mut sys::rd_kafka_t {
        self.rk.as_ptr()
    }

    /// The error that made this handle useless, if there was one.
    fn fatal_error(&self) -> Option<ClientError> {
        let mut text = [0 as c_char; ERROR_TEXT_BYTES];
        // SAFETY: the handle is live and `text` is as long as said; the call terminates the string.
        let (code, reason) = unsafe {
            let code = sys::rd_kafka_fatal_error(self.ptr(), text.as_mut_ptr(), text.len());
            (code, text_of(text.as_ptr()))
        };
        (code != sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR).then(|| ClientError {
            fatal: true,
            ..of_code(code, &reason)
        })
    }

    /// Takes an error object of the C client apart and frees it.
    fn take_error(&self, error: *mut sys::rd_kafka_error_t) -> Result<(), ClientError> {
        if error.is_null() {
            return Ok(());
        }
        // SAFETY: `error` is a live error object that the call which answered it gave to us; it is read, then freed once.
        let error = unsafe {
            let taken = ClientError {
                code: sys::rd_kafka_error_code(error).into(),
                reason: text_of(sys::rd_kafka_error_string(error)),
                fatal: sys::rd_kafka_error_is_fatal(error) != 0,
                retriable: sys::rd_kafka_error_is_retriable(error) != 0,
            };
            sys::rd_kafka_error_destroy(error);
            taken
        };
        Err(ClientError {
            fatal: error.fatal || self.fatal_error().is_some(),
            ..error
        })
    }

    /// What a broker says of a topic: a code and its number of partitions.
    fn topic_metadata(&self, topic: &Topic, timeout: Duration) -> Result<Option<(RDKafkaErrorCode, i32)>, ClientError> {
        let mut metadata = std::ptr::null();
        // SAFETY: the handle, the topic and the result live across the call; on success the result is ours until it is
        // freed, and the one topic that was asked for is its first.
        unsafe {
            let wait = timeout_ms(timeout);
            let code = sys::rd_kafka_metadata(self.ptr(), 0, topic.ptr(), &raw mut metadata, wait);
            checked(code, "cannot ask for the partitions of a topic")?;
            let found = ((*metadata).topic_cnt > 0).then(|| &*(*metadata).topics);
            let answer = found.map(|topic| (RDKafkaErrorCode::from(topic.err), topic.partition_cnt));
            sys::rd_kafka_metadata_destroy(metadata);
            Ok(answer)
        }
    }

    /// Asks the leader of a partition of `topic`, and once more when it has moved, see [`super::leader`].
    fn ask_leader<T>(
        &self,
        topic: &str,
        timeout: Duration,
        ask: impl Fn(Duration) -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        ask_again(timeout, ask, |wait| {
            self.topic_metadata(&Topic::new(self, topic)?, wait).map(drop)
        })
    }

    /// First offset and end of a partition; a `read_committed` consumer is told the end of what is committed.
    fn watermarks(&self, topic: &str, partition: i32, timeout: Duration) -> Result<(i64, i64), ClientError> {
        let name = terminated(topic)?;
        self.ask_leader(topic, timeout, |wait| {
            self.watermarks_of_known_leader(&name, partition, wait)
        })
    }

    fn watermarks_of_known_leader(
        &self,
        topic: &CStr,
        partition: i32,
        timeout: Duration,
    ) -> Result<(i64, i64), ClientError> {
        let (mut low, mut high) = (0, 0);
        // SAFETY: the handle, the terminated name and both results live across the call.
        let code = unsafe {
            sys::rd_kafka_query_watermark_offsets(
                self.ptr(),
                topic.as_ptr(),
                partition,
                &raw mut low,
                &raw mut high,
                timeout_ms(timeout),
            )
        };
        checked(code, "cannot ask for the ends of a partition").map(|()| (low, high))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // SAFETY: the handle is live, owned by this value and not used afterwards. Consumers were closed before, if at all;
        // the flag keeps the call from closing, and thereby from waiting for, a group.
        unsafe { sys::rd_kafka_destroy_flags(self.ptr(), sys::RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE) }
    }
}

/// Ends a handle on a thread of its own: the C client waits for its threads there, and the caller does not.
fn destroy_aside<T: Send + 'static>(handle: T) {
    // Without a thread to be had the handle is dropped here, by the failed call.
    let spawned = std::thread::Builder::new()
        .name("kafka-reaper".to_owned())
        .spawn(move || drop(handle));
    if let Err(error) = spawned {
        tracing::warn!(%error, "no thread for closing a Kafka client");
    }
}

fn configure(settings: &Settings) -> Result<*mut sys::rd_kafka_conf_t, ClientError> {
    // SAFETY: the call has no precondition.
    let conf = unsafe { sys::rd_kafka_conf_new() };
    for (name, value) in settings {
        if let Err(error) = set(conf, name, value) {
            // SAFETY: `conf` is live and not used after this.
            unsafe { sys::rd_kafka_conf_destroy(conf) };
            return Err(error);
        }
    }
    Ok(conf)
}

fn set(conf: *mut sys::rd_kafka_conf_t, name: &str, value: &str) -> Result<(), ClientError> {
    let (c_name, c_value) = (terminated(name)?, terminated(value)?);
    let mut text = [0 as c_char; ERROR_TEXT_BYTES];
    // SAFETY: the configuration, both terminated strings and the result buffer live across the call.
    let (result, reason) = unsafe {
        let result = sys::rd_kafka_conf_set(conf, c_name.as_ptr(), c_value.as_ptr(), text.as_mut_ptr(), text.len());
        (result, text_of(text.as_ptr()))
    };
    if result == sys::rd_kafka_conf_res_t::RD_KAFKA_CONF_OK {
        return Ok(());
    }
    Err(of_settings(format!("Kafka client setting {name}: {reason}")))
}

/// A string that C can read. A name with a zero byte inside can come from outside only as a mistake.
fn terminated(text: &str) -> Result<CString, ClientError> {
    CString::new(text).map_err(|_| of_settings(format!("{text:?} contains a zero byte")))
}

fn checked(code: sys::rd_kafka_resp_err_t, context: &str) -> Result<(), ClientError> {
    if code == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        return Ok(());
    }
    Err(of_code(code, context))
}

/// Whole milliseconds, rounded up so that a short wait is not a busy loop.
fn timeout_ms(timeout: Duration) -> c_int {
    c_int::try_from(timeout.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX)
}

/// # Safety
/// `text` is null or a terminated string that lives across the call.
unsafe fn text_of(text: *const c_char) -> String {
    if text.is_null() {
        return String::new();
    }
    // SAFETY: promised by the caller.
    unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
}

unsafe extern "C" fn on_error(_: *mut sys::rd_kafka_t, code: c_int, reason: *const c_char, opaque: *mut c_void) {
    // SAFETY: `opaque` is the witness that the client was made with and keeps; `reason` is terminated.
    let (witness, reason) = unsafe { (&*opaque.cast::<Witness>().cast_const(), text_of(reason)) };
    witness.client_error(i64::from(code), &reason);
}

unsafe extern "C" fn on_log(rk: *const sys::rd_kafka_t, level: c_int, facility: *const c_char, text: *const c_char) {
    // SAFETY: the handle is live inside its own callback; its opaque is the witness, or null before it is set;
    // both strings are terminated.
    let (witness, facility, text) = unsafe {
        let witness = sys::rd_kafka_opaque(rk).cast::<Witness>().cast_const();
        (witness.as_ref(), text_of(facility), text_of(text))
    };
    if let Some(witness) = witness {
        witness.logged(i64::from(level), &facility, &text);
    }
}
