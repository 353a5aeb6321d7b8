//! What a dead owner leaves behind.

use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::kafka::{KafkaConfig, KafkaHealth, KafkaLog};
use streams::LogError;
use streams::log::{Event, Log};

use crate::fixture::{LogFixture, OUTPUT, commit_of, committed, joined, pair, read, start_all, task, wait_for};
use crate::kafka_fixture::KafkaFixture;

/// Sessions and transactions last so long that a test which waits for one to end shows it.
const TIMEOUT: Duration = Duration::from_mins(2);

fn lasting(fixture: &KafkaFixture) -> KafkaLog {
    let timeout_ms = u32::try_from(TIMEOUT.as_millis()).unwrap();
    let config = KafkaConfig {
        session_timeout_ms: timeout_ms,
        transaction_timeout_ms: timeout_ms,
        ..fixture.config(0)
    };
    let mut log = KafkaLog::connect(config, fixture.layout(), Arc::new(KafkaHealth::default())).unwrap();
    start_all(&mut log, 2);
    log
}

#[test]
fn the_same_instance_takes_its_tasks_back_without_waiting_for_any_timeout() {
    let fixture = KafkaFixture::new(2);
    let mut first = lasting(&fixture);
    committed(&mut first, &[commit_of(task(0), 1, 1, "k", "first")]);
    // Forgotten, as by a process that was killed: nobody leaves the group, nobody closes a connection.
    std::mem::forget(first);
    let started = Instant::now();
    let mut second = lasting(&fixture);
    committed(&mut second, &[commit_of(task(0), 2, 2, "k", "second")]);
    assert!(started.elapsed() < TIMEOUT / 2, "took {:?}", started.elapsed());
    assert_eq!(read(&fixture, OUTPUT, 0), [pair("k", "first"), pair("k", "second")]);
}

#[test]
fn a_thread_that_another_drives_out_under_its_name_is_told_so_and_can_come_back() {
    let fixture = KafkaFixture::new(1);
    let mut first = joined(&fixture, 0, 1);
    let mut second = joined(&fixture, 0, 1);
    committed(&mut second, &[commit_of(task(0), 1, 1, "k", "second")]);
    assert!(matches!(driven_out(&mut first), LogError::Fenced(_)));
    first.close();
    let mut first = joined(&fixture, 0, 1);
    committed(&mut first, &[commit_of(task(0), 2, 2, "k", "first")]);
    assert!(matches!(driven_out(&mut second), LogError::Fenced(_)));
    assert_eq!(read(&fixture, OUTPUT, 0), [pair("k", "second"), pair("k", "first")]);
}

fn driven_out(log: &mut KafkaLog) -> LogError {
    wait_for("the heartbeat that tells", || log.poll(Duration::from_millis(50)).err())
}

#[test]
fn a_config_of_another_instance_does_not_fence_this_one() {
    let fixture = KafkaFixture::new(2);
    let mut first = joined(&fixture, 0, 2);
    let other = KafkaConfig {
        instance_id: "other".to_owned(),
        ..fixture.config(0)
    };
    let mut second = KafkaLog::connect(other, fixture.layout(), Arc::new(KafkaHealth::default())).unwrap();
    let revoked = wait_for("a revocation", || {
        assert_eq!(second.poll(Duration::from_millis(50)), Ok(Event::Idle));
        match first.poll(Duration::from_millis(50)).unwrap() {
            Event::Revoked(tasks) => Some(tasks),
            _ => None,
        }
    });
    let kept = task(1 - revoked[0].partition);
    committed(&mut first, &[commit_of(kept, 1, 1, "k", "kept")]);
    assert_eq!(read(&fixture, OUTPUT, kept.partition), [pair("k", "kept")]);
    assert!(matches!(second.start(kept, &[]), Err(LogError::Migrated(_))));
}
