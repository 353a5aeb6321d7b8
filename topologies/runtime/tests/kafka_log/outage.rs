//! A broker that hangs: readiness falls, nothing hangs with it, and work goes on in the same process when it is back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::kafka::{KafkaConfig, KafkaHealth, KafkaLog};
use streams::LogError;
use streams::log::{Event, Log};

use crate::fixture::{LogFixture, OUTPUT, append, commit_of, follow, pair, read, start, taken, task, tried, wait_for};
use crate::kafka_fixture::KafkaFixture;
use crate::support::KafkaServer;

const TRANSACTION_TIMEOUT_MS: u32 = 8_000;

#[test]
fn a_hanging_broker_costs_time_but_no_restart() {
    let server: &'static KafkaServer = Box::leak(Box::new(KafkaServer::start("")));
    let fixture = KafkaFixture::on(server, 1);
    append(&fixture, 0, &["a"]);
    let (mut log, health) = patient_thread(&fixture);
    taken(&mut log, 1);
    server.freeze();
    let started = Instant::now();
    let refused = log.commit(&[commit_of(task(0), 1, 1, "k", "lost")]);
    assert!(
        matches!(
            refused,
            Err(LogError::Abortable(_) | LogError::Migrated(_) | LogError::Retriable(_))
        ),
        "{refused:?}"
    );
    let bound = Duration::from_millis(u64::from(TRANSACTION_TIMEOUT_MS) * 3);
    assert!(started.elapsed() < bound, "the call took {:?}", started.elapsed());
    wait_for("readiness to fall", || {
        assert!(log.poll(Duration::from_millis(50)).is_ok());
        (!health.is_reachable()).then_some(())
    });
    server.thaw();
    wait_for("readiness to rise", || {
        follow(&mut log).unwrap();
        health.is_reachable().then_some(())
    });
    let commit = commit_of(task(0), 1, 1, "k", "found");
    wait_for("a commit", || {
        let done = tried(&mut log, &commit);
        assert!(!matches!(done, Err(LogError::Fatal(_))), "{done:?}");
        done.or_else(|error| follow(&mut log).and(Err(error))).ok()
    });
    assert_eq!(read(&fixture, OUTPUT, 0), [pair("k", "found")]);
}

fn patient_thread(fixture: &KafkaFixture) -> (KafkaLog, Arc<KafkaHealth>) {
    let config = KafkaConfig {
        transaction_timeout_ms: TRANSACTION_TIMEOUT_MS,
        ..fixture.config(0)
    };
    let health = Arc::new(KafkaHealth::default());
    let mut log = KafkaLog::connect(config, fixture.layout(), Arc::clone(&health)).unwrap();
    wait_for("the task", || {
        (log.poll(Duration::from_millis(50)) == Ok(Event::Assigned(vec![task(0)]))).then_some(())
    });
    start(&mut log, task(0));
    (log, health)
}
