//! The books, checked from the topics alone: what was sent, counted, kept and committed must agree.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use runtime::commit_record::CommitRecord;
use streams::StoreIndex;
use streams::changelog::{COMMIT_RECORD_KEY, split_changelog_key};
use streams::log::LogReader;
use streams::store::{KeyRange, KeyValueStore};
use streams::{LogError, TaskId};

use crate::counting::{Instance, PARTITIONS};
use crate::feed::Sent;

const PATIENCE: Duration = Duration::from_mins(2);

/// Waits until at least `count` outputs are committed.
pub(crate) fn wait_for_outputs(instance: &Instance, count: usize) {
    let mut reader = instance.reader();
    wait_until(&format!("{count} outputs"), || {
        records(&mut reader, &instance.output()).len() >= count
    });
}

/// Waits until no transaction of the application is open.
pub(crate) fn wait_for_quiet(instance: &Instance) {
    let admin = instance.admin();
    for topic in [instance.output(), instance.changelog()] {
        wait_until("the last transaction to end", || {
            (0..PARTITIONS).all(|partition| {
                let ends = admin.ends(&topic, partition).unwrap();
                ends.committed == ends.last
            })
        });
    }
}

/// Waits until everything that was sent is counted, then checks that every book says the same.
pub(crate) fn check_books(instance: &Instance, sent: &Sent) {
    let total = usize::try_from(sent.values().sum::<i64>()).unwrap();
    wait_for_outputs(instance, total);
    wait_for_quiet(instance);
    let mut reader = instance.reader();
    let outputs = records(&mut reader, &instance.output());
    assert_eq!(outputs.len(), total, "one output for each record");
    assert_eq!(
        counted(&outputs),
        *sent,
        "each key's counts go up by one to what was sent"
    );
    assert_eq!(
        latest(&kept(&records(&mut reader, &instance.changelog()))),
        *sent,
        "the changelog holds the last counts"
    );
    check_offsets(instance, &mut reader);
    check_commit_records(instance, &mut reader, total);
}

/// Checks that a stopped instance, the only one, has on disk what the changelog says.
pub(crate) fn check_store(instance: &Instance, sent: &Sent) {
    let states = instance.states();
    let mut stored = Sent::new();
    for partition in 0..PARTITIONS {
        let store = states
            .open(task(partition), &[(StoreIndex(0), "counts".to_owned())])
            .unwrap();
        let mut collect = |key: &[u8], value: &[u8]| {
            stored.insert(text(key), number(value));
            ControlFlow::Continue(())
        };
        store
            .range(StoreIndex(0), KeyRange::all(), false, &mut collect)
            .unwrap();
    }
    assert_eq!(stored, *sent);
}

/// Changelog records that a killed instance's state on disk lacks, and all there are.
pub(crate) fn gap_and_total(instance: &Instance) -> (u64, u64) {
    wait_for_quiet(instance);
    let (states, mut reader) = (instance.states(), instance.reader());
    let (mut gap, mut total) = (0, 0);
    for partition in 0..PARTITIONS {
        let store = states
            .open(task(partition), &[(StoreIndex(0), "counts".to_owned())])
            .unwrap();
        let held = store.positions().changelog.unwrap_or(0);
        let offsets = partition_offsets(&mut reader, &instance.changelog(), partition);
        gap += offsets.iter().filter(|offset| **offset >= held).count();
        total += offsets.len();
    }
    (u64::try_from(gap).unwrap(), u64::try_from(total).unwrap())
}

fn check_offsets(instance: &Instance, reader: &mut impl LogReader) {
    let partitions: Vec<_> = (0..PARTITIONS).map(|partition| (instance.input(), partition)).collect();
    let committed = instance
        .admin()
        .committed(&instance.application_id, &partitions)
        .unwrap();
    for (topic, partition) in partitions {
        let (_, end) = settled_offsets(reader, &topic, partition);
        let next = committed.get(&(topic, partition)).copied().unwrap_or(0);
        assert_eq!(next, end, "the input is committed to its end");
    }
}

/// Every transaction stands in the changelog with all its records, in sequence, and together they sent what was received.
fn check_commit_records(instance: &Instance, reader: &mut impl LogReader, total: usize) {
    let mut outputs = 0;
    for partition in 0..PARTITIONS {
        let (mut sequence, mut written) = (0, 0);
        for (key, value) in partition_records(reader, &instance.changelog(), partition) {
            if key.as_bytes() != COMMIT_RECORD_KEY {
                written += 1;
                continue;
            }
            let record = CommitRecord::from_bytes(&value).unwrap();
            assert_eq!(
                record.records,
                std::mem::take(&mut written),
                "no record is of no commit"
            );
            assert_eq!(
                record.sequence,
                sequence + 1,
                "commits of {} are numbered without gap",
                record.task
            );
            sequence = record.sequence;
            outputs += record.outputs;
        }
    }
    assert_eq!(outputs, total);
}

fn counted(outputs: &[(String, Vec<u8>)]) -> Sent {
    let mut counts = Sent::new();
    for (key, value) in outputs {
        let count = counts.entry(key.clone()).or_default();
        *count += 1;
        assert_eq!(number(value), *count, "{key} is counted in order and once");
    }
    counts
}

fn latest(records: &[(String, Vec<u8>)]) -> Sent {
    records
        .iter()
        .map(|(key, value)| (key.clone(), number(value)))
        .collect::<BTreeMap<_, _>>()
}

/// What the records of a changelog say about the store.
fn kept(changelog: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let entry = |(key, value): &(String, Vec<u8>)| {
        let (_, key) = split_changelog_key(key.as_bytes())?;
        Some((text(key), value.clone()))
    };
    changelog.iter().filter_map(entry).collect()
}

/// Committed records of all partitions.
fn records(reader: &mut impl LogReader, topic: &str) -> Vec<(String, Vec<u8>)> {
    (0..PARTITIONS)
        .flat_map(|partition| partition_records(reader, topic, partition))
        .collect()
}

fn partition_records(reader: &mut impl LogReader, topic: &str, partition: i32) -> Vec<(String, Vec<u8>)> {
    let mut records = Vec::new();
    read(reader, topic, partition, &mut |_, key, value| {
        records.push((text(key), value.to_vec()));
    });
    records
}

/// The offsets of the stores' records.
fn partition_offsets(reader: &mut impl LogReader, topic: &str, partition: i32) -> Vec<i64> {
    let mut offsets = Vec::new();
    read(reader, topic, partition, &mut |offset, key, _| {
        if key != COMMIT_RECORD_KEY {
            offsets.push(offset);
        }
    });
    offsets
}

/// Gets offset, key and value of a record.
type Take<'a> = dyn FnMut(i64, &[u8], &[u8]) + 'a;

fn read(reader: &mut impl LogReader, topic: &str, partition: i32, take: &mut Take<'_>) {
    let (first, end) = settled_offsets(reader, topic, partition);
    let visit = &mut |record: streams::log::StoredRecord<'_>| {
        take(record.offset, record.key.unwrap(), record.value.unwrap());
        ControlFlow::Continue(())
    };
    reader.read(topic, partition, first, end, visit).unwrap();
}

/// The ends are told only while no transaction is open.
fn settled_offsets(reader: &mut impl LogReader, topic: &str, partition: i32) -> (i64, i64) {
    let mut offsets = None;
    wait_until("no transaction to be open", || match reader.offsets(topic, partition) {
        Err(LogError::Retriable(_)) => false,
        answer => offsets.replace(answer.unwrap()).is_none(),
    });
    offsets.unwrap()
}

fn task(partition: i32) -> TaskId {
    TaskId {
        subtopology: 0,
        partition,
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn number(bytes: &[u8]) -> i64 {
    i64::from_be_bytes(bytes.try_into().unwrap())
}

/// Asks again until it is so. Asking is an exchange with a broker, which is the wait between two looks.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
    }
}
