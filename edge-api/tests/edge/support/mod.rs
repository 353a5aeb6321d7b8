//! A whole shop in this process: the real topologies on an embedded log, and gateways before it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and no test file uses all of this"
)]

pub mod client;
pub mod engine;
pub mod faults;
pub mod people;
pub mod redis_server;

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use edge_api::auth::passwords::BreachedPasswords;
use edge_api::auth::revocations::Revocations;
use edge_api::clock::{Clock, Entropy, SystemClock, SystemEntropy};
use edge_api::{
    CommandSerdes, EdgeParts, EdgeState, MemorySessions, SealingKey, SealingKeys, SessionStore, TokenKey, TokenKeys,
};
use runtime::GlobalStreamThread;
use schemas::SchemaTable;

pub use client::{Client, Reply};
pub use engine::Engine;
pub use faults::{FaultyLog, FaultyViews};

/// The seed of the gateways' keys.
pub const SEED: [u8; 32] = [7; 32];

/// The machine's clock, moved by as much as a test says; or standing still but for that.
#[derive(Default)]
pub struct MovedClock {
    moved_ms: AtomicI64,
    stopped_at_ms: OnceLock<i64>,
}

impl MovedClock {
    pub fn advance_ms(&self, ms: i64) {
        self.moved_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// From now on only the test moves it, however slow the machine is.
    pub fn stop(&self) {
        self.stopped_at_ms.get_or_init(|| SystemClock.now_ms());
    }
}

impl Clock for MovedClock {
    fn now_ms(&self) -> i64 {
        let stopped_at_ms = self.stopped_at_ms.get().copied();
        stopped_at_ms.unwrap_or_else(|| SystemClock.now_ms()) + self.moved_ms.load(Ordering::SeqCst)
    }
}

/// What distinguishes a gateway from others.
pub struct Setting {
    pub sessions: Arc<dyn SessionStore>,
    pub keys: TokenKeys,
    pub allowed_origins: Vec<String>,
    pub quota: u32,
    pub console: bool,
    pub sealing: SealingKeys,
    pub sellers_need_second_factor: bool,
    pub takes_cards: bool,
    pub breached_passwords: Option<Arc<BreachedPasswords>>,
    pub shop_words: Vec<String>,
}

impl Default for Setting {
    /// Sessions in this process, and a quota of more requests than any test makes that is not about it.
    fn default() -> Self {
        Self {
            sessions: Arc::new(MemorySessions::default()),
            keys: TokenKey::from_seed(SEED).into(),
            allowed_origins: Vec::new(),
            quota: 1_000_000,
            console: true,
            sealing: SealingKey::from_seed(SEED).unwrap().into(),
            sellers_need_second_factor: false,
            takes_cards: false,
            breached_passwords: None,
            shop_words: Vec::new(),
        }
    }
}

/// A gateway and what a test may do to its surroundings.
pub struct Shop {
    pub state: EdgeState,
    pub clock: Arc<MovedClock>,
    pub log: Arc<FaultyLog>,
    pub views: Arc<FaultyViews>,
    /// What the gateway knows of sessions that are over.
    pub revocations: Arc<Revocations>,
    /// Fills them.
    following: Option<GlobalStreamThread>,
    /// Dropped last: it waits for the others to let go of its log.
    pub engine: Arc<Engine>,
}

impl Shop {
    /// A gateway like any other.
    pub async fn open() -> Self {
        Self::with(Setting::default()).await
    }

    /// A gateway with these sessions.
    pub async fn with_sessions(sessions: Arc<dyn SessionStore>) -> Self {
        Self::with(Setting {
            sessions,
            ..Setting::default()
        })
        .await
    }

    /// A gateway from when it knows which sessions are over.
    pub async fn with(setting: Setting) -> Self {
        let mut shop = Self::unaware(setting).await;
        shop.following = Some(shop.engine.follow(&shop.revocations));
        while !shop.revocations.is_complete() {
            tokio::task::yield_now().await;
        }
        shop
    }

    /// A gateway that has not been told yet which sessions are over.
    pub async fn unaware(setting: Setting) -> Self {
        let clock = Arc::new(MovedClock::default());
        let engine = Engine::shared().await;
        let log = Arc::new(FaultyLog::new(engine.log()));
        let views = Arc::new(FaultyViews::new(engine.queries.clone()));
        let schemas = Arc::new(SchemaTable::with_current_schemas());
        let revocations = Arc::new(Revocations::new(&schemas, Arc::clone(&clock) as _));
        let parts = EdgeParts {
            log: Arc::clone(&log) as _,
            views: Arc::clone(&views) as _,
            sessions: setting.sessions,
            revocations: Arc::clone(&revocations),
            serdes: CommandSerdes::avro(&schemas),
            keys: setting.keys,
            sealing: setting.sealing,
            sellers_need_second_factor: setting.sellers_need_second_factor,
            takes_cards: setting.takes_cards,
            breached_passwords: setting.breached_passwords,
            shop_words: setting.shop_words,
            clock: Arc::clone(&clock) as _,
            entropy: Arc::new(SystemEntropy),
            metrics: Arc::new(|| "# no metrics\n".to_owned()),
            spans: None,
            allowed_origins: setting.allowed_origins,
            quota: setting.quota,
            proxies: 1,
            console: setting.console,
            admin_routes: axum::Router::new(),
        };
        Self {
            state: EdgeState::new(parts).unwrap(),
            clock,
            log,
            views,
            revocations,
            following: None,
            engine,
        }
    }

    /// Somebody without a token.
    pub fn anonymous(&self) -> Client {
        Client::new(edge_api::app(self.state.clone()))
    }
}

/// A word that no other test uses.
pub fn unique(prefix: &str) -> String {
    format!(
        "{prefix}-{}",
        edge_api::clock::random_id(&SystemEntropy as &dyn Entropy).unwrap()
    )
}
