//! `kill -9` in the middle of writing: data and positions agree, and what was flushed is there.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use streams::store::KeyValueStore;

use support::{
    borrowed, content, numbered_batch, numbered_content, open, positions, state_directory, temporary_directory,
    write_numbered,
};

const DIRECTORY: &str = "STATE_STORES_KILL_DIRECTORY";
const RESTORING: &str = "STATE_STORES_KILL_RESTORING";
const READY: &str = "written:";

/// Batches that the child is allowed to write before the signal, per round.
const ROUNDS: [u64; 8] = [1, 7, 40, 100, 3, 250, 61, 500];

#[test]
fn a_killed_writer_leaves_data_and_positions_of_the_same_batch() {
    let directory = temporary_directory();
    let mut known = 0;
    for round in ROUNDS {
        let written = kill_after(start_child(directory.path(), false), round);
        let store = open(&state_directory(directory.path()));
        let survived = store.positions().sequence;
        assert!(
            (known..=written + 1).contains(&survived),
            "{survived} of {written}, {known} were on disk"
        );
        assert_eq!(store.positions(), positions(survived));
        assert_eq!(content(&store), numbered_content(survived), "after batch {survived}");
        known = survived;
    }
    assert!(known > 0, "nothing ever reached the disk: the flusher does not run");
}

#[test]
fn a_killed_restore_goes_on_from_its_positions_to_the_same_content() {
    let directory = temporary_directory();
    for round in ROUNDS {
        let written = kill_after(start_child(directory.path(), true), round);
        let store = open(&state_directory(directory.path()));
        let survived = store.positions().sequence;
        assert!(survived <= written + 1, "{survived} of {written}");
        assert_eq!(store.positions(), positions(survived));
        // Files may be ingested ahead of the positions, by no more than the child was asked to restore.
        write_numbered(&store, survived + 1, written + 1);
        assert_eq!(
            content(&store),
            numbered_content(written + 1),
            "after batch {survived} of {written}"
        );
    }
}

/// The writer that is killed. Without its environment it is nothing.
#[test]
fn a_child_writes_numbered_batches_until_it_is_killed() {
    let Ok(directory) = std::env::var(DIRECTORY) else {
        return;
    };
    let restoring = std::env::var_os(RESTORING).is_some();
    let store = open(&state_directory(Path::new(&directory)));
    for number in store.positions().sequence + 1.. {
        let batch = numbered_batch(number);
        if restoring {
            store.restore(&mut borrowed(&batch), &positions(number)).unwrap();
        } else {
            store.write(&mut borrowed(&batch), &positions(number)).unwrap();
        }
        eprintln!("{READY}{number}");
    }
}

fn start_child(directory: &Path, restoring: bool) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "a_child_writes_numbered_batches_until_it_is_killed",
            "--nocapture",
        ])
        .env(DIRECTORY, directory)
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    if restoring {
        command.env(RESTORING, "1");
    }
    command.spawn().unwrap()
}

/// Lets the child write `batches`, kills it in whatever it is doing, and answers the last batch that it told of.
/// It may have been at the one after that.
fn kill_after(mut child: Child, batches: u64) -> u64 {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut told = lines.filter_map(|line| line.strip_prefix(READY)?.parse().ok());
    let asked: Vec<u64> = told.by_ref().take(usize::try_from(batches).unwrap()).collect();
    assert_eq!(asked.len() as u64, batches, "the child ended by itself");
    child.kill().unwrap();
    let last = asked.into_iter().chain(told).last();
    child.wait().unwrap();
    last.unwrap()
}
