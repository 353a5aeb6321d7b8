//! A topology as a running application on the embedded log: processing, restart, crash, restore of exactly the gap.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::embedded::{Cleanup, EmbeddedBroker, EmbeddedTopic};
use runtime::limits::ThreadLimits;
use runtime::queries::{EntryRange, Freshness, Hosting, Queries, StoreAddress};
use runtime::{NoSchemas, OsMachine, StreamApplication, ThreadContext};
use state_stores::{StateDirectory, StoreBudget, StoreMemory};
use streams::dsl::Grouped;
use streams::log::LogReader;
use streams::serde::{I64Serde, StringSerde};
use streams::{Layout, Topic, Topology, TopologyBuilder};

const PARTITIONS: i32 = 3;
const WAIT: Duration = Duration::from_secs(30);

fn counting() -> Topology {
    let builder = TopologyBuilder::new("counting");
    let input: Topic<String, String> = Topic::new("input", StringSerde, StringSerde);
    let grouped = builder
        .stream(&input)
        .group_by_key(Grouped::new("counts", StringSerde, StringSerde));
    let output = Topic::new("output", StringSerde, I64Serde);
    grouped
        .count()
        .to_stream()
        .map_values(Option::unwrap_or_default)
        .to(&output);
    builder.build().unwrap()
}

/// A broker directory and a state directory with a running application.
struct Running {
    broker: Arc<EmbeddedBroker>,
    layout: Arc<Layout>,
    application: StreamApplication,
    queries: Queries,
}

fn start(directory: &Path, threads: usize) -> Running {
    start_with(directory, threads, ThreadLimits::default())
}

fn start_with(directory: &Path, threads: usize, limits: ThreadLimits) -> Running {
    let broker = EmbeddedBroker::open(&directory.join("log")).unwrap();
    let topic = |name: &str| EmbeddedTopic {
        name: name.to_owned(),
        partitions: PARTITIONS,
        cleanup: Cleanup::Delete { retention_ms: -1 },
    };
    broker.create_topics(&[topic("input"), topic("output")]).unwrap();
    let topology = Arc::new(counting());
    let layout = Arc::new(topology.place("test-counting", &broker.partition_counts()).unwrap());
    broker.create_internal_topics(&layout).unwrap();
    let memory = StoreMemory::new(StoreBudget::default()).unwrap();
    let states = StateDirectory::new(&directory.join("state"), &layout.application_id, memory).unwrap();
    let hosting = Arc::new(Hosting::default());
    let readers = Arc::clone(&broker);
    let context = ThreadContext {
        topology,
        layout: Arc::clone(&layout),
        hosting: Arc::clone(&hosting),
        states: Arc::new(states),
        make_reader: Arc::new(move || Ok(Box::new(readers.reader()))),
        schemas: Arc::new(NoSchemas),
        limits,
        machine: Arc::new(OsMachine),
        observer: None,
    };
    let (joining, placed) = (Arc::clone(&broker), Arc::clone(&layout));
    let join = move |thread| joining.join(Arc::clone(&placed), thread).map_err(Into::into);
    let application = StreamApplication::start(context, threads, Arc::new(join));
    Running {
        broker,
        layout,
        application,
        queries: Queries::new(hosting, None),
    }
}

impl Running {
    async fn append(&self, keys: impl IntoIterator<Item = String>) {
        use runtime::commands::{CommandLog, CommandRecord};
        let log = self.broker.command_log().unwrap();
        for key in keys {
            let record = CommandRecord {
                topic: "input".to_owned(),
                key: key.into_bytes(),
                value: Some(b"x".to_vec()),
                headers: Vec::new(),
                timestamp_ms: 1,
            };
            log.append(record).await.unwrap();
        }
    }

    /// The output counts by key, once `expected` records are there.
    fn outputs(&self, expected: usize) -> Vec<(String, i64)> {
        let deadline = Instant::now() + WAIT;
        loop {
            let outputs = self.read_outputs();
            if outputs.len() >= expected {
                return outputs;
            }
            assert!(
                Instant::now() < deadline,
                "only {} of {expected} outputs",
                outputs.len()
            );
            std::thread::yield_now();
        }
    }

    fn read_outputs(&self) -> Vec<(String, i64)> {
        let mut reader = self.broker.reader();
        let mut outputs = Vec::new();
        for partition in 0..PARTITIONS {
            let (first, end) = reader.offsets("output", partition).unwrap();
            let read = &mut |record: streams::log::StoredRecord<'_>| {
                let key = String::from_utf8(record.key.unwrap().to_vec()).unwrap();
                outputs.push((key, i64::from_be_bytes(record.value.unwrap().try_into().unwrap())));
                ControlFlow::Continue(())
            };
            reader.read("output", partition, first, end, read).unwrap();
        }
        outputs
    }

    fn stop(self) {
        assert!(self.application.stop());
    }
}

fn keys(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|n| format!("key-{}", n % 10))
}

fn last_counts(outputs: Vec<(String, i64)>) -> BTreeMap<String, i64> {
    outputs.into_iter().collect()
}

#[tokio::test]
async fn records_are_counted_and_the_counts_go_on_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(directory.path(), 1);
    running.append(keys(100)).await;
    assert_eq!(
        last_counts(running.outputs(100)).values().copied().collect::<Vec<_>>(),
        [10; 10]
    );
    running.stop();
    let running = start(directory.path(), 2);
    running.append(keys(100)).await;
    let outputs = running.outputs(200);
    assert_eq!(outputs.len(), 200);
    assert_eq!(last_counts(outputs).values().copied().collect::<Vec<_>>(), [20; 10]);
    running.stop();
}

#[tokio::test]
async fn an_application_with_more_threads_than_tasks_becomes_ready() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(directory.path(), 5);
    let deadline = Instant::now() + WAIT;
    while !running.queries.ready() {
        assert!(Instant::now() < deadline, "{:?}", running.queries.obstacles());
        tokio::task::yield_now().await;
    }
    running.stop();
}

#[tokio::test]
async fn a_lost_state_directory_is_rebuilt_from_the_changelog() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(directory.path(), 1);
    running.append(keys(50)).await;
    running.outputs(50);
    running.stop();
    std::fs::remove_dir_all(directory.path().join("state")).unwrap();
    let running = start(directory.path(), 1);
    running.append(keys(10)).await;
    assert_eq!(
        last_counts(running.outputs(60)).values().copied().collect::<Vec<_>>(),
        [6; 10]
    );
    running.stop();
}

#[tokio::test]
async fn a_query_sees_everything_that_stood_in_the_input_when_it_was_asked() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(directory.path(), 1);
    running.append(keys(30)).await;
    let store = running.layout.store_named("counts").unwrap();
    for key in keys(10) {
        let at = StoreAddress {
            topology: "counting",
            store: "counts",
            routing_key: key.as_bytes(),
        };
        let task = running.layout.task_for_key(store, key.as_bytes()).unwrap();
        let (_, next) = running.broker.bounds("input", task.partition).unwrap();
        let fresh = Freshness::After {
            topic: "input".to_owned(),
            partition: task.partition,
            next,
        };
        // The task may still be opening; then the query says so and is asked again.
        let value = loop {
            match running.queries.get(at, key.as_bytes(), &fresh, WAIT).await {
                Err(runtime::queries::QueryError::Unavailable(_)) => tokio::task::yield_now().await,
                other => break other.unwrap(),
            }
        };
        assert_eq!(value, Some(3i64.to_be_bytes().to_vec()));
    }
    let all = EntryRange {
        limit: 100,
        ..EntryRange::default()
    };
    let entries = running.queries.scan("counting", "counts", &all, WAIT).await.unwrap();
    assert_eq!(entries.len(), 10);
    running.stop();
}

#[tokio::test]
async fn a_waiting_query_wakes_when_its_value_changes() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(directory.path(), 1);
    running.append(["a".to_owned()]).await;
    running.outputs(1);
    let queries = running.queries.clone();
    let waiting = tokio::spawn(async move {
        let at = StoreAddress {
            topology: "counting",
            store: "counts",
            routing_key: b"a",
        };
        let done = |value: Option<&[u8]>| value == Some(&2i64.to_be_bytes()[..]);
        queries.wait(at, b"a", WAIT, &done).await
    });
    running.append(["a".to_owned()]).await;
    assert_eq!(waiting.await.unwrap().unwrap(), Some(2i64.to_be_bytes().to_vec()));
    running.stop();
}

#[tokio::test]
async fn who_waits_for_an_offset_is_told_at_once_that_the_task_has_gone() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(directory.path(), 1);
    running.append(["a".to_owned()]).await;
    running.outputs(1);
    let queries = running.queries.clone();
    let store = running.layout.store_named("counts").unwrap();
    let partition = running.layout.task_for_key(store, b"a").unwrap().partition;
    let waiting = tokio::spawn(async move {
        let at = StoreAddress {
            topology: "counting",
            store: "counts",
            routing_key: b"a",
        };
        let far = Freshness::After {
            topic: "input".to_owned(),
            partition,
            next: 1_000,
        };
        queries.get(at, b"a", &far, WAIT).await
    });
    // It waits from here on: there is one thread for both.
    tokio::task::yield_now().await;
    running.stop();
    let answer = waiting.await.unwrap();
    assert!(
        matches!(answer, Err(runtime::queries::QueryError::Unavailable(_))),
        "{answer:?}"
    );
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn stream_threads_give_way_as_far_as_they_are_told_and_others_do_not() {
    let directory = tempfile::tempdir().unwrap();
    let limits = ThreadLimits {
        niceness: 7,
        ..ThreadLimits::default()
    };
    let running = start_with(directory.path(), 2, limits);
    running.append(keys(1)).await;
    running.outputs(1);
    // Other tests have threads of these names.
    assert!(niceness_of("counting-0").contains(&7));
    assert!(niceness_of("counting-1").contains(&7));
    assert_eq!(rustix::process::getpriority_process(None), Ok(0));
    running.stop();
}

/// The niceness of every thread of this process with this name (proc(5)).
#[cfg(target_os = "linux")]
fn niceness_of(name: &str) -> Vec<i32> {
    let threads = std::fs::read_dir("/proc/self/task").unwrap();
    // A thread may end while they are listed.
    let stats = threads.filter_map(|thread| std::fs::read_to_string(thread.unwrap().path().join("stat")).ok());
    let named = stats.filter_map(|stat| {
        let (_, rest) = stat.split_once('(')?;
        let (found, fields) = rest.rsplit_once(") ")?;
        (found == name).then(|| fields.split(' ').nth(16).unwrap().parse().unwrap())
    });
    named.collect()
}
