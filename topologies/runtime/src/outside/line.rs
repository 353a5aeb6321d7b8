//! The line in which the calls of one topic wait, each of them once.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::metrics::{self, Outcome};
use super::{CALLS_WAITING_MAX, Call, Worker};

/// The calls of a topic that wait or are under way.
pub(super) struct Line {
    pub(super) topic: &'static str,
    pub(super) worker: Arc<dyn Worker>,
    queue: Sender<Held>,
    held: Mutex<HashSet<Arc<Identity>>>,
    is_full: AtomicBool,
}

/// A call's place in the line, from when it is taken until it has ended, however it ends.
pub(super) struct Held {
    line: Arc<Line>,
    pub(super) call: Call,
    identity: Arc<Identity>,
}

/// Key and identity of a call. A call that is sent again is another record.
type Identity = (Vec<u8>, Vec<u8>);

impl Line {
    pub(super) fn new(worker: Arc<dyn Worker>) -> (Arc<Self>, Receiver<Held>) {
        let topic = worker.calls();
        metrics::show_from_zero(topic);
        let (queue, waiting) = channel(CALLS_WAITING_MAX);
        let line = Self {
            topic,
            worker,
            queue,
            held: Mutex::default(),
            is_full: AtomicBool::new(false),
        };
        (Arc::new(line), waiting)
    }

    /// Takes a call if it is not here already and the line is not full. Never waits: stream threads call it.
    pub(super) fn offer(self: &Arc<Self>, call: Call) {
        let Some(held) = self.hold(call) else {
            metrics::ended(self.topic, Outcome::Repeated);
            return;
        };
        match self.queue.try_send(held) {
            Ok(()) => self.is_full.store(false, Ordering::Relaxed),
            Err(TrySendError::Full(_)) => self.refuse(),
            // The process ends.
            Err(TrySendError::Closed(_)) => metrics::ended(self.topic, Outcome::Dropped),
        }
    }

    /// Counts a call that finds no place, and says so when it is the first.
    pub(super) fn refuse(&self) {
        metrics::ended(self.topic, Outcome::Dropped);
        if !self.is_full.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                topic = self.topic,
                waiting = CALLS_WAITING_MAX,
                "calls come faster than they are carried out: some are dropped, and sent again by the topology's timer"
            );
        }
    }

    fn hold(self: &Arc<Self>, call: Call) -> Option<Held> {
        let identity = Arc::new((call.key.clone(), self.worker.identity(&call)));
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if !held.insert(Arc::clone(&identity)) {
            return None;
        }
        drop(held);
        metrics::held(self.topic, 1.0);
        Some(Held {
            line: Arc::clone(self),
            call,
            identity,
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut held = self.line.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(&self.identity);
        metrics::held(self.line.topic, -1.0);
    }
}
