//! The thread's transactions: a few producers that take turns, and what to do with one whose word cannot be trusted.
//!
//! Brokers that speak the old protocol can take a delayed end of one transaction for the end of the next one of the same
//! producer. Therefore a producer is discarded as soon as a request or a connection of its transaction was lost, a call ran
//! into its deadline, or the outcome is not known; the next producer of the same id gets a higher epoch, which makes the
//! broker refuse whatever of the old one is still on its way. Nothing is sent before that has happened.

use std::sync::Arc;
use std::time::{Duration, Instant};

use planted::Bug;
use rdkafka::types::RDKafkaErrorCode;
use streams::{ChangelogEnd, Commit, Layout, LogError, OutputBuffer, OutputRecord, TopicKind};

use super::config::KafkaConfig;
use super::health::KafkaHealth;
use super::port::{ClientError, KafkaClient, KafkaConsumer, KafkaProducer, Partition};
use super::witness::{UNTAGGED, Witness};
use crate::commit_record::with_commit_record;
use crate::machine::Machine;
use crate::origin::{Numbering, Numbers};

/// How long one wait for room in the client's queue lasts before room is looked for again. It is short because nothing ends
/// it early: where only failures are reported, a batch that was delivered makes room and no event.
const QUEUE_WAIT: Duration = Duration::from_millis(1);

/// How long a new producer waits for a connection before it is initialised.
const CONNECT_WAIT: Duration = Duration::from_secs(1);

type Membership<C> = <<C as KafkaClient>::Consumer as KafkaConsumer>::Membership;

/// What one transaction makes true.
pub(super) struct Work<'a, C: KafkaClient> {
    pub(super) commits: &'a [Commit],
    pub(super) offsets: &'a [Partition],
    pub(super) member: &'a Membership<C>,
}

/// Why a transaction did not come true.
#[derive(Debug)]
pub(super) enum Failure {
    /// It did not, and the thread can abort and go on.
    Abortable(String),
    /// It did not, because another process uses the same transactional id.
    Fenced(String),
    /// It cannot come true, whatever is done.
    Impossible(String),
    /// Nobody knows. The producer is gone; the broker's answer is in the committed offsets.
    Unknown {
        /// Why there was no answer.
        reason: String,
        /// What a commit would have answered.
        ends: Vec<ChangelogEnd>,
    },
}

/// The producers of one thread.
pub(super) struct Transactions<C: KafkaClient> {
    client: C,
    machine: Arc<dyn Machine>,
    config: KafkaConfig,
    layout: Arc<Layout>,
    health: Arc<KafkaHealth>,
    /// A gap stands for a producer that was discarded, or was not yet made.
    producers: Vec<Option<Member<C>>>,
    turn: usize,
    /// When the open transaction was begun.
    opened: Option<Instant>,
}

struct Member<C: KafkaClient> {
    producer: C::Producer,
    witness: Arc<Witness>,
}

impl<C: KafkaClient> Transactions<C> {
    pub(super) fn new(
        client: C,
        machine: Arc<dyn Machine>,
        config: KafkaConfig,
        layout: Arc<Layout>,
        health: Arc<KafkaHealth>,
    ) -> Self {
        let producers = (0..config.producers).map(|_| None).collect();
        Self {
            client,
            machine,
            config,
            layout,
            health,
            producers,
            turn: 0,
            opened: None,
        }
    }

    /// Replaces every missing producer. When this has succeeded, no earlier transaction of this thread is open or undecided.
    pub(super) fn ready(&mut self, deadline: Instant) -> Result<(), LogError> {
        for (turn, id) in self.config.transactional_ids().iter().enumerate() {
            if self.producers.get(turn).is_some_and(Option::is_none) {
                let member = self.member(id, deadline)?;
                if let Some(place) = self.producers.get_mut(turn) {
                    *place = Some(member);
                }
            }
        }
        Ok(())
    }

    /// Whether a transaction was begun and not ended.
    pub(super) fn is_open(&self) -> bool {
        self.opened.is_some()
    }

    /// Whether no producer is missing.
    pub(super) fn is_ready(&self) -> bool {
        self.producers.iter().all(Option::is_some)
    }

    /// Hands outputs over to the transaction that the next [`run`](Self::run) ends. All producers must be ready.
    pub(super) fn send(&mut self, outputs: &OutputBuffer, numbers: Option<&mut Numbers>) -> Result<(), Failure> {
        let sent = self
            .open()
            .and_then(|transaction| transaction.produce_outputs(outputs, numbers));
        sent.inspect_err(|failure| self.failed(failure))
    }

    /// Carries one transaction out, whole or what is left to do of it. All producers must be ready.
    pub(super) fn run(&mut self, work: &Work<'_, C>, numbering: &mut Numbering) -> Result<Vec<ChangelogEnd>, Failure> {
        let ends = self.open().and_then(|transaction| transaction.run(work, numbering));
        match &ends {
            Ok(_) => self.ended(),
            Err(failure) => self.failed(failure),
        }
        ends
    }

    /// The open transaction, begun now when there is none.
    fn open(&mut self) -> Result<Transaction<'_, C>, Failure> {
        let Some(member) = self.producers.get(self.turn).and_then(Option::as_ref) else {
            return Err(Failure::Abortable("the producer of this turn is not ready".to_owned()));
        };
        let is_new = self.opened.is_none();
        let opened = *self.opened.get_or_insert_with(|| self.machine.instant());
        let transaction = Transaction {
            member,
            machine: self.machine.as_ref(),
            layout: &self.layout,
            deadline: opened + self.config.transaction_deadline(),
        };
        if is_new {
            transaction.begin()?;
        }
        Ok(transaction)
    }

    /// A transaction has ended, with or without effect. One that took too long may have left a request behind: the end of
    /// one that came true could end the next one, a batch of one that was aborted could become part of it.
    fn ended(&mut self) {
        let opened = self.opened.take();
        let taken = |opened| self.machine.instant().saturating_duration_since(opened);
        let late = opened.is_some_and(|opened| taken(opened) >= self.config.request_timeout());
        if (late || self.is_troubled()) && !planted::is(Bug::TroubledProducerKept) {
            self.discard();
        }
        self.turn = (self.turn + 1) % self.producers.len();
    }

    /// What can still be aborted stays open for that.
    fn failed(&mut self, failure: &Failure) {
        let is_over = matches!(failure, Failure::Unknown { .. } | Failure::Fenced(_));
        if is_over {
            self.opened = None;
        }
        if is_over || (self.is_troubled() && !planted::is(Bug::TroubledProducerKept)) {
            self.discard();
        }
    }

    /// Whether something of the present producer's transaction was lost.
    fn is_troubled(&self) -> bool {
        let member = self.producers.get(self.turn).and_then(Option::as_ref);
        member.is_some_and(|member| member.witness.is_troubled())
    }

    /// Ends the open transaction without effect. A producer that does not answer in time is discarded, which has the same effect.
    pub(super) fn abort(&mut self) {
        if self.opened.is_none() {
            return;
        }
        self.health.count_abort();
        let deadline = self.machine.instant() + self.config.request_timeout();
        let aborted = match self.producers.get(self.turn).and_then(Option::as_ref) {
            Some(_) if planted::is(Bug::AbortUnsent) => Ok(()),
            Some(member) => self.end_without_effect(member, deadline),
            None => Ok(()),
        };
        if let Err(error) = aborted {
            self.health.note(&error.to_string());
            self.discard();
        }
        self.ended();
    }

    fn end_without_effect(&self, member: &Member<C>, deadline: Instant) -> Result<(), ClientError> {
        loop {
            match member.producer.abort(left(self.machine.as_ref(), deadline)) {
                Err(error) if error.retriable && self.machine.instant() < deadline => {}
                answer => return answer,
            }
        }
    }

    /// Runs callbacks that wait outside a transaction: the client's error reports.
    pub(super) fn serve(&self) {
        for member in self.producers.iter().flatten() {
            member.producer.serve(Duration::ZERO);
        }
    }

    /// Aborts what is open and gives all producers up.
    pub(super) fn close(&mut self) {
        self.abort();
        for member in self.producers.iter_mut().filter_map(Option::take) {
            member.producer.discard();
        }
    }

    fn discard(&mut self) {
        if let Some(member) = self.producers.get_mut(self.turn).and_then(Option::take) {
            self.health.count_rebuilt();
            member.producer.discard();
        }
    }

    fn member(&self, id: &str, deadline: Instant) -> Result<Member<C>, LogError> {
        let witness = Witness::new(Arc::clone(&self.health));
        let topics: Vec<&str> = self.layout.topics.iter().map(|topic| topic.name.as_str()).collect();
        // What is delivered is of interest only for where changelogs end.
        let reports = self
            .layout
            .topics
            .iter()
            .any(|topic| topic.kind == TopicKind::Changelog);
        let settings = self.config.producer_settings(id, reports);
        let producer = self
            .client
            .producer(&settings, &topics, Arc::clone(&witness))
            .map_err(|error| LogError::Fatal(error.to_string()))?;
        producer.connect(
            &self.layout.task_topic(),
            CONNECT_WAIT.min(left(self.machine.as_ref(), deadline)),
        );
        let made = producer.init(left(self.machine.as_ref(), deadline));
        match made {
            Ok(()) => {
                self.health.set_reachable(true);
                Ok(Member { producer, witness })
            }
            Err(error) => {
                producer.discard();
                self.health.set_reachable(false);
                self.health.note(&error.to_string());
                Err(init_error(id, &error))
            }
        }
    }
}

fn init_error(id: &str, error: &ClientError) -> LogError {
    let reason = format!("cannot initialise the transactional id {id}: {error}");
    match error.code {
        RDKafkaErrorCode::TransactionalIdAuthorizationFailed
        | RDKafkaErrorCode::ClusterAuthorizationFailed
        | RDKafkaErrorCode::InvalidTransactionTimeout => LogError::Fatal(reason),
        _ => LogError::Retriable(reason),
    }
}

/// One transaction on one producer.
struct Transaction<'a, C: KafkaClient> {
    member: &'a Member<C>,
    machine: &'a dyn Machine,
    layout: &'a Layout,
    deadline: Instant,
}

impl<C: KafkaClient> Transaction<'_, C> {
    fn begin(&self) -> Result<(), Failure> {
        self.member.witness.begin();
        self.member.producer.begin().map_err(|error| refused(&error))
    }

    fn run(&self, work: &Work<'_, C>, numbering: &mut Numbering) -> Result<Vec<ChangelogEnd>, Failure> {
        self.member.witness.watch(work.commits.len());
        if planted::is(Bug::OffsetsApart) {
            self.send_offsets(work)?;
            self.end().map_err(Failure::Abortable)?;
            self.begin()?;
        }
        work.commits
            .iter()
            .try_for_each(|commit| self.produce_outputs(&commit.outputs, numbering.of(commit.task)))?;
        self.produce_changelogs(work.commits)?;
        // While the coordinator takes the offsets, it hears of the partitions too; a large commit is on its way already.
        self.send_offsets(work)?;
        self.delivered()?;
        let ends = self.ends(work.commits.len());
        match self.end() {
            Ok(()) => Ok(ends),
            Err(reason) => Err(Failure::Unknown { reason, ends }),
        }
    }

    fn produce_outputs(&self, outputs: &OutputBuffer, mut numbers: Option<&mut Numbers>) -> Result<(), Failure> {
        outputs.iter().try_for_each(|record| {
            let origin = numbers.as_mut().map(|numbers| numbers.next(record.topic));
            self.produce(&record, origin.as_deref(), UNTAGGED)
        })
    }

    /// The offset of a commit's last changelog record, its commit record, is watched by its tag.
    fn produce_changelogs(&self, commits: &[Commit]) -> Result<(), Failure> {
        for (tag, commit) in (UNTAGGED + 1..).zip(commits) {
            self.produce_outputs(&commit.changelog, None)?;
            if planted::is(Bug::NoCommitRecord) {
                continue;
            }
            with_commit_record(commit, self.layout, |record| self.produce(record, None, tag)).transpose()?;
        }
        Ok(())
    }

    /// Hands a record over, waiting for room in the client's queue.
    fn produce(&self, record: &OutputRecord<'_>, origin: Option<&str>, tag: usize) -> Result<(), Failure> {
        let topic = usize::from(record.topic.0);
        loop {
            match self.member.producer.produce(topic, record, origin, tag) {
                Ok(()) => return Ok(()),
                Err(error) if error.code == RDKafkaErrorCode::QueueFull && self.is_in_time() => {
                    self.member.producer.serve(QUEUE_WAIT);
                }
                Err(error) => return Err(self.unsendable(topic, &error)),
            }
        }
    }

    fn send_offsets(&self, work: &Work<'_, C>) -> Result<(), Failure> {
        loop {
            let answer = self
                .member
                .producer
                .send_offsets(work.offsets, work.member, self.left());
            match answer {
                Ok(()) => return Ok(()),
                Err(error) if error.retriable && self.is_in_time() => {}
                Err(error) => return Err(refused(&error)),
            }
        }
    }

    /// Waits for the acknowledgement of everything produced so far.
    fn delivered(&self) -> Result<(), Failure> {
        let flushed = self.member.producer.flush(self.left());
        match self.member.witness.failure() {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => Err(self.unsendable(
                usize::MAX,
                &ClientError {
                    code: RDKafkaErrorCode::MessageSizeTooLarge,
                    reason: "a broker refused it".to_owned(),
                    fatal: false,
                    retriable: false,
                },
            )),
            Some(code) => Err(Failure::Abortable(format!("a record was not delivered: {code}"))),
            None => flushed.map_err(|error| refused(&error)),
        }
    }

    /// Of each of `commits` commits.
    fn ends(&self, commits: usize) -> Vec<ChangelogEnd> {
        (UNTAGGED + 1..)
            .take(commits)
            .map(|tag| Some(self.member.witness.end(tag)).filter(|end| *end > 0))
            .collect()
    }

    /// The only moment at which anything becomes true. From here on a failure says nothing about the outcome.
    fn end(&self) -> Result<(), String> {
        loop {
            match self.member.producer.commit(self.left()) {
                Ok(()) => return Ok(()),
                Err(error) if error.retriable && self.is_in_time() => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }

    fn left(&self) -> Duration {
        left(self.machine, self.deadline)
    }

    fn is_in_time(&self) -> bool {
        !self.left().is_zero()
    }

    fn unsendable(&self, topic: usize, error: &ClientError) -> Failure {
        if error.code != RDKafkaErrorCode::MessageSizeTooLarge {
            return refused(error);
        }
        let name = self
            .layout
            .topics
            .get(topic)
            .map_or("one of its topics", |topic| topic.name.as_str());
        Failure::Impossible(format!(
            "a record for {name} is larger than the topic takes ({error}); raise the topic's max.message.bytes and start again"
        ))
    }
}

/// A failure before the end was sent: the transaction certainly did not come true.
fn refused(error: &ClientError) -> Failure {
    match error.code {
        RDKafkaErrorCode::Fenced | RDKafkaErrorCode::ProducerFenced | RDKafkaErrorCode::InvalidProducerEpoch => {
            Failure::Fenced(error.to_string())
        }
        _ => Failure::Abortable(error.to_string()),
    }
}

fn left(machine: &dyn Machine, deadline: Instant) -> Duration {
    deadline.saturating_duration_since(machine.instant())
}
