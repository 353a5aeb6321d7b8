//! A damaged directory is found out, put aside, and harms no other task.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use state_stores::{QUARANTINED_MAX, StateDirectory};
use streams::TaskId;
use streams::store::{KeyValueStore, StoreError};

use support::{
    TASK, content, numbered_content, open, positions, rocksdb_path, state_directory, temporary_directory, try_content,
    try_open, write_numbered,
};

const OTHER_TASK: TaskId = TaskId {
    subtopology: 1,
    partition: 0,
};
/// So few that they are flushed once, by closing: one table file for each of the four column families.
const BATCHES: u64 = 3;

/// Makes two tasks with state, damages the database of one, and expects the damage to be found by opening and reading.
fn check(damage: impl Fn(&Path)) {
    let directory = temporary_directory();
    let state = state_directory(directory.path());
    for task in [TASK, OTHER_TASK] {
        write_numbered(&try_open(&state, task).unwrap(), 1, BATCHES);
    }
    damage(&rocksdb_path(&state, TASK));
    expect_corrupted(&state);
    let place = state.quarantine(TASK, "found by a test").unwrap();
    assert!(
        fs::read_to_string(place.join("SLUICE-REASON"))
            .unwrap()
            .contains("found by a test")
    );
    let fresh = open(&state);
    assert_eq!(fresh.positions(), positions(0));
    assert!(content(&fresh).is_empty());
    let other = try_open(&state, OTHER_TASK).unwrap();
    assert_eq!(content(&other), numbered_content(BATCHES));
}

fn expect_corrupted(state: &StateDirectory) {
    let found = try_open(state, TASK).and_then(|store| try_content(&store, false));
    assert!(matches!(found, Err(StoreError::Corrupted(_))), "{found:?}");
}

#[test]
fn a_missing_current_file_is_damage() {
    check(|database| fs::remove_file(database.join("CURRENT")).unwrap());
}

#[test]
fn a_current_file_that_names_nothing_is_damage() {
    check(|database| fs::write(database.join("CURRENT"), "MANIFEST-999999\n").unwrap());
}

#[test]
fn an_empty_manifest_is_damage() {
    check(|database| truncate(&only(database, "MANIFEST-"), 0));
}

#[test]
fn a_manifest_that_is_cut_in_half_is_damage() {
    check(|database| {
        let manifest = only(database, "MANIFEST-");
        truncate(&manifest, fs::metadata(&manifest).unwrap().len() / 2);
    });
}

#[test]
fn a_flipped_byte_in_the_manifest_is_damage() {
    check(|database| flip(&only(database, "MANIFEST-"), 20));
}

#[test]
fn a_flipped_byte_in_any_table_file_is_damage() {
    let families = 4;
    for table in 0..families {
        check(|database| flip(&tables_of(database)[table], 8));
    }
}

#[test]
fn a_table_file_that_is_cut_short_is_damage() {
    check(|database| {
        let table = &tables_of(database)[0];
        truncate(table, fs::metadata(table).unwrap().len() - 10);
    });
}

#[test]
fn a_missing_table_file_is_damage() {
    check(|database| fs::remove_file(&tables_of(database)[0]).unwrap());
}

#[test]
fn a_missing_format_version_is_damage() {
    check(|database| fs::remove_file(database.with_file_name("format")).unwrap());
}

#[test]
fn positions_that_cannot_be_read_are_damage() {
    check(|database| {
        let families = ["default", ":positions", "orders", "timers", "holds"];
        let db = rocksdb::DB::open_cf(&rocksdb::Options::default(), database, families).unwrap();
        db.put_cf(db.cf_handle(":positions").unwrap(), "task", "garbage")
            .unwrap();
        db.flush_cf(db.cf_handle(":positions").unwrap()).unwrap();
    });
}

#[test]
fn a_manifest_that_lost_its_end_before_anyone_knew_it_is_damage_or_an_earlier_batch() {
    let directory = temporary_directory();
    let state = state_directory(directory.path());
    let store = open(&state);
    for batch in 1..=8 {
        write_numbered(&store, batch, batch);
        store.flush().unwrap();
    }
    drop(store);
    let length = fs::metadata(only(&rocksdb_path(&state, TASK), "MANIFEST-"))
        .unwrap()
        .len();
    for cut in (0..length).step_by(23) {
        let copy = temporary_directory();
        let state = copy_of(&state, copy.path());
        fs::remove_file(rocksdb_path(&state, TASK).join("SLUICE-MANIFEST")).unwrap();
        truncate(&only(&rocksdb_path(&state, TASK), "MANIFEST-"), cut);
        // RocksDB looks for a file when it reads it: one that a compaction replaced is not missed before.
        let read = try_open(&state, TASK).and_then(|store| Ok((store.positions(), try_content(&store, false)?)));
        match read {
            Ok((found, content)) => {
                let survived = found.sequence;
                assert_eq!(found, positions(survived));
                assert_eq!(content, numbered_content(survived), "cut at {cut} of {length}");
            }
            Err(error) => assert!(matches!(error, StoreError::Corrupted(_)), "{error}"),
        }
    }
}

#[test]
fn only_the_newest_quarantined_databases_are_kept() {
    let directory = temporary_directory();
    let state = state_directory(directory.path());
    for _ in 0..QUARANTINED_MAX + 3 {
        write_numbered(&open(&state), 1, 1);
        state.quarantine(TASK, "found by a test").unwrap();
    }
    let mut kept: Vec<_> = fs::read_dir(state.path().join("quarantine"))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    kept.sort_by_key(fs::DirEntry::file_name);
    let names: Vec<_> = kept
        .iter()
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    assert_eq!(names, ["0_3-4", "0_3-5", "0_3-6", "0_3-7"]);
}

#[test]
fn an_open_task_is_not_put_aside() {
    let directory = temporary_directory();
    let state = state_directory(directory.path());
    let store = open(&state);
    assert!(matches!(
        state.quarantine(TASK, "found by a test"),
        Err(StoreError::Locked(_))
    ));
    write_numbered(&store, 1, 2);
    assert_eq!(content(&store), numbered_content(2));
}

fn copy_of(state: &StateDirectory, root: &Path) -> StateDirectory {
    let copy = state_directory(root);
    let (from, to) = (rocksdb_path(state, TASK), rocksdb_path(&copy, TASK));
    fs::create_dir_all(&to).unwrap();
    fs::copy(from.with_file_name("format"), to.with_file_name("format")).unwrap();
    for file in files(&from) {
        fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
    copy
}

fn tables_of(database: &Path) -> Vec<PathBuf> {
    files(database)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "sst"))
        .collect()
}

fn only(database: &Path, prefix: &str) -> PathBuf {
    let named = |path: &PathBuf| path.file_name().unwrap().to_str().unwrap().starts_with(prefix);
    files(database).into_iter().rfind(named).unwrap()
}

fn files(database: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(database)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

fn truncate(path: &Path, length: u64) {
    OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(length)
        .unwrap();
}

fn flip(path: &Path, offset: u64) {
    let mut byte = [0];
    File::open(path).unwrap().read_exact_at(&mut byte, offset).unwrap();
    OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .write_all_at(&[!byte[0]], offset)
        .unwrap();
}
