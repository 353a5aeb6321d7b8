//! A transactional producer: raw produce and transaction calls.

use std::ffi::{CStr, CString, c_void};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaErrorCode;
use streams::record::{Headers, OutputRecord};

use super::aside::Aside;
use super::group_metadata::GroupMetadata;
use super::topic::Topic;
use super::{Client, PartitionList, checked, destroy_aside, of_settings, terminated, timeout_ms};
use crate::kafka::port::{ClientError, KafkaProducer, Partition, Settings};
use crate::kafka::witness::Witness;

/// A record's own arguments to the produce call: topic, partition, flags, time, key, value and tag.
const PRODUCE_ARGUMENTS: usize = 7;

/// The name of the header [`ORIGIN`](crate::origin::ORIGIN).
const ORIGIN_NAME: &CStr = c"sluice.origin";

/// By how much a call may outlast the time that it was given.
const OVERDUE_MAX: Duration = Duration::from_secs(1);

/// A transactional producer for a fixed list of topics.
pub struct Producer {
    // Topics are freed before the handle.
    topics: Vec<Topic>,
    /// A call that never returns keeps the handle.
    client: Arc<Client>,
    /// Makes the one call that waits without a limit of its own.
    aside: Aside,
}

impl KafkaProducer for Producer {
    type Membership = GroupMetadata;

    fn connect(&self, topic: &str, timeout: Duration) {
        // An initialisation that finds no broker is put off by half a second, and the first connection does not count,
        // because the client drops it as soon as it knows the brokers' own names. Therefore the question goes to the
        // leader of a partition.
        if let Err(error) = self.client.watermarks(topic, 0, timeout) {
            tracing::debug!(%error, "no broker is connected yet");
        }
    }

    fn init(&self, timeout: Duration) -> Result<(), ClientError> {
        // SAFETY: the handle is live.
        self.client
            .take_error(unsafe { sys::rd_kafka_init_transactions(self.client.ptr(), timeout_ms(timeout)) })
    }

    fn begin(&self) -> Result<(), ClientError> {
        // SAFETY: the handle is live.
        self.client
            .take_error(unsafe { sys::rd_kafka_begin_transaction(self.client.ptr()) })
    }

    fn produce(
        &self,
        topic: usize,
        record: &OutputRecord<'_>,
        origin: Option<&str>,
        tag: usize,
    ) -> Result<(), ClientError> {
        let topic = self
            .topics
            .get(topic)
            .ok_or_else(|| of_settings(format!("there is no topic number {topic}")))?;
        let arguments = arguments(topic, record, tag);
        let origin = origin.map(|origin| header_argument(ORIGIN_NAME, Some(origin.as_bytes())));
        match (record.headers.is_empty(), origin) {
            (true, None) => self.produce_arguments(&arguments),
            (true, Some(origin)) => {
                let [topic, partition, flags, time, key, value, tag] = arguments;
                self.produce_arguments(&[topic, partition, flags, time, key, value, tag, origin])
            }
            (false, origin) => {
                let names = header_names(record.headers)?;
                let own = record.headers.iter().zip(&names);
                let own = own.map(|(header, name)| header_argument(name, header.value.as_deref()));
                self.produce_arguments(&arguments.into_iter().chain(own).chain(origin).collect::<Vec<_>>())
            }
        }
    }

    fn send_offsets(
        &self,
        offsets: &[Partition],
        member: &GroupMetadata,
        timeout: Duration,
    ) -> Result<(), ClientError> {
        let list = PartitionList::new(offsets)?;
        let (client, member) = (Arc::clone(&self.client), member.clone());
        // The timeout is looked at only when a connection comes or goes (`rd_kafka_coord_req_fsm` in `rdkafka_coord.c`): while
        // the group's coordinator is away and everything else is quiet, the call waits for ever.
        let sent = self.aside.call(timeout + OVERDUE_MAX, move || {
            // SAFETY: the handle, the list and the membership live across the call.
            client.take_error(unsafe {
                let (rk, list) = (client.ptr(), list.ptr());
                sys::rd_kafka_send_offsets_to_transaction(rk, list, member.ptr(), timeout_ms(timeout))
            })
        });
        sent.unwrap_or_else(|| Err(self.offsets_overdue()))
    }

    fn flush(&self, timeout: Duration) -> Result<(), ClientError> {
        // SAFETY: the handle is live; delivery callbacks run inside the call, on this thread.
        let code = unsafe { sys::rd_kafka_flush(self.client.ptr(), timeout_ms(timeout)) };
        checked(code, "not every record was acknowledged in time")
    }

    fn commit(&self, timeout: Duration) -> Result<(), ClientError> {
        // SAFETY: the handle is live.
        self.client
            .take_error(unsafe { sys::rd_kafka_commit_transaction(self.client.ptr(), timeout_ms(timeout)) })
    }

    fn abort(&self, timeout: Duration) -> Result<(), ClientError> {
        // SAFETY: the handle is live.
        self.client
            .take_error(unsafe { sys::rd_kafka_abort_transaction(self.client.ptr(), timeout_ms(timeout)) })
    }

    fn serve(&self, timeout: Duration) {
        // SAFETY: the handle is live.
        unsafe { sys::rd_kafka_poll(self.client.ptr(), timeout_ms(timeout)) };
    }

    fn discard(self) {
        let flags = sys::RD_KAFKA_PURGE_F_QUEUE | sys::RD_KAFKA_PURGE_F_INFLIGHT | sys::RD_KAFKA_PURGE_F_NON_BLOCKING;
        // SAFETY: the handle is live.
        let purged = checked(unsafe { sys::rd_kafka_purge(self.client.ptr(), flags) }, "cannot purge");
        if let Err(error) = purged {
            tracing::debug!(%error, "records of a discarded producer were not purged");
        }
        destroy_aside(self);
    }
}

impl Producer {
    /// A producer with these settings. Records name a topic by its position in `topics`.
    pub(super) fn new(settings: &Settings, topics: &[&str], witness: Arc<Witness>) -> Result<Self, ClientError> {
        let client = Arc::new(Client::producer(settings, witness)?);
        let topics = topics
            .iter()
            .map(|name| Topic::new(&client, name))
            .collect::<Result<_, _>>()?;
        let aside = Aside::new("kafka-offsets")?;
        Ok(Self { topics, client, aside })
    }

    /// Hands one record for the first topic to the client, which copies it, with the plainest call there is:
    /// without time, headers or tag.
    pub(in crate::kafka) fn produce_plain(
        &self,
        partition: i32,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Result<(), RDKafkaErrorCode> {
        let topic = self.topics.first().ok_or(RDKafkaErrorCode::UnknownTopic)?;
        let start = |bytes: Option<&[u8]>| bytes.map_or(std::ptr::null(), <[u8]>::as_ptr).cast_mut().cast();
        let size = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
        // SAFETY: the topic, the key and the value live across the call, which copies both.
        unsafe {
            let code = sys::rd_kafka_produce(
                topic.ptr(),
                partition,
                sys::RD_KAFKA_MSG_F_COPY,
                start(value),
                size(value),
                start(key).cast_const(),
                size(key),
                std::ptr::null_mut(),
            );
            if code == 0 {
                Ok(())
            } else {
                Err(sys::rd_kafka_last_error().into())
            }
        }
    }

    /// The call has not returned. The handle is of no more use, and nobody knows what of the call reached a broker.
    fn offsets_overdue(&self) -> ClientError {
        let reason = "the Kafka client did not return from sending the offsets of a transaction".to_owned();
        self.client.witness.call_overdue(&reason);
        ClientError {
            code: RDKafkaErrorCode::OperationTimedOut,
            reason,
            fatal: true,
            retriable: false,
        }
    }

    fn produce_arguments(&self, arguments: &[sys::rd_kafka_vu_t]) -> Result<(), ClientError> {
        // SAFETY: the handle and everything that the arguments point to live across the call, which copies the record.
        self.client
            .take_error(unsafe { sys::rd_kafka_produceva(self.client.ptr(), arguments.as_ptr(), arguments.len()) })
    }
}

/// What a delivery report says, for the witness.
pub(super) unsafe extern "C" fn on_delivery(
    _: *mut sys::rd_kafka_t,
    message: *const sys::rd_kafka_message_t,
    opaque: *mut c_void,
) {
    // SAFETY: the message is live inside its callback; `opaque` is the witness that the client was made with and keeps.
    let (message, witness) = unsafe { (&*message, &*opaque.cast::<Witness>().cast_const()) };
    if message.err == sys::rd_kafka_resp_err_t::RD_KAFKA_RESP_ERR_NO_ERROR {
        witness.delivered(message._private as usize, message.offset);
    } else {
        witness.undelivered(message.err.into());
    }
}

fn arguments(topic: &Topic, record: &OutputRecord<'_>, tag: usize) -> [sys::rd_kafka_vu_t; PRODUCE_ARGUMENTS] {
    use sys::rd_kafka_vtype_t as kind;
    use sys::rd_kafka_vu_s__bindgen_ty_1 as argument;
    let of = |vtype, u| sys::rd_kafka_vu_t { vtype, u };
    [
        of(kind::RD_KAFKA_VTYPE_RKT, argument { rkt: topic.ptr() }),
        of(kind::RD_KAFKA_VTYPE_PARTITION, argument { i32_: record.partition }),
        of(
            kind::RD_KAFKA_VTYPE_MSGFLAGS,
            argument {
                i: sys::RD_KAFKA_MSG_F_COPY,
            },
        ),
        // The client takes 0 for "now"; the first millisecond of 1970 stands for the moment before it.
        of(
            kind::RD_KAFKA_VTYPE_TIMESTAMP,
            argument {
                i64_: record.timestamp_ms.max(1),
            },
        ),
        of(kind::RD_KAFKA_VTYPE_KEY, memory(record.key)),
        of(kind::RD_KAFKA_VTYPE_VALUE, memory(record.value)),
        of(
            kind::RD_KAFKA_VTYPE_OPAQUE,
            argument {
                ptr: tag as *mut c_void,
            },
        ),
    ]
}

/// Null and empty are different: an empty slice points somewhere, null does not.
fn memory(bytes: Option<&[u8]>) -> sys::rd_kafka_vu_s__bindgen_ty_1 {
    let (ptr, size) = bytes.map_or((std::ptr::null(), 0), |bytes| (bytes.as_ptr(), bytes.len()));
    sys::rd_kafka_vu_s__bindgen_ty_1 {
        mem: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_1 {
            ptr: ptr.cast_mut().cast(),
            size,
        },
    }
}

fn header_names(headers: &Headers) -> Result<Vec<CString>, ClientError> {
    headers.iter().map(|header| terminated(&header.key)).collect()
}

fn header_argument(name: &CStr, value: Option<&[u8]>) -> sys::rd_kafka_vu_t {
    let (val, size) = value.map_or((std::ptr::null(), 0), |value| (value.as_ptr(), value.len()));
    sys::rd_kafka_vu_t {
        vtype: sys::rd_kafka_vtype_t::RD_KAFKA_VTYPE_HEADER,
        u: sys::rd_kafka_vu_s__bindgen_ty_1 {
            header: sys::rd_kafka_vu_s__bindgen_ty_1__bindgen_ty_2 {
                name: name.as_ptr(),
                val: val.cast(),
                size: isize::try_from(size).unwrap_or(isize::MAX),
            },
        },
    }
}
