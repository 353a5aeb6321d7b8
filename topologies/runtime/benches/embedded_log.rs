//! What the embedded log costs on this machine: `cargo bench -p runtime --bench embedded_log`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "a measurement prints, and fails by panicking"
)]

use std::io::Write;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::commands::{CommandLog, CommandRecord};
use runtime::embedded::{Cleanup, EmbeddedBroker, EmbeddedLog, EmbeddedTopic};
use streams::log::{Event, Log};
use streams::{
    Commit, Headers, InputOffset, Layout, OutputBuffer, OutputRecord, StoreIndex, TaskId, TaskLayout, TopicIndex,
    TopicKind, TopicLayout,
};

const INPUT: TopicIndex = TopicIndex(0);
const OUTPUT: TopicIndex = TopicIndex(1);
const CHANGELOG: TopicIndex = TopicIndex(2);
const TASK: TaskId = TaskId {
    subtopology: 0,
    partition: 0,
};
const VALUE_BYTES: usize = 150;

fn main() {
    let dir = tempfile::tempdir().unwrap();
    fdatasync(dir.path());
    single_commits(dir.path());
    concurrent_commits(dir.path(), 4);
    large_commits(dir.path());
    command_appends(dir.path(), 64);
    chain(dir.path(), 5);
}

/// Times sorted, in milliseconds.
fn report(what: &str, mut times: Vec<f64>, rate: Option<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    let rate = rate.map(|rate| format!("  {rate:.0}/s")).unwrap_or_default();
    println!("{what:<46} p50 {:.2} ms  p99 {:.2} ms{rate}", at(50), at(99));
}

fn timed(work: impl FnOnce()) -> f64 {
    let began = Instant::now();
    work();
    began.elapsed().as_secs_f64() * 1_000.0
}

/// What the disk itself takes: 300 bytes appended and synced.
fn fdatasync(dir: &Path) {
    let mut file = std::fs::File::create(dir.join("sync")).unwrap();
    let times = (0..300).map(|_| {
        timed(|| {
            file.write_all(&[1; 300]).unwrap();
            file.sync_data().unwrap();
        })
    });
    report("fdatasync of 300 bytes", times.collect(), None);
}

fn single_commits(dir: &Path) {
    let broker = EmbeddedBroker::open(&dir.join("single")).unwrap();
    let mut log = joined(&broker, "single", "a", "b");
    let times = (1..=300).map(|n| timed(|| drop(log.commit(&[commit(n, 1)]).unwrap())));
    report("commit of one task, alone", times.collect(), None);
}

fn concurrent_commits(dir: &Path, threads: usize) {
    let broker = EmbeddedBroker::open(&dir.join("concurrent")).unwrap();
    let began = Instant::now();
    let workers = (0..threads).map(|thread| {
        let broker = Arc::clone(&broker);
        std::thread::spawn(move || {
            let mut log = joined(
                &broker,
                &format!("app{thread}"),
                &format!("in{thread}"),
                &format!("out{thread}"),
            );
            let times = (1..=300).map(|n| timed(|| drop(log.commit(&[commit(n, 1)]).unwrap())));
            times.collect::<Vec<f64>>()
        })
    });
    let workers: Vec<_> = workers.collect();
    let times: Vec<f64> = workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
    let rate = times.len() as f64 / began.elapsed().as_secs_f64();
    report(&format!("commits of {threads} threads at once"), times, Some(rate));
}

fn large_commits(dir: &Path) {
    const RECORDS: usize = 5_000;
    let broker = EmbeddedBroker::open(&dir.join("large")).unwrap();
    let mut log = joined(&broker, "large", "a", "b");
    let began = Instant::now();
    let times: Vec<f64> = (1..=40)
        .map(|n| timed(|| drop(log.commit(&[commit(n, RECORDS)]).unwrap())))
        .collect();
    let rate = 40.0 * 2.0 * RECORDS as f64 / began.elapsed().as_secs_f64();
    report("commits of 5,000 outputs and changelog records", times, Some(rate));
    drop(log);
    let mut reader = joined(&broker, "reader", "b", "c");
    let began = Instant::now();
    let mut records = 0_usize;
    reader
        .drain(&mut |_| {
            records += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
    println!(
        "{:<46} {:.0} records/s",
        "drain",
        records as f64 / began.elapsed().as_secs_f64()
    );
}

fn command_appends(dir: &Path, callers: usize) {
    const EACH: usize = 50;
    let broker = EmbeddedBroker::open(&dir.join("commands")).unwrap();
    create(&broker, "commands");
    let log = broker.command_log().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .unwrap();
    let began = Instant::now();
    let times = runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..callers {
            let log = log.clone();
            tasks.spawn(async move {
                let mut times = Vec::new();
                for _ in 0..EACH {
                    let began = Instant::now();
                    log.append(command("commands")).await.unwrap();
                    times.push(began.elapsed().as_secs_f64() * 1_000.0);
                }
                times
            });
        }
        tasks.join_all().await.concat()
    });
    let rate = times.len() as f64 / began.elapsed().as_secs_f64();
    report(&format!("acknowledged appends of {callers} callers"), times, Some(rate));
}

/// A command through `hops` topologies, each on its own thread, until the last one's commit is acknowledged.
fn chain(dir: &Path, hops: usize) {
    const COMMANDS: u64 = 200;
    let broker = EmbeddedBroker::open(&dir.join("chain")).unwrap();
    (0..=hops).for_each(|hop| create(&broker, &format!("hop{hop}")));
    let (done, finished) = std::sync::mpsc::channel();
    for hop in 0..hops {
        let mut log = joined(
            &broker,
            &format!("chain{hop}"),
            &format!("hop{hop}"),
            &format!("hop{}", hop + 1),
        );
        let done = (hop + 1 == hops).then(|| done.clone());
        std::thread::spawn(move || {
            for n in 1..=COMMANDS {
                while log.poll(Duration::from_secs(1)).unwrap() != Event::Records {}
                log.drain(&mut |_| ControlFlow::Continue(())).unwrap();
                log.commit(&[commit(n, 1)]).unwrap();
                if let Some(done) = &done {
                    done.send(()).unwrap();
                }
            }
        });
    }
    let times = (0..COMMANDS).map(|_| {
        timed(|| {
            broker.append(0, &command("hop0")).unwrap();
            finished.recv().unwrap();
        })
    });
    report(&format!("append and {hops} hops, end to end"), times.collect(), None);
}

fn command(topic: &str) -> CommandRecord {
    CommandRecord {
        topic: topic.to_owned(),
        key: b"key".to_vec(),
        value: Some(vec![1; VALUE_BYTES]),
        headers: Vec::new(),
        timestamp_ms: 1,
    }
}

fn create(broker: &EmbeddedBroker, name: &str) {
    let cleanup = Cleanup::Delete { retention_ms: -1 };
    broker
        .create_topics(&[EmbeddedTopic {
            name: name.to_owned(),
            partitions: 1,
            cleanup,
        }])
        .unwrap();
}

fn joined(broker: &Arc<EmbeddedBroker>, application: &str, input: &str, output: &str) -> EmbeddedLog {
    let layout = layout(application, input, output);
    create(broker, input);
    create(broker, output);
    broker.create_internal_topics(&layout).unwrap();
    let mut log = broker.join(layout, 0).unwrap();
    assert!(matches!(log.poll(Duration::from_secs(1)), Ok(Event::Assigned(_))));
    let from = log.committed(TASK).unwrap();
    log.start(TASK, &from).unwrap();
    log
}

fn layout(application: &str, input: &str, output: &str) -> Arc<Layout> {
    let placed = |name: &str, kind| TopicLayout {
        name: name.to_owned(),
        kind,
        partitions: 1,
    };
    Arc::new(Layout {
        application_id: application.to_owned(),
        topics: vec![
            placed(input, TopicKind::Source),
            placed(output, TopicKind::Sink),
            placed(&format!("{application}-0-changelog"), TopicKind::Changelog),
        ],
        tasks: vec![TaskLayout {
            id: TASK,
            inputs: vec![INPUT],
            stores: vec![StoreIndex(0)],
            changelog: Some(CHANGELOG),
        }],
        stores: vec!["store".to_owned()],
    })
}

fn commit(sequence: u64, records: usize) -> Commit {
    let fill = |topic| {
        let mut buffer = OutputBuffer::default();
        for record in 0..records {
            buffer.push(OutputRecord {
                topic,
                partition: 0,
                timestamp_ms: 1,
                key: Some(&record.to_be_bytes()),
                value: Some(&[1; VALUE_BYTES]),
                headers: &Headers::default(),
            });
        }
        buffer
    };
    Commit {
        task: TASK,
        sequence,
        outputs: fill(OUTPUT),
        sent: 0,
        changelog: fill(CHANGELOG),
        changelog_topic: Some(CHANGELOG),
        changelog_before: None,
        offsets: vec![InputOffset {
            topic: INPUT,
            partition: 0,
            next: 0,
        }],
        stream_time_ms: 1,
    }
}
