//! Effects outside of the log: calls that a topology commits, workers that carry them out, answers that come back as records.
//!
//! A processor never calls anybody. It keeps what is to be done in a store, sends a *call* record to a topic, and sets a timer
//! that sends the call again until an answer has come. Here is the other half: what a task of this process has committed to that
//! topic is told to its [`Worker`], and what the worker answers is appended to a topic that the same topology reads, under the
//! call's key, so that it comes back to the task that asked.
//!
//! Nothing here is durable, on purpose. A call that is lost (a crash, a full queue, a log that takes no answer) costs the time until
//! the topology's timer, never the effect; and because any call may be carried out twice, whoever is called must be able to tell a
//! call by an id of its own, and the topology matches answers by id, late and repeated ones too.

mod calls;
mod carrying;
mod line;
mod metrics;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::commands::CommandLog;
use crate::machine::Machine;
use crate::output_watch::MakeOutputObserver;
use calls::Calls;
use carrying::{Carrier, run};
use line::Line;

pub use metrics::METRICS;
pub use worker::{Answer, Answers, Call, Worker};

/// Calls of one topic that wait for their worker. More are dropped, counted and said; the topology's timer sends them again.
pub const CALLS_WAITING_MAX: usize = 1_024;
/// Calls of one topic that are carried out at the same time, unless the worker says otherwise.
pub const CALLS_AT_ONCE_MAX: usize = 32;
/// A call is given up after this time, unless the worker says otherwise. A topology sends a call again later than that.
pub const CALL_TIME_MAX: Duration = Duration::from_secs(30);
/// Times that an answer is appended before it is given up.
pub const APPEND_ATTEMPTS_MAX: u32 = 5;
/// Wait before an answer is appended the second time; twice as long before each further one.
pub const APPEND_RETRY_WAIT: Duration = Duration::from_millis(200);
/// What is under way when the process ends has this time to end by itself.
pub const END_WAIT_MAX: Duration = Duration::from_secs(5);

/// The workers of this process.
pub struct Outside {
    lines: Arc<[Arc<Line>]>,
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
}

impl Outside {
    /// Starts these workers, each of which has a topic of calls to itself; their answers go to `log`. They end with what is returned.
    #[must_use = "the workers end with it"]
    pub fn start(
        workers: Vec<Arc<dyn Worker>>,
        log: &Arc<dyn CommandLog>,
        machine: &Arc<dyn Machine>,
        on: &Handle,
    ) -> Self {
        let (stop, stopping) = watch::channel(false);
        let mut lines = Vec::new();
        let mut running = Vec::new();
        for worker in workers {
            let (line, waiting) = Line::new(worker);
            let carrier = Carrier {
                line: Arc::clone(&line),
                log: Arc::clone(log),
                machine: Arc::clone(machine),
            };
            lines.push(line);
            running.push(on.spawn(run(carrier, waiting, stopping.clone())));
        }
        Self {
            lines: lines.into(),
            stop,
            running,
        }
    }

    /// Tells the workers of what a topology commits to their topics.
    #[must_use]
    pub fn observer(&self) -> MakeOutputObserver {
        let lines = Arc::clone(&self.lines);
        Arc::new(move |_| Box::new(Calls::new(Arc::clone(&lines))))
    }

    /// Ends the workers: what waits is dropped, and what is under way has [`END_WAIT_MAX`] to end.
    pub async fn finish(self) {
        self.stop.send_replace(true);
        for worker in self.running {
            // One that panicked has said so.
            drop(worker.await);
        }
    }
}
