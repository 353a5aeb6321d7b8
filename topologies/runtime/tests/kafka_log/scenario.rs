//! One thread that reaches its broker through a proxy alone.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use e2e::proxy::Proxy;
use runtime::kafka::{KafkaConfig, KafkaHealth, KafkaLog};

use crate::fixture::{LogFixture, start_all};
use crate::kafka_fixture::KafkaFixture;
use crate::support::KafkaServer;

/// One test at a time has the proxy.
static TURN: Mutex<()> = Mutex::new(());

/// A broker that clients reach only through the proxy.
fn behind_a_proxy() -> (&'static KafkaServer, &'static Proxy) {
    static BROKER: OnceLock<(KafkaServer, Proxy)> = OnceLock::new();
    let (server, proxy) = BROKER.get_or_init(|| {
        let proxy = Proxy::start().unwrap();
        let listening = proxy.port();
        let server = KafkaServer::start_behind(listening, |port| proxy.forward_to(port));
        (server, proxy)
    });
    (server, proxy)
}

pub(crate) struct Scenario {
    _turn: MutexGuard<'static, ()>,
    pub(crate) fixture: KafkaFixture,
    pub(crate) proxy: &'static Proxy,
    pub(crate) log: KafkaLog,
    pub(crate) health: Arc<KafkaHealth>,
}

/// A thread with one producer, so that the next transaction is the same producer's, and short timeouts.
pub(crate) fn scenario() -> Scenario {
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
