//! How fast state comes back, and what a read and a commit cost. Run with
//! `cargo bench --profile dev -p state-stores`; the environment variable RECORDS sets the size (default two million).
//!
//! Records have a key of 16 bytes and a value of 100 bytes that does not compress.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a benchmark prints, and fails by panicking"
)]

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use state_stores::{RocksDbStore, StateDirectory, StoreBudget, StoreMemory};
use streams::store::{KeyRange, KeyValueStore, Positions, StoreWrite};
use streams::{StoreIndex, TaskId};

const STORE: StoreIndex = StoreIndex(0);
const TASK: TaskId = TaskId {
    subtopology: 0,
    partition: 0,
};
const OTHER_TASK: TaskId = TaskId {
    subtopology: 0,
    partition: 1,
};
const RESTORE_CHUNKS: [usize; 3] = [20_000, 100_000, 200_000];
const COMMIT_WRITES: usize = 1_000;
const COMMITS: usize = 50_000;
const READS: usize = 200_000;

fn main() {
    let records = std::env::var("RECORDS").map_or(2_000_000, |text| text.parse().unwrap());
    println!(
        "| workload | operations | seconds | operations/s | us each | us of this thread each | us of all threads each |"
    );
    println!("|---|---|---|---|---|---|---|");
    for chunk in RESTORE_CHUNKS {
        let bench = Bench::new(records);
        bench.measure(&format!("restore, random keys, chunks of {chunk}"), records, |bench| {
            bench.restore(chunk);
        });
        if chunk == 100_000 {
            bench.reads("just restored");
        }
    }
    let bench = Bench::new(records);
    bench.opens();
    bench.measure(
        &format!("write, random keys, batches of {COMMIT_WRITES}"),
        records,
        Bench::write,
    );
    bench.reads("written");
    bench.measure("write the same keys again, in the same batches", records, Bench::write);
    bench.measure("commits of 3 writes", COMMITS * 3, Bench::commits);
    bench.measure("flush and close", 1, |bench| bench.store.flush().unwrap());
    println!("\n{:?}", bench.memory.statistics());
}

struct Bench {
    records: usize,
    memory: StoreMemory,
    state: StateDirectory,
    store: RocksDbStore,
    _directory: tempfile::TempDir,
}

impl Bench {
    fn new(records: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let memory = StoreMemory::new(StoreBudget::default()).unwrap();
        let state = StateDirectory::new(directory.path(), "bench", memory.clone()).unwrap();
        let store = state.open(TASK, &stores()).unwrap();
        Self {
            records,
            memory,
            state,
            store,
            _directory: directory,
        }
    }

    fn measure(&self, workload: &str, operations: usize, work: impl FnOnce(&Self)) {
        let (start, own_start, all_start) = (Instant::now(), own_cpu_seconds(), all_cpu_seconds());
        work(self);
        let seconds = start.elapsed().as_secs_f64();
        let (own, all) = (own_cpu_seconds() - own_start, all_cpu_seconds() - all_start);
        #[allow(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
        let (rate, million) = (operations as f64 / seconds, operations as f64 / 1e6);
        let (each, own, all) = (seconds / million, own / million, all / million);
        println!("| {workload} | {operations} | {seconds:.2} | {rate:.0} | {each:.2} | {own:.2} | {all:.2} |");
    }

    fn opens(&self) {
        let open = |bench: &Self| {
            let store = bench.state.open(OTHER_TASK, &stores()).unwrap();
            store
                .write(
                    &mut std::iter::empty(),
                    &Positions {
                        changelog: Some(1),
                        ..Positions::default()
                    },
                )
                .unwrap();
        };
        self.measure("open a new task of four stores and close it", 1, open);
        self.measure("open it again and close it", 1, open);
    }

    fn restore(&self, chunk: usize) {
        Self::in_batches(self.records, chunk, |writes, positions| {
            self.store.restore(writes, positions).unwrap();
        });
    }

    fn write(&self) {
        Self::in_batches(self.records, COMMIT_WRITES, |writes, positions| {
            self.store.write(writes, positions).unwrap();
        });
    }

    fn commits(&self) {
        Self::in_batches(COMMITS * 3, 3, |writes, positions| {
            self.store.write(writes, positions).unwrap();
        });
    }

    fn reads(&self, state: &str) {
        self.measure(&format!("get, random existing keys, {state}"), READS, |bench| {
            bench.get(0);
        });
        self.measure(&format!("get, the same keys again, {state}"), READS, |bench| {
            bench.get(0);
        });
        self.measure(&format!("get, missing keys, {state}"), READS, |bench| {
            bench.get(bench.records);
        });
        self.measure(&format!("range over everything, {state}"), self.records, Self::scan);
    }

    fn get(&self, from: usize) {
        let found = (0..READS).filter(|read| {
            let number = from + read * (self.records / READS).max(1) % self.records;
            self.store.get(STORE, &key(number), &mut |_| ()).unwrap()
        });
        assert_eq!(found.count(), if from == 0 { READS } else { 0 });
    }

    fn scan(&self) {
        let mut seen = 0;
        let mut count = |_: &[u8], _: &[u8]| {
            seen += 1;
            ControlFlow::Continue(())
        };
        self.store.range(STORE, KeyRange::all(), false, &mut count).unwrap();
        assert_eq!(seen, self.records);
    }

    fn in_batches(records: usize, size: usize, apply: impl Fn(&mut dyn Iterator<Item = StoreWrite<'_>>, &Positions)) {
        for from in (0..records).step_by(size) {
            let to = (from + size).min(records);
            // Fetched records lie in memory before a store sees them, here as in the engine.
            let batch: Vec<([u8; 16], [u8; 100])> = (from..to).map(|number| (key(number), value(number))).collect();
            let mut writes = batch.iter().map(|(key, value)| StoreWrite {
                store: STORE,
                key,
                value: Some(value),
            });
            apply(&mut writes, &positions(to));
        }
    }
}

/// What this thread computed so far; Linux only, elsewhere zero.
fn own_cpu_seconds() -> f64 {
    scheduled_seconds(Path::new("/proc/thread-self"))
}

/// What all threads of the process computed so far: flushes and compactions are paid for, too.
fn all_cpu_seconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    threads.map(|thread| scheduled_seconds(&thread.unwrap().path())).sum()
}

fn scheduled_seconds(thread: &Path) -> f64 {
    let text = std::fs::read_to_string(thread.join("schedstat")).unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|number| number.parse::<f64>().ok());
    nanoseconds.unwrap_or_default() / 1e9
}

fn stores() -> [(StoreIndex, String); 4] {
    let names = ["orders", "timers", "holds", "lines"];
    std::array::from_fn(|index| (StoreIndex(u16::try_from(index).unwrap()), names[index].to_owned()))
}

fn positions(to: usize) -> Positions {
    Positions {
        changelog: Some(i64::try_from(to).unwrap()),
        sequence: to as u64,
        stream_time_ms: 0,
    }
}

fn key(number: usize) -> [u8; 16] {
    let mut key = *b"order-..........";
    key[8..].copy_from_slice(&mixed(number as u64).to_be_bytes());
    key
}

fn value(number: usize) -> [u8; 100] {
    let mut value = [0; 100];
    for (word, bytes) in (number as u64..).zip(value.chunks_mut(8)) {
        let random = mixed(word << 8 ^ word).to_le_bytes();
        bytes.iter_mut().zip(random).for_each(|(byte, random)| *byte = random);
    }
    value
}

// The finaliser of SplitMix64: distinct numbers give distinct keys.
fn mixed(number: u64) -> u64 {
    let first = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let second = (first ^ (first >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    second ^ (second >> 31)
}
