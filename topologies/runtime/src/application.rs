//! A running topology: its stream threads, each with a client that is replaced when it is lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use streams::LogError;
use streams::log::Log;
use tokio::sync::watch;

use crate::engine_metrics::REJOINS;
use crate::limits::{FENCED_AGAIN_WITHIN, LOG_RETRY_WAIT, SHUTDOWN_WAIT_MAX};
use crate::queries::ThreadState;
use crate::stream_thread::{StreamThread, ThreadContext};

/// Joins the log as stream thread number n.
pub type MakeLog<L> = Arc<dyn Fn(usize) -> Result<L, LogError> + Send + Sync>;

/// The stream threads of one topology in this process.
pub struct StreamApplication {
    topology: String,
    threads: Vec<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
    failure: watch::Receiver<Option<String>>,
}

impl StreamApplication {
    /// Starts `threads` stream threads (at least 1).
    #[must_use]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "the caller hands over a closure made for this application"
    )]
    pub fn start<L: Log + 'static>(context: ThreadContext, threads: usize, make_log: MakeLog<L>) -> Self {
        let (report, failure) = watch::channel(None);
        let (context, report) = (Arc::new(context), Arc::new(report));
        let stop = Arc::new(AtomicBool::new(false));
        let topology = context.topology.name().to_owned();
        context.hosting.register(&topology, Arc::clone(&context.layout));
        let spawn = |number| {
            context.hosting.set_thread(&topology, number, ThreadState::default());
            let life = Life {
                number,
                context: Arc::clone(&context),
                make_log: Arc::clone(&make_log),
                stop: Arc::clone(&stop),
                report: Arc::clone(&report),
            };
            thread::Builder::new()
                .name(format!("{topology}-{number}"))
                .spawn(move || life.live())
        };
        let mut started = Vec::new();
        for number in 0..threads.max(1) {
            match spawn(number) {
                Ok(thread) => started.push(thread),
                Err(error) => drop(report.send(Some(format!("cannot start stream thread {number}: {error}")))),
            }
        }
        Self {
            topology,
            threads: started,
            stop,
            failure,
        }
    }

    /// The topology's name.
    #[must_use]
    pub fn topology(&self) -> &str {
        &self.topology
    }

    /// Resolves to the reason when a thread has ended for good. The process should stop with it.
    pub async fn failed(&self) -> String {
        let mut failure = self.failure.clone();
        let reason = failure
            .wait_for(Option::is_some)
            .await
            .map(|reason| reason.clone().unwrap_or_default());
        match reason {
            Ok(reason) => reason,
            // All threads have ended without a failure: there is nothing to report, ever.
            Err(_) => std::future::pending().await,
        }
    }

    /// Asks the threads to stop: they commit what they have and leave their group.
    pub fn request_stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Stops the threads and waits for them, at most [`SHUTDOWN_WAIT_MAX`]. Answers whether all ended.
    #[must_use]
    pub fn stop(self) -> bool {
        self.stop_by(Instant::now() + SHUTDOWN_WAIT_MAX)
    }

    /// Stops the threads and waits for them until `deadline`: several applications of one process share theirs. Answers
    /// whether all ended.
    #[must_use]
    pub fn stop_by(self, deadline: Instant) -> bool {
        self.request_stop();
        let mut ended = true;
        for thread in self.threads {
            while !thread.is_finished() && Instant::now() < deadline {
                thread::sleep(LOG_RETRY_WAIT / 20);
            }
            ended &= thread.is_finished() && thread.join().is_ok();
        }
        ended
    }
}

/// One thread across all its clients.
struct Life<L> {
    number: usize,
    context: Arc<ThreadContext>,
    make_log: MakeLog<L>,
    stop: Arc<AtomicBool>,
    report: Arc<watch::Sender<Option<String>>>,
}

impl<L: Log> Life<L> {
    fn live(self) {
        give_way(self.context.limits.niceness);
        // A panic is a defect of the engine or of a processor. The thread is gone, so the process is told to stop.
        let life = || live(self.number, &self.context, &self.make_log, &self.stop);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(life));
        let reason = match caught {
            Ok(Ok(())) => return,
            Ok(Err(reason)) => reason,
            Err(_) => "a stream thread panicked; the cause is in the log above".to_owned(),
        };
        let topology = self.context.topology.name();
        tracing::error!(
            topology,
            thread = self.number,
            reason,
            "the stream thread has ended for good"
        );
        let blocked = ThreadState {
            blocked: Some(reason.clone()),
            ..ThreadState::default()
        };
        self.context.hosting.set_thread(topology, self.number, blocked);
        self.report.send_replace(Some(reason));
    }
}

/// Lowers the priority of this thread. On Linux each thread has one of its own, which the threads that it starts inherit.
fn give_way(niceness: u8) {
    if niceness == 0 {
        return;
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, niceness.into()) {
        tracing::warn!(niceness, %error, "the stream thread keeps its priority");
    }
}

/// The life of stream thread number n, on one client after the other, until `stop` is set. Blocks.
/// An error says why the process has to end.
pub fn live<L: Log>(
    number: usize,
    context: &Arc<ThreadContext>,
    make_log: &MakeLog<L>,
    stop: &AtomicBool,
) -> Result<(), String> {
    let mut fenced_at = None;
    while !stop.load(Ordering::Relaxed) {
        let ended = make_log(number).and_then(|log| StreamThread::new(number, Arc::clone(context), log).run(stop));
        let now = context.machine.instant();
        let is_lately = |before: Instant| now.saturating_duration_since(before) < FENCED_AGAIN_WITHIN;
        match ended {
            Ok(()) => return Ok(()),
            Err(LogError::Fatal(reason)) => return Err(reason),
            Err(LogError::Fenced(reason)) if fenced_at.is_some_and(is_lately) => return Err(reason),
            Err(error) => {
                if matches!(error, LogError::Fenced(_)) {
                    fenced_at = Some(now);
                }
                rejoin(number, context, &error);
            }
        }
    }
    Ok(())
}

fn rejoin(number: usize, context: &ThreadContext, error: &LogError) {
    let topology = context.topology.name();
    tracing::warn!(topology, thread = number, %error, "joining again with a new client");
    REJOINS.count(&[topology]).increment(1);
    let blocked = ThreadState {
        blocked: Some(error.to_string()),
        ..ThreadState::default()
    };
    context.hosting.set_thread(topology, number, blocked);
    context.machine.sleep(LOG_RETRY_WAIT);
}
