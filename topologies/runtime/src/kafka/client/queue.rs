//! Queues of the C client, and the bell that they ring.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

use rdkafka::bindings as sys;

use super::of_settings;
use crate::kafka::port::ClientError;

/// A queue of the client.
pub(super) struct Queue(NonNull<sys::rd_kafka_queue_t>);

// SAFETY: queue handles may be used and freed from any thread.
unsafe impl Send for Queue {}

impl Queue {
    pub(super) fn owned(queue: *mut sys::rd_kafka_queue_t) -> Result<Self, ClientError> {
        NonNull::new(queue)
            .map(Self)
            .ok_or_else(|| of_settings("the Kafka client has no such queue".to_owned()))
    }

    pub(super) fn ptr(&self) -> *mut sys::rd_kafka_queue_t {
        self.0.as_ptr()
    }

    pub(super) fn is_empty(&self) -> bool {
        // SAFETY: the queue is live.
        unsafe { sys::rd_kafka_queue_length(self.ptr()) == 0 }
    }

    /// The bell must live until after the client, which rings it whenever something comes into the empty queue.
    pub(super) fn ring_at(&self, bell: &Arc<Bell>) {
        let bell = Arc::as_ptr(bell).cast_mut().cast();
        // SAFETY: the queue is live, and every bell of this module is dropped after its client.
        unsafe { sys::rd_kafka_queue_cb_event_enable(self.ptr(), Some(ring), bell) }
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: live, owned by this value, freed once, before the handle.
        unsafe { sys::rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

/// Wakes the one thread that waits for this consumer.
#[derive(Default)]
pub(super) struct Bell {
    rung: Mutex<bool>,
    changed: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_one();
    }

    pub(super) fn wait_until(&self, deadline: Instant) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        while !*rung {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            rung = self
                .changed
                .wait_timeout(rung, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        *rung = false;
    }
}

unsafe extern "C" fn ring(_: *mut sys::rd_kafka_t, bell: *mut c_void) {
    // SAFETY: the pointer is the consumer's bell, which lives until after the handle whose threads call this.
    unsafe { &*bell.cast::<Bell>().cast_const() }.ring();
}
