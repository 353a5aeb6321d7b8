//! What a restore makes of a changelog: whole transactions, all of them and nothing else.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::ops::ControlFlow;
use std::sync::Arc;

use runtime::StateProvider;
use runtime::commit_record::CommitRecord;
use runtime::restore::{RestoreProgress, Restored, restore};
use streams::changelog::{COMMIT_RECORD_KEY, changelog_key};
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
const CHANGELOG_NAME: &str = "app-0-changelog";

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
            stores: vec![STORE],
            changelog: Some(CHANGELOG),
        }],
        stores: vec!["store".to_owned()],
    }
}

/// A changelog as a reader sees it: records by offset, and offsets that hold none (transaction markers, compaction).
#[derive(Default)]
struct Changelog(Vec<Option<Record>>);

/// Key and value.
type Record = (Vec<u8>, Vec<u8>);

impl Changelog {
    fn append(&mut self, key: &[u8], value: &[u8]) {
        self.0.push(Some((key.to_vec(), value.to_vec())));
    }

    /// A record of the store.
    fn put(&mut self, key: &str, value: &str) {
        self.append(&changelog_key("store", key.as_bytes()), value.as_bytes());
    }

    /// The marker of a transaction.
    fn mark(&mut self) {
        self.0.push(None);
    }

    fn end(&self) -> i64 {
        i64::try_from(self.0.len()).unwrap()
    }

    /// A whole transaction: its records, its commit record and its marker. Answers where it ends.
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
            self.put(key, value);
        }
        let commit = Commit {
            task: TASK,
            sequence,
            outputs: OutputBuffer::default(),
            sent: 0,
            changelog,
            changelog_topic: Some(CHANGELOG),
            changelog_before: after,
            offsets: Vec::new(),
            stream_time_ms: i64::try_from(sequence).unwrap() * 100,
        };
        let record = CommitRecord::new(&commit, &layout()).unwrap();
        self.append(COMMIT_RECORD_KEY, &record.to_bytes());
        let end = self.end();
        self.mark();
        end
    }
}

impl LogReader for Changelog {
    fn partitions(&mut self, topic: &str) -> Result<Option<i32>, LogError> {
        Ok((topic == CHANGELOG_NAME).then_some(1))
    }

    fn offsets(&mut self, topic: &str, _: i32) -> Result<(i64, i64), LogError> {
        assert_eq!(topic, CHANGELOG_NAME);
        Ok((0, self.end()))
    }

    fn read(
        &mut self,
        _: &str,
        _: i32,
        from: i64,
        to: i64,
        visit: &mut dyn FnMut(StoredRecord<'_>) -> ControlFlow<()>,
    ) -> Result<i64, LogError> {
        for offset in from..to {
            let Some((key, value)) = &self.0[usize::try_from(offset).unwrap()] else {
                continue;
            };
            let record = StoredRecord {
                offset,
                timestamp_ms: 0,
                key: Some(key),
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
            changelog: Some(end),
            ..Positions::default()
        };
        state.0.write(&mut writes, &positions).unwrap();
        state
    }

    fn restored(&self, changelog: &mut Changelog) -> Restored {
        restore(&layout(), TASK, self, changelog, &RestoreProgress::default()).unwrap()
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
    let mut changelog = Changelog::default();
    let end = changelog.commit(1, None, &[("a", "1"), ("b", "1")]);
    changelog.commit(2, Some(end), &[("a", "2")]);
    let restored = State::default().restored(&mut changelog);
    assert_eq!(entries(&restored), pairs(&[("a", "2"), ("b", "1")]));
    assert_eq!((restored.sequence, restored.records), (2, 3));
}

#[test]
fn a_store_that_has_the_last_commit_replays_nothing() {
    let mut changelog = Changelog::default();
    let end = changelog.commit(1, None, &[("a", "1")]);
    let restored = State::holding(1, end, &[("a", "1")]).restored(&mut changelog);
    assert_eq!((restored.sequence, restored.records), (1, 0));
}

#[test]
fn a_store_that_is_behind_replays_the_gap_alone() {
    let mut changelog = Changelog::default();
    let first = changelog.commit(1, None, &[("a", "1")]);
    let second = changelog.commit(2, Some(first), &[("a", "2"), ("b", "2")]);
    changelog.commit(3, Some(second), &[("b", "3")]);
    let restored = State::holding(1, first, &[("a", "1")]).restored(&mut changelog);
    assert_eq!(entries(&restored), pairs(&[("a", "2"), ("b", "3")]));
    assert_eq!((restored.sequence, restored.records), (3, 3));
}

#[test]
fn state_that_was_lost_comes_back_with_its_stream_time() {
    let mut changelog = Changelog::default();
    let end = changelog.commit(1, None, &[("a", "1")]);
    let restored = State::default().restored(&mut changelog);
    let expected = Positions {
        changelog: Some(end),
        sequence: 1,
        stream_time_ms: 100,
    };
    assert_eq!(restored.store.positions(), expected);
}

#[test]
fn entries_of_a_store_that_the_topology_has_no_more_are_passed_over() {
    let mut changelog = Changelog::default();
    changelog.append(&changelog_key("gone", b"a"), b"1");
    changelog.commit(1, None, &[("b", "1")]);
    let restored = State::default().restored(&mut changelog);
    assert_eq!(entries(&restored), pairs(&[("b", "1")]));
    assert_eq!(restored.records, 1);
}

/// A late end of an earlier transaction has committed the beginning of one that never finished: records, and no commit record.
#[test]
fn records_of_a_torn_transaction_are_left_out_whether_the_store_is_there_or_lost() {
    let mut changelog = Changelog::default();
    let end = changelog.commit(1, None, &[("a", "1")]);
    changelog.put("a", "torn");
    changelog.put("z", "torn");
    changelog.mark();
    for state in [State::default(), State::holding(1, end, &[("a", "1")])] {
        let restored = state.restored(&mut changelog);
        assert_eq!(entries(&restored), pairs(&[("a", "1")]));
        assert_eq!(restored.store.positions().changelog, Some(end));
    }
}

#[test]
fn a_first_transaction_that_is_torn_leaves_the_state_empty() {
    let mut changelog = Changelog::default();
    changelog.put("a", "torn");
    changelog.mark();
    let restored = State::default().restored(&mut changelog);
    assert_eq!(entries(&restored), pairs(&[]));
    assert_eq!((restored.sequence, restored.records), (0, 0));
}

/// The next life of the task writes behind the torn records, and what it repeats may touch other keys: a timer has fired meanwhile.
#[test]
fn after_its_repetition_nothing_of_a_torn_transaction_is_left() {
    let mut changelog = Changelog::default();
    let end = changelog.commit(1, None, &[("a", "1")]);
    changelog.put("a", "torn");
    changelog.put("z", "torn");
    changelog.mark();
    let repeated = changelog.commit(2, Some(end), &[("a", "2"), ("b", "2")]);
    for state in [State::default(), State::holding(1, end, &[("a", "1")])] {
        let restored = state.restored(&mut changelog);
        assert_eq!(entries(&restored), pairs(&[("a", "2"), ("b", "2")]));
        assert_eq!(restored.store.positions().changelog, Some(repeated));
    }
}

#[test]
fn the_newest_commit_record_is_found_behind_any_number_of_torn_records() {
    let mut changelog = Changelog::default();
    changelog.commit(1, None, &[("a", "1")]);
    for record in 0..1_000 {
        changelog.put(&format!("torn-{record}"), "torn");
    }
    changelog.mark();
    let restored = State::default().restored(&mut changelog);
    assert_eq!(entries(&restored), pairs(&[("a", "1")]));
}

/// Compaction keeps the newest record of each key, which leaves fewer than the last commit has written only where it wrote them again.
#[test]
fn a_compacted_changelog_counts_whole() {
    let mut changelog = Changelog::default();
    let first = changelog.commit(1, None, &[("a", "1"), ("b", "1")]);
    changelog.commit(2, Some(first), &[("a", "2")]);
    changelog.0[0] = None;
    changelog.0[2] = None;
    let restored = State::default().restored(&mut changelog);
    assert_eq!(entries(&restored), pairs(&[("a", "2"), ("b", "1")]));
    assert_eq!((restored.sequence, restored.records), (2, 2));
}
