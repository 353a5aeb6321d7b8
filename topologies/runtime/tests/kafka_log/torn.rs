//! The end of a transaction gets lost or late, and no transaction is torn or told wrongly.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use runtime::kafka::{KafkaConfig, KafkaHealth, KafkaLog};
use streams::LogError;
use streams::log::Log;

use crate::fixture::{LogFixture, OUTPUT, commit_of, committed, pair, read, start_all, task, wait_for};
use crate::kafka_fixture::KafkaFixture;
use crate::proxy::{END_TXN, Fault, Proxy};
use crate::support::KafkaServer;

/// One test at a time has the proxy.
static TURN: Mutex<()> = Mutex::new(());

/// A broker that clients reach only through the proxy.
fn behind_a_proxy() -> (&'static KafkaServer, &'static Proxy) {
    static BROKER: OnceLock<(KafkaServer, Proxy)> = OnceLock::new();
    let (server, proxy) = BROKER.get_or_init(|| {
        let proxy = Proxy::start();
        let listening = proxy.port();
        let server = KafkaServer::start_behind(listening, |port| proxy.forward_to(port));
        (server, proxy)
    });
    (server, proxy)
}

struct Scenario {
    _turn: MutexGuard<'static, ()>,
    fixture: KafkaFixture,
    proxy: &'static Proxy,
    log: KafkaLog,
    health: Arc<KafkaHealth>,
}

/// A thread with one producer, so that the next transaction is the same producer's, and short timeouts.
fn scenario() -> Scenario {
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let (server, proxy) = behind_a_proxy();
    proxy.open();
    let fixture = KafkaFixture::on(server, 1);
    let config = KafkaConfig {
        producers: 1,
        transaction_timeout_ms: 10_000,
        // The broker is out of reach for longer than a transaction, and the tasks stay.
        session_timeout_ms: 120_000,
        ..fixture.config(0)
    };
    let health = Arc::new(KafkaHealth::default());
    let mut log = KafkaLog::connect(config, fixture.layout(), Arc::clone(&health)).unwrap();
    start_all(&mut log, 1);
    Scenario {
        _turn: turn,
        fixture,
        proxy,
        log,
        health,
    }
}

#[test]
fn an_end_whose_answer_is_lost_is_repeated_and_the_producer_replaced() {
    let mut it = scenario();
    it.proxy.arm(END_TXN, Fault::LoseAnswer, false);
    committed(&mut it.log, &[commit_of(task(0), 1, 1, "k", "first")]);
    assert!(it.proxy.has_struck());
    assert_eq!(it.health.rebuilt_producers(), 1);
    committed(&mut it.log, &[commit_of(task(0), 2, 2, "k", "second")]);
    assert_eq!(read(&it.fixture, OUTPUT, 0), [pair("k", "first"), pair("k", "second")]);
}

#[test]
fn a_late_end_cannot_touch_the_next_transaction() {
    let mut it = scenario();
    it.proxy.arm(END_TXN, Fault::DelayRequest, false);
    committed(&mut it.log, &[commit_of(task(0), 1, 1, "k", "first")]);
    assert!(it.proxy.has_struck());
    // The next transaction waits for the broker's word on its end while the late end of the first arrives.
    it.proxy.arm(END_TXN, Fault::DelayRequest, true);
    let codes = std::thread::scope(|scope| {
        let proxy = it.proxy;
        let late = scope.spawn(move || {
            wait_for("the second end", || proxy.has_struck().then_some(()));
            let codes = proxy.release();
            proxy.open();
            codes
        });
        committed(&mut it.log, &[commit_of(task(0), 2, 2, "k", "second")]);
        late.join().unwrap()
    });
    // The first is refused for its old epoch; the second is the transaction's own.
    assert!(!codes.is_empty() && codes[0] != 0, "{codes:?}");
    assert_eq!(read(&it.fixture, OUTPUT, 0), [pair("k", "first"), pair("k", "second")]);
}

#[test]
fn an_outcome_that_nobody_told_is_found_to_be_a_commit() {
    let mut it = scenario();
    it.proxy.arm(END_TXN, Fault::LoseAnswer, true);
    let ends = unreachable_until_discarded(&mut it).unwrap();
    assert!(ends[0].is_some());
    assert_eq!(read(&it.fixture, OUTPUT, 0), [pair("k", "first")]);
    committed(&mut it.log, &[commit_of(task(0), 2, 2, "k", "second")]);
    assert_eq!(read(&it.fixture, OUTPUT, 0), [pair("k", "first"), pair("k", "second")]);
}

#[test]
fn an_outcome_that_nobody_told_is_found_to_be_an_abort() {
    let mut it = scenario();
    it.proxy.arm(END_TXN, Fault::LoseRequest, true);
    let refused = unreachable_until_discarded(&mut it);
    assert!(matches!(refused, Err(LogError::Abortable(_))), "{refused:?}");
    it.log.abort().unwrap();
    assert_eq!(read(&it.fixture, OUTPUT, 0), []);
    committed(&mut it.log, &[commit_of(task(0), 1, 1, "k", "again")]);
    assert_eq!(read(&it.fixture, OUTPUT, 0), [pair("k", "again")]);
}

/// Commits while the broker goes out of reach at the end, and comes back when the producer was given up.
fn unreachable_until_discarded(it: &mut Scenario) -> Result<Vec<streams::ChangelogEnd>, LogError> {
    std::thread::scope(|scope| {
        let (proxy, health) = (it.proxy, Arc::clone(&it.health));
        scope.spawn(move || {
            wait_for("the end of the transaction", || proxy.has_struck().then_some(()));
            wait_for("the producer to be given up", || {
                (health.rebuilt_producers() > 0).then_some(())
            });
            proxy.open();
        });
        it.log.commit(&[commit_of(task(0), 1, 1, "k", "first")])
    })
}
