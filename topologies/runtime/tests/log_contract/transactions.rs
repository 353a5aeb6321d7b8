//! A commit is one step for everybody who looks.

use runtime::commit_record::CommitRecord;
use streams::changelog::COMMIT_RECORD_KEY;
use streams::log::Log;
use streams::{Commit, LogError, OutputBuffer};

use super::fixture::{
    CHANGELOG, LogFixture, OUTPUT, append, commit_of, committed, joined, one, pair, read, read_now, sent, taken, task,
    wait_for,
};

pub(crate) fn a_commit_makes_outputs_changelog_and_offsets_true_together<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    append(&fixture, 0, &["a", "b"]);
    let mut log = joined(&fixture, 0, 1);
    taken(&mut log, 2);
    let ends = committed(&mut log, &[commit_of(task(0), 1, 2, "k", "v")]);
    assert_eq!(ends, [Some(2)], "the commit record is the last one");
    assert_eq!(read(&fixture, OUTPUT, 0), [pair("k", "v")]);
    let changelog = read(&fixture, CHANGELOG, 0);
    assert_eq!((changelog.len(), &changelog[0]), (2, &pair("k", "v")));
    assert_eq!(fixture.committed(), [(0, 2)].into());
}

pub(crate) fn commits_of_several_tasks_are_one_transaction<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(2);
    let mut log = joined(&fixture, 0, 2);
    let ends = committed(
        &mut log,
        &[commit_of(task(0), 1, 1, "k", "0"), commit_of(task(1), 1, 1, "k", "1")],
    );
    assert_eq!(ends.len(), 2);
    assert_eq!(read(&fixture, OUTPUT, 0), [pair("k", "0")]);
    assert_eq!(read(&fixture, OUTPUT, 1), [pair("k", "1")]);
    assert_eq!(fixture.committed(), [(0, 1), (1, 1)].into());
}

pub(crate) fn a_commit_without_input_progress_is_true_as_well<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    let mut log = joined(&fixture, 0, 1);
    let punctuation = Commit {
        offsets: Vec::new(),
        ..commit_of(task(0), 1, 0, "timer", "fired")
    };
    committed(&mut log, &[punctuation]);
    assert_eq!(read(&fixture, OUTPUT, 0), [pair("timer", "fired")]);
}

pub(crate) fn an_empty_commit_changes_nothing<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    let mut log = joined(&fixture, 0, 1);
    let empty = Commit {
        outputs: OutputBuffer::default(),
        changelog: OutputBuffer::default(),
        offsets: Vec::new(),
        ..commit_of(task(0), 1, 0, "", "")
    };
    let ends = committed(&mut log, &[empty]);
    assert_eq!(ends, [None]);
    assert_eq!(fixture.committed(), [].into());
    assert_eq!(read(&fixture, CHANGELOG, 0), []);
}

pub(crate) fn what_is_sent_ahead_becomes_true_with_its_commit_and_not_before<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    let mut log = joined(&fixture, 0, 1);
    let first = sent(&mut log, commit_of(task(0), 1, 2, "first", "1"));
    let outputs = [first.outputs, one(OUTPUT, 0, "last", Some("2"))];
    assert_eq!(read_now(&fixture, OUTPUT, 0), []);
    let mut whole = OutputBuffer::default();
    outputs
        .iter()
        .flat_map(OutputBuffer::iter)
        .for_each(|record| whole.push(record));
    let commit = Commit {
        outputs: whole,
        ..first
    };
    committed(&mut log, &[commit]);
    assert_eq!(read(&fixture, OUTPUT, 0), [pair("first", "1"), pair("last", "2")]);
    assert_eq!(fixture.committed(), [(0, 2)].into());
    let (_, record) = read(&fixture, CHANGELOG, 0).pop().unwrap();
    assert_eq!(CommitRecord::from_bytes(record.as_bytes()).unwrap().outputs, 2);
}

pub(crate) fn a_commit_of_nothing_but_what_was_sent_ahead_is_true_as_well<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    let mut log = joined(&fixture, 0, 1);
    let punctuation = Commit {
        changelog: OutputBuffer::default(),
        offsets: Vec::new(),
        ..commit_of(task(0), 1, 0, "timer", "fired")
    };
    let commit = sent(&mut log, punctuation);
    committed(&mut log, &[commit]);
    assert_eq!(read(&fixture, OUTPUT, 0), [pair("timer", "fired")]);
}

pub(crate) fn an_abort_forgets_what_was_sent_ahead<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    let mut log = joined(&fixture, 0, 1);
    sent(&mut log, commit_of(task(0), 1, 1, "k", "aborted"));
    log.abort().unwrap();
    committed(&mut log, &[commit_of(task(0), 1, 1, "k", "committed")]);
    assert_eq!(read(&fixture, OUTPUT, 0), [pair("k", "committed")]);
}

pub(crate) fn nothing_is_taken_ahead_for_a_task_that_was_not_started<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    let mut log = joined(&fixture, 0, 1);
    log.pause(task(0)).unwrap();
    let taken = log.send(task(0), &one(OUTPUT, 0, "k", Some("v")));
    assert!(matches!(taken, Ok(false) | Err(LogError::Migrated(_))), "{taken:?}");
}

pub(crate) fn many_commits_in_a_row_stand_in_their_order<F: LogFixture>(new: impl Fn(i32) -> F) {
    const COMMITS: u64 = 50;
    let fixture = new(1);
    let mut log = joined(&fixture, 0, 1);
    for sequence in 1..=COMMITS {
        let next = i64::try_from(sequence).unwrap();
        committed(
            &mut log,
            &[commit_of(task(0), sequence, next, "k", &sequence.to_string())],
        );
    }
    let expected: Vec<_> = (1..=COMMITS).map(|sequence| pair("k", &sequence.to_string())).collect();
    assert_eq!(read(&fixture, OUTPUT, 0), expected);
    wait_for("the last offset", || {
        (fixture.committed() == [(0, 50)].into()).then_some(())
    });
}

pub(crate) fn the_changelog_end_is_after_the_tasks_own_last_record<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(2);
    let mut log = joined(&fixture, 0, 2);
    let mut last = [0, 0];
    for sequence in 1..=3 {
        let commits = [0, 1].map(|partition| commit_of(task(partition), sequence, 1, &format!("k{sequence}"), "v"));
        let ends = committed(&mut log, &commits);
        for (last, end) in last.iter_mut().zip(&ends) {
            assert!(end.unwrap() > *last, "{ends:?} after {last}");
            *last = end.unwrap();
        }
    }
    let outputs_only = Commit {
        changelog: OutputBuffer::default(),
        ..commit_of(task(0), 4, 2, "k", "v")
    };
    assert_eq!(committed(&mut log, &[outputs_only]), [None]);
}

pub(crate) fn a_commit_for_a_task_that_was_not_started_makes_nothing_true<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(2);
    let mut log = joined(&fixture, 0, 2);
    log.pause(task(1)).unwrap();
    let commits = [commit_of(task(0), 1, 1, "k", "v"), commit_of(task(1), 1, 1, "k", "v")];
    assert!(matches!(log.commit(&commits), Err(LogError::Migrated(_))));
    assert_eq!(read(&fixture, OUTPUT, 0), []);
    assert_eq!(fixture.committed(), [].into());
}

pub(crate) fn the_newest_commit_record_tells_what_the_transaction_was<F: LogFixture>(new: impl Fn(i32) -> F) {
    let fixture = new(1);
    let layout = fixture.layout();
    let mut log = joined(&fixture, 0, 1);
    let mut commit = commit_of(task(0), 7, 3, "k", "v");
    commit.outputs = one(OUTPUT, 0, "k", None);
    commit.changelog_before = Some(40);
    committed(&mut log, &[commit]);
    let (key, value) = read(&fixture, CHANGELOG, 0).pop().unwrap();
    let record = CommitRecord::from_bytes(value.as_bytes()).unwrap();
    assert_eq!(key.as_bytes(), COMMIT_RECORD_KEY);
    assert_eq!((record.task.as_str(), record.sequence, record.outputs), ("0_0", 7, 1));
    assert_eq!((record.after, record.records, record.stream_time_ms), (Some(40), 1, 5));
    assert_eq!(record.offsets, [(format!("{}/0", layout.topics[0].name), 3)].into());
}
