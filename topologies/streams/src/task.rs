//! A task: one partition of a sub-topology, its processors and its state. Pure: it is told the time and handed its records.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::commit::{ChangelogEnds, Commit, InputOffset, TaskId};
use crate::dead_letter;
use crate::error::{ProcessError, TaskError};
use crate::layout::{Layout, TaskLayout};
use crate::node::{DecodeSource, NodeScope, Origin, Sink, Slot, TaskState};
use crate::overlay::Overlay;
use crate::processor::Punctuation;
use crate::record::{Headers, InputRecord, OutputBuffer, OutputRecord, StoreIndex, TopicIndex};
use crate::serde::SerdeError;
use crate::store::{KeyRange, KeyValueStore, Positions, StoreError, StoreWrite};
use crate::timers::{FiredTimer, PunctuationType, TimerKey, due_bound};
use crate::topology::Topology;

/// Timers that fire in one call of [`Task::punctuate`] at most; the rest fire in the next call, so that a burst cannot hold up input.
pub const TIMERS_PER_CALL_MAX: usize = 1_000;

/// Bounds of one task's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskLimits {
    /// Decoded committed values kept in front of each store, in bytes; 0 switches the cache off.
    pub cache_bytes_max: usize,
    /// Uncommitted writes and outputs at which the shell commits early, in bytes.
    pub uncommitted_bytes_max: usize,
}

impl Default for TaskLimits {
    fn default() -> Self {
        Self {
            cache_bytes_max: 16 << 20,
            uncommitted_bytes_max: 8 << 20,
        }
    }
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Processed {
    /// Its effects are part of the next commit.
    Done,
    /// It was refused; its dead letter is part of the next commit.
    DeadLettered,
    /// It had been processed before; nothing was done. A log delivers records again only after a rewind.
    Repeated,
}

/// One task with its uncommitted effects. Effects become true only through a [`Commit`].
pub struct Task {
    layout: Arc<Layout>,
    own: TaskLayout,
    slots: Vec<Slot>,
    sources: BTreeMap<TopicIndex, (usize, DecodeSource)>,
    timers: Vec<TimerQueue>,
    punctuations: Vec<Scheduled>,
    state: TaskState,
    committed: Arc<dyn KeyValueStore>,
    positions: Positions,
    inputs: BTreeMap<TopicIndex, InputProgress>,
    dead_letters: TopicIndex,
    limits: TaskLimits,
    spare: (OutputBuffer, OutputBuffer),
}

/// How far an input partition was processed and committed, as next offsets.
#[derive(Debug, Clone, Copy)]
struct InputProgress {
    processed: i64,
    committed: i64,
}

/// A timer store and the node that its timers belong to.
struct TimerQueue {
    store: StoreIndex,
    kind: PunctuationType,
    node: usize,
    /// No timer is due before this time. It may be too early after a rollback, which costs one needless look.
    earliest_ms: i64,
}

struct Scheduled {
    node: usize,
    punctuation: Punctuation,
    interval_ms: i64,
    next_ms: Option<i64>,
}

impl Task {
    /// Opens a task over its restored, committed state. `inputs` are the offsets its inputs are read from and `sequence`
    /// the number of its last commit (0 for none). `None` when the layout has no such task.
    #[must_use]
    pub fn open(
        topology: &Topology,
        layout: &Arc<Layout>,
        id: TaskId,
        committed: Arc<dyn KeyValueStore>,
        inputs: &[InputOffset],
        sequence: u64,
        limits: TaskLimits,
    ) -> Option<Self> {
        let own = layout.task(id)?.clone();
        let mut positions = committed.positions();
        positions.sequence = positions.sequence.max(sequence);
        let part = topology.subtopologies.get(usize::from(id.subtopology))?;
        let mut task = Self {
            layout: Arc::clone(layout),
            slots: topology
                .nodes
                .iter()
                .enumerate()
                .map(|(at, node)| slot(node, part.nodes.contains(&at)))
                .collect(),
            sources: sources(topology, &own),
            timers: Vec::new(),
            punctuations: Vec::new(),
            state: state(topology, layout, &own, &committed, &positions, limits),
            committed,
            positions,
            inputs: BTreeMap::new(),
            dead_letters: topology.dead_letters,
            limits,
            spare: Default::default(),
            own,
        };
        task.schedule(topology, &part.nodes);
        task.rewind(inputs);
        Some(task)
    }

    /// The task's id.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.own.id
    }

    /// The committed state, for queries.
    #[must_use]
    pub fn committed(&self) -> &Arc<dyn KeyValueStore> {
        &self.committed
    }

    /// Number of the last commit, 0 for none.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.positions.sequence
    }

    /// Processes one record at wall-clock time `now_ms`.
    ///
    /// A refused record becomes a dead letter and is `Ok`. On an error nothing happened and the same record may be given again.
    pub fn process(&mut self, record: &InputRecord<'_>, now_ms: i64) -> Result<Processed, TaskError> {
        let progress = self.inputs.entry(record.topic).or_insert(InputProgress {
            processed: 0,
            committed: 0,
        });
        if record.offset < progress.processed {
            return Ok(Processed::Repeated);
        }
        let stream_time_before = self.begin_record(record, now_ms);
        let mark = self.state.outputs.mark();
        let result = self.run_source(record);
        let processed = match result {
            Ok(()) => {
                self.keep_record();
                Processed::Done
            }
            Err(error) => {
                self.undo_record(mark);
                if let Some(fate) = task_error(&error) {
                    self.state.stream_time_ms = stream_time_before;
                    return Err(fate);
                }
                self.bury(record, &error);
                Processed::DeadLettered
            }
        };
        if let Some(progress) = self.inputs.get_mut(&record.topic) {
            progress.processed = record.offset + 1;
        }
        Ok(processed)
    }

    /// Fires due timers and punctuations. Answers whether more timers are due than one call fires.
    pub fn punctuate(&mut self, now_ms: i64) -> Result<bool, TaskError> {
        self.state.now_ms = now_ms;
        for at in 0..self.punctuations.len() {
            self.punctuate_one(at)?;
        }
        let mut budget = TIMERS_PER_CALL_MAX;
        for at in 0..self.timers.len() {
            self.fire_due(at, &mut budget)?;
        }
        Ok(budget == 0)
    }

    /// Bytes of uncommitted writes and outputs.
    #[must_use]
    pub fn uncommitted_bytes(&self) -> usize {
        let stores: usize = self
            .state
            .stores
            .iter()
            .flatten()
            .map(|store| store.dirty_bytes())
            .sum();
        stores + self.state.outputs.size()
    }

    /// Whether the shell should commit now, whatever the interval.
    #[must_use]
    pub fn wants_commit(&self) -> bool {
        self.uncommitted_bytes() >= self.limits.uncommitted_bytes_max
    }

    /// Bytes of cached committed values.
    #[must_use]
    pub fn cache_bytes(&self) -> usize {
        self.state
            .stores
            .iter()
            .flatten()
            .map(|store| store.cache_bytes())
            .sum()
    }

    /// Whether there is anything to commit.
    #[must_use]
    pub fn has_uncommitted(&self) -> bool {
        self.inputs
            .values()
            .any(|progress| progress.processed != progress.committed)
            || !self.state.outputs.is_empty()
            || self.state.stores.iter().flatten().any(|store| store.dirty_bytes() > 0)
    }

    /// Everything since the last commit as a value. Until [`post_commit`](Self::post_commit) or [`abort`](Self::abort)
    /// is called with its outcome, the task must not be given anything else to do.
    pub fn prepare_commit(&mut self) -> Commit {
        let (spare, mut changelog) = std::mem::take(&mut self.spare);
        let timestamp_ms = self.state.stream_time_ms.max(0);
        for (store, topic) in &self.own.changelogs {
            if let Some(Some(overlay)) = self.state.stores.get(usize::from(store.0)) {
                overlay.write_changelog(*topic, self.own.id.partition, timestamp_ms, &mut changelog);
            }
        }
        let changed = |(_, progress): &(&TopicIndex, &InputProgress)| progress.processed != progress.committed;
        let offset = |(topic, progress): (&TopicIndex, &InputProgress)| InputOffset {
            topic: *topic,
            partition: self.own.id.partition,
            next: progress.processed,
        };
        Commit {
            task: self.own.id,
            sequence: self.positions.sequence + 1,
            offsets: self.inputs.iter().filter(changed).map(offset).collect(),
            outputs: std::mem::replace(&mut self.state.outputs, spare),
            changelog,
            changelog_before: self.changelog_positions(),
            changelog_stores: self
                .own
                .changelogs
                .iter()
                .map(|(store, topic)| (*topic, *store))
                .collect(),
            stream_time_ms: self.state.stream_time_ms,
        }
    }

    /// The commit is in the log: writes data and positions to the store in one batch.
    ///
    /// An error means that the store is behind the log; the task must be closed and restored, which replays exactly the gap.
    pub fn post_commit(&mut self, commit: Commit, ends: &ChangelogEnds) -> Result<(), StoreError> {
        self.positions.sequence = commit.sequence;
        self.positions.stream_time_ms = commit.stream_time_ms;
        for (topic, end) in ends {
            if let Some(store) = commit.changelog_stores.get(topic) {
                self.positions.changelog.insert(*store, *end);
            }
        }
        if !commit.changelog.is_empty() {
            let mut writes = commit
                .changelog
                .iter()
                .filter_map(|record| store_write(&commit, &record));
            self.committed.write(&mut writes, &self.positions)?;
        }
        for offset in &commit.offsets {
            if let Some(progress) = self.inputs.get_mut(&offset.topic) {
                progress.committed = offset.next;
            }
        }
        self.state
            .stores
            .iter_mut()
            .flatten()
            .for_each(|store| store.committed());
        self.recycle(commit);
        Ok(())
    }

    /// The commit did not happen: forgets everything uncommitted. The shell reads the inputs again from their committed offsets.
    pub fn abort(&mut self) {
        self.state.outputs.clear();
        self.state.stores.iter_mut().flatten().for_each(|store| store.aborted());
        self.state.stream_time_ms = self.positions.stream_time_ms;
        self.timers.iter_mut().for_each(|queue| queue.earliest_ms = i64::MIN);
        self.inputs
            .values_mut()
            .for_each(|progress| progress.processed = progress.committed);
    }

    /// Sets the offsets that the inputs are read from.
    pub fn rewind(&mut self, inputs: &[InputOffset]) {
        for input in inputs {
            self.inputs.insert(
                input.topic,
                InputProgress {
                    processed: input.next,
                    committed: input.next,
                },
            );
        }
    }

    /// The committed next offset of each input.
    pub fn committed_inputs(&self) -> impl Iterator<Item = InputOffset> {
        let partition = self.own.id.partition;
        self.inputs.iter().map(move |(topic, progress)| InputOffset {
            topic: *topic,
            partition,
            next: progress.committed,
        })
    }

    /// The earliest wall-clock time at which a timer may be due, for the shell's waiting; `None` when there is none.
    #[must_use]
    pub fn next_wall_clock_ms(&self) -> Option<i64> {
        let wall = |kind| kind == PunctuationType::WallClockTime;
        let timers = self
            .timers
            .iter()
            .filter(|queue| wall(queue.kind))
            .map(|queue| queue.earliest_ms);
        let calls = self
            .punctuations
            .iter()
            .filter(|due| wall(due.punctuation.kind))
            .filter_map(|due| due.next_ms);
        timers.chain(calls).min().filter(|at_ms| *at_ms < i64::MAX)
    }

    fn changelog_positions(&self) -> ChangelogEnds {
        let position =
            |(store, topic): &(StoreIndex, TopicIndex)| Some((*topic, *self.positions.changelog.get(store)?));
        self.own.changelogs.iter().filter_map(position).collect()
    }

    fn begin_record(&mut self, record: &InputRecord<'_>, now_ms: i64) -> i64 {
        let timestamp_ms = if record.timestamp_ms < 0 {
            now_ms
        } else {
            record.timestamp_ms
        };
        let before = self.state.stream_time_ms;
        self.state.now_ms = now_ms;
        self.state.stream_time_ms = before.max(timestamp_ms);
        self.state.origin = Origin {
            offset: record.offset,
            timestamp_ms,
            headers: record.headers.clone(),
        };
        before
    }

    fn run_source(&mut self, record: &InputRecord<'_>) -> Result<(), ProcessError> {
        let Some((node, decode)) = self.sources.get_mut(&record.topic) else {
            return Err(ProcessError::refused(
                "the record is from a topic that this task does not read",
            ));
        };
        let mut scope = NodeScope {
            slots: &mut self.slots,
            state: &mut self.state,
            current: *node,
        };
        decode(record, &mut scope)
    }

    fn keep_record(&mut self) {
        self.state
            .stores
            .iter_mut()
            .flatten()
            .for_each(|store| store.keep_record());
        for queue in &mut self.timers {
            if let Some(set) = self.state.timers_set.get(usize::from(queue.store.0)).copied().flatten() {
                queue.earliest_ms = queue.earliest_ms.min(set);
            }
        }
        self.state.timers_set.iter_mut().for_each(|set| *set = None);
    }

    fn undo_record(&mut self, mark: crate::record::OutputMark) {
        self.state.outputs.rollback(mark);
        self.state
            .stores
            .iter_mut()
            .flatten()
            .for_each(|store| store.undo_record());
        self.state.timers_set.iter_mut().for_each(|set| *set = None);
    }

    fn bury(&mut self, record: &InputRecord<'_>, error: &ProcessError) {
        let source = self.layout.topic(record.topic).map_or("", |topic| topic.name.as_str());
        let task = self.own.id.to_string();
        dead_letter::write(&mut self.state.outputs, self.dead_letters, source, &task, record, error);
    }

    fn punctuate_one(&mut self, at: usize) -> Result<(), TaskError> {
        let Some(due) = self.punctuations.get_mut(at) else {
            return Ok(());
        };
        let now_ms = match due.punctuation.kind {
            PunctuationType::StreamTime => self.state.stream_time_ms,
            PunctuationType::WallClockTime => self.state.now_ms,
        };
        if now_ms == i64::MIN {
            return Ok(());
        }
        let next_ms = *due
            .next_ms
            .get_or_insert_with(|| now_ms.saturating_add(due.interval_ms));
        if now_ms < next_ms {
            return Ok(());
        }
        due.next_ms = Some(now_ms.saturating_add(due.interval_ms));
        let (node, punctuation) = (
            due.node,
            Punctuation {
                at_ms: now_ms,
                ..due.punctuation
            },
        );
        self.run_call("punctuation", &[], node, |node, scope| {
            node.on_punctuate(scope, punctuation)
        })
    }

    fn fire_due(&mut self, at: usize, budget: &mut usize) -> Result<(), TaskError> {
        let Some(queue) = self.timers.get(at) else {
            return Ok(());
        };
        let (store, node, kind) = (queue.store, queue.node, queue.kind);
        let now_ms = match kind {
            PunctuationType::StreamTime => self.state.stream_time_ms,
            PunctuationType::WallClockTime => self.state.now_ms,
        };
        if now_ms < queue.earliest_ms || *budget == 0 {
            return Ok(());
        }
        let due = self.timer_entries(store, Some(&due_bound(now_ms)), *budget)?;
        *budget -= due.len();
        for key in due {
            self.fire(store, node, &key)?;
        }
        let next = self.timer_entries(store, None, 1)?;
        if let Some(queue) = self.timers.get_mut(at) {
            queue.earliest_ms = next.first().map_or(i64::MAX, |key| key.at_ms);
        }
        Ok(())
    }

    /// A timer is removed and its processor called in one go; when the processor fails, the removal alone stays and a dead
    /// letter says so, because a timer that fails for ever would hold up all later ones.
    fn fire(&mut self, store: StoreIndex, node: usize, key: &TimerKey) -> Result<(), TaskError> {
        let fired = FiredTimer {
            store,
            key: key.key.clone(),
            at_ms: key.at_ms,
        };
        self.remove_timer(store, key)?;
        self.keep_record();
        self.run_call("timer", &key.key, node, |node, scope| node.on_timer(scope, &fired))
    }

    fn run_call(
        &mut self,
        stage: &str,
        key: &[u8],
        node: usize,
        act: impl FnOnce(&mut dyn crate::node::Node, &mut NodeScope<'_>) -> Result<(), ProcessError>,
    ) -> Result<(), TaskError> {
        let mark = self.state.outputs.mark();
        let mut scope = NodeScope {
            slots: &mut self.slots,
            state: &mut self.state,
            current: node,
        };
        match scope.call(node, act) {
            Ok(()) => self.keep_record(),
            Err(error) => {
                self.undo_record(mark);
                if let Some(fate) = task_error(&error) {
                    return Err(fate);
                }
                self.bury_call(stage, key, &error);
            }
        }
        Ok(())
    }

    fn bury_call(&mut self, stage: &str, key: &[u8], error: &ProcessError) {
        let mut headers = Headers::default();
        dead_letter::add(&mut headers, dead_letter::headers::TASK, &self.own.id.to_string());
        dead_letter::describe(&mut headers, stage, error);
        self.state.outputs.push(OutputRecord {
            topic: self.dead_letters,
            partition: 0,
            timestamp_ms: self.state.now_ms,
            key: Some(key),
            value: None,
            headers: &headers,
        });
    }

    fn timer_overlay(&mut self, store: StoreIndex) -> Option<&mut Overlay<TimerKey, ()>> {
        self.state
            .stores
            .get_mut(usize::from(store.0))?
            .as_mut()?
            .as_any()
            .downcast_mut()
    }

    fn remove_timer(&mut self, store: StoreIndex, key: &TimerKey) -> Result<(), TaskError> {
        let Some(overlay) = self.timer_overlay(store) else {
            return Ok(());
        };
        overlay.delete(key).map_err(store_failure)
    }

    fn timer_entries(
        &mut self,
        store: StoreIndex,
        to: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<TimerKey>, TaskError> {
        let mut keys = Vec::new();
        let Some(overlay) = self.timer_overlay(store) else {
            return Ok(keys);
        };
        let range = KeyRange { from: &[], to };
        overlay
            .range(range, false, &mut |key, ()| {
                keys.push(key);
                if keys.len() < limit {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            })
            .map_err(store_failure)?;
        Ok(keys)
    }

    fn schedule(&mut self, topology: &Topology, nodes: &std::collections::BTreeSet<usize>) {
        for (at, node) in topology.nodes.iter().enumerate().filter(|(at, _)| nodes.contains(at)) {
            for store in &node.stores {
                if let Some(kind) = topology.store(*store).and_then(|store| store.timers) {
                    self.timers.push(TimerQueue {
                        store: *store,
                        kind,
                        node: at,
                        earliest_ms: i64::MIN,
                    });
                }
            }
            for (index, (kind, interval_ms)) in node.punctuations.iter().enumerate() {
                let punctuation = Punctuation {
                    index,
                    kind: *kind,
                    at_ms: 0,
                };
                self.punctuations.push(Scheduled {
                    node: at,
                    punctuation,
                    interval_ms: *interval_ms,
                    next_ms: None,
                });
            }
        }
    }

    fn recycle(&mut self, mut commit: Commit) {
        commit.outputs.clear();
        commit.changelog.clear();
        self.spare = (commit.outputs, commit.changelog);
    }
}

/// The fate of an error that is not the record's own fault.
fn task_error(error: &ProcessError) -> Option<TaskError> {
    match error {
        ProcessError::Store(error) => Some(TaskError::Store(error.clone())),
        ProcessError::Key(SerdeError::MissingSchema(id)) | ProcessError::Value(SerdeError::MissingSchema(id)) => {
            Some(TaskError::MissingSchema(*id))
        }
        ProcessError::Key(_) | ProcessError::Value(_) | ProcessError::Refused(_) | ProcessError::Encode { .. } => None,
    }
}

/// Timer entries are written by the engine alone, so one that fails is damage.
fn store_failure(error: ProcessError) -> TaskError {
    match error {
        ProcessError::Store(error) => TaskError::Store(error),
        other => TaskError::Store(StoreError::Corrupted(other.to_string())),
    }
}

fn store_write<'a>(commit: &Commit, record: &OutputRecord<'a>) -> Option<StoreWrite<'a>> {
    let store = commit.changelog_stores.get(&record.topic)?;
    Some(StoreWrite {
        store: *store,
        key: record.key?,
        value: record.value,
    })
}

fn slot(node: &crate::topology::NodeDeclaration, mine: bool) -> Slot {
    Slot {
        node: mine.then(|| (node.make)()),
        name: node.name.clone(),
        children: node.children.clone(),
        stores: node.stores.clone(),
        sinks: node.sinks.clone(),
    }
}

fn sources(topology: &Topology, own: &TaskLayout) -> BTreeMap<TopicIndex, (usize, DecodeSource)> {
    let mine = topology.sources.iter().filter(|(topic, _)| own.inputs.contains(topic));
    mine.map(|(topic, (node, make))| (*topic, (*node, make()))).collect()
}

fn state(
    topology: &Topology,
    layout: &Layout,
    own: &TaskLayout,
    committed: &Arc<dyn KeyValueStore>,
    positions: &Positions,
    limits: TaskLimits,
) -> TaskState {
    let open = |index: u16| {
        let mine = own.changelogs.iter().any(|(store, _)| *store == StoreIndex(index));
        let declaration = topology.store(StoreIndex(index)).filter(|_| mine)?;
        Some((declaration.open)(Arc::clone(committed), limits.cache_bytes_max))
    };
    let sink = |(index, topic): (u16, &crate::layout::TopicLayout)| {
        let serdes = topology.sinks.get(&TopicIndex(index))?;
        Some(Sink {
            partitions: topic.partitions,
            serdes: Arc::clone(serdes),
        })
    };
    TaskState {
        stores: (0u16..).zip(&topology.stores).map(|(index, _)| open(index)).collect(),
        timers_set: vec![None; topology.stores.len()],
        sinks: (0u16..).zip(&layout.topics).map(sink).collect(),
        outputs: OutputBuffer::default(),
        partition: own.id.partition,
        subtopology: own.id.subtopology,
        now_ms: 0,
        stream_time_ms: if positions.sequence == 0 {
            i64::MIN
        } else {
            positions.stream_time_ms
        },
        origin: Origin::default(),
    }
}
