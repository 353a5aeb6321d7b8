//! Processes: they are killed, stopped, and have clocks of their own.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::coroutine::die;
use super::{ThreadId, World};
use crate::sometimes::Moment;

/// One run of one program. A restart is another process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ProcessId(pub(crate) u64);

pub(super) struct Process {
    pub(super) alive: bool,
    pub(super) stopped_until: Duration,
    /// How far its clock is from the true time, in milliseconds.
    pub(super) skew_ms: i64,
    /// How often a thread that is being unwound has asked for the time.
    pub(super) afterlife: u32,
    /// Never killed by a crash at a numbered step.
    pub(super) is_spared: bool,
    /// What its parts are in the middle of, by the number of the part.
    pub(super) phases: BTreeMap<u64, Phase>,
}

/// What a part of a process is in the middle of, so that a kill can be counted as the moment that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Records of a transaction were handed to the client, and no offsets.
    Produced,
    /// Offsets were sent, the end was not.
    OffsetsSent,
    /// The end was sent and not answered.
    Ending,
    /// The end was answered, and the store does not have the commit.
    Ended,
    /// A task's state is being restored.
    Restoring,
    /// A consumer is between two constellations of its group.
    Rebalancing,
    /// A command was sent to the log and not acknowledged.
    Commanding,
}

impl Phase {
    fn killed(self) -> Moment {
        match self {
            Self::Produced => Moment::KilledBeforeOffsets,
            Self::OffsetsSent => Moment::KilledBeforeEnd,
            Self::Ending => Moment::KilledBeforeEndWasAnswered,
            Self::Ended => Moment::KilledBeforeStoreWrite,
            Self::Restoring => Moment::KilledWhileRestoring,
            Self::Rebalancing => Moment::KilledWhileRebalancing,
            Self::Commanding => Moment::KilledBeforeCommandWasAcknowledged,
        }
    }
}

/// What a killed process takes for the time between two looks at its clock, so that no wait of a destructor is long.
const AFTERLIFE_STEP: Duration = Duration::from_hours(1);

/// The moment at which each run begins, in milliseconds since the epoch.
pub(crate) const EPOCH_MS: i64 = 1_800_000_000_000;

impl World {
    /// Begins a process without threads.
    pub(crate) fn begin_process(&self) -> ProcessId {
        let mut inner = self.lock();
        inner.serial += 1;
        let id = ProcessId(inner.serial);
        inner.processes.insert(
            id,
            Process {
                alive: true,
                stopped_until: Duration::ZERO,
                skew_ms: 0,
                afterlife: 0,
                is_spared: false,
                phases: BTreeMap::new(),
            },
        );
        id
    }

    /// Ends a process at once, as `kill -9` does: its threads do nothing more, and nothing of what they hold reaches a broker
    /// or a disk. When it is called by one of its own threads, it does not return.
    pub(crate) fn kill(&self, process: ProcessId) {
        let mut inner = self.lock();
        inner.end(process);
        let threads = inner.threads.iter();
        let all: Vec<ThreadId> = threads
            .filter(|(_, thread)| thread.process == process)
            .map(|(id, _)| *id)
            .collect();
        let killer = inner.current.take();
        let doomed: Vec<_> = all
            .iter()
            .filter(|id| Some(**id) != killer)
            .filter_map(|id| inner.forget(*id))
            .collect();
        drop(inner);
        // Unwound outside the lock, and as nobody's turn, so that no destructor waits.
        drop(doomed);
        self.lock().current = killer;
        if killer.is_some_and(|killer| all.contains(&killer)) {
            die();
        }
    }

    /// Whether a process lives.
    pub(crate) fn is_alive(&self, process: ProcessId) -> bool {
        self.lock().lives(process)
    }

    /// What a part of a process is in the middle of from here on.
    pub(crate) fn phase(&self, process: ProcessId, part: u64, phase: Option<Phase>) {
        let mut inner = self.lock();
        let Some(process) = inner.processes.get_mut(&process) else {
            return;
        };
        match phase {
            Some(phase) => process.phases.insert(part, phase),
            None => process.phases.remove(&part),
        };
    }

    /// A process waits for input: whatever commit it had is in its store.
    pub(crate) fn is_at_rest(&self, process: ProcessId) {
        if let Some(process) = self.lock().processes.get_mut(&process) {
            process.phases.retain(|_, phase| *phase != Phase::Ended);
        }
    }

    /// Stops a process for some time, as SIGSTOP and SIGCONT do.
    pub(crate) fn stop(&self, process: ProcessId, time: Duration) {
        let mut inner = self.lock();
        let until = inner.now + time;
        if let Some(process) = inner.processes.get_mut(&process) {
            process.stopped_until = until;
        }
    }

    /// Moves the clock of a process.
    pub(crate) fn skew(&self, process: ProcessId, skew_ms: i64) {
        if let Some(process) = self.lock().processes.get_mut(&process) {
            process.skew_ms = skew_ms;
        }
    }

    /// What the clock of a process shows, in milliseconds since the epoch.
    pub(crate) fn clock_ms(&self, process: ProcessId) -> i64 {
        let inner = self.lock();
        let skew_ms = inner.processes.get(&process).map_or(0, |process| process.skew_ms);
        EPOCH_MS + i64::try_from(inner.now.as_millis()).unwrap_or(i64::MAX) + skew_ms
    }

    /// The monotonic clock of a process.
    pub(crate) fn instant(&self, process: ProcessId) -> Instant {
        let mut inner = self.lock();
        let now = inner.origin + inner.now;
        match inner.processes.get_mut(&process) {
            Some(process) if !process.alive => {
                process.afterlife += 1;
                now + AFTERLIFE_STEP * process.afterlife
            }
            _ => now,
        }
    }

    /// The time since the beginning of the run at which the monotonic clock shows `instant`.
    pub(crate) fn time_of(&self, instant: Instant) -> Duration {
        instant.saturating_duration_since(self.lock().origin)
    }

    /// A step that touches a broker, a store or a clock. Each has a number; at those of [`crash_at`](Self::crash_at) the process
    /// that takes it is killed before it does.
    pub(crate) fn step(&self, process: ProcessId) {
        let crashes = {
            let mut inner = self.lock();
            let known = inner.processes.get(&process);
            // What a killed process still does while it is unwound reaches nobody.
            if known.is_none_or(|process| process.is_spared || !process.alive) {
                return;
            }
            inner.steps += 1;
            let step = inner.steps;
            inner.crash_at.remove(&step)
        };
        if crashes {
            self.kill(process);
        }
    }

    /// The steps of a process do not count, and no crash hits it.
    pub(crate) fn spare(&self, process: ProcessId) {
        if let Some(process) = self.lock().processes.get_mut(&process) {
            process.is_spared = true;
        }
    }

    /// Kills whoever takes the step of that number.
    pub(crate) fn crash_at(&self, step: u64) {
        self.lock().crash_at.insert(step);
    }

    /// Steps so far.
    pub(crate) fn steps(&self) -> u64 {
        self.lock().steps
    }
}

impl super::Inner {
    fn end(&mut self, id: ProcessId) {
        let now = self.now;
        self.trace.note(now, "kill", id.0);
        let Some(process) = self.processes.get_mut(&id) else {
            return;
        };
        process.alive = false;
        for phase in std::mem::take(&mut process.phases).into_values() {
            self.moments.reached(phase.killed());
        }
    }
}
