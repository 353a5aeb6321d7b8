//! The store's contract: what it holds equals a model, through reopening and through the death of the process.
//!
//! A case is a few lives of one task directory. A life ends by closing, or by the death of a child process that applied
//! it. After each life the directory is opened again and must stand at one batch of the model, with its very positions.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use proptest::collection::vec;
use proptest::prelude::*;
use state_stores::RocksDbStore;
use streams::MemoryStore;
use streams::store::{KeyRange, KeyValueStore};

use support::{
    Content, OwnedWrite, STORES, apply, borrowed, content, entries, open, positions, state_directory,
    temporary_directory, try_content, value,
};

const DIRECTORY: &str = "STATE_STORES_CONTRACT_DIRECTORY";
const LIFE: &str = "STATE_STORES_CONTRACT_LIFE";

/// Keys that an encoding may get wrong: empty, prefixes of each other, zeros, all ones.
const KEYS: [&[u8]; 10] = [
    b"",
    b"\0",
    b"\0\0",
    b"a",
    b"a\0",
    b"ab",
    b"order-1",
    b"order-10",
    b"\xff",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Write(Batch),
    Restore(Batch),
    Flush,
}

/// A batch is its seed: small enough to hand to a child, and proptest still shrinks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Batch {
    seed: u32,
    writes: u8,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Life {
    steps: Vec<Step>,
    crash: bool,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_store_equals_the_model_through_reopening_and_crashes(lives in vec(life(), 1..4)) {
        let directory = temporary_directory();
        let mut model = Model::new();
        for life in &lives {
            if life.crash {
                die_in_a_child(directory.path(), life, model.sequence());
                let flushed = model.sequence() + steps_before_the_last_flush(&life.steps);
                life.steps.iter().for_each(|step| model.apply(*step));
                model.meet_after_crash(&open(&state_directory(directory.path())), flushed);
            } else {
                let state = state_directory(directory.path());
                let store = open(&state);
                for step in &life.steps {
                    take_or_flush(&store, *step, model.sequence());
                    model.apply(*step);
                    model.meet(&store);
                }
            }
            model.meet(&open(&state_directory(directory.path())));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_engines_memory_store_equals_the_same_model(steps in vec(step(), 1..12)) {
        let (store, mut model) = (MemoryStore::default(), Model::new());
        for batch in steps.into_iter().filter(|step| *step != Step::Flush) {
            take(&store, batch, model.sequence());
            model.apply(batch);
            model.meet(&store);
        }
    }
}

#[test]
fn a_reader_on_another_thread_sees_whole_batches_only() {
    const BATCHES: u64 = 2_000;
    let directory = temporary_directory();
    let store = open(&state_directory(directory.path()));
    std::thread::scope(|threads| {
        threads.spawn(|| {
            for number in 1..=BATCHES {
                let write = |key: &[u8]| OwnedWrite {
                    store: STORES[0].0,
                    key: key.to_vec(),
                    value: Some(number.to_be_bytes().to_vec()),
                };
                store
                    .write(&mut borrowed(&KEYS.map(write)), &positions(number))
                    .unwrap();
            }
        });
        let mut seen = 0;
        while seen < BATCHES {
            let held = entries(&store, STORES[0].0, KeyRange::all(), false).unwrap();
            let Some((_, first)) = held.first() else { continue };
            assert!(held.len() == KEYS.len() && held.iter().all(|(_, value)| value == first));
            seen = u64::from_be_bytes(first.as_slice().try_into().unwrap());
        }
    });
}

/// The part of the contract that runs in a child process. Without its environment it is nothing.
#[test]
fn a_child_applies_its_life_and_dies() {
    let (Ok(directory), Ok(life)) = (std::env::var(DIRECTORY), std::env::var(LIFE)) else {
        return;
    };
    let (sequence, steps) = life.split_once(' ').unwrap();
    let mut sequence = sequence.parse().unwrap();
    let state = state_directory(Path::new(&directory));
    let store = open(&state);
    for step in steps.split_whitespace().map(decode) {
        sequence = take_or_flush(&store, step, sequence);
    }
    std::process::abort();
}

fn die_in_a_child(directory: &Path, life: &Life, sequence: u64) {
    let steps: Vec<String> = life.steps.iter().map(encode).collect();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_child_applies_its_life_and_dies", "--nocapture"])
        .env(DIRECTORY, directory)
        .env(LIFE, format!("{sequence} {}", steps.join(" ")))
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.code().is_none() && !words.contains("panicked"),
        "the child did not die as planned: {words}"
    );
}

/// Takes a step on the store and answers the sequence after it. Flushing is left out: the port has no such thing.
fn take(store: &dyn KeyValueStore, step: Step, sequence: u64) -> u64 {
    let next = sequence + 1;
    match step {
        Step::Write(batch) => store
            .write(&mut borrowed(&batch.writes(next)), &positions(next))
            .unwrap(),
        Step::Restore(batch) => store
            .restore(&mut borrowed(&batch.writes(next)), &positions(next))
            .unwrap(),
        Step::Flush => return sequence,
    }
    next
}

fn take_or_flush(store: &RocksDbStore, step: Step, sequence: u64) -> u64 {
    if step == Step::Flush {
        store.flush().unwrap();
    }
    take(store, step, sequence)
}

struct Model {
    /// The content after each batch, from none on.
    after: Vec<Content>,
    steps: Vec<Step>,
}

impl Model {
    fn new() -> Self {
        Self {
            after: vec![Content::new()],
            steps: Vec::new(),
        }
    }

    fn sequence(&self) -> u64 {
        self.steps.len() as u64
    }

    fn apply(&mut self, step: Step) {
        let (Step::Write(batch) | Step::Restore(batch)) = step else {
            return;
        };
        let mut content = self.after.last().unwrap().clone();
        apply(&mut content, &batch.writes(self.sequence() + 1));
        self.after.push(content);
        self.steps.push(step);
    }

    /// The store stands at the last batch, however one looks at it.
    fn meet(&self, store: &dyn KeyValueStore) {
        let expected = self.after.last().unwrap();
        assert_eq!(store.positions(), positions(self.sequence()));
        assert_eq!(&content(store), expected);
        assert_eq!(&try_content(store, true).unwrap(), expected);
        for (index, _) in STORES {
            let held = expected.get(&index).cloned().unwrap_or_default();
            for (number, key) in KEYS.into_iter().enumerate() {
                assert_eq!(value(store, index, key), held.get(key).cloned());
                let to = KEYS.get(number + 3).copied();
                let range = KeyRange { from: key, to };
                let mut within: Vec<_> = held
                    .clone()
                    .into_iter()
                    .filter(|(key, _)| range.contains(key))
                    .collect();
                assert_eq!(entries(store, index, range, false).unwrap(), within);
                within.reverse();
                assert_eq!(entries(store, index, range, true).unwrap(), within);
            }
        }
    }

    /// The store stands at some batch that is not older than the last flush, and the model goes back there.
    /// Restored records may be on disk ahead of the positions; then replaying from the positions must give the end.
    fn meet_after_crash(&mut self, store: &RocksDbStore, flushed: u64) {
        let survived = store.positions().sequence;
        assert!(
            (flushed..=self.sequence()).contains(&survived),
            "{survived} is not in {flushed}..={}",
            self.sequence()
        );
        assert_eq!(store.positions(), positions(survived));
        let kept = usize::try_from(survived).unwrap();
        if self.steps[kept..].iter().all(|step| matches!(step, Step::Write(_))) {
            self.after.truncate(kept + 1);
            self.steps.truncate(kept);
            return;
        }
        for (step, sequence) in self.steps[kept..].iter().zip(survived..) {
            take(store, *step, sequence);
        }
    }
}

impl Batch {
    fn writes(self, sequence: u64) -> Vec<OwnedWrite> {
        let mut random = u64::from(self.seed) << 8;
        let mut below = |bound: usize| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(random >> 33).unwrap() % bound
        };
        let write = |number| OwnedWrite {
            store: STORES[below(STORES.len())].0,
            key: KEYS[below(KEYS.len())].to_vec(),
            value: (below(4) > 0).then(|| format!("{sequence}.{number}{}", "x".repeat(below(40))).into_bytes()),
        };
        (0..self.writes).map(write).collect()
    }
}

fn life() -> impl Strategy<Value = Life> {
    (vec(step(), 0..12), any::<bool>()).prop_map(|(steps, crash)| Life { steps, crash })
}

fn step() -> impl Strategy<Value = Step> {
    let batch = || (any::<u32>(), 0..30_u8).prop_map(|(seed, writes)| Batch { seed, writes });
    prop_oneof![
        4 => batch().prop_map(Step::Write),
        3 => batch().prop_map(Step::Restore),
        1 => Just(Step::Flush),
    ]
}

fn steps_before_the_last_flush(steps: &[Step]) -> u64 {
    let last = steps.iter().rposition(|step| *step == Step::Flush).unwrap_or(0);
    steps[..last].iter().filter(|step| **step != Step::Flush).count() as u64
}

fn encode(step: &Step) -> String {
    match step {
        Step::Write(batch) => format!("write:{}:{}", batch.seed, batch.writes),
        Step::Restore(batch) => format!("restore:{}:{}", batch.seed, batch.writes),
        Step::Flush => "flush".to_owned(),
    }
}

fn decode(text: &str) -> Step {
    let words: Vec<&str> = text.split(':').collect();
    let batch = || Batch {
        seed: words[1].parse().unwrap(),
        writes: words[2].parse().unwrap(),
    };
    match words[0] {
        "write" => Step::Write(batch()),
        "restore" => Step::Restore(batch()),
        _ => Step::Flush,
    }
}
