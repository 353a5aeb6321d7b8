//! The gateway's way of a command, in a process that may die with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use edge_api::CommandSerdes;
use edge_api::commands::{Command, append};
use schemas::SchemaTable;

use crate::client::{SimClient, SimCommandLog};
use crate::sometimes::Moment;
use crate::workload::Stage;
use crate::world::{ProcessId, ThreadId};

/// A client asks again when nothing was answered for so long.
const CLIENT_PATIENCE: Duration = Duration::from_secs(12);
/// Wait before a client asks again that was told to.
const CLIENT_BACKOFF: std::ops::Range<Duration> = Duration::from_millis(100)..Duration::from_secs(2);
/// A killed gateway is there again after such a time.
const RESTART: std::ops::Range<Duration> = Duration::from_millis(100)..Duration::from_secs(4);
/// How often the gateway is killed in a run, at most.
const KILLS_MAX: u64 = 4;

/// The gateway. Clones are the same.
#[derive(Clone)]
pub(super) struct Gateway {
    stage: Stage,
    serdes: CommandSerdes,
    process: Arc<Mutex<Option<ProcessId>>>,
}

type Answered = Arc<Mutex<Option<bool>>>;

impl Gateway {
    /// A gateway that will be killed now and then.
    pub(super) fn open(stage: &Stage, schemas: &Arc<SchemaTable>) -> Self {
        let gateway = Self {
            stage: stage.clone(),
            serdes: CommandSerdes::avro(schemas),
            process: Arc::default(),
        };
        gateway.start();
        let world = &stage.kafka.world;
        let kills = world.draw(|random| random.within(0..KILLS_MAX + 1));
        for _ in 0..kills {
            let at = world.draw(|random| random.time(Duration::from_secs(1)..stage.span));
            let killed = gateway.clone();
            world.after(at, move |_| killed.kill());
        }
        gateway
    }

    /// Has a command stored, whatever it takes. What it says is the same each time, its id too.
    pub(super) fn store<C: Command + Clone + 'static>(&self, key: &str, command: &C) {
        let world = &self.stage.kafka.world;
        while !self.ask(key, command) {
            world.reached(Moment::CommandRepeated);
            let pause = world.draw(|random| random.time(CLIENT_BACKOFF));
            world.sleep(pause);
        }
    }

    /// One request. Answers whether the gateway says that the command is stored.
    pub(super) fn ask<C: Command + Clone + 'static>(&self, key: &str, command: &C) -> bool {
        let world = &self.stage.kafka.world;
        let (Some(process), Some(client)) = (*self.lock(), world.current()) else {
            return false;
        };
        let answered = Answered::default();
        self.handle(process, client, key.to_owned(), command.clone(), Arc::clone(&answered));
        let until = world.now() + CLIENT_PATIENCE;
        loop {
            if let Some(stored) = *answered.lock().unwrap_or_else(PoisonError::into_inner) {
                return stored;
            }
            if world.now() >= until || !world.park(Some(until)) {
                return false;
            }
        }
    }

    /// The gateway's own code, on a thread of its process.
    fn handle<C: Command + 'static>(
        &self,
        process: ProcessId,
        client: ThreadId,
        key: String,
        command: C,
        answered: Answered,
    ) {
        let (kafka, serdes) = (self.stage.kafka.clone(), self.serdes.clone());
        let work = move || {
            let log = SimCommandLog::new(SimClient {
                kafka: kafka.clone(),
                process,
            });
            let stored = now(append(&log, &serdes, &key, &command)).is_some_and(|receipt| receipt.is_ok());
            *answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(stored);
            kafka.world.wake(client);
        };
        self.stage.kafka.world.spawn(process, Box::new(work));
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
        let gateway = self.clone();
        world.after(pause, move |_| gateway.start());
    }

    fn lock(&self) -> MutexGuard<'_, Option<ProcessId>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The output of a future that waits inside its calls and so is ready when it is first asked.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}
