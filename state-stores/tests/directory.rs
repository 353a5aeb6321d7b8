//! The state directory: locks, listing, wiping, and a topology that changes its stores.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::ops::ControlFlow;

use state_stores::{StateDirectory, StoreMemory, StoreStatistics};
use streams::store::{KeyRange, KeyValueStore, StoreError};
use streams::{StoreIndex, TaskId};

use support::{
    Content, OwnedWrite, STORES, TASK, borrowed, content, numbered_content, open, positions, rocksdb_path,
    state_directory, temporary_directory, tight_budget, try_open, value, write_numbered,
};

#[test]
fn a_task_is_opened_once_and_the_second_is_told_where_and_by_whom() {
    let directory = temporary_directory();
    let (one, two) = (state_directory(directory.path()), state_directory(directory.path()));
    let store = open(&one);
    let error = try_open(&two, TASK).unwrap_err();
    assert!(
        matches!(&error, StoreError::Locked(text) if text.contains("0_3")),
        "{error}"
    );
    assert!(error.to_string().contains(&std::process::id().to_string()), "{error}");
    try_open(&two, TaskId { partition: 4, ..TASK }).unwrap();
    drop(store);
    try_open(&two, TASK).unwrap();
}

#[test]
fn closing_keeps_everything_without_an_explicit_flush() {
    let directory = temporary_directory();
    let state = state_directory(directory.path());
    write_numbered(&open(&state), 1, 9);
    let store = open(&state);
    assert_eq!(store.positions(), positions(9));
    assert_eq!(content(&store), numbered_content(9));
}

/// Beside an owner that goes on, and although the owner removes the files that it shows.
#[test]
fn a_snapshot_shows_the_last_flush_with_its_positions_and_disturbs_nobody() {
    let directory = temporary_directory();
    let (state, names) = (
        state_directory(directory.path()),
        STORES.map(|(index, name)| (index, name.to_owned())),
    );
    let store = open(&state);
    write_numbered(&store, 1, 9);
    store.flush().unwrap();
    write_numbered(&store, 10, 12);
    let looker = state_directory(directory.path());
    let snapshot = looker.open_read_only(TASK, &names).unwrap();
    write_numbered(&store, 13, 20);
    drop(store);
    assert_eq!(content(&open(&state)), numbered_content(20));
    let mut shown = Content::new();
    for (index, _) in STORES {
        let visit = &mut |key: &[u8], value: &[u8]| {
            shown.entry(index).or_default().insert(key.to_vec(), value.to_vec());
            ControlFlow::Continue(())
        };
        snapshot.range(index, KeyRange::all(), visit).unwrap();
    }
    assert_eq!((snapshot.positions(), shown), (&positions(9), numbered_content(9)));
    assert!(
        snapshot
            .get(STORES[0].0, b"not there", &mut |_| {})
            .is_ok_and(|found| !found)
    );
}

#[test]
fn a_snapshot_of_nothing_makes_nothing() {
    let directory = temporary_directory();
    let state = state_directory(directory.path());
    assert!(state.open_read_only(TASK, &[]).is_err());
    assert!(!state.path().exists());
}

#[test]
fn another_format_is_refused_and_left_as_it_is() {
    let directory = temporary_directory();
    let state = state_directory(directory.path());
    write_numbered(&open(&state), 1, 9);
    let format = rocksdb_path(&state, TASK).with_file_name("format");
    let own = fs::read_to_string(&format).unwrap();
    fs::write(&format, "sluice task state 999\n").unwrap();
    let error = try_open(&state, TASK).unwrap_err();
    assert!(
        matches!(&error, StoreError::Io(text) if text.contains("999") && text.contains("offsets reset")),
        "{error}"
    );
    fs::write(&format, own).unwrap();
    assert_eq!(content(&open(&state)), numbered_content(9));
}

#[test]
fn a_store_that_leaves_the_topology_is_dropped_and_when_it_comes_back_all_start_empty() {
    let directory = temporary_directory();
    let state = state_directory(directory.path());
    write_numbered(&open(&state), 1, 9);
    let kept = [(StoreIndex(7), "orders".to_owned())];
    let store = state.open(TASK, &kept).unwrap();
    assert_eq!(store.positions().changelog, Some(90));
    assert_eq!(store.positions().sequence, 9);
    assert_eq!(value(&store, StoreIndex(7), b"count"), Some(b"orders:9".to_vec()));
    drop(store);
    let store = open(&state);
    assert_eq!(store.positions().changelog, None);
    assert!(content(&store).is_empty());
}

#[test]
fn without_a_position_the_stores_start_empty() {
    let directory = temporary_directory();
    let state = state_directory(directory.path());
    let store = open(&state);
    let write = OwnedWrite {
        store: StoreIndex(1),
        key: b"key".to_vec(),
        value: Some(b"value".to_vec()),
    };
    let mut told = positions(1);
    told.changelog = None;
    store.write(&mut borrowed(&[write]), &told).unwrap();
    drop(store);
    let store = open(&state);
    assert_eq!(store.positions(), told);
    assert!(content(&store).is_empty());
}

#[test]
fn a_write_to_a_store_of_another_task_changes_nothing_and_is_not_called_damage() {
    let directory = temporary_directory();
    let store = open(&state_directory(directory.path()));
    let write = |index| OwnedWrite {
        store: StoreIndex(index),
        key: b"key".to_vec(),
        value: Some(b"value".to_vec()),
    };
    let error = store
        .write(&mut borrowed(&[write(0), write(2)]), &positions(1))
        .unwrap_err();
    assert!(matches!(error, StoreError::Io(_)), "{error}");
    assert_eq!(store.positions(), positions(0));
    assert!(content(&store).is_empty());
}

#[test]
fn the_tasks_on_disk_are_listed_with_their_sizes() {
    let directory = temporary_directory();
    let state = state_directory(directory.path());
    assert_eq!(state.tasks(), Ok(Vec::new()));
    let tasks = [(0, 3), (0, 10), (1, 0)].map(|(subtopology, partition)| TaskId { subtopology, partition });
    for task in tasks {
        write_numbered(&try_open(&state, task).unwrap(), 1, 9);
    }
    let listed = state.tasks().unwrap();
    assert_eq!(listed.iter().map(|found| found.task).collect::<Vec<_>>(), tasks);
    assert!(listed.iter().all(|found| found.bytes > 1_000));
}

#[test]
fn wiping_an_application_removes_all_its_tasks_and_no_other_application() {
    let directory = temporary_directory();
    let state = state_directory(directory.path());
    let other = StateDirectory::new(directory.path(), "other", StoreMemory::new(tight_budget()).unwrap()).unwrap();
    for state in [&state, &other] {
        write_numbered(&open(state), 1, 9);
    }
    state.wipe().unwrap();
    assert_eq!(state.tasks(), Ok(Vec::new()));
    assert_eq!(open(&state).positions(), positions(0));
    assert_eq!(content(&open(&other)), numbered_content(9));
}

#[test]
fn an_application_s_state_says_which_log_it_was_made_from() {
    let directory = temporary_directory();
    let state = state_directory(directory.path());
    assert_eq!(state.origin(), Ok(None));
    for log in ["the embedded log", "the Kafka cluster 4L6g3nShT-eMCtK--X86sw"] {
        state.set_origin(log).unwrap();
        assert_eq!(state.origin(), Ok(Some(log.to_owned())));
    }
    write_numbered(&open(&state), 1, 9);
    assert_eq!(state.tasks().unwrap().len(), 1);
    state.wipe().unwrap();
    assert!(
        state.origin().unwrap().is_some(),
        "what comes next is made from the same"
    );
}

#[test]
fn wiping_is_refused_as_a_whole_while_one_task_is_open() {
    let directory = temporary_directory();
    let state = state_directory(directory.path());
    let last = TaskId {
        subtopology: 2,
        partition: 0,
    };
    write_numbered(&open(&state), 1, 9);
    let held = try_open(&state, last).unwrap();
    assert!(matches!(state.wipe(), Err(StoreError::Locked(_))));
    drop(held);
    assert_eq!(content(&open(&state)), numbered_content(9));
}

#[test]
fn a_root_that_cannot_be_made_is_an_io_error_that_names_it() {
    let directory = temporary_directory();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    let error = try_open(&state_directory(&file), TASK).unwrap_err();
    assert!(
        matches!(&error, StoreError::Io(text) if text.contains("file")),
        "{error}"
    );
}

#[test]
fn an_application_id_cannot_leave_the_root() {
    for name in ["", "..", "a/b", ".hidden"] {
        let memory = StoreMemory::new(tight_budget()).unwrap();
        assert!(
            StateDirectory::new(std::path::Path::new("/tmp"), name, memory).is_err(),
            "{name:?}"
        );
    }
}

#[test]
fn statistics_follow_writing_flushing_and_closing() {
    let directory = temporary_directory();
    let memory = StoreMemory::new(tight_budget()).unwrap();
    let state = StateDirectory::new(directory.path(), "sluice-orders", memory.clone()).unwrap();
    let store = open(&state);
    write_numbered(&store, 1, 2);
    let written = memory.statistics();
    assert!(written.memtable_bytes > 0 && written.databases == 1, "{written:?}");
    assert!(written.unflushed_writes > 0, "{written:?}");
    store.flush().unwrap();
    let flushed = memory.statistics();
    assert!(flushed.sst_bytes > 0 && flushed.unflushed_writes == 0, "{flushed:?}");
    drop(store);
    let store = open(&state);
    write_numbered(&store, 1, 2);
    drop(store);
    let reopened = memory.statistics();
    let lookups = |statistics: &StoreStatistics| statistics.block_cache_hits + statistics.block_cache_misses;
    assert!(
        lookups(&reopened) > lookups(&flushed),
        "counts of closed databases stay: {reopened:?}"
    );
    assert_eq!(memory.statistics().databases, 0);
}
