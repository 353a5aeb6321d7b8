//! What a restore makes of changelogs and commit records: whole transactions, all of them and nothing else.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use runtime::StateProvider;
use runtime::commit_record::CommitRecord;
use runtime::restore::{RestoreProgress, Restored, restore};
use streams::log::{LogReader, StoredRecord};
use streams::store::{KeyRange, KeyValueStore, Positions, StoreError, StoreWrite};
use streams::{
    Commit, Headers, Layout, LogError, MemoryStore, OutputBuffer, OutputRecord, StoreIndex, TaskId, TaskLayout,
    TopicIndex, TopicKind, TopicLayout,
};

const TASK: TaskId = TaskId {
    subtopology: 0,
    partition: 0,
};
const STORE: StoreIndex = StoreIndex(0);
const CHANGELOG: TopicIndex = TopicIndex(0);
const CHANGELOG_NAME: &str = "app-store-changelog";
const TASKS_NAME: &str = "app-tasks";

/// One task with one store.
fn layout() -> Layout {
    Layout {
        application_id: "app".to_owned(),
        topics: vec![TopicLayout {
            name: CHANGELOG_NAME.to_owned(),
            kind: TopicKind::Changelog,
            partitions: 1,
        }],
        tasks: vec![TaskLayout {
            id: TASK,
            inputs: Vec::new(),
            changelogs: vec![(STORE, CHANGELOG)],
        }],
        stores: vec!["store".to_owned()],
    }
}

/// Topics as a reader sees them: records by offset, and offsets that hold none (transaction markers).
#[derive(Default)]
struct Topics(BTreeMap<String, Vec<Option<Record>>>);

/// Key and value.
type Record = (String, Vec<u8>);

impl Topics {
    fn append(&mut self, topic: &str, key: &str, value: &[u8]) {
        let record = (key.to_owned(), value.to_vec());
        self.0.entry(topic.to_owned()).or_default().push(Some(record));
    }

    /// The marker of a transaction.
    fn mark(&mut self, topic: &str) {
        self.0.entry(topic.to_owned()).or_default().push(None);
    }

    fn end(&self, topic: &str) -> i64 {
        i64::try_from(self.0.get(topic).map_or(0, Vec::len)).unwrap()
    }

    /// A whole transaction: its changelog records, its commit record and their markers. Answers where it ends.
    fn commit(&mut self, sequence: u64, after: Option<i64>, writes: &[(&str, &str)]) -> i64 {
        let mut changelog = OutputBuffer::default();
        for (key, value) in writes {
            changelog.push(OutputRecord {
                topic: CHANGELOG,
                partition: 0,
                timestamp_ms: 0,
                key: Some(key.as_bytes()),
                value: Some(value.as_bytes()),
                headers: &Headers::default(),
            });
            self.append(CHANGELOG_NAME, key, value.as_bytes());
        }
        let end = self.end(CHANGELOG_NAME);
        let commit = Commit {
            task: TASK,
            sequence,
            outputs: OutputBuffer::default(),
            changelog,
            changelog_stores: BTreeMap::from([(CHANGELOG, STORE)]),
            changelog_before: after.map(|after| (CHANGELOG, after)).into_iter().collect(),
            offsets: Vec::new(),
            stream_time_ms: 0,
        };
        self.append(TASKS_NAME, "0_0", &CommitRecord::new(&commit, &layout()).to_bytes());
        self.mark(CHANGELOG_NAME);
        self.mark(TASKS_NAME);
        end
    }
}

impl LogReader for Topics {
    fn partitions(&mut self, topic: &str) -> Result<Option<i32>, LogError> {
        Ok(self.0.contains_key(topic).then_some(1))
    }

    fn offsets(&mut self, topic: &str, _: i32) -> Result<(i64, i64), LogError> {
        Ok((0, self.end(topic)))
    }

    fn read(
        &mut self,
        topic: &str,
        _: i32,
        from: i64,
        to: i64,
        visit: &mut dyn FnMut(StoredRecord<'_>) -> ControlFlow<()>,
    ) -> Result<i64, LogError> {
        let records = self.0.get(topic).map(Vec::as_slice).unwrap_or_default();
        for offset in from..to {
            let Some((key, value)) = &records[usize::try_from(offset).unwrap()] else {
                continue;
            };
            let record = StoredRecord {
                offset,
                timestamp_ms: 0,
                key: Some(key.as_bytes()),
                value: Some(value),
                headers: Headers::default(),
            };
            if visit(record).is_break() {
                return Ok(offset + 1);
            }
        }
        Ok(to)
    }
}

/// The state of the one task, which outlives a restore.
#[derive(Default)]
struct State(Arc<MemoryStore>);

impl State {
    /// A store that has this commit already.
    fn holding(sequence: u64, end: i64, writes: &[(&str, &str)]) -> Self {
        let state = Self::default();
        let mut writes = writes.iter().map(|(key, value)| StoreWrite {
            store: STORE,
            key: key.as_bytes(),
            value: Some(value.as_bytes()),
        });
        let positions = Positions {
            sequence,
            changelog: [(STORE, end)].into(),
            ..Positions::default()
        };
        state.0.write(&mut writes, &positions).unwrap();
        state
    }

    fn restored(&self, topics: &mut Topics) -> Restored {
        restore(&layout(), TASK, self, topics, &RestoreProgress::default()).unwrap()
    }
}

impl StateProvider for State {
    fn open(&self, _: TaskId, _: &[(StoreIndex, String)]) -> Result<Arc<dyn KeyValueStore>, StoreError> {
        Ok(Arc::clone(&self.0) as Arc<dyn KeyValueStore>)
    }

    fn quarantine(&self, _: TaskId, reason: &str) -> Result<(), StoreError> {
        panic!("no state of these tests is damaged: {reason}")
    }
}

fn entries(restored: &Restored) -> Vec<(String, String)> {
    let mut entries = Vec::new();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let visit = &mut |key: &[u8], value: &[u8]| {
        entries.push((text(key), text(value)));
        ControlFlow::Continue(())
    };
    restored.store.range(STORE, KeyRange::all(), false, visit).unwrap();
    entries
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    pairs.iter().map(owned).collect()
}

#[test]
fn lost_state_is_rebuilt_from_every_whole_transaction() {
    let mut topics = Topics::default();
    let end = topics.commit(1, None, &[("a", "1"), ("b", "1")]);
    topics.commit(2, Some(end), &[("a", "2")]);
    let restored = State::default().restored(&mut topics);
    assert_eq!(entries(&restored), pairs(&[("a", "2"), ("b", "1")]));
    assert_eq!((restored.sequence, restored.records), (2, 3));
}

#[test]
fn a_store_that_has_the_last_commit_replays_nothing() {
    let mut topics = Topics::default();
    let end = topics.commit(1, None, &[("a", "1")]);
    let restored = State::holding(1, end, &[("a", "1")]).restored(&mut topics);
    assert_eq!((restored.sequence, restored.records), (1, 0));
}

#[test]
fn a_store_that_is_behind_replays_the_gap_alone() {
    let mut topics = Topics::default();
    let first = topics.commit(1, None, &[("a", "1")]);
    let second = topics.commit(2, Some(first), &[("a", "2"), ("b", "2")]);
    topics.commit(3, Some(second), &[("b", "3")]);
    let restored = State::holding(1, first, &[("a", "1")]).restored(&mut topics);
    assert_eq!(entries(&restored), pairs(&[("a", "2"), ("b", "3")]));
    assert_eq!((restored.sequence, restored.records), (3, 3));
}

/// A late end of an earlier transaction has committed the beginning of one that never finished: records, and no commit record.
#[test]
fn records_of_a_torn_transaction_are_left_out_whether_the_store_is_there_or_lost() {
    let mut topics = Topics::default();
    let end = topics.commit(1, None, &[("a", "1")]);
    topics.append(CHANGELOG_NAME, "a", b"torn");
    topics.append(CHANGELOG_NAME, "z", b"torn");
    topics.mark(CHANGELOG_NAME);
    for state in [State::default(), State::holding(1, end, &[("a", "1")])] {
        let restored = state.restored(&mut topics);
        assert_eq!(entries(&restored), pairs(&[("a", "1")]));
        assert_eq!(restored.store.positions().changelog[&STORE], end);
    }
}

/// The next life of the task writes behind the torn records; a store that was there then has its position behind them.
#[test]
fn the_repetition_of_a_torn_transaction_wins() {
    let mut topics = Topics::default();
    let end = topics.commit(1, None, &[("a", "1")]);
    topics.append(CHANGELOG_NAME, "a", b"torn");
    topics.mark(CHANGELOG_NAME);
    let state = State::holding(1, end, &[("a", "1")]);
    let after_repetition = {
        topics.append(CHANGELOG_NAME, "a", b"2");
        let end = topics.end(CHANGELOG_NAME);
        topics.mark(CHANGELOG_NAME);
        end
    };
    topics.commit(3, Some(after_repetition), &[("b", "3")]);
    let restored = state.restored(&mut topics);
    assert_eq!(entries(&restored), pairs(&[("a", "2"), ("b", "3")]));
}

#[test]
fn a_commit_that_changed_no_state_leaves_nothing_to_replay() {
    let mut topics = Topics::default();
    let end = topics.commit(1, None, &[("a", "1")]);
    topics.commit(2, Some(end), &[]);
    let restored = State::holding(1, end, &[("a", "1")]).restored(&mut topics);
    assert_eq!((restored.sequence, restored.records), (2, 0));
}
