//! What a task does as time passes: timers, which are entries of a store, and periodic calls.

use std::ops::ControlFlow;

use super::{Task, task_error};
use crate::dead_letter;
use crate::error::{ProcessError, TaskError};
use crate::node::{Node, NodeScope};
use crate::overlay::Overlay;
use crate::processor::Punctuation;
use crate::record::{Headers, OutputRecord, StoreIndex};
use crate::store::{KeyRange, StoreError};
use crate::timers::{FiredTimer, PunctuationType, TimerKey, due_bound};

/// Timers that fire in one call of [`Task::punctuate`] at most; the rest fire in the next call, so that a burst cannot hold up input.
pub const TIMERS_PER_CALL_MAX: usize = 1_000;

/// A timer store and the node that its timers belong to.
pub(super) struct TimerQueue {
    pub(super) store: StoreIndex,
    pub(super) kind: PunctuationType,
    pub(super) node: usize,
    /// No timer is due before this time. It may be too early after a rollback, which costs one needless look.
    pub(super) earliest_ms: i64,
}

/// A periodic call and when it is due; `None` before its clock was first read.
pub(super) struct Scheduled {
    pub(super) node: usize,
    pub(super) punctuation: Punctuation,
    pub(super) interval_ms: i64,
    pub(super) next_ms: Option<i64>,
}

impl Task {
    /// Fires due timers and punctuations. Answers whether more timers are due than one call fires.
    pub fn punctuate(&mut self, now_ms: i64) -> Result<bool, TaskError> {
        self.state.now_ms = now_ms;
        self.state.trace = None;
        for at in 0..self.punctuations.len() {
            self.punctuate_one(at)?;
        }
        let mut budget = TIMERS_PER_CALL_MAX;
        for at in 0..self.timers.len() {
            self.fire_due(at, &mut budget)?;
        }
        Ok(budget == 0)
    }

    /// The earliest wall-clock time at which a timer may be due, for the shell's waiting; `None` when there is none.
    #[must_use]
    pub fn next_wall_clock_ms(&self) -> Option<i64> {
        let wall = |kind| kind == PunctuationType::WallClockTime;
        let timers = self
            .timers
            .iter()
            .filter(|queue| wall(queue.kind))
            .map(|queue| queue.earliest_ms);
        let calls = self
            .punctuations
            .iter()
            .filter(|due| wall(due.punctuation.kind))
            .filter_map(|due| due.next_ms);
        timers.chain(calls).min().filter(|at_ms| *at_ms < i64::MAX)
    }

    fn punctuate_one(&mut self, at: usize) -> Result<(), TaskError> {
        let Some(due) = self.punctuations.get_mut(at) else {
            return Ok(());
        };
        let now_ms = match due.punctuation.kind {
            PunctuationType::StreamTime => self.state.stream_time_ms,
            PunctuationType::WallClockTime => self.state.now_ms,
        };
        if now_ms == i64::MIN {
            return Ok(());
        }
        let next_ms = *due
            .next_ms
            .get_or_insert_with(|| now_ms.saturating_add(due.interval_ms));
        if now_ms < next_ms {
            return Ok(());
        }
        due.next_ms = Some(now_ms.saturating_add(due.interval_ms));
        let (node, punctuation) = (
            due.node,
            Punctuation {
                at_ms: now_ms,
                ..due.punctuation
            },
        );
        self.run_call("punctuation", &[], node, |node, scope| {
            node.on_punctuate(scope, punctuation)
        })
    }

    fn fire_due(&mut self, at: usize, budget: &mut usize) -> Result<(), TaskError> {
        let Some(queue) = self.timers.get(at) else {
            return Ok(());
        };
        let (store, node, kind) = (queue.store, queue.node, queue.kind);
        let now_ms = match kind {
            PunctuationType::StreamTime => self.state.stream_time_ms,
            PunctuationType::WallClockTime => self.state.now_ms,
        };
        if now_ms < queue.earliest_ms || *budget == 0 {
            return Ok(());
        }
        let due = self.timer_entries(store, Some(&due_bound(now_ms)), *budget)?;
        *budget -= due.len();
        for key in due {
            self.fire(store, node, &key)?;
        }
        let next = self.timer_entries(store, None, 1)?;
        if let Some(queue) = self.timers.get_mut(at) {
            queue.earliest_ms = next.first().map_or(i64::MAX, |key| key.at_ms);
        }
        Ok(())
    }

    /// A timer is removed and its processor called in one go; when the processor fails, the removal alone stays and a dead
    /// letter says so, because a timer that fails for ever would hold up all later ones.
    fn fire(&mut self, store: StoreIndex, node: usize, key: &TimerKey) -> Result<(), TaskError> {
        let fired = FiredTimer {
            store,
            key: key.key.clone(),
            at_ms: key.at_ms,
        };
        self.remove_timer(store, key)?;
        self.keep_record();
        self.run_call("timer", &key.key, node, |node, scope| node.on_timer(scope, &fired))
    }

    fn run_call(
        &mut self,
        stage: &str,
        key: &[u8],
        node: usize,
        act: impl FnOnce(&mut dyn Node, &mut NodeScope<'_>) -> Result<(), ProcessError>,
    ) -> Result<(), TaskError> {
        let mark = self.state.outputs.mark();
        let mut scope = NodeScope {
            slots: &mut self.slots,
            state: &mut self.state,
            current: node,
        };
        match scope.call(node, act) {
            Ok(()) => self.keep_record(),
            Err(error) => {
                self.undo_record(mark);
                if let Some(fate) = task_error(&error) {
                    return Err(fate);
                }
                self.bury_call(stage, key, &error);
            }
        }
        Ok(())
    }

    fn bury_call(&mut self, stage: &str, key: &[u8], error: &ProcessError) {
        let mut headers = Headers::default();
        dead_letter::add(&mut headers, dead_letter::headers::TASK, &self.own.id.to_string());
        dead_letter::describe(&mut headers, stage, error);
        self.state.outputs.push(OutputRecord {
            topic: self.dead_letters,
            partition: 0,
            timestamp_ms: self.state.now_ms,
            key: Some(key),
            value: None,
            headers: &headers,
        });
    }

    fn timer_overlay(&mut self, store: StoreIndex) -> Option<&mut Overlay<TimerKey, ()>> {
        self.state
            .stores
            .get_mut(usize::from(store.0))?
            .as_mut()?
            .as_any()
            .downcast_mut()
    }

    fn remove_timer(&mut self, store: StoreIndex, key: &TimerKey) -> Result<(), TaskError> {
        let Some(overlay) = self.timer_overlay(store) else {
            return Ok(());
        };
        overlay.delete(key).map_err(store_failure)
    }

    fn timer_entries(
        &mut self,
        store: StoreIndex,
        to: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<TimerKey>, TaskError> {
        let mut keys = Vec::new();
        let Some(overlay) = self.timer_overlay(store) else {
            return Ok(keys);
        };
        let range = KeyRange { from: &[], to };
        overlay
            .range(range, false, &mut |key, ()| {
                keys.push(key);
                if keys.len() < limit {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })
            .map_err(store_failure)?;
        Ok(keys)
    }
}

/// Timer entries are written by the engine alone, so one that fails is damage.
fn store_failure(error: ProcessError) -> TaskError {
    match error {
        ProcessError::Store(error) => TaskError::Store(error),
        other => TaskError::Store(StoreError::Corrupted(other.to_string())),
    }
}
