//! Batches that are on their way while their thread does something else, as librdkafka's own threads send them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Refusal;
use super::line::{Line, Target};
use crate::cluster::{PartitionId, Request, Response};

/// One batch on its way.
pub(super) struct Flight {
    pub(super) partition: PartitionId,
    /// What the witness knows its records by.
    pub(super) tags: Vec<usize>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    outcome: Mutex<Option<Result<Response, Refusal>>>,
    is_taken_back: AtomicBool,
}

impl Flight {
    /// Sends the batch on a connection of its own, again and again until it is answered, taken back, or its time is over.
    pub(super) fn begin(
        line: &Line,
        partition: PartitionId,
        tags: Vec<usize>,
        request: Request,
        deadline: Duration,
    ) -> Self {
        let shared = Arc::new(Shared::default());
        let world = line.kafka().world.clone();
        let (mut own, waiting, told) = (line.sibling(), world.current(), Arc::clone(&shared));
        let work = move || {
            let is_taken_back = || told.is_taken_back.load(Ordering::Relaxed);
            let outcome = own.ask_unless(&Target::Leader(partition), &request, deadline, &is_taken_back);
            *told.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            if let Some(waiting) = waiting {
                own.kafka().world.wake(waiting);
            }
        };
        world.spawn(line.process(), Box::new(work));
        Self {
            partition,
            tags,
            shared,
        }
    }

    /// It is not repeated any more. What is on its way stays on its way.
    pub(super) fn take_back(&self) {
        self.shared.is_taken_back.store(true, Ordering::Relaxed);
    }

    /// Waits for what became of it.
    pub(super) fn land(&self, line: &Line, deadline: Duration) -> Result<Response, Refusal> {
        let world = &line.kafka().world;
        loop {
            let outcome = &self.shared.outcome;
            if let Some(outcome) = outcome.lock().unwrap_or_else(PoisonError::into_inner).take() {
                return outcome;
            }
            if world.now() >= deadline || !world.park(Some(deadline)) {
                return Err(Refusal::TimedOut);
            }
        }
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.take_back();
    }
}
