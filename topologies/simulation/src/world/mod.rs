//! The world: virtual time, simulated threads of simulated processes, and one seed from which every chance comes.
//!
//! Everything of a run happens on one thread of the operating system. A simulated thread is a coroutine that runs until it
//! waits; then the next event in the order of time has its turn. Events at the same moment come in the order in which they
//! were made, so a seed always tells the same story.

mod coroutine;
mod process;
mod random;
mod trace;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use coroutine::{Coroutine, Turn, give_way};
use process::Process;
pub(crate) use process::{Phase, ProcessId};
pub(crate) use random::Random;
use trace::Trace;

use crate::sometimes::{Moment, Moments};

/// The world of one run. Clones are the same world.
#[derive(Clone)]
pub(crate) struct World(Arc<Mutex<Inner>>);

/// What happens at a moment.
enum Event {
    /// A parked thread goes on.
    Wake(ThreadId),
    /// Something outside every thread: a packet that arrives, a timer of a broker, a fault.
    Act(Action),
}

/// What an event does.
pub(crate) type Action = Box<dyn FnOnce(&World) + Send>;

/// When an event happens, and its place among those of the same moment.
type EventKey = (Duration, u64);

/// A simulated thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ThreadId(u64);

struct Thread {
    process: ProcessId,
    /// Absent while it runs.
    coroutine: Option<Coroutine>,
    /// Its wake-up among the events.
    wake: Option<EventKey>,
}

struct Inner {
    now: Duration,
    origin: Instant,
    events: BTreeMap<EventKey, Event>,
    serial: u64,
    threads: BTreeMap<ThreadId, Thread>,
    current: Option<ThreadId>,
    processes: BTreeMap<ProcessId, Process>,
    random: Random,
    trace: Trace,
    moments: Moments,
    /// Panics of simulated threads, in words.
    defects: Vec<String>,
    steps: u64,
    crash_at: BTreeSet<u64>,
}

impl World {
    /// A world in which nothing has happened yet.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            now: Duration::ZERO,
            origin: origin(),
            events: BTreeMap::new(),
            serial: 0,
            threads: BTreeMap::new(),
            current: None,
            processes: BTreeMap::new(),
            random: Random::new(seed),
            trace: Trace::default(),
            moments: Moments::default(),
            defects: Vec::new(),
            steps: 0,
            crash_at: BTreeSet::new(),
        })))
    }

    /// Time since the beginning of the run.
    pub(crate) fn now(&self) -> Duration {
        self.lock().now
    }

    /// Draws from the seed.
    pub(crate) fn draw<T>(&self, draw: impl FnOnce(&mut Random) -> T) -> T {
        draw(&mut self.lock().random)
    }

    /// Takes note of what happened, for the trace.
    pub(crate) fn note(&self, what: &str, about: u64) {
        let mut inner = self.lock();
        let now = inner.now;
        inner.trace.note(now, what, about);
    }

    /// The story has what was sent and answered from here on.
    pub(crate) fn tell_all(&self) {
        self.lock().trace.is_told = true;
    }

    /// A line of the story, made only when all is told.
    pub(crate) fn tell(&self, about: u64, what: impl FnOnce() -> String) {
        let mut inner = self.lock();
        if inner.trace.is_told {
            let now = inner.now;
            inner.trace.tell(now, what(), about);
        }
    }

    /// Counts an interesting moment that the run has come to.
    pub(crate) fn reached(&self, moment: Moment) {
        self.lock().moments.reached(moment);
    }

    /// The interesting moments so far.
    pub(crate) fn moments(&self) -> Moments {
        self.lock().moments.clone()
    }

    /// Two runs with the same hash have done the same in the same order.
    pub(crate) fn trace_hash(&self) -> u64 {
        self.lock().trace.hash()
    }

    /// The last things that happened, oldest first, for whoever reads a failure.
    pub(crate) fn story(&self) -> Vec<String> {
        self.lock().trace.story()
    }

    /// Panics of simulated threads so far.
    pub(crate) fn defects(&self) -> Vec<String> {
        self.lock().defects.clone()
    }

    /// Does something at a later moment, outside every thread.
    pub(crate) fn after(&self, delay: Duration, action: impl FnOnce(&Self) + Send + 'static) {
        let mut inner = self.lock();
        let at = inner.now + delay;
        inner.schedule(at, Event::Act(Box::new(action)));
    }

    /// The thread that runs now, if one does.
    pub(crate) fn current(&self) -> Option<ThreadId> {
        self.lock().current
    }

    /// Makes the current thread wait until somebody wakes it or the time has come, and answers whether it waited: outside every
    /// thread, and in a killed process, nothing waits. The caller looks again at what it waits for; it may be woken for
    /// another reason.
    pub(crate) fn park(&self, until: Option<Duration>) -> bool {
        {
            let mut inner = self.lock();
            let Some(id) = inner.current.filter(|id| inner.is_alive(*id)) else {
                return false;
            };
            if let Some(until) = until {
                inner.wake_at(id, until);
            }
        }
        give_way();
        true
    }

    /// Makes the current thread wait for some time.
    pub(crate) fn sleep(&self, time: Duration) {
        let until = self.now() + time;
        while self.now() < until && self.park(Some(until)) {}
    }

    /// Wakes a parked thread, a moment from now.
    pub(crate) fn wake(&self, id: ThreadId) {
        let mut inner = self.lock();
        if inner.threads.get(&id).is_some_and(|thread| thread.coroutine.is_some()) {
            let now = inner.now;
            inner.wake_at(id, now);
        }
    }

    /// Begins a thread of a process.
    pub(crate) fn spawn(&self, process: ProcessId, work: Box<dyn FnOnce() + Send>) -> Option<ThreadId> {
        let mut inner = self.lock();
        if !inner.lives(process) {
            return None;
        }
        inner.serial += 1;
        let id = ThreadId(inner.serial);
        let thread = Thread {
            process,
            coroutine: Some(Coroutine::new(work)),
            wake: None,
        };
        inner.threads.insert(id, thread);
        let now = inner.now;
        inner.wake_at(id, now);
        Some(id)
    }

    /// Lets events happen until `end`, or until `done` holds after one of them. Answers whether it did.
    pub(crate) fn run_until(&self, end: Duration, mut done: impl FnMut() -> bool) -> bool {
        loop {
            if done() {
                return true;
            }
            let Some(event) = self.next_event(end) else {
                let mut inner = self.lock();
                inner.now = end.max(inner.now);
                return false;
            };
            match event {
                Event::Act(action) => action(self),
                Event::Wake(thread) => self.turn(thread),
            }
        }
    }

    /// Nothing happens any more in this world.
    pub(crate) fn forget_events(&self) {
        let events = std::mem::take(&mut self.lock().events);
        drop(events);
    }

    fn next_event(&self, end: Duration) -> Option<Event> {
        let mut inner = self.lock();
        let entry = inner.events.first_entry().filter(|event| event.key().0 <= end)?;
        let at = entry.key().0;
        let event = entry.remove();
        inner.now = at.max(inner.now);
        Some(event)
    }

    fn turn(&self, id: ThreadId) {
        let Some(mut coroutine) = self.begin_turn(id) else {
            return;
        };
        let turn = coroutine.resume();
        let mut inner = self.lock();
        inner.current = None;
        let parked = matches!(turn, Turn::Parked);
        match inner.threads.get_mut(&id) {
            Some(thread) if parked => {
                thread.coroutine = Some(coroutine);
                return;
            }
            _ => drop(inner.forget(id)),
        }
        if let Turn::Panicked(words) = turn {
            inner.defects.push(words);
        }
        drop(inner);
        // Outside the lock: what a killed thread leaves behind is unwound here and looks at the world.
        drop(coroutine);
    }

    /// Takes the thread's coroutine out, unless its process is stopped: then the thread's turn comes when it goes on.
    fn begin_turn(&self, id: ThreadId) -> Option<Coroutine> {
        let mut inner = self.lock();
        let now = inner.now;
        let process = inner.threads.get(&id)?.process;
        let stopped_until = inner.processes.get(&process)?.stopped_until;
        let thread = inner.threads.get_mut(&id)?;
        thread.wake = None;
        if stopped_until > now {
            inner.wake_at(id, stopped_until);
            return None;
        }
        let coroutine = inner.threads.get_mut(&id)?.coroutine.take()?;
        inner.current = Some(id);
        inner.trace.note(now, "turn", id.0);
        Some(coroutine)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The lock is never held while a thread runs, so that a panic of one leaves the world whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the monotonic clocks of a run begin. Only differences from it are ever looked at.
#[allow(clippy::disallowed_methods, reason = "an instant can be had from the clock alone")]
fn origin() -> Instant {
    Instant::now()
}

impl Inner {
    fn schedule(&mut self, at: Duration, event: Event) -> EventKey {
        self.serial += 1;
        let key = (at, self.serial);
        self.events.insert(key, event);
        key
    }

    /// The earlier of two wake-ups counts.
    fn wake_at(&mut self, id: ThreadId, at: Duration) {
        let known = self.threads.get(&id).and_then(|thread| thread.wake);
        if known.is_some_and(|known| known.0 <= at) {
            return;
        }
        if let Some(known) = known {
            self.events.remove(&known);
        }
        let key = self.schedule(at, Event::Wake(id));
        if let Some(thread) = self.threads.get_mut(&id) {
            thread.wake = Some(key);
        }
    }

    fn forget(&mut self, id: ThreadId) -> Option<Thread> {
        let thread = self.threads.remove(&id)?;
        if let Some(wake) = thread.wake {
            self.events.remove(&wake);
        }
        Some(thread)
    }

    fn is_alive(&self, id: ThreadId) -> bool {
        self.threads.get(&id).is_some_and(|thread| self.lives(thread.process))
    }

    fn lives(&self, process: ProcessId) -> bool {
        self.processes.get(&process).is_some_and(|process| process.alive)
    }
}
