//! A stream thread's end of the embedded log.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use streams::log::{Event, Log};
use streams::{ChangelogEnd, Commit, InputOffset, InputRecord, Layout, LogError, OutputRecord, TaskId, TopicIndex};

use super::EmbeddedBroker;
use super::encoding::StoredParts;
use super::error::EmbeddedError;
use super::input::{Input, removed};
use super::maintenance;
use super::membership::{Ended, MemberId};
use super::signal::{Signal, lock};
use super::topics::{Partition, Topic};
use super::transaction::{Fence, Transaction};
use crate::commit_record::with_commit_record;
use crate::origin::{Numbering, Numbers, ORIGIN};

/// One stream thread's membership, inputs and transactions. Dropping it leaves the group.
#[derive(Debug)]
pub struct EmbeddedLog {
    broker: Arc<EmbeddedBroker>,
    layout: Arc<Layout>,
    /// The topics of the layout, by [`TopicIndex`].
    topics: Vec<Arc<Topic>>,
    thread: usize,
    member: MemberId,
    /// The broker's epoch in which everything that this thread holds was read.
    epoch: u64,
    /// Tasks that the caller was told of and has not given up.
    held: BTreeSet<TaskId>,
    /// Whether the caller was told that it lost what it holds.
    lost: bool,
    /// Tasks whose input is read; the others may not commit.
    started: BTreeSet<TaskId>,
    inputs: Vec<Input>,
    /// The input whose turn is next.
    turn: usize,
    signal: Arc<Signal>,
    numbering: Numbering,
}

impl EmbeddedBroker {
    /// Joins the application's group as stream thread number `thread`. A thread that is in under the same number is fenced:
    /// it loses its tasks and its commits are refused. Every topic of the layout must exist as the layout has it.
    pub fn join(self: &Arc<Self>, layout: Arc<Layout>, thread: usize) -> Result<EmbeddedLog, EmbeddedError> {
        let topics = layout
            .topics
            .iter()
            .map(|topic| self.placed(&topic.name, topic.partitions));
        let topics = topics.collect::<Result<_, _>>()?;
        let mut log = EmbeddedLog {
            broker: Arc::clone(self),
            layout,
            topics,
            thread,
            member: 0,
            epoch: self.epoch(),
            held: BTreeSet::new(),
            lost: false,
            started: BTreeSet::new(),
            inputs: Vec::new(),
            turn: 0,
            signal: Arc::default(),
            numbering: Numbering::default(),
        };
        log.join()?;
        Ok(log)
    }

    fn placed(&self, name: &str, partitions: i32) -> Result<Arc<Topic>, EmbeddedError> {
        let topic = self.topic(name)?;
        if topic.stored.partitions == partitions {
            return Ok(topic);
        }
        Err(EmbeddedError::Refused(format!(
            "the topic {name} has {} partitions, the topology needs {partitions}",
            topic.stored.partitions
        )))
    }
}

impl EmbeddedLog {
    /// The same, with outputs that say which one of its task each is ([`crate::origin`]).
    #[must_use]
    pub fn with_numbered_outputs(mut self) -> Self {
        self.numbering = Numbering::new(true);
        self
    }
}

impl Log for EmbeddedLog {
    fn poll(&mut self, timeout: Duration) -> Result<Event, LogError> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(event) = self.membership_event()? {
                return Ok(event);
            }
            if self.inputs.iter().any(Input::has_more) {
                return Ok(Event::Records);
            }
            if !self.signal.wait(deadline) {
                return Ok(Event::Idle);
            }
        }
    }

    fn drain(&mut self, take: &mut dyn FnMut(InputRecord<'_>) -> ControlFlow<()>) -> Result<(), LogError> {
        if self.epoch != self.broker.epoch() {
            return Ok(());
        }
        // What is written while this call runs is left for the next one, so that it ends.
        let ends: Vec<i64> = self.inputs.iter().map(Input::end).collect();
        let mut more = true;
        while more {
            more = false;
            for _ in 0..self.inputs.len() {
                let turn = self.turn % self.inputs.len();
                self.turn = turn + 1;
                let (Some(input), Some(end)) = (self.inputs.get_mut(turn), ends.get(turn)) else {
                    continue;
                };
                if input.hand_over(&self.broker, *end, take)?.is_break() {
                    return Ok(());
                }
                more |= input.position < *end;
            }
        }
        Ok(())
    }

    fn committed(&mut self, task: TaskId) -> Result<Vec<InputOffset>, LogError> {
        self.check_owned(task)?;
        let inputs = self
            .layout
            .task(task)
            .map(|layout| layout.inputs.clone())
            .unwrap_or_default();
        let mut offsets = Vec::with_capacity(inputs.len());
        for topic in inputs {
            let stored = self.topic(topic)?;
            let next = self.committed_offset(&stored.name, stored.partition(task.partition)?)?;
            offsets.push(InputOffset {
                topic,
                partition: task.partition,
                next,
            });
        }
        let counts = self.broker.output_counts(&self.layout.application_id, task)?;
        self.numbering.begin(&self.layout, task, [counts.as_str()]);
        Ok(offsets)
    }

    fn start(&mut self, task: TaskId, from: &[InputOffset]) -> Result<(), LogError> {
        self.check_owned(task)?;
        self.pause(task)?;
        for offset in from {
            let stored = self.topic(offset.topic)?;
            let partition = Arc::clone(stored.partition(offset.partition)?);
            let name = stored.name.clone();
            partition.subscribe(&self.signal);
            self.inputs.push(Input {
                task,
                topic: offset.topic,
                name,
                partition,
                position: offset.next,
            });
        }
        self.started.insert(task);
        Ok(())
    }

    fn positions(&mut self) -> Result<Vec<(TaskId, InputOffset)>, LogError> {
        let at = |input: &Input| InputOffset {
            topic: input.topic,
            partition: input.task.partition,
            next: input.position,
        };
        Ok(self.inputs.iter().map(|input| (input.task, at(input))).collect())
    }

    fn pause(&mut self, task: TaskId) -> Result<(), LogError> {
        self.started.remove(&task);
        for input in self.inputs.extract_if(.., |input| input.task == task) {
            input.partition.unsubscribe(&self.signal);
        }
        Ok(())
    }

    fn stop(&mut self, tasks: &[TaskId]) -> Result<(), LogError> {
        for input in self.inputs.extract_if(.., |input| tasks.contains(&input.task)) {
            input.partition.unsubscribe(&self.signal);
        }
        self.numbering.stop(tasks);
        self.held.retain(|task| !tasks.contains(task));
        self.started.retain(|task| !tasks.contains(task));
        let mut groups = lock(&self.broker.groups);
        if let Some(group) = groups.get_mut(&self.layout.application_id) {
            group.release(self.member, tasks, maintenance::now_ms());
        }
        Ok(())
    }

    fn commit(&mut self, commits: &[Commit]) -> Result<Vec<ChangelogEnd>, LogError> {
        if commits.iter().all(Commit::is_empty) {
            return Ok(vec![None; commits.len()]);
        }
        if let Some(commit) = commits.iter().find(|commit| !self.started.contains(&commit.task)) {
            let sentence = format!("task {} was not started by this thread", commit.task);
            return Err(EmbeddedError::Fenced(sentence).into());
        }
        // The transaction borrows this log, so the numbers are put aside meanwhile.
        let mut numbering = std::mem::take(&mut self.numbering);
        let written = self.write(commits, &mut numbering);
        self.numbering = numbering;
        match &written {
            Ok(_) => self.numbering.keep(),
            Err(_) => self.numbering.forget(),
        }
        written
    }

    fn abort(&mut self) -> Result<(), LogError> {
        self.numbering.forget();
        let mut positions = Vec::with_capacity(self.inputs.len());
        for input in &self.inputs {
            positions.push(self.committed_offset(&input.name, &input.partition)?);
        }
        for (input, position) in self.inputs.iter_mut().zip(positions) {
            input.position = position;
        }
        Ok(())
    }

    fn close(&mut self) {
        for input in self.inputs.drain(..) {
            input.partition.unsubscribe(&self.signal);
        }
        self.held.clear();
        self.started.clear();
        let mut groups = lock(&self.broker.groups);
        if let Some(group) = groups.get_mut(&self.layout.application_id) {
            group.leave(self.member, maintenance::now_ms());
            if group.is_empty() {
                groups.remove(&self.layout.application_id);
            }
        }
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.close();
    }
}

impl EmbeddedLog {
    fn join(&mut self) -> Result<(), EmbeddedError> {
        let tasks: Vec<TaskId> = self.layout.tasks.iter().map(|task| task.id).collect();
        let mut groups = lock(&self.broker.groups);
        let group = groups.entry(self.layout.application_id.clone()).or_default();
        if !group.fits(&tasks) {
            return Err(EmbeddedError::Refused(format!(
                "the group {} has members with other tasks; stop them first",
                self.layout.application_id
            )));
        }
        self.member = self.broker.next_member.fetch_add(1, Ordering::Relaxed);
        self.epoch = self.broker.epoch();
        self.lost = false;
        group.join(self.member, self.thread, &tasks, &self.signal, maintenance::now_ms());
        Ok(())
    }

    /// The next event of the membership. A loss comes first, once; when the lost tasks are given up, the thread joins again.
    fn membership_event(&mut self) -> Result<Option<Event>, LogError> {
        let ended = {
            let mut groups = lock(&self.broker.groups);
            let Some(group) = groups.get_mut(&self.layout.application_id) else {
                return Err(LogError::Fatal("this stream thread has left its group".to_owned()));
            };
            let ended = group.ended(self.member);
            if ended.is_none() && self.epoch == self.broker.epoch() {
                let event = group.next_event(self.member);
                if let Some(Event::Assigned(tasks)) = &event {
                    self.held.extend(tasks);
                }
                return Ok(event);
            }
            ended
        };
        if !self.held.is_empty() {
            if self.lost {
                return Ok(None);
            }
            self.lost = true;
            return Ok(Some(Event::Lost(self.held.iter().copied().collect())));
        }
        if ended == Some(Ended::Replaced) {
            return Err(LogError::Fatal(format!(
                "another stream thread of {} joined as number {}; run each number once",
                self.layout.application_id, self.thread
            )));
        }
        self.close();
        self.join()?;
        Ok(None)
    }

    fn check_owned(&self, task: TaskId) -> Result<(), EmbeddedError> {
        let groups = lock(&self.broker.groups);
        let group = groups.get(&self.layout.application_id);
        let owned = group.is_some_and(|group| group.owns(self.member, task)) && self.epoch == self.broker.epoch();
        if owned {
            return Ok(());
        }
        Err(EmbeddedError::Fenced(format!("this thread does not own task {task}")))
    }

    /// The committed offset of an input, or its beginning. Taking the lock waits for a commit of a former owner that is on its way.
    fn committed_offset(&self, name: &str, partition: &Partition) -> Result<i64, LogError> {
        let committed = {
            let order = lock(&self.broker.order);
            self.broker.check_open()?;
            order.committed.get(&self.layout.application_id, name, partition.index)
        };
        let start = partition.start.load(Ordering::Acquire);
        match committed {
            None => Ok(start),
            Some(next) if next >= start => Ok(next),
            Some(next) => Err(LogError::Fatal(removed(name, partition.index, next, start))),
        }
    }

    fn topic(&self, index: TopicIndex) -> Result<&Arc<Topic>, EmbeddedError> {
        let topic = self.topics.get(usize::from(index.0));
        topic.ok_or_else(|| EmbeddedError::Unknown(format!("the topology has no topic number {}", index.0)))
    }

    fn write(&self, commits: &[Commit], numbering: &mut Numbering) -> Result<Vec<ChangelogEnd>, LogError> {
        let transaction = self.transaction(commits, numbering)?;
        let placed = self.broker.write(&transaction)?;
        let end = |slot: &Option<usize>| placed.get((*slot)?).map(|range| range.end);
        Ok(transaction.changelogs.iter().map(end).collect())
    }

    fn transaction<'a>(
        &'a self,
        commits: &'a [Commit],
        numbering: &mut Numbering,
    ) -> Result<Transaction<'a>, LogError> {
        let fence = Fence {
            member: self.member,
            epoch: self.epoch,
            commits,
        };
        let mut transaction = Transaction::of_member(&self.layout.application_id, fence);
        for commit in commits {
            transaction
                .counts
                .push((commit.task, numbering.after(commit.task, commits)?));
            self.add(commit, numbering.of(commit.task), &mut transaction)?;
        }
        Ok(transaction)
    }

    fn add<'a>(
        &'a self,
        commit: &'a Commit,
        mut numbers: Option<&mut Numbers>,
        transaction: &mut Transaction<'a>,
    ) -> Result<(), EmbeddedError> {
        for record in commit.outputs.iter() {
            let mut headers = record.headers.clone();
            if let Some(numbers) = &mut numbers {
                headers.push(ORIGIN, numbers.next(record.topic));
            }
            let headers = &headers;
            self.push(&OutputRecord { headers, ..record }, transaction)?;
        }
        for record in commit.changelog.iter() {
            self.push(&record, transaction)?;
        }
        for offset in &commit.offsets {
            let name = self.topic(offset.topic)?.name.clone();
            transaction.offsets.push((name, offset.partition, offset.next));
        }
        let last = with_commit_record(commit, &self.layout, |record| self.push(record, transaction)).transpose()?;
        transaction.changelogs.push(last);
        Ok(())
    }

    /// Adds a record; answers the place of its partition.
    fn push(&self, record: &OutputRecord<'_>, transaction: &mut Transaction<'_>) -> Result<usize, EmbeddedError> {
        let parts = StoredParts {
            timestamp_ms: record.timestamp_ms,
            key: record.key,
            value: record.value,
            headers: record.headers.clone(),
        };
        transaction.push(self.topic(record.topic)?, record.partition, &parts)
    }
}
