//! [`streams::log::Log`] on Kafka: group membership through the task topic, input, and transactions, for one stream thread.

mod commit;
mod membership;
mod orphans;
mod position;
mod token;
mod upkeep;

use std::collections::{BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use planted::Bug;
use rdkafka::types::RDKafkaErrorCode;
use streams::log::{Event, Log};
use streams::{ChangelogEnd, Commit, InputOffset, InputRecord, Layout, LogError, OutputBuffer, TaskId, TopicIndex};

use super::client::Librdkafka;
use super::config::KafkaConfig;
use super::health::KafkaHealth;
use super::inputs::{Inputs, same_partition};
use super::port::{ClientError, FetchedBatch, FetchedRecord, KafkaClient, KafkaConsumer, Partition};
use super::transaction::Transactions;
use super::witness::Witness;
use crate::machine::{Machine, OsMachine};
use crate::origin::{Numbering, ORIGIN};
use orphans::OrphanWatch;
use token::Tokens;

/// Leaving the group takes no longer; the group then finds out by itself.
const CLOSE_WAIT: Duration = Duration::from_secs(5);
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
pub struct KafkaLog<C: KafkaClient = Librdkafka> {
    machine: Arc<dyn Machine>,
    config: KafkaConfig,
    layout: Arc<Layout>,
    health: Arc<KafkaHealth>,
    // Records are given back before the consumer is closed.
    batch: <C::Consumer as KafkaConsumer>::Batch,
    consumer: Option<C::Consumer>,
    transactions: Transactions<C>,
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
    numbering: Numbering,
    recommit_at: Option<Instant>,
    probe_at: Instant,
    orphans: OrphanWatch,
}

impl KafkaLog {
    /// Joins the group. Ends whatever transaction this instance's thread left open when it died, before anything is read.
    ///
    /// [`LogError::Fatal`] for a refused configuration, [`LogError::Retriable`] when no broker answers within the
    /// transaction timeout.
    pub fn connect(config: KafkaConfig, layout: Arc<Layout>, health: Arc<KafkaHealth>) -> Result<Self, LogError> {
        Self::connect_with(&Librdkafka, Arc::new(OsMachine), config, layout, health)
    }
}

impl<C: KafkaClient> KafkaLog<C> {
    /// Joins the group with a client and a machine of the caller's, as [`connect`](KafkaLog::connect) does.
    pub fn connect_with(
        client: &C,
        machine: Arc<dyn Machine>,
        config: KafkaConfig,
        layout: Arc<Layout>,
        health: Arc<KafkaHealth>,
    ) -> Result<Self, LogError> {
        config.check()?;
        let mut transactions = Transactions::new(
            client.clone(),
            Arc::clone(&machine),
            config.clone(),
            Arc::clone(&layout),
            Arc::clone(&health),
        );
        transactions.ready(machine.instant() + config.transaction_deadline())?;
        let inputs = layout.tasks.iter().map(|task| task.inputs.len()).sum();
        let witness = Witness::new(Arc::clone(&health));
        let mut consumer = client
            .consumer(&config.consumer_settings(inputs), witness)
            .map_err(fatal)?;
        let inputs = Inputs::new(Arc::clone(&layout), &mut consumer).map_err(fatal)?;
        consumer.subscribe(&layout.task_topic()).map_err(fatal)?;
        let orphans = OrphanWatch::new(&config.member_of_group(), machine.instant());
        Ok(Self {
            tokens: Tokens::new(machine.unique()),
            numbering: Numbering::new(config.number_outputs),
            probe_at: machine.instant(),
            machine,
            config,
            layout,
            health,
            batch: Default::default(),
            consumer: Some(consumer),
            transactions,
            inputs,
            pending: VecDeque::new(),
            owned: BTreeSet::new(),
            revoking: BTreeSet::new(),
            lost: BTreeSet::new(),
            releasing: Vec::new(),
            recommit_at: None,
            orphans,
        })
    }

    /// What this thread's clients have seen, for readiness.
    #[must_use]
    pub fn health(&self) -> Arc<KafkaHealth> {
        Arc::clone(&self.health)
    }

    fn consumer(&self) -> Result<&C::Consumer, LogError> {
        self.consumer.as_ref().ok_or_else(closed)
    }

    fn consumer_mut(&mut self) -> Result<&mut C::Consumer, LogError> {
        self.consumer.as_mut().ok_or_else(closed)
    }
}

impl<C: KafkaClient> Log for KafkaLog<C> {
    fn poll(&mut self, timeout: Duration) -> Result<Event, LogError> {
        let deadline = self.machine.instant() + timeout;
        loop {
            self.collect_events(false)?;
            if let Some(event) = self.pending.pop_front() {
                return Ok(event);
            }
            self.maintain()?;
            if self.batch.refill(self.consumer.as_ref().ok_or_else(closed)?) {
                return Ok(Event::Records);
            }
            if self.machine.instant() >= deadline {
                return Ok(Event::Idle);
            }
            self.consumer()?.wait_until(deadline);
        }
    }

    fn drain(&mut self, take: &mut dyn FnMut(InputRecord<'_>) -> ControlFlow<()>) -> Result<(), LogError> {
        while self.batch.refill(self.consumer.as_ref().ok_or_else(closed)?) {
            match hand_over(&mut self.batch, &mut self.inputs, take) {
                HandedOver::All => {}
                HandedOver::Enough => return Ok(()),
                HandedOver::Error { code, text, input } => self.fetch_error(code, &text, input)?,
            }
        }
        Ok(())
    }

    fn committed(&mut self, task: TaskId) -> Result<Vec<InputOffset>, LogError> {
        self.ready_producers()?;
        let (offsets, counts) = self.begin_offsets(task)?;
        let counts = counts.iter().map(String::as_str);
        self.numbering.begin(&self.layout, task, counts);
        Ok(offsets)
    }

    fn start(&mut self, task: TaskId, from: &[InputOffset]) -> Result<(), LogError> {
        self.collect_events(false)?;
        if self.revoking.contains(&task) {
            return Err(LogError::Retriable(format!("task {task} is being taken away")));
        }
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
        let list = self.inputs.list(from);
        let begun = self.consumer_mut()?.assign(&list);
        begun.map_err(|error| retriable("cannot begin to read", &error))?;
        self.inputs.start(task, from.to_vec());
        self.recommit_at = Some(self.machine.instant() + upkeep::RECOMMIT_AFTER_START);
        Ok(())
    }

    fn positions(&mut self) -> Result<Vec<(TaskId, InputOffset)>, LogError> {
        let started = self.inputs.started();
        let offsets: Vec<InputOffset> = started.iter().map(|(_, offset)| *offset).collect();
        let list = self.inputs.list(&offsets);
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
        self.numbering.stop(tasks);
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

    fn send(&mut self, task: TaskId, outputs: &OutputBuffer) -> Result<bool, LogError> {
        self.ready_producers()?;
        self.check_owned(task)?;
        match self.transactions.send(outputs, self.numbering.of(task)) {
            Ok(()) => Ok(true),
            Err(failure) => Err(self.failed(failure)),
        }
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<Vec<ChangelogEnd>, LogError> {
        self.collect_events(false)?;
        commits.iter().try_for_each(|commit| self.check_owned(commit.task))?;
        let offsets = self.offsets_of(commits);
        if offsets.is_empty() {
            return Ok(vec![None; commits.len()]);
        }
        let ends = self.transaction(commits, &offsets)?;
        for commit in commits.iter().filter(|_| !planted::is(Bug::AdvanceForgotten)) {
            self.inputs.advance(commit.task, &commit.offsets);
        }
        Ok(ends)
    }

    fn abort(&mut self) -> Result<(), LogError> {
        self.transactions.abort();
        self.numbering.forget();
        if planted::is(Bug::NoRewind) {
            return Ok(());
        }
        self.rewind()
    }

    fn close(&mut self) {
        self.transactions.close();
        self.batch.clear();
        self.inputs.stop_all();
        if let Some(mut consumer) = self.consumer.take() {
            let deadline = self.machine.instant() + CLOSE_WAIT;
            if self.config.leave_on_close {
                consumer.leave(deadline);
            }
            consumer.close(deadline);
        }
    }
}

impl<C: KafkaClient> Drop for KafkaLog<C> {
    fn drop(&mut self) {
        self.close();
    }
}

/// How a batch ended.
enum HandedOver {
    /// Every record was taken.
    All,
    /// The taker wants no more now.
    Enough,
    /// An error stood in place of a record.
    Error {
        code: RDKafkaErrorCode,
        text: String,
        /// The topic, where it is one of the application's, and the partition.
        input: (Option<TopicIndex>, i32),
    },
}

fn hand_over<C>(
    batch: &mut impl FetchedBatch<C>,
    inputs: &mut Inputs,
    take: &mut dyn FnMut(InputRecord<'_>) -> ControlFlow<()>,
) -> HandedOver {
    while let Some(fetched) = batch.next() {
        let topic = inputs.topic(fetched.topic());
        if let Some(code) = fetched.error() {
            let text = fetched.error_text();
            let input = (topic, fetched.partition());
            return HandedOver::Error { code, text, input };
        }
        let Some(topic) = topic else { continue };
        let record = InputRecord {
            topic,
            partition: fetched.partition(),
            offset: fetched.offset(),
            timestamp_ms: fetched.timestamp_ms(),
            key: fetched.key(),
            value: fetched.value(),
            headers: fetched.headers(|name| name != ORIGIN),
        };
        if take(record).is_break() {
            return HandedOver::Enough;
        }
    }
    HandedOver::All
}

fn closed() -> LogError {
    LogError::Fatal("the log is closed".to_owned())
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn fatal(error: ClientError) -> LogError {
    LogError::Fatal(error.to_string())
}

fn retriable(what: &str, error: &ClientError) -> LogError {
    LogError::Retriable(format!("{what}: {error}"))
}
