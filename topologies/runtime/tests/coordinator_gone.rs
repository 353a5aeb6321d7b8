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
use runtime::kafka::{KafkaAdmin, KafkaConfig, KafkaHealth, KafkaLog, ensure_internal_topics};
use streams::Layout;
use streams::log::Log;

use fixture::{commit_of, layout, start_all, task, tried, wait_for};
use support::topic;

/// Partitions of the topics in which the test brokers keep groups and transactions (`compose/kafka/server.properties`).
const COORDINATOR_PARTITIONS: i32 = 4;
/// Rounds of one group each.
const ROUNDS: usize = 3;
const TRANSACTION_TIMEOUT_MS: u32 = 5_000;
/// A call may use up its transaction's time, and a new producer that of its initialisation.
const CALL_MAX: Duration = Duration::from_secs(30);
/// The group has found another broker by then.
const RECOVERY_MAX: Duration = Duration::from_secs(120);

#[test]
fn a_thread_goes_on_when_the_coordinator_of_its_group_is_gone_for_good() {
    let mut cluster = Cluster::start(1).unwrap();
    let (mut number, mut rounds) = (0, 0);
    while rounds < ROUNDS {
        let layout = layout(&format!("gone-{number}"), 1);
        let mut log = joined(&cluster, &layout);
        committed(&mut log, 1);
        number += 1;
        let group = &layout.application_id;
        let coordinator = leader(&cluster, "__consumer_offsets", group);
        // A client that loses both coordinators hears of the loss.
        if coordinator == leader(&cluster, "__transaction_state", &format!("{group}-test-0-0")) {
            continue;
        }
        rounds += 1;
        let began = Instant::now();
        let next = committed_while(&mut log, || cluster.kill_9(coordinator).unwrap());
        committed(&mut log, next);
        println!("round {rounds}: committed again after {:.1?}", began.elapsed());
        log.close();
        cluster.revive(coordinator).unwrap();
    }
}

fn joined(cluster: &Cluster, layout: &Arc<Layout>) -> KafkaLog {
    let config = KafkaConfig {
        transaction_timeout_ms: TRANSACTION_TIMEOUT_MS,
        producers: 1,
        ..KafkaConfig::new(&cluster.side(0), &layout.application_id, "test", 0)
    };
    let admin = KafkaAdmin::connect(&config).unwrap();
    let replication = i32::try_from(NODES).unwrap();
    let topics = layout.topics[..2].iter().map(|made| topic(&made.name, 1, replication));
    admin.create(&topics.collect::<Vec<_>>()).unwrap();
    ensure_internal_topics(&admin, layout, replication).unwrap();
    let mut log = KafkaLog::connect(config, Arc::clone(layout), Arc::new(KafkaHealth::default())).unwrap();
    start_all(&mut log, 1);
    log
}

/// Commits one transaction after the other until `done` has returned, and answers the number of the next one.
fn committed_while(log: &mut KafkaLog, done: impl FnOnce() + Send) -> u64 {
    std::thread::scope(|scope| {
        let doing = scope.spawn(done);
        let mut next = 2;
        while !doing.is_finished() {
            committed(log, next);
            next += 1;
        }
        next
    })
}

/// Tries until this commit has come true. No call may take longer than it says.
fn committed(log: &mut KafkaLog, sequence: u64) {
    let commit = commit_of(task(0), sequence, i64::try_from(sequence).unwrap(), "key", "value");
    let began = Instant::now();
    wait_for("the commit", || {
        let called = Instant::now();
        let done = tried(log, &commit);
        assert!(called.elapsed() < CALL_MAX, "one call took {:?}", called.elapsed());
        assert!(
            began.elapsed() < RECOVERY_MAX,
            "nothing was committed in {RECOVERY_MAX:?}"
        );
        done
    });
}

/// The broker that coordinates what is kept under a name in one of Kafka's own topics. Its partition is Java's hash of the
/// name, without the sign.
fn leader(cluster: &Cluster, topic: &str, name: &str) -> usize {
    let hash = name
        .bytes()
        .fold(0_i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    let partition = (hash & i32::MAX) % COORDINATOR_PARTITIONS;
    wait_for("a leader", || cluster.leader_of(topic, partition).ok())
}
