//! Readers see committed records only, in order, and know where a partition ends.

use std::ops::ControlFlow;
use std::time::Duration;

use streams::log::LogReader;
use streams::record::{Headers, OutputBuffer, OutputRecord};

use super::fixture::{
    CHANGELOG, INPUT, LogFixture, OUTPUT, append, commit_of, committed, joined, name, pair, read, task, wait_for,
};

pub(crate) fn a_range_ends_at_its_end_whatever_holds_the_last_offsets<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    let mut log = joined(&fixture, 0, 1);
    for sequence in 1..=3 {
        committed(&mut log, &[commit_of(task(0), sequence, 1, "k", "v")]);
    }
    let (mut reader, topic) = (fixture.reader(), name(&fixture, CHANGELOG));
    let (first, end) = reader.offsets(&topic, 0).unwrap();
    let mut last = first;
    for to in first..=end {
        let mut visited = Vec::new();
        let next = reader.read(&topic, 0, first, to, &mut |record| {
            visited.push(record.offset);
            ControlFlow::Continue(())
        });
        assert_eq!(next, Ok(to));
        assert!(visited.iter().all(|offset| *offset < to), "{visited:?} up to {to}");
        last = visited.last().copied().unwrap_or(last);
    }
    assert!(last < end);
}

pub(crate) fn a_range_ends_where_the_reader_breaks<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    append(&fixture, 0, &["a", "b", "c"]);
    let topic = fixture.layout().topics[0].name.clone();
    let next = fixture.reader().read(&topic, 0, 0, 3, &mut |record| {
        if record.offset == 1 {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    assert_eq!(next, Ok(2));
}

pub(crate) fn a_reader_sees_only_what_was_committed_in_the_order_of_commits<F: LogFixture>(new: impl Fn(i32) -> F) {
    const RECORDS: i64 = 2_500;
    let fixture = new(1);
    let mut log = joined(&fixture, 0, 1);
    let mut expected = Vec::new();
    for sequence in 1..=3_u64 {
        let mut commit = commit_of(task(0), sequence, 1, "k", "v");
        commit.outputs = OutputBuffer::default();
        for number in 0..RECORDS {
            let key = format!("{sequence}-{number}");
            commit.outputs.push(OutputRecord {
                topic: OUTPUT,
                partition: 0,
                timestamp_ms: number,
                key: Some(key.as_bytes()),
                value: Some(b"v"),
                headers: &Headers::default(),
            });
            expected.push(pair(&key, "v"));
        }
        committed(&mut log, &[commit]);
    }
    assert_eq!(read(&fixture, OUTPUT, 0), expected);
}

pub(crate) fn a_reader_knows_which_topics_there_are<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(3);
    let mut reader = fixture.reader();
    assert_eq!(reader.partitions(&name(&fixture, OUTPUT)), Ok(Some(3)));
    assert_eq!(reader.partitions("no-such-topic"), Ok(None));
    assert_eq!(reader.offsets(&name(&fixture, OUTPUT), 2), Ok((0, 0)));
}

pub(crate) fn a_whole_topic_is_handed_over_and_then_what_comes<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(3);
    append(&fixture, 0, &["a", "b"]);
    append(&fixture, 2, &["c"]);
    let mut consumer = fixture.global_consumer(&name(&fixture, INPUT));
    let mut keys = Vec::new();
    let mut poll = |keys: &mut Vec<String>| {
        consumer.poll(Duration::from_millis(50), &mut |record| {
            keys.push(String::from_utf8(record.key.unwrap().to_vec()).unwrap());
        })
    };
    wait_for("the end of all partitions", || poll(&mut keys).unwrap().then_some(()));
    keys.sort();
    assert_eq!(keys, ["a", "b", "c"]);
    append(&fixture, 1, &["d"]);
    wait_for("what came after", || {
        let is_caught_up = poll(&mut keys).unwrap();
        assert!(is_caught_up, "what comes later does not change that");
        keys.contains(&"d".to_owned()).then_some(())
    });
    assert_eq!(keys.len(), 4);
}
