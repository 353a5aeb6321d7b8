//! A process outside the application that answers requests, is killed now and then, and is started again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::workload::Stage;
use crate::world::ProcessId;

/// A client asks again when nothing was answered for so long.
const CLIENT_PATIENCE: Duration = Duration::from_secs(12);
/// A killed process is there again after such a time.
const RESTART: std::ops::Range<Duration> = Duration::from_millis(100)..Duration::from_secs(4);
/// How often it is killed in a run, at most.
const KILLS_MAX: u64 = 4;

/// The process that answers. Clones are the same.
#[derive(Clone)]
pub(crate) struct Service {
    stage: Stage,
    process: Arc<Mutex<Option<ProcessId>>>,
}

impl Service {
    /// A service that will be killed at moments that the seed chooses.
    pub(crate) fn open(stage: &Stage) -> Self {
        let service = Self {
            stage: stage.clone(),
            process: Arc::default(),
        };
        service.start();
        let world = &stage.kafka.world;
        let kills = world.draw(|random| random.within(0..KILLS_MAX + 1));
        for _ in 0..kills {
            let at = world.draw(|random| random.time(Duration::from_secs(1)..stage.faults.span));
            let killed = service.clone();
            world.after(at, move |_| killed.kill());
        }
        service
    }

    /// One request: `work` happens on a thread of the process. `None` when no answer came in time, whatever was done.
    pub(crate) fn ask<T: Send + 'static>(&self, work: impl FnOnce(ProcessId) -> T + Send + 'static) -> Option<T> {
        let world = &self.stage.kafka.world;
        let (process, client) = ((*self.lock())?, world.current()?);
        let answer = Arc::new(Mutex::new(None));
        let (answered, waking) = (Arc::clone(&answer), world.clone());
        let work = move || {
            let made = work(process);
            *answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(made);
            waking.wake(client);
        };
        world.spawn(process, Box::new(work));
        let until = world.now() + CLIENT_PATIENCE;
        loop {
            let made = answer.lock().unwrap_or_else(PoisonError::into_inner).take();
            if made.is_some() {
                return made;
            }
            if world.now() >= until || !world.park(Some(until)) {
                return None;
            }
        }
    }

    fn start(&self) {
        let process = self.stage.kafka.world.begin_process();
        // Its crashes are its own.
        self.stage.kafka.world.spare(process);
        *self.lock() = Some(process);
    }

    fn kill(&self) {
        let world = &self.stage.kafka.world;
        let Some(process) = self.lock().take() else { return };
        world.kill(process);
        let pause = world.draw(|random| random.time(RESTART));
        let service = self.clone();
        world.after(pause, move |_| service.start());
    }

    fn lock(&self) -> MutexGuard<'_, Option<ProcessId>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
