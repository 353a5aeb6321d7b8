//! [`streams::log::Log`] on Kafka: group membership through the task topic, input, and transactions, for one stream thread.

mod membership;
mod position;

use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use streams::log::{Event, Log};
use streams::{ChangelogEnds, Commit, InputOffset, InputRecord, Layout, LogError, TaskId};

use super::client::{Batch, ClientError, Consumer, Partition};
use super::config::KafkaConfig;
use super::health::KafkaHealth;
use super::inputs::{Inputs, same_partition};
use super::transaction::{Failure, Transactions, Work};
use super::witness::Witness;

/// Leaving the group takes no longer; the group then finds out by itself.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
/// Brokers forget the offsets of idle partitions after a week, since the group does not subscribe to their topics.
/// They are committed again this long after a start and then once a day.
const RECOMMIT_AFTER_START: Duration = Duration::from_secs(10);
const RECOMMIT_INTERVAL: Duration = Duration::from_secs(24 * 3600);
/// A failed renewal is repeated after this time.
const RECOMMIT_RETRY: Duration = Duration::from_secs(60);
/// While no broker can be reached one is looked for this often, and for so long at a time.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
const PROBE_WAIT: Duration = Duration::from_millis(100);

/// One stream thread's end of Kafka.
///
/// The consumer subscribes to the task topic alone, with cooperative rebalances and as a static member; what the group
/// assigns there are tasks, and the real inputs are added and removed by hand in [`Log::start`] and [`Log::stop`].
/// Records are read committed, at positions that only this value decides.
///
/// # Outcomes of a commit
/// `Ok`: the transaction is true. [`LogError::Retriable`]: nothing was begun. [`LogError::Abortable`]: it certainly is not
/// true, and [`Log::abort`] follows. [`LogError::Migrated`]: either the tasks are lost, or ("outcome unknown") the broker
/// could not be asked what became of it; the stores may then be behind their changelogs, so the tasks are closed, stopped,
/// restored and started again. Where the end of a transaction went unanswered and a broker can be reached, the committed
/// offsets decide between `Ok` and `Abortable`: every transaction writes a token of its own beside them.
pub struct KafkaLog {
    config: KafkaConfig,
    layout: Arc<Layout>,
    health: Arc<KafkaHealth>,
    // Records are given back before the consumer is closed.
    batch: Batch,
    consumer: Option<Consumer>,
    transactions: Transactions,
    inputs: Inputs,
    pending: VecDeque<Event>,
    owned: BTreeSet<TaskId>,
    /// Tasks of an unanswered revocation.
    revoking: BTreeSet<TaskId>,
    /// Tasks that another thread may have already: nothing is committed for them any more.
    lost: BTreeSet<TaskId>,
    /// Inputs of stopped tasks that are removed together with the rest of a revocation.
    releasing: Vec<InputOffset>,
    tokens: Tokens,
    recommit_at: Option<Instant>,
    probe_at: Instant,
}

impl KafkaLog {
    /// Joins the group. Ends whatever transaction this instance's thread left open when it died, before anything is read.
    ///
    /// [`LogError::Fatal`] for a refused configuration, [`LogError::Retriable`] when no broker answers within the
    /// transaction timeout.
    pub fn connect(config: KafkaConfig, layout: Arc<Layout>, health: Arc<KafkaHealth>) -> Result<Self, LogError> {
        config.check()?;
        let mut transactions = Transactions::new(config.clone(), Arc::clone(&layout), Arc::clone(&health));
        transactions.ready(Instant::now() + config.transaction_deadline())?;
        let inputs = layout.tasks.iter().map(|task| task.inputs.len()).sum();
        let mut consumer =
            Consumer::new(&config.consumer_settings(inputs), Witness::new(Arc::clone(&health))).map_err(fatal)?;
        let inputs = Inputs::new(Arc::clone(&layout), &mut consumer).map_err(fatal)?;
        consumer.subscribe(&layout.task_topic()).map_err(fatal)?;
        Ok(Self {
            config,
            layout,
            health,
            batch: Batch::new(),
            consumer: Some(consumer),
            transactions,
            inputs,
            pending: VecDeque::new(),
            owned: BTreeSet::new(),
            revoking: BTreeSet::new(),
            lost: BTreeSet::new(),
            releasing: Vec::new(),
            tokens: Tokens::new(),
            recommit_at: None,
            probe_at: Instant::now(),
        })
    }

    /// What this thread's clients have seen, for readiness.
    #[must_use]
    pub fn health(&self) -> Arc<KafkaHealth> {
        Arc::clone(&self.health)
    }

    fn consumer(&self) -> Result<&Consumer, LogError> {
        self.consumer.as_ref().ok_or_else(closed)
    }

    fn consumer_mut(&mut self) -> Result<&mut Consumer, LogError> {
        self.consumer.as_mut().ok_or_else(closed)
    }

    /// Whether the tasks are still this thread's to commit for.
    fn check_owned(&self, commits: &[Commit]) -> Result<(), LogError> {
        let foreign = commits
            .iter()
            .map(|commit| commit.task)
            .find(|task| self.lost.contains(task) || !self.inputs.is_started(*task));
        foreign.map_or(Ok(()), |task| {
            Err(LogError::Migrated(format!("task {task} is not this thread's")))
        })
    }

    /// The offsets of a transaction. Each task is there with one input at least, so that every transaction leaves its token.
    fn offsets_of(&self, commits: &[Commit]) -> Vec<InputOffset> {
        let commits = commits.iter().filter(|commit| !commit.is_empty());
        commits
            .flat_map(|commit| {
                let unmoved = commit
                    .offsets
                    .is_empty()
                    .then(|| self.inputs.any_of(commit.task))
                    .flatten();
                commit.offsets.iter().copied().chain(unmoved)
            })
            .collect()
    }

    fn transaction(&mut self, commits: &[Commit], offsets: &[InputOffset]) -> Result<Vec<ChangelogEnds>, LogError> {
        let deadline = Instant::now() + self.config.transaction_deadline();
        self.transactions.ready(deadline)?;
        let token = self.tokens.next();
        let list = self.inputs.list(offsets, &token).map_err(fatal)?;
        let member = self
            .consumer()?
            .group_metadata()
            .filter(|member| member.generation() >= 0);
        let member = member
            .ok_or_else(|| LogError::Abortable("this thread is between two memberships of its group".to_owned()))?;
        let work = Work {
            commits,
            offsets: &list,
            member: &member,
            now_ms: wall_clock_ms(),
        };
        match self.transactions.run(&work) {
            Ok(ends) => {
                self.health.set_reachable(true);
                Ok(ends)
            }
            Err(Failure::Abortable(reason)) => Err(LogError::Abortable(reason)),
            Err(Failure::Fenced(reason)) => Err(LogError::Migrated(reason)),
            Err(Failure::Impossible(reason)) => Err(LogError::Fatal(reason)),
            Err(Failure::Unknown { reason, ends }) => self.settle(&reason, offsets, &token).map(|()| ends),
        }
    }

    /// Asks the committed offsets what became of a transaction whose end went unanswered. A new producer of the same id comes
    /// first: its initialisation makes the coordinator finish the transaction one way or the other.
    fn settle(&mut self, reason: &str, offsets: &[InputOffset], token: &str) -> Result<(), LogError> {
        self.collect_events(false)?;
        let deadline = Instant::now() + self.config.transaction_deadline();
        let unknown =
            |cause: &dyn std::fmt::Display| LogError::Migrated(format!("outcome unknown ({reason}): {cause}"));
        self.transactions.ready(deadline).map_err(|error| unknown(&error))?;
        let list = self.inputs.list(offsets, "").map_err(fatal)?;
        let found = self
            .consumer()?
            .committed(&list, deadline.saturating_duration_since(Instant::now()));
        let found = found.map_err(|error| unknown(&error))?;
        let found = found.iter().find(|partition| partition.error.is_none());
        let found = found.ok_or_else(|| unknown(&"no committed offset can be read"))?;
        if found.metadata == token.as_bytes() {
            tracing::info!(reason, "a transaction whose end went unanswered was found committed");
            return Ok(());
        }
        Err(LogError::Abortable(reason.to_owned()))
    }

    /// Renews idle offsets, and looks for a broker while none was to be reached.
    fn maintain(&mut self) {
        let now = Instant::now();
        if self.recommit_at.is_some_and(|at| at <= now) {
            self.recommit_at = Some(
                now + if self.recommit() {
                    RECOMMIT_INTERVAL
                } else {
                    RECOMMIT_RETRY
                },
            );
        }
        if !self.health.is_reachable() && self.probe_at <= now {
            self.probe_at = now + PROBE_INTERVAL;
            self.transactions.serve();
            let answer = self
                .consumer()
                .map(|consumer| consumer.partition_count(&self.layout.task_topic(), PROBE_WAIT));
            self.health.set_reachable(matches!(answer, Ok(Ok(_))));
        }
    }

    /// Commits every owned offset as it is, in a transaction of its own. A failure costs nothing.
    fn recommit(&mut self) -> bool {
        let offsets = self.inputs.committed();
        if offsets.is_empty() {
            return true;
        }
        let renewed = self.transaction(&[], &offsets);
        if let Err(error) = &renewed {
            tracing::warn!(%error, "offsets of idle partitions were not renewed");
            self.transactions.abort();
        }
        renewed.is_ok()
    }
}

impl Log for KafkaLog {
    fn poll(&mut self, timeout: Duration) -> Result<Event, LogError> {
        let deadline = Instant::now() + timeout;
        loop {
            self.collect_events(false)?;
            if let Some(event) = self.pending.pop_front() {
                return Ok(event);
            }
            self.maintain();
            if self.batch.refill(self.consumer.as_ref().ok_or_else(closed)?) {
                return Ok(Event::Records);
            }
            if Instant::now() >= deadline {
                return Ok(Event::Idle);
            }
            self.consumer()?.wait_until(deadline);
        }
    }

    fn drain(&mut self, take: &mut dyn FnMut(InputRecord<'_>) -> ControlFlow<()>) -> Result<(), LogError> {
        while self.batch.refill(self.consumer.as_ref().ok_or_else(closed)?) {
            while let Some(fetched) = self.batch.next() {
                let topic = self.inputs.topic(fetched.topic());
                if let Some(code) = fetched.error() {
                    let (text, name) = (
                        fetched.error_text(),
                        topic.map_or("", |topic| self.inputs.name(topic)).to_owned(),
                    );
                    self.fetch_error(code, &text, &name)?;
                    break;
                }
                let Some(topic) = topic else { continue };
                let record = InputRecord {
                    topic,
                    partition: fetched.partition(),
                    offset: fetched.offset(),
                    timestamp_ms: fetched.timestamp_ms(),
                    key: fetched.key(),
                    value: fetched.value(),
                    headers: fetched.headers(),
                };
                if take(record).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn committed(&mut self, task: TaskId) -> Result<Vec<InputOffset>, LogError> {
        self.collect_events(false)?;
        self.begin_offsets(task)
    }

    fn start(&mut self, task: TaskId, from: &[InputOffset]) -> Result<(), LogError> {
        self.collect_events(false)?;
        if !self.owned.contains(&task) {
            return Err(LogError::Migrated(format!(
                "task {task} is not assigned to this thread"
            )));
        }
        if self
            .releasing
            .iter()
            .any(|input| from.iter().any(|wanted| same_partition(wanted, input)))
        {
            return Err(LogError::Retriable(format!("task {task} waits for a rebalance to end")));
        }
        let list = self.inputs.list(from, "").map_err(fatal)?;
        let begun = self.consumer_mut()?.assign(&list);
        begun.map_err(|error| retriable("cannot begin to read", &error))?;
        self.inputs.start(task, from.to_vec());
        self.recommit_at = Some(Instant::now() + RECOMMIT_AFTER_START);
        Ok(())
    }

    fn positions(&mut self) -> Result<Vec<(TaskId, InputOffset)>, LogError> {
        let started = self.inputs.started();
        let offsets: Vec<InputOffset> = started.iter().map(|(_, offset)| *offset).collect();
        let list = self.inputs.list(&offsets, "").map_err(fatal)?;
        let found = self
            .consumer()?
            .positions(&list)
            .map_err(|error| retriable("cannot read positions", &error))?;
        // An input from which nothing was fetched yet has no position; it stands where it was started.
        let at = |((task, offset), found): ((TaskId, InputOffset), &Partition)| {
            (
                task,
                InputOffset {
                    next: found.offset.max(offset.next),
                    ..offset
                },
            )
        };
        Ok(started.into_iter().zip(&found).map(at).collect())
    }

    fn pause(&mut self, task: TaskId) -> Result<(), LogError> {
        self.collect_events(false)?;
        self.forget(&[task]);
        if self.revoking.is_empty() {
            self.release(false)
        } else {
            Ok(())
        }
    }

    fn stop(&mut self, tasks: &[TaskId]) -> Result<(), LogError> {
        self.collect_events(false)?;
        let answers_rebalance = !self.revoking.is_empty();
        self.forget(tasks);
        for task in tasks {
            self.lost.remove(task);
            self.revoking.remove(task);
        }
        if self.revoking.is_empty() {
            self.release(answers_rebalance)
        } else {
            Ok(())
        }
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<Vec<ChangelogEnds>, LogError> {
        self.collect_events(false)?;
        self.check_owned(commits)?;
        let offsets = self.offsets_of(commits);
        if offsets.is_empty() {
            return Ok(commits.iter().map(|_| ChangelogEnds::new()).collect());
        }
        let ends = self.transaction(commits, &offsets)?;
        for commit in commits {
            self.inputs.advance(commit.task, &commit.offsets);
        }
        Ok(ends)
    }

    fn abort(&mut self) -> Result<(), LogError> {
        self.transactions.abort();
        self.rewind()
    }

    fn close(&mut self) {
        self.transactions.close();
        self.batch.clear();
        self.inputs.stop_all();
        if let Some(mut consumer) = self.consumer.take() {
            let deadline = Instant::now() + CLOSE_WAIT;
            if self.config.leave_on_close {
                consumer.leave(deadline);
            }
            consumer.close(deadline);
        }
    }
}

impl Drop for KafkaLog {
    fn drop(&mut self) {
        self.close();
    }
}

/// Marks each transaction of this process apart from all others.
struct Tokens {
    process: u128,
    last: u64,
}

impl Tokens {
    fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let process = since_epoch.map_or(0, |time| time.as_nanos()) ^ (u128::from(std::process::id()) << 80);
        Self { process, last: 0 }
    }

    fn next(&mut self) -> String {
        self.last += 1;
        format!("{:x}-{}", self.process, self.last)
    }
}

fn wall_clock_ms() -> i64 {
    let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    since_epoch.map_or(0, |time| i64::try_from(time.as_millis()).unwrap_or(i64::MAX))
}

fn closed() -> LogError {
    LogError::Fatal("the log is closed".to_owned())
}

fn fatal(error: ClientError) -> LogError {
    LogError::Fatal(error.to_string())
}

fn retriable(what: &str, error: &ClientError) -> LogError {
    LogError::Retriable(format!("{what}: {error}"))
}
