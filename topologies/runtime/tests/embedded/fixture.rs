//! A topology's layout, a broker with its topics, and short forms of the calls that every scenario makes.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use runtime::embedded::{Cleanup, EmbeddedBroker, EmbeddedLog, EmbeddedTopic};
use streams::changelog::COMMIT_RECORD_KEY;
use streams::log::{Event, Log, LogReader};
use streams::{
    Commit, Headers, InputOffset, Layout, OutputBuffer, OutputRecord, StoreIndex, TaskId, TaskLayout, TopicIndex,
    TopicKind, TopicLayout,
};

pub(crate) const GROUP: &str = "test-app";
pub(crate) const INPUT: TopicIndex = TopicIndex(0);
pub(crate) const OUTPUT: TopicIndex = TopicIndex(1);
pub(crate) const CHANGELOG: TopicIndex = TopicIndex(2);
/// Long enough for a wait that must end by itself.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) fn topic(name: &str, partitions: i32, cleanup: Cleanup) -> EmbeddedTopic {
    EmbeddedTopic {
        name: name.to_owned(),
        partitions,
        cleanup,
    }
}

pub(crate) const CHANGELOG_NAME: &str = "test-app-0-changelog";

/// `input` -> one store -> `output`, with `partitions` tasks.
pub(crate) fn layout(partitions: i32) -> Arc<Layout> {
    let placed = |name: &str, kind| TopicLayout {
        name: name.to_owned(),
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
        application_id: GROUP.to_owned(),
        topics: vec![
            placed("input", TopicKind::Source),
            placed("output", TopicKind::Sink),
            placed(CHANGELOG_NAME, TopicKind::Changelog),
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

/// A broker on `dir` with the layout's topics.
pub(crate) fn broker(dir: &Path, partitions: i32) -> Arc<EmbeddedBroker> {
    let broker = EmbeddedBroker::open(dir).unwrap();
    create_topics(&broker, partitions);
    broker
}

pub(crate) fn create_topics(broker: &EmbeddedBroker, partitions: i32) {
    let forever = Cleanup::Delete { retention_ms: -1 };
    let topics = [
        topic("input", partitions, forever),
        topic("output", partitions, forever),
    ];
    broker.create_topics(&topics).unwrap();
    broker.create_internal_topics(&layout(partitions)).unwrap();
}

/// Joins and takes the first assignment, started at the committed offsets.
pub(crate) fn joined(broker: &Arc<EmbeddedBroker>, partitions: i32, thread: usize) -> EmbeddedLog {
    let mut log = broker.join(layout(partitions), thread).unwrap();
    let Event::Assigned(tasks) = log.poll(PATIENCE).unwrap() else {
        panic!("nothing was assigned")
    };
    for task in tasks {
        start(&mut log, task);
    }
    log
}

pub(crate) fn start(log: &mut EmbeddedLog, task: TaskId) {
    let from = log.committed(task).unwrap();
    log.start(task, &from).unwrap();
}

/// A commit of the first task that says: the input is read up to `next`, `output` holds `value`, and so does the changelog under `key`.
pub(crate) fn commit(sequence: u64, next: i64, key: &str, value: &str) -> Commit {
    commit_of(task(0), sequence, next, key, value)
}

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
    push(&mut buffer, topic, partition, key, value);
    buffer
}

pub(crate) fn push(buffer: &mut OutputBuffer, topic: TopicIndex, partition: i32, key: &str, value: Option<&str>) {
    buffer.push(OutputRecord {
        topic,
        partition,
        timestamp_ms: 7,
        key: Some(key.as_bytes()),
        value: value.map(str::as_bytes),
        headers: &Headers::default(),
    });
}

/// All records of a partition as `(offset, key, value)`.
pub(crate) fn read(broker: &Arc<EmbeddedBroker>, topic: &str, partition: i32) -> Vec<(i64, String, Option<String>)> {
    let mut reader = broker.reader();
    let (start, end) = reader.offsets(topic, partition).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut records = Vec::new();
    let next = reader.read(topic, partition, start, end, &mut |record| {
        records.push((
            record.offset,
            text(record.key.unwrap_or_default()),
            record.value.map(text),
        ));
        ControlFlow::Continue(())
    });
    assert_eq!(next, Ok(end), "a read that does not break ends at the end");
    records
}

/// The records of the stores in partition 0 of the changelog, without the commit records.
pub(crate) fn entries(broker: &Arc<EmbeddedBroker>) -> Vec<(i64, String, Option<String>)> {
    let mut records = read(broker, CHANGELOG_NAME, 0);
    records.retain(|(_, key, _)| key.as_bytes() != COMMIT_RECORD_KEY);
    records
}

/// Takes everything that waits, as `(partition, offset)`.
pub(crate) fn drained(log: &mut EmbeddedLog) -> Vec<(i32, i64)> {
    let mut taken = Vec::new();
    log.drain(&mut |record| {
        taken.push((record.partition, record.offset));
        ControlFlow::Continue(())
    })
    .unwrap();
    taken
}

/// Appends records to partition 0 of `input` as the application's neighbour would: through the command log.
pub(crate) fn append(broker: &Arc<EmbeddedBroker>, topic: &str, keys: &[&str]) -> Vec<(i32, i64)> {
    use runtime::commands::{CommandLog, CommandRecord};
    let log = broker.command_log().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let record = |key: &str| CommandRecord {
        topic: topic.to_owned(),
        key: key.as_bytes().to_vec(),
        value: Some(b"value".to_vec()),
        headers: vec![("id".to_owned(), key.as_bytes().to_vec())],
        timestamp_ms: 1_000,
    };
    let append = |key: &&str| {
        let placed = runtime.block_on(log.append(record(key))).unwrap();
        (placed.partition, placed.offset)
    };
    keys.iter().map(append).collect()
}
