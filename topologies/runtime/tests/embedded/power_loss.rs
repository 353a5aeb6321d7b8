//! What a power loss may leave of the write-ahead log: a cut or damaged end.

use std::path::{Path, PathBuf};

use streams::log::Log;

use crate::fixture::{GROUP, broker, commit, entries, joined, read};

const COMMITS: u64 = 12;

/// A directory with [`COMMITS`] commits in its write-ahead log: that log's file, and its length after the last of them.
/// What the thread in the background writes after that is no commit.
fn written(dir: &Path) -> (PathBuf, u64) {
    let broker = broker(dir, 1);
    let mut log = joined(&broker, 1, 0);
    for n in 1..=COMMITS {
        let next = i64::try_from(n).unwrap();
        // Values of a commit's size and of no repeating pattern, so that every cut lands somewhere else.
        let value = format!("{n}-{}", "x".repeat(100 + usize::try_from(n).unwrap() * 7));
        log.commit(&[commit(n, next, &format!("k{n}"), &value)]).unwrap();
    }
    let files = std::fs::read_dir(dir.join("log"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let logs = files.filter(|path| path.extension().is_some_and(|extension| extension == "log"));
    let lengths = logs.map(|path| (path.clone(), path.metadata().unwrap().len()));
    lengths.max_by_key(|(_, length)| *length).unwrap()
}

/// Makes the log this long, with zeros where it was shorter.
fn set_length(path: &Path, length: u64) {
    let wal = std::fs::File::options().write(true).open(path).unwrap();
    wal.set_len(length).unwrap();
}

/// The number of whole commits; fails where one is there in part.
fn whole_commits(dir: &Path) -> usize {
    let broker = broker(dir, 1);
    let outputs = read(&broker, "output", 0).len();
    assert_eq!(entries(&broker).len(), outputs);
    let next = broker.group_offsets(GROUP).values().next().copied().unwrap_or(0);
    assert_eq!(usize::try_from(next).unwrap(), outputs);
    // What is left goes on.
    joined(&broker, 1, 0)
        .commit(&[commit(99, next + 1, "again", "v")])
        .unwrap();
    assert_eq!(read(&broker, "output", 0).len(), outputs + 1);
    outputs
}

#[test]
fn a_write_ahead_log_that_is_cut_anywhere_in_its_end_holds_whole_commits() {
    let mut found = Vec::new();
    for cut in [1, 50, 150, 400, 1_000, 2_500] {
        let dir = tempfile::tempdir().unwrap();
        let (wal, length) = written(dir.path());
        set_length(&wal, length - cut);
        found.push(whole_commits(dir.path()));
    }
    assert!(
        found.iter().all(|count| *count < usize::try_from(COMMITS).unwrap()),
        "{found:?}"
    );
    assert!(
        found.is_sorted_by(|one, next| one >= next),
        "the more is cut, the less is left: {found:?}"
    );
    assert!(found.first() > found.last(), "{found:?}");
}

#[test]
fn a_write_ahead_log_is_cut_before_its_first_damaged_write() {
    let dir = tempfile::tempdir().unwrap();
    let (path, length) = written(dir.path());
    let mut bytes = std::fs::read(&path).unwrap();
    let place = usize::try_from(length).unwrap() - 1_000;
    bytes[place] ^= 0xff;
    std::fs::write(&path, bytes).unwrap();
    let commits = whole_commits(dir.path());
    assert!((1..usize::try_from(COMMITS).unwrap()).contains(&commits), "{commits}");
}

#[test]
fn zeros_after_the_last_write_are_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let (wal, length) = written(dir.path());
    set_length(&wal, length);
    set_length(&wal, length + 8_192);
    assert_eq!(whole_commits(dir.path()), usize::try_from(COMMITS).unwrap());
}
