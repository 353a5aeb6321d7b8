//! The side of the suite that each log provides, and short forms of the calls that every scenario makes.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::GlobalConsumer;
use streams::log::{Event, Log, LogReader};
use streams::{
    Commit, Headers, InputOffset, Layout, LogError, OutputBuffer, OutputRecord, StoreIndex, TaskId, TaskLayout,
    TopicIndex, TopicKind, TopicLayout,
};

pub(crate) const INPUT: TopicIndex = TopicIndex(0);
pub(crate) const OUTPUT: TopicIndex = TopicIndex(1);
pub(crate) const CHANGELOG: TopicIndex = TopicIndex(2);
/// Long enough for a wait that must end by itself.
const PATIENCE: Duration = Duration::from_mins(3);
/// One look at a log that is waited for.
const LOOK: Duration = Duration::from_millis(50);

/// A log with an application of its own in it: the topics of [`layout`], empty.
pub(crate) trait LogFixture {
    /// A stream thread's end.
    type Log: Log;
    /// A reader.
    type Reader: LogReader;

    /// A fresh application whose tasks are `partitions` in number.
    fn new(partitions: i32) -> Self;
    /// The application's layout.
    fn layout(&self) -> Arc<Layout>;
    /// A thread joins. The same number again replaces the thread that has it, as a restarted process would.
    /// Closing the log makes the thread leave at once.
    fn join(&self, thread: u16) -> Self::Log;
    /// A reader.
    fn reader(&self) -> Self::Reader;
    /// A reader of a whole topic.
    fn global_consumer(&self, topic: &str) -> Box<dyn GlobalConsumer>;
    /// Appends one record outside any transaction and answers its offset.
    fn append(&self, topic: &str, partition: i32, record: &Appended<'_>) -> i64;
    /// The group's committed offsets of the input topic, by partition.
    fn committed(&self) -> BTreeMap<i32, i64>;
}

/// A record of somebody else.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Appended<'a> {
    pub(crate) key: &'a str,
    pub(crate) value: &'a str,
    pub(crate) header: Option<(&'a str, &'a str)>,
    pub(crate) timestamp_ms: i64,
}

/// `input` -> one store -> `output`, with `partitions` tasks. All names begin with the application's.
pub(crate) fn layout(application_id: &str, partitions: i32) -> Arc<Layout> {
    let placed = |name: &str, kind| TopicLayout {
        name: format!("{application_id}-{name}"),
        kind,
        partitions,
    };
    let tasks = (0..partitions).map(|partition| TaskLayout {
        id: task(partition),
        inputs: vec![INPUT],
        stores: vec![StoreIndex(0)],
        changelog: Some(CHANGELOG),
    });
    Arc::new(Layout {
        application_id: application_id.to_owned(),
        topics: vec![
            placed("input", TopicKind::Source),
            placed("output", TopicKind::Sink),
            placed("0-changelog", TopicKind::Changelog),
        ],
        tasks: tasks.collect(),
        stores: vec!["sums".to_owned()],
    })
}

pub(crate) fn task(partition: i32) -> TaskId {
    TaskId {
        subtopology: 0,
        partition,
    }
}

/// The name of a topic of the fixture.
pub(crate) fn name(fixture: &impl LogFixture, topic: TopicIndex) -> String {
    fixture.layout().topic(topic).unwrap().name.clone()
}

/// Appends plain records to a partition of the input.
pub(crate) fn append(fixture: &impl LogFixture, partition: i32, keys: &[&str]) {
    let topic = name(fixture, INPUT);
    for key in keys {
        let record = Appended {
            key,
            value: "value",
            header: None,
            timestamp_ms: 1_000,
        };
        fixture.append(&topic, partition, &record);
    }
}

/// Joins, waits until all these tasks are assigned, and starts them at their committed offsets.
pub(crate) fn joined<F: LogFixture>(fixture: &F, thread: u16, tasks: i32) -> F::Log {
    let mut log = fixture.join(thread);
    start_all(&mut log, tasks);
    log
}

/// Waits until all these tasks are assigned, and starts them at their committed offsets.
pub(crate) fn start_all(log: &mut impl Log, tasks: i32) {
    let mut missing: BTreeSet<TaskId> = (0..tasks).map(task).collect();
    wait_for("the tasks to be assigned", || {
        if let Event::Assigned(assigned) = log.poll(LOOK).unwrap() {
            for task in assigned {
                start(log, task);
                missing.remove(&task);
            }
        }
        missing.is_empty().then_some(())
    });
}

/// Starts a task at its committed offsets.
pub(crate) fn start(log: &mut impl Log, task: TaskId) {
    started(log, task).unwrap();
}

fn started(log: &mut impl Log, task: TaskId) -> Result<(), LogError> {
    let from = wait_for("committed offsets", || answered(log.committed(task)))?;
    wait_for("the start", || answered(log.start(task, &from)))
}

/// Takes records until there are `count`, as `(partition, offset, key)`.
pub(crate) fn taken(log: &mut impl Log, count: usize) -> Vec<(i32, i64, String)> {
    let mut taken = Vec::new();
    wait_for("records", || {
        assert!(matches!(log.poll(LOOK), Ok(Event::Records | Event::Idle)));
        drain_into(log, &mut taken);
        (taken.len() >= count).then_some(())
    });
    taken
}

/// Takes what waits at this moment.
pub(crate) fn drained(log: &mut impl Log) -> Vec<(i32, i64, String)> {
    let mut taken = Vec::new();
    drain_into(log, &mut taken);
    taken
}

fn drain_into(log: &mut impl Log, taken: &mut Vec<(i32, i64, String)>) {
    log.drain(&mut |record| {
        taken.push((record.partition, record.offset, text(record.key.unwrap_or_default())));
        ControlFlow::Continue(())
    })
    .unwrap();
}

/// A commit that says: the input is read up to `next`; `output` holds `value` under `key`, and so does the changelog.
pub(crate) fn commit_of(task: TaskId, sequence: u64, next: i64, key: &str, value: &str) -> Commit {
    Commit {
        task,
        sequence,
        outputs: one(OUTPUT, task.partition, key, Some(value)),
        sent: 0,
        changelog: one(CHANGELOG, task.partition, key, Some(value)),
        changelog_topic: Some(CHANGELOG),
        changelog_before: None,
        offsets: vec![InputOffset {
            topic: INPUT,
            partition: task.partition,
            next,
        }],
        stream_time_ms: 5,
    }
}

pub(crate) fn one(topic: TopicIndex, partition: i32, key: &str, value: Option<&str>) -> OutputBuffer {
    let mut buffer = OutputBuffer::default();
    buffer.push(OutputRecord {
        topic,
        partition,
        timestamp_ms: 7,
        key: Some(key.as_bytes()),
        value: value.map(str::as_bytes),
        headers: &Headers::default(),
    });
    buffer
}

/// The commit after its outputs were offered to the log ahead of it: with them still in it if the log did not take them.
pub(crate) fn sent(log: &mut impl Log, mut commit: Commit) -> Commit {
    if wait_for("room", || settled(log.send(commit.task, &commit.outputs))) {
        commit.sent = commit.outputs.len();
        commit.outputs = OutputBuffer::default();
    }
    commit
}

/// Commits, repeating what the log asks to repeat.
pub(crate) fn committed(log: &mut impl Log, commits: &[Commit]) -> Vec<streams::ChangelogEnd> {
    wait_for("the commit", || settled(log.commit(commits)))
}

/// Commits as a stream thread does, which follows its group after a failure and before it tries again.
pub(crate) fn tried(log: &mut impl Log, commit: &Commit) -> Result<(), LogError> {
    let done = log.commit(std::slice::from_ref(commit)).map(drop);
    if let Err(LogError::Abortable(_) | LogError::Retriable(_)) = &done {
        drop(log.abort());
    }
    done
}

/// Gives up and takes over what the group says. After an error a stream thread begins again with a new log.
pub(crate) fn follow(log: &mut impl Log) -> Result<(), LogError> {
    match log.poll(LOOK)? {
        Event::Lost(tasks) | Event::Revoked(tasks) => log.stop(&tasks)?,
        Event::Assigned(tasks) => tasks.into_iter().try_for_each(|task| started(log, task))?,
        Event::Records | Event::Idle => {}
    }
    Ok(())
}

/// Keys and values of a partition, in their order.
pub(crate) fn read(fixture: &impl LogFixture, topic: TopicIndex, partition: i32) -> Vec<(String, String)> {
    read_topic(fixture, &name(fixture, topic), partition)
}

pub(crate) fn read_topic(fixture: &impl LogFixture, topic: &str, partition: i32) -> Vec<(String, String)> {
    let mut reader = fixture.reader();
    let range = wait_for("the end", || settled(reader.offsets(topic, partition)));
    read_range(&mut reader, topic, partition, range)
}

/// Keys and values of a partition that can be read at this moment, while a transaction may be open in it.
pub(crate) fn read_now(fixture: &impl LogFixture, topic: TopicIndex, partition: i32) -> Vec<(String, String)> {
    let (mut reader, topic) = (fixture.reader(), name(fixture, topic));
    let range = wait_for("the end", || settled(reader.readable(&topic, partition)));
    read_range(&mut reader, &topic, partition, range)
}

fn read_range(
    reader: &mut impl LogReader,
    topic: &str,
    partition: i32,
    (first, end): (i64, i64),
) -> Vec<(String, String)> {
    let mut records = Vec::new();
    let next = reader.read(topic, partition, first, end, &mut |record| {
        records.push((
            text(record.key.unwrap_or_default()),
            text(record.value.unwrap_or_default()),
        ));
        ControlFlow::Continue(())
    });
    assert_eq!(next, Ok(end), "a read that does not break ends at the end");
    records
}

pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub(crate) fn pair(key: &str, value: &str) -> (String, String) {
    (key.to_owned(), value.to_owned())
}

/// Asks again and again, and fails when there is no answer in time. Asking is itself a wait or an exchange with a broker.
pub(crate) fn wait_for<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain for {what}");
    }
}

fn settled<T>(answer: Result<T, LogError>) -> Option<T> {
    answered(answer).map(Result::unwrap)
}

/// Nothing while the log asks to repeat.
fn answered<T>(answer: Result<T, LogError>) -> Option<Result<T, LogError>> {
    (!matches!(answer, Err(LogError::Retriable(_)))).then_some(answer)
}
