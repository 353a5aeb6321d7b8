//! `kill -9` at any moment: what was acknowledged is there, and every transaction is whole.

use std::path::Path;
use std::sync::Arc;

use streams::log::Log;

use crate::child;
use crate::fixture::{GROUP, append, broker, commit, entries, joined, read};

/// Rounds of write, kill and check on the same directory.
const ROUNDS: usize = 5;
/// Lines to wait for before the kill: it lands somewhere in the next write.
const LINES_BEFORE_KILL: usize = 25;

/// The child: one thread appends, another commits; each prints what was acknowledged, in order.
pub(crate) fn write_for_ever(dir: &Path) {
    let broker = broker(dir, 1);
    let mut log = joined(&broker, 1, 0);
    let neighbour = Arc::clone(&broker);
    std::thread::spawn(move || {
        loop {
            let placed = append(&neighbour, "input", &["a"]);
            child::say(&format!("appended {}", placed[0].1));
        }
    });
    let mut sequence = u64::try_from(read(&broker, "output", 0).len()).unwrap();
    loop {
        sequence += 1;
        log.commit(&[numbered(sequence)]).unwrap();
        child::say(&format!("committed {sequence}"));
    }
}

/// Commit number `n` writes `n` everywhere, so that a torn one shows.
fn numbered(sequence: u64) -> streams::Commit {
    let next = i64::try_from(sequence).unwrap();
    commit(sequence, next, &format!("k{sequence}"), &sequence.to_string())
}

#[test]
fn acknowledged_writes_survive_kill_9_and_transactions_are_whole() {
    let dir = tempfile::tempdir().unwrap();
    for _ in 0..ROUNDS {
        let (mut writer, lines) = child::start("write", dir.path());
        let (mut appended, mut committed) = (-1, 0);
        for line in lines.filter(|line| line.contains("ed ")).take(LINES_BEFORE_KILL) {
            match line.split_once(' ').unwrap() {
                ("appended", offset) => appended = offset.parse().unwrap(),
                ("committed", sequence) => committed = sequence.parse().unwrap(),
                other => panic!("unexpected line {other:?}"),
            }
        }
        writer.kill().unwrap();
        writer.wait().unwrap();
        check(dir.path(), appended, committed);
    }
}

fn check(dir: &Path, appended: i64, committed: usize) {
    let broker = broker(dir, 1);
    let inputs = read(&broker, "input", 0);
    assert!(inputs.last().map_or(-1, |record| record.0) >= appended);
    let outputs = read(&broker, "output", 0);
    let count = outputs.len();
    assert!(count >= committed);
    let values: Vec<String> = outputs.into_iter().filter_map(|(_, _, value)| value).collect();
    assert_eq!(values, (1..=count).map(|n| n.to_string()).collect::<Vec<_>>());
    assert_eq!(entries(&broker).len(), count);
    let next = broker.group_offsets(GROUP).get(&("input".to_owned(), 0)).copied();
    assert_eq!(next, i64::try_from(count).ok().filter(|next| *next > 0));
}
