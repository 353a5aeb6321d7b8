//! A consumer whose rebalances are events and whose records come in batches from one queue of their own.

use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::bindings as sys;
use rdkafka::types::RDKafkaErrorCode;

use super::group_metadata::GroupMetadata;
use super::partitions::{PartitionList, elements};
use super::queue::{Bell, Queue};
use super::topic::Topic;
use super::{Batch, Client, checked, destroy_aside, of_code, terminated, text_of, timeout_ms};
use crate::kafka::group::GroupState;
use crate::kafka::port::{ClientError, ConsumerEvent, GroupMembership, KafkaConsumer, Partition, Settings};
use crate::kafka::witness::Witness;

/// A consumer. Records of each assigned partition arrive in a queue of their own, everything else in another.
///
/// One common queue for all records would be one call less, but the client takes a partition's queue out of it when the
/// partition is removed, at a moment that nobody is told, and records of a partition that is added again could get stuck.
pub struct Consumer {
    // Fields are dropped in this order: what belongs to the handle goes before the handle.
    topics: Vec<Topic>,
    records: Vec<Records>,
    events: Queue,
    client: Client,
    // The queues ring it until the handle is gone.
    bell: Arc<Bell>,
}

impl KafkaConsumer for Consumer {
    type Batch = Batch;
    type Membership = GroupMetadata;

    fn topic(&mut self, name: &str) -> Result<usize, ClientError> {
        let topic = Topic::new(&self.client, name)?;
        let identity = topic.ptr() as usize;
        self.topics.push(topic);
        Ok(identity)
    }

    fn subscribe(&self, topic: &str) -> Result<(), ClientError> {
        let list = PartitionList::new(&[Partition::new(topic, ANY_PARTITION)])?;
        // SAFETY: the handle and the list live across the call.
        checked(
            unsafe { sys::rd_kafka_subscribe(self.client.ptr(), list.ptr()) },
            "cannot subscribe",
        )
    }

    fn leave(&mut self, deadline: Instant) {
        // SAFETY: the handle is live.
        let begun = checked(
            unsafe { sys::rd_kafka_unsubscribe(self.client.ptr()) },
            "cannot unsubscribe",
        );
        if let Err(error) = begun {
            tracing::debug!(%error, "the group finds out by itself that this member is gone");
            return;
        }
        let is_member = |this: &Self| {
            this.group_metadata()
                .is_some_and(|member| !member.member_id().is_empty())
        };
        self.answer_until(deadline, |this| !is_member(this));
    }

    fn next_event(&self) -> Option<ConsumerEvent> {
        loop {
            // SAFETY: the queue is live; a null answer means that nothing waits; the event is ours and freed once,
            // after everything in it was copied.
            let event = unsafe {
                let event = NonNull::new(sys::rd_kafka_queue_poll(self.events.ptr(), 0))?;
                let copy = self.event(event.as_ptr());
                sys::rd_kafka_event_destroy(event.as_ptr());
                copy
            };
            if event.is_some() {
                return event;
            }
        }
    }

    fn wait_until(&self, deadline: Instant) {
        self.bell.wait_until(deadline);
    }

    fn assign(&mut self, partitions: &[Partition]) -> Result<(), ClientError> {
        let list = PartitionList::new(partitions)?;
        let records = partitions.iter().map(|partition| self.records_of(partition));
        let records = records.collect::<Result<Vec<_>, _>>()?;
        // SAFETY: the handle and the list live across the call.
        let error = unsafe { sys::rd_kafka_incremental_assign(self.client.ptr(), list.ptr()) };
        self.client.take_error(error)?;
        self.records.extend(records);
        Ok(())
    }

    fn unassign(&mut self, partitions: &[Partition]) -> Result<(), ClientError> {
        let list = PartitionList::new(partitions)?;
        // SAFETY: the handle and the list live across the call.
        let error = unsafe { sys::rd_kafka_incremental_unassign(self.client.ptr(), list.ptr()) };
        self.client.take_error(error)?;
        let removed = |records: &Records| partitions.iter().any(|partition| records.is_of(partition));
        self.records.retain(|records| !removed(records));
        Ok(())
    }

    fn seek(&self, partitions: &[Partition], timeout: Duration) -> Result<Vec<Partition>, ClientError> {
        let list = PartitionList::new(partitions)?;
        // SAFETY: the handle and the list live across the call.
        let error = unsafe { sys::rd_kafka_seek_partitions(self.client.ptr(), list.ptr(), timeout_ms(timeout)) };
        self.client.take_error(error).map(|()| list.to_vec())
    }

    fn committed(&self, partitions: &[Partition], timeout: Duration) -> Result<Vec<Partition>, ClientError> {
        let list = PartitionList::new(partitions)?;
        // SAFETY: the handle and the list live across the call, which fills in the list.
        let code = unsafe { sys::rd_kafka_committed(self.client.ptr(), list.ptr(), timeout_ms(timeout)) };
        checked(code, "cannot read committed offsets").map(|()| list.to_vec())
    }

    fn positions(&self, partitions: &[Partition]) -> Result<Vec<Partition>, ClientError> {
        let list = PartitionList::new(partitions)?;
        // SAFETY: the handle and the list live across the call, which fills in the list.
        let code = unsafe { sys::rd_kafka_position(self.client.ptr(), list.ptr()) };
        checked(code, "cannot read positions").map(|()| list.to_vec())
    }

    fn watermarks(&self, topic: &str, partition: i32, timeout: Duration) -> Result<(i64, i64), ClientError> {
        self.client.watermarks(topic, partition, timeout)
    }

    fn partition_count(&self, topic: &str, timeout: Duration) -> Result<Option<i32>, ClientError> {
        let topic = Topic::new(&self.client, topic)?;
        self.client.topic_metadata(&topic, timeout).and_then(partition_answer)
    }

    fn group(&self, name: &str, timeout: Duration) -> Result<GroupState, ClientError> {
        self.client.group(name, timeout)
    }

    fn group_metadata(&self) -> Option<GroupMetadata> {
        GroupMetadata::of(&self.client)
    }

    fn close(mut self, deadline: Instant) {
        // SAFETY: the handle and the queue are live; the error, if any, is taken over.
        let begun = self
            .client
            .take_error(unsafe { sys::rd_kafka_consumer_close_queue(self.client.ptr(), self.events.ptr()) });
        if let Err(error) = begun {
            tracing::debug!(%error, "the consumer is closed without leaving its group");
        } else {
            // SAFETY: the handle is live.
            self.answer_until(deadline, |this| unsafe {
                sys::rd_kafka_consumer_closed(this.client.ptr()) != 0
            });
        }
        destroy_aside(self);
    }

    fn high_watermark(&self, topic: &str, partition: i32, timeout: Duration) -> Result<i64, ClientError> {
        self.client.high_watermark(topic, partition, timeout)
    }
}

impl Consumer {
    /// A consumer with these settings, not subscribed and without partitions.
    pub(super) fn new(settings: &Settings, witness: Arc<Witness>) -> Result<Self, ClientError> {
        let client = Client::consumer(settings, witness)?;
        // SAFETY: the handle is live; the second call answers a queue that is ours to free, or null.
        let events = unsafe {
            checked(
                sys::rd_kafka_poll_set_consumer(client.ptr()),
                "cannot use the group queue",
            )?;
            sys::rd_kafka_queue_get_consumer(client.ptr())
        };
        let consumer = Self {
            topics: Vec::new(),
            records: Vec::new(),
            events: Queue::owned(events)?,
            client,
            bell: Arc::default(),
        };
        consumer.events.ring_at(&consumer.bell);
        Ok(consumer)
    }

    /// Answers every rebalance with "nothing" until `done` or the deadline.
    fn answer_until(&mut self, deadline: Instant, done: impl Fn(&Self) -> bool) {
        /// Nothing rings when a consumer is done, so it is looked at this often.
        const DONE_CHECK: Duration = Duration::from_millis(20);
        while !done(self) && Instant::now() < deadline {
            while let Some(event) = self.next_event() {
                if let Err(error) = self.answer_with_nothing(&event) {
                    tracing::debug!(%error, "a rebalance during the close was not answered");
                }
            }
            self.wait_until(deadline.min(Instant::now() + DONE_CHECK));
        }
    }

    fn answer_with_nothing(&mut self, event: &ConsumerEvent) -> Result<(), ClientError> {
        match event {
            ConsumerEvent::Assigned(_) => self.assign(&[]),
            ConsumerEvent::Revoked { .. } => self.unassign(&[]),
            ConsumerEvent::Error(_) => Ok(()),
        }
    }

    /// The queue of the next partition that has records, beginning with the one at `turn`, which is moved on behind it.
    pub(super) fn next_records(&self, turn: &mut usize) -> Option<*mut sys::rd_kafka_queue_t> {
        let count = self.records.len();
        let at = (0..count)
            .map(|step| (*turn + step) % count)
            .find(|at| self.records.get(*at).is_some_and(|records| !records.queue.is_empty()))?;
        *turn = at + 1;
        self.records.get(at).map(|records| records.queue.ptr())
    }

    /// The queue for the partition's records. Made before the partition is assigned, so that none goes elsewhere.
    fn records_of(&self, partition: &Partition) -> Result<Records, ClientError> {
        let topic: CString = terminated(&partition.topic)?;
        // SAFETY: the handle and the name live across the call; the queue is ours to free.
        let queue = Queue::owned(unsafe {
            sys::rd_kafka_queue_get_partition(self.client.ptr(), topic.as_ptr(), partition.partition)
        })?;
        // SAFETY: the queue is live; null means that it is forwarded nowhere, also after the partition was removed and added.
        unsafe { sys::rd_kafka_queue_forward(queue.ptr(), std::ptr::null_mut()) };
        queue.ring_at(&self.bell);
        Ok(Records {
            topic: partition.topic.clone(),
            partition: partition.partition,
            queue,
        })
    }

    /// # Safety
    /// `event` is live across the call.
    unsafe fn event(&self, event: *mut sys::rd_kafka_event_t) -> Option<ConsumerEvent> {
        // SAFETY: the event and the handle are live; the list belongs to the event.
        let (kind, code, text, partitions) = unsafe {
            (
                sys::rd_kafka_event_type(event),
                sys::rd_kafka_event_error(event),
                text_of(sys::rd_kafka_event_error_string(event)),
                elements(sys::rd_kafka_event_topic_partition_list(event)),
            )
        };
        match (kind, RDKafkaErrorCode::from(code)) {
            (sys::RD_KAFKA_EVENT_REBALANCE, RDKafkaErrorCode::AssignPartitions) => {
                Some(ConsumerEvent::Assigned(partitions))
            }
            (sys::RD_KAFKA_EVENT_REBALANCE, _) => Some(ConsumerEvent::Revoked {
                partitions,
                // SAFETY: the handle is live.
                lost: unsafe { sys::rd_kafka_assignment_lost(self.client.ptr()) } != 0,
            }),
            (sys::RD_KAFKA_EVENT_ERROR, _) => Some(ConsumerEvent::Error(
                self.client.fatal_error().unwrap_or(of_code(code, &text)),
            )),
            _ => None,
        }
    }
}

fn partition_answer(answer: Option<(RDKafkaErrorCode, i32)>) -> Result<Option<i32>, ClientError> {
    match answer {
        None | Some((RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic, _)) => Ok(None),
        Some((RDKafkaErrorCode::NoError, count)) => Ok(Some(count)),
        Some((code, _)) => Err(ClientError {
            code,
            reason: format!("cannot ask for the partitions of a topic: {code}"),
            fatal: false,
            retriable: true,
        }),
    }
}

/// Stands for no partition in particular in a subscription.
const ANY_PARTITION: i32 = -1;

/// What was fetched of one partition.
struct Records {
    topic: String,
    partition: i32,
    queue: Queue,
}

impl Records {
    fn is_of(&self, partition: &Partition) -> bool {
        self.partition == partition.partition && self.topic == partition.topic
    }
}
