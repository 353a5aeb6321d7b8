//! The records of one drain.

use std::ops::ControlFlow;

use streams::{InputRecord, Processed};

use crate::limits::RECORDS_PER_TURN_MAX;
use crate::output_watch::OutputWatch;
use crate::task_manager::{TaskFailure, TaskManager};

/// What one drain did.
#[derive(Default)]
pub(super) struct RecordTurn {
    pub(super) processed: u64,
    pub(super) dead_lettered: u64,
    /// An overlay is full, so that a commit is due.
    pub(super) full: bool,
    /// The earliest timestamp of a record.
    pub(super) oldest_ms: Option<i64>,
    pub(super) failure: Option<TaskFailure>,
}

impl RecordTurn {
    pub(super) fn take(
        &mut self,
        tasks: &mut TaskManager,
        watch: &mut OutputWatch,
        record: &InputRecord<'_>,
        now_ms: i64,
    ) -> ControlFlow<()> {
        match tasks.process(record, now_ms) {
            Ok(None | Some((Processed::Repeated, _))) => {}
            Ok(Some((Processed::Done, full))) => {
                self.processed += 1;
                self.full = full;
            }
            Ok(Some((Processed::DeadLettered, full))) => {
                self.dead_lettered += 1;
                self.full = full;
            }
            Err(failure) => {
                self.failure = Some(failure);
                return ControlFlow::Break(());
            }
        }
        if watch.follows(record)
            && let Some(task) = tasks.owner(record)
        {
            watch.see_input(task, record);
        }
        if record.timestamp_ms >= 0 && self.oldest_ms.is_none_or(|oldest_ms| record.timestamp_ms < oldest_ms) {
            self.oldest_ms = Some(record.timestamp_ms);
        }
        let taken = usize::try_from(self.processed + self.dead_lettered).unwrap_or(usize::MAX);
        if self.full || taken >= RECORDS_PER_TURN_MAX {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}
