//! The broker that coordinates a thread's group dies while the thread commits, and does not come back. Every call has to return.
//! Whether the client would wait for ever depends on what it was doing at that moment, so there are several rounds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking and tells how long it took"
)]

#[path = "log_contract/fixture.rs"]
mod fixture;
mod support;

use std::sync::Arc;
use std::time::{Duration, Instant};

use e2e::{Cluster, NODES};
use runtime::kafka::{KafkaAdmin, KafkaConfig, KafkaLog, KafkaReader, ensure_internal_topics};
use streams::LogError;
use streams::log::{Log, LogReader};

use fixture::{commit_of, follow, layout, start_all, task, tried, wait_for};
use support::topic;

/// Where a group is kept: the leader of its partition is the group's coordinator.
const GROUPS: &str = "__consumer_offsets";
/// Partitions of the topics in which the test brokers keep groups and transactions (`compose/kafka/server.properties`).
const COORDINATOR_PARTITIONS: i32 = 4;
/// Rounds of one group each.
const ROUNDS: usize = 3;
const TRANSACTION_TIMEOUT_MS: u32 = 5_000;
/// A call may use up its transaction's time, and a new producer that of its initialisation.
const CALL_MAX: Duration = Duration::from_secs(30);
/// A question for a group that waits for a broker that is down takes all of its 15 s.
const DESCRIBE_MAX: Duration = Duration::from_secs(10);
/// A client finds the new leader of a partition by then; its own look for leaders comes every 5 minutes.
const ENDS_MAX: Duration = Duration::from_secs(30);
/// The group has found another broker by then.
const RECOVERY_MAX: Duration = Duration::from_secs(120);

#[test]
fn a_thread_goes_on_when_the_coordinator_of_its_group_is_gone_for_good() {
    let mut cluster = Cluster::start(1).unwrap();
    // Kafka's own topics are there as soon as somebody needs them.
    drop(Thread::joined(config(&cluster, "first", "test")));
    let mut reader = KafkaReader::connect(&config(&cluster, "reader", "test"), Arc::default()).unwrap();
    let mut numbers = 0..;
    for round in 1..=ROUNDS {
        let (config, coordinator) = wait_for("two coordinators", || candidate(&cluster, numbers.next()?));
        let group = config.application_id.clone();
        let admin = KafkaAdmin::connect(&config).unwrap();
        let mut thread = Thread::joined(config);
        thread.committed(1).unwrap();
        describe(&admin, &group);
        read_ends(&mut reader, &group);
        let began = Instant::now();
        let next = thread.committed_while(|| cluster.kill_9(coordinator).unwrap());
        let recovered = next.and_then(|next| thread.committed(next));
        recovered.unwrap_or_else(|last| {
            let (broker, group) = (coordinator + 1, admin.group(&group));
            let partitions = cluster.partitions().unwrap();
            panic!("broker {broker} is gone, and nothing was committed: {last}\n{group:?}\n{partitions}")
        });
        println!("round {round}: committed again after {:.1?}", began.elapsed());
        describe(&admin, &group);
        read_ends(&mut reader, &group);
        drop(thread);
        cluster.revive(coordinator).unwrap();
    }
}

/// A thread of a new group, with the broker that coordinates the group. Its transactions are coordinated by another one: a client
/// that loses both coordinators hears of the loss.
fn candidate(cluster: &Cluster, number: u32) -> Option<(KafkaConfig, usize)> {
    // Both names vary, and not together: where names differ by their beginnings alone, the partitions that their hashes say always
    // differ by the same.
    let (group, instance) = (format!("gone-{number}"), format!("test-{}", number / 7));
    let coordinator = leader(cluster, GROUPS, &group);
    let of_transactions = leader(cluster, "__transaction_state", &format!("{group}-{instance}-0-0"));
    (coordinator != of_transactions).then(|| (config(cluster, &group, &instance), coordinator))
}

fn config(cluster: &Cluster, group: &str, instance: &str) -> KafkaConfig {
    KafkaConfig {
        transaction_timeout_ms: TRANSACTION_TIMEOUT_MS,
        producers: 1,
        ..KafkaConfig::new(&cluster.side(0), group, instance, 0)
    }
}

/// What a stream thread does with its log.
struct Thread {
    config: KafkaConfig,
    log: KafkaLog,
}

impl Thread {
    fn joined(config: KafkaConfig) -> Self {
        let layout = layout(&config.application_id, 1);
        let admin = KafkaAdmin::connect(&config).unwrap();
        let replication = i32::try_from(NODES).unwrap();
        let topics = layout.topics[..2].iter().map(|made| topic(&made.name, 1, replication));
        admin.create(&topics.collect::<Vec<_>>()).unwrap();
        ensure_internal_topics(&admin, &layout, replication).unwrap();
        let log = connected(&config);
        Self { config, log }
    }

    /// Commits one transaction after the other until `done` has returned, and answers the number of the next one.
    fn committed_while(&mut self, done: impl FnOnce() + Send) -> Result<u64, LogError> {
        std::thread::scope(|scope| {
            let doing = scope.spawn(done);
            let mut next = 2;
            while !doing.is_finished() {
                self.committed(next)?;
                next += 1;
            }
            Ok(next)
        })
    }

    /// Tries until this commit has come true, or it is too late. No call may take longer than it says.
    fn committed(&mut self, sequence: u64) -> Result<(), LogError> {
        let commit = commit_of(task(0), sequence, i64::try_from(sequence).unwrap(), "key", "value");
        let began = Instant::now();
        loop {
            let called = Instant::now();
            let done = tried(&mut self.log, &commit);
            assert!(called.elapsed() < CALL_MAX, "one call took {:?}", called.elapsed());
            if done.is_ok() || began.elapsed() > RECOVERY_MAX {
                return done;
            }
            // A thread that leaves its group, or is driven out of it, joins with a new log. On a loaded machine the latter happens
            // here to the only thread there is.
            let goes_on = match done {
                Err(error @ (LogError::Fenced(_) | LogError::Fatal(_))) => Err(error),
                _ => follow(&mut self.log),
            };
            if let Err(error) = goes_on {
                assert!(!matches!(error, LogError::Fatal(_)), "{error}");
                println!("begins again: {error}");
                self.log.close();
                self.log = connected(&self.config);
            }
        }
    }
}

fn connected(config: &KafkaConfig) -> KafkaLog {
    let layout = layout(&config.application_id, 1);
    let mut log = wait_for("a log", || {
        KafkaLog::connect(config.clone(), Arc::clone(&layout), Arc::default()).ok()
    });
    start_all(&mut log, 1);
    log
}

/// Asks who is in the group. A broker that is down may not keep the answer back.
fn describe(admin: &KafkaAdmin, group: &str) {
    let (found, took) = wait_for("the group", || {
        let asked = Instant::now();
        let answer = admin.group(group);
        Some((answer.ok()?, asked.elapsed()))
    });
    assert_eq!(found.members.len(), 1, "{found:?}");
    assert!(took < DESCRIBE_MAX, "the group was described after {took:?}");
}

/// Asks for the ends of the partition that keeps the group. Its leader dies in each round, and the reader lives through all of them.
fn read_ends(reader: &mut KafkaReader, group: &str) {
    let began = Instant::now();
    loop {
        match reader.offsets(GROUPS, partition_of(group)) {
            Ok((first, end)) => return assert!(first < end, "a group is kept in {first}..{end}"),
            Err(error) => assert!(began.elapsed() < ENDS_MAX, "the new leader was not found: {error}"),
        }
    }
}

/// The broker that coordinates what is kept under a name in one of Kafka's own topics.
fn leader(cluster: &Cluster, topic: &str, name: &str) -> usize {
    wait_for("a leader", || cluster.leader_of(topic, partition_of(name)).ok())
}

/// Where Kafka's own topics keep a name: Java's hash of it, and of that the absolute value (`Utils.abs`).
fn partition_of(name: &str) -> i32 {
    let hash = name
        .bytes()
        .fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    hash.wrapping_abs().max(0) % COORDINATOR_PARTITIONS
}
