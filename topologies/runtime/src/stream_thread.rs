//! One stream thread: a log, the tasks that it was assigned, and one loop. Everything it reacts to is an [`Event`].

mod membership;
mod record_turn;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use planted::Bug;
use streams::log::{Event, Log};
use streams::{Commit, InputRecord, Layout, LogError, TaskError, TaskId, Topology};

use crate::limits::{LOG_CALL_ATTEMPTS_MAX, LOG_RETRY_WAIT, POLL_WAIT_MAX, SCHEMA_RETRY_WAIT, ThreadLimits};
use crate::machine::Machine;
use crate::output_watch::{MakeOutputObserver, OutputWatch};
use crate::queries::{Hosting, ThreadState};
use crate::restorer::{MakeReader, Restorer};
use crate::schema_resolver::{Resolution, SchemaResolver};
use crate::state::StateProvider;
use crate::task_manager::{TaskFailure, TaskManager};
use crate::thread_metrics::ThreadMetrics;
use record_turn::RecordTurn;

/// What a stream thread needs besides its log. Shared by all threads of a topology.
pub struct ThreadContext {
    /// The topology.
    pub topology: Arc<Topology>,
    /// Its layout on the log.
    pub layout: Arc<Layout>,
    /// What queries see.
    pub hosting: Arc<Hosting>,
    /// Where the tasks' state is.
    pub states: Arc<dyn StateProvider>,
    /// Makes readers for restores.
    pub make_reader: MakeReader,
    /// Looks up schema ids that records name.
    pub schemas: Arc<dyn SchemaResolver>,
    /// Bounds.
    pub limits: ThreadLimits,
    /// The computer.
    pub machine: Arc<dyn Machine>,
    /// Sees what is committed, if somebody wants to.
    pub observer: Option<MakeOutputObserver>,
}

/// A stream thread. [`run`](Self::run) is its whole life on one client; it ends when the client has to be replaced.
pub struct StreamThread<L: Log> {
    number: usize,
    context: Arc<ThreadContext>,
    log: L,
    tasks: TaskManager,
    restorer: Restorer,
    state: ThreadState,
    /// What others were told of `state`.
    shown: Option<ThreadState>,
    metrics: ThreadMetrics,
    outputs: OutputWatch,
    /// The timestamp of the oldest record since the last commit.
    oldest_ms: Option<i64>,
    /// When the oldest uncommitted record was processed.
    uncommitted_since: Option<Instant>,
    last_commit: Instant,
    /// Commits that did not come true since the last that did.
    aborts_in_a_row: u32,
    /// A record waits for its schema until then.
    schema_wait: Option<Instant>,
    retry_restore: Vec<(Instant, TaskId)>,
}

/// What one turn did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Something happened; call again at once.
    Busy,
    /// Nothing was there to do.
    Idle,
}

impl<L: Log> StreamThread<L> {
    /// A thread on a log that it has just joined.
    pub fn new(number: usize, context: Arc<ThreadContext>, log: L) -> Self {
        let (topology, layout) = (Arc::clone(&context.topology), Arc::clone(&context.layout));
        let hosting = Arc::clone(&context.hosting);
        let restorer = Restorer::new(
            Arc::clone(&layout),
            Arc::clone(&context.states),
            Arc::clone(&context.make_reader),
            Arc::clone(&context.machine),
        );
        let observer = context.observer.as_ref().map(|observer| observer(&layout));
        Self {
            number,
            metrics: ThreadMetrics::new(topology.name(), number),
            outputs: OutputWatch::new(topology.name(), Arc::clone(&layout), observer),
            oldest_ms: None,
            tasks: TaskManager::new(topology, layout, hosting, context.limits.task),
            restorer,
            last_commit: context.machine.instant(),
            context,
            log,
            state: ThreadState::default(),
            shown: None,
            uncommitted_since: None,
            aborts_in_a_row: 0,
            schema_wait: None,
            retry_restore: Vec::new(),
        }
    }

    /// Turns until `stop` is set, then commits and leaves. An error says why the client must be replaced
    /// ([`LogError::Migrated`], [`LogError::Fenced`]) or the process must end ([`LogError::Fatal`]); nothing uncommitted is kept.
    pub fn run(&mut self, stop: &AtomicBool) -> Result<(), LogError> {
        let ended = self.turn_until(stop);
        let closed = match &ended {
            Ok(()) => self.commit(),
            Err(_) => Ok(()),
        };
        self.restorer.cancel_all();
        self.tasks.close_all();
        self.log.close();
        self.state = ThreadState::default();
        self.show_state();
        ended.and(closed)
    }

    fn turn_until(&mut self, stop: &AtomicBool) -> Result<(), LogError> {
        let mut retries = 0;
        while !stop.load(Ordering::Relaxed) {
            match self.run_once() {
                Ok(_) => retries = 0,
                Err(LogError::Retriable(cause)) if retries < LOG_CALL_ATTEMPTS_MAX => {
                    retries += 1;
                    tracing::warn!(thread = self.number, retries, cause, "the log asks to try again");
                    self.context.machine.sleep(LOG_RETRY_WAIT);
                }
                Err(LogError::Retriable(cause)) => return Err(LogError::Migrated(cause)),
                Err(LogError::Abortable(cause)) => {
                    self.abort(&cause)?;
                    self.pause_after_aborts();
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// One turn of the loop: an event, finished restores, due timers, a due commit.
    pub fn run_once(&mut self) -> Result<Turn, LogError> {
        let wait = self.poll_wait();
        let event = self.log.poll(wait)?;
        let turn = if event == Event::Idle { Turn::Idle } else { Turn::Busy };
        match event {
            Event::Records => self.process()?,
            Event::Assigned(tasks) => self.assigned(&tasks)?,
            Event::Revoked(tasks) => self.revoked(&tasks)?,
            Event::Lost(tasks) => self.lost(&tasks)?,
            Event::Idle => {}
        }
        self.open_restored()?;
        self.punctuate()?;
        if self.commit_is_due(turn) {
            self.commit()?;
        }
        if turn == Turn::Idle && self.uncommitted_since.is_none() {
            let positions = self.log.positions()?;
            self.tasks.publish_positions(&positions);
        }
        self.show_state();
        Ok(turn)
    }

    fn poll_wait(&self) -> Duration {
        if self.uncommitted_since.is_some() {
            return self
                .context
                .limits
                .commit_spacing
                .saturating_sub(self.since(self.last_commit));
        }
        let now_ms = self.context.machine.now_ms();
        let timer = self
            .tasks
            .next_wall_clock_ms()
            .map(|at_ms| u64::try_from(at_ms.saturating_sub(now_ms)).unwrap_or(0));
        timer.map_or(POLL_WAIT_MAX, |left| Duration::from_millis(left).min(POLL_WAIT_MAX))
    }

    /// Commits when the input is drained, when the oldest effect has waited for the interval, or (inside `process`) when the
    /// overlays are full.
    fn commit_is_due(&self, turn: Turn) -> bool {
        let Some(since) = self.uncommitted_since else {
            return false;
        };
        let drained = turn == Turn::Idle && self.since(self.last_commit) >= self.context.limits.commit_spacing;
        drained || self.since(since) >= self.context.limits.commit_interval
    }

    fn process(&mut self) -> Result<(), LogError> {
        if self.schema_wait.is_some_and(|until| self.now() < until) {
            self.context.machine.sleep(POLL_WAIT_MAX);
            return Ok(());
        }
        let now_ms = self.context.machine.now_ms();
        let mut turn = RecordTurn::default();
        let (tasks, watch) = (&mut self.tasks, &mut self.outputs);
        self.log
            .drain(&mut |record: InputRecord<'_>| turn.take(tasks, watch, &record, now_ms))?;
        self.metrics.processed(turn.processed + turn.dead_lettered);
        self.oldest_ms = self.oldest_ms.into_iter().chain(turn.oldest_ms).min();
        if turn.processed + turn.dead_lettered > 0 {
            self.uncommitted_since = self.uncommitted_since.or_else(|| Some(self.now()));
        }
        match turn.failure {
            Some(failure) => self.task_failed(failure),
            None if turn.full => self.commit(),
            None => self.send_ahead(),
        }
    }

    /// Gives the log what a large commit has so far.
    fn send_ahead(&mut self) -> Result<(), LogError> {
        if self.tasks.output_bytes() < self.context.limits.send_ahead_bytes {
            return Ok(());
        }
        let (log, watch) = (&mut self.log, &mut self.outputs);
        self.tasks.send_outputs(&mut |task, outputs| {
            let taken = log.send(task, outputs)?;
            if taken {
                watch.see(task, outputs);
            }
            Ok(taken)
        })
    }

    fn task_failed(&mut self, failure: TaskFailure) -> Result<(), LogError> {
        self.metrics.task_failed(&failure.error);
        match failure.error {
            TaskError::MissingSchema(id) => self.resolve_schema(id),
            TaskError::Store(error) => {
                let task = failure.task;
                tracing::error!(%task, %error, "the task's state failed; the task is closed and restored");
                self.abort("a task's state failed")?;
                self.reopen(task)
            }
        }
    }

    /// The record that named the schema is read again, after everything before it is committed. When the registry cannot tell,
    /// the thread is not ready and asks again after a while; nothing is skipped.
    fn resolve_schema(&mut self, id: u32) -> Result<(), LogError> {
        self.commit().and_then(|()| self.log.abort()).map_err(beyond_retries)?;
        let resolution = self.context.schemas.resolve(id);
        self.metrics.schema_asked(&resolution);
        match resolution {
            Resolution::Known | Resolution::Absent => {
                self.schema_wait = None;
                self.state.blocked = None;
            }
            Resolution::Unavailable(cause) => {
                tracing::warn!(
                    schema = id,
                    cause,
                    "records wait for a schema that the registry cannot tell now"
                );
                self.schema_wait = Some(self.now() + SCHEMA_RETRY_WAIT);
                self.state.blocked = Some(format!("waiting for schema {id}: {cause}"));
            }
        }
        Ok(())
    }

    fn punctuate(&mut self) -> Result<(), LogError> {
        match self.tasks.punctuate(self.context.machine.now_ms()) {
            Ok(_) => {}
            Err(failure) => self.task_failed(failure)?,
        }
        if self.uncommitted_since.is_none() && self.tasks.has_uncommitted() {
            self.uncommitted_since = Some(self.now());
        }
        Ok(())
    }

    /// Makes everything processed true. Only after the log has it do the stores get it.
    fn commit(&mut self) -> Result<(), LogError> {
        if !self.tasks.has_uncommitted() {
            self.uncommitted_since = None;
            return Ok(());
        }
        let commits = self.tasks.prepare_commit();
        self.outputs.see_all(&commits);
        let began = self.now();
        let committed = self.commit_with_retries(&commits);
        let ends = committed.inspect_err(|error| self.metrics.commit_failed(error))?;
        let now_ms = self.context.machine.now_ms();
        self.metrics.committed(self.since(began), self.oldest_ms.take(), now_ms);
        self.outputs.keep();
        self.uncommitted_since = None;
        self.aborts_in_a_row = 0;
        self.last_commit = self.now();
        self.metrics.memory(self.tasks.memory());
        for (task, error) in self.tasks.post_commit(commits, ends) {
            tracing::error!(%task, %error, "the task's store is behind its changelog; the task is closed and restored");
            if !planted::is(Bug::StoreFailureIgnored) {
                self.reopen(task)?;
            }
        }
        Ok(())
    }

    fn commit_with_retries(&mut self, commits: &[Commit]) -> Result<Vec<streams::ChangelogEnd>, LogError> {
        let mut attempts = 1;
        loop {
            match self.log.commit(commits) {
                Err(LogError::Retriable(cause)) if attempts < LOG_CALL_ATTEMPTS_MAX => {
                    tracing::warn!(thread = self.number, attempts, cause, "the commit is tried again");
                    attempts += 1;
                    self.context.machine.sleep(LOG_RETRY_WAIT);
                }
                Err(LogError::Retriable(cause)) => return Err(LogError::Abortable(cause)),
                other => return other,
            }
        }
    }

    fn abort(&mut self, cause: &str) -> Result<(), LogError> {
        self.drop_uncommitted(cause);
        self.log.abort().map_err(beyond_retries)
    }

    /// One abort costs only the repetition. A thread whose group has gone on without it, and which does not know that yet, would
    /// abort again and again as fast as a broker answers.
    fn pause_after_aborts(&self) {
        if self.aborts_in_a_row > 1 {
            self.context.machine.sleep(LOG_RETRY_WAIT);
        }
    }

    /// From here until the log has gone back, the inputs stand beyond what is committed.
    fn drop_uncommitted(&mut self, cause: &str) {
        tracing::info!(
            thread = self.number,
            topology = self.context.topology.name(),
            cause,
            "aborting and reading again"
        );
        self.metrics.aborted();
        self.aborts_in_a_row += 1;
        self.outputs.forget();
        self.oldest_ms = None;
        self.tasks.abort();
        self.uncommitted_since = None;
    }

    fn now(&self) -> Instant {
        self.context.machine.instant()
    }

    fn since(&self, then: Instant) -> Duration {
        self.now().saturating_duration_since(then)
    }

    fn show_state(&mut self) {
        self.state.restoring = self.restorer.remaining();
        self.state
            .restoring
            .extend(self.retry_restore.iter().map(|(_, task)| (*task, 0)));
        self.state.running = self.tasks.ids().into_iter().collect();
        if self.shown.as_ref() == Some(&self.state) {
            return;
        }
        self.shown = Some(self.state.clone());
        let (topology, state) = (self.context.topology.name(), self.state.clone());
        self.context.hosting.set_thread(topology, self.number, state);
    }
}

/// An error between dropping effects and going back to the committed offsets: the same turn again would pass over records, a
/// new client reads them.
fn beyond_retries(error: LogError) -> LogError {
    match error {
        LogError::Retriable(cause) => LogError::Migrated(cause),
        other => other,
    }
}
