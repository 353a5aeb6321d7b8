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

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use edge_api::auth::revocations::Revocations;
use edge_api::clock::{Clock, Entropy, SystemClock, SystemEntropy};
use edge_api::{CommandSerdes, EdgeParts, EdgeState, MemorySessions, SessionStore, TokenKey, TokenKeys};
use runtime::GlobalStreamThread;
use schemas::SchemaTable;

pub use client::{Client, Reply};
pub use engine::Engine;
pub use faults::{FaultyLog, FaultyViews};

/// The seed of the gateways' keys.
pub const SEED: [u8; 32] = [7; 32];

/// The machine's clock, moved by as much as a test says.
#[derive(Default)]
pub struct MovedClock(AtomicI64);

impl MovedClock {
    pub fn advance_ms(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for MovedClock {
    fn now_ms(&self) -> i64 {
        SystemClock.now_ms() + self.0.load(Ordering::SeqCst)
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
    /// A gateway with sessions in this process.
    pub async fn open() -> Self {
        Self::with_sessions(Arc::new(MemorySessions::default())).await
    }

    /// A gateway with these sessions.
    pub async fn with_sessions(sessions: Arc<dyn SessionStore>) -> Self {
        let clock = Arc::new(MovedClock::default());
        Self::with(sessions, clock, Vec::new()).await
    }

    pub async fn with(sessions: Arc<dyn SessionStore>, clock: Arc<MovedClock>, allowed_origins: Vec<String>) -> Self {
        Self::unaware(sessions, clock, allowed_origins, own_key())
            .await
            .told()
            .await
    }

    /// A gateway with these sessions and keys.
    pub async fn with_keys(sessions: Arc<dyn SessionStore>, keys: TokenKeys) -> Self {
        let clock = Arc::new(MovedClock::default());
        Self::unaware(sessions, clock, Vec::new(), keys).await.told().await
    }

    /// The gateway from when it knows which sessions are over.
    async fn told(mut self) -> Self {
        self.following = Some(self.engine.follow(&self.revocations));
        while !self.revocations.is_complete() {
            tokio::task::yield_now().await;
        }
        self
    }

    /// A gateway that has not been told yet which sessions are over.
    pub async fn unaware(
        sessions: Arc<dyn SessionStore>,
        clock: Arc<MovedClock>,
        allowed_origins: Vec<String>,
        keys: TokenKeys,
    ) -> Self {
        let engine = Engine::shared().await;
        let log = Arc::new(FaultyLog::new(engine.log()));
        let views = Arc::new(FaultyViews::new(engine.queries.clone()));
        let schemas = Arc::new(SchemaTable::with_current_schemas());
        let revocations = Arc::new(Revocations::new(&schemas, Arc::clone(&clock) as _));
        let parts = EdgeParts {
            log: Arc::clone(&log) as _,
            views: Arc::clone(&views) as _,
            sessions,
            revocations: Arc::clone(&revocations),
            serdes: CommandSerdes::avro(&schemas),
            keys,
            clock: Arc::clone(&clock) as _,
            entropy: Arc::new(SystemEntropy),
            metrics: Arc::new(|| "# no metrics\n".to_owned()),
            allowed_origins,
            proxies: 1,
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

/// The key of gateways to which it does not matter.
pub fn own_key() -> TokenKeys {
    TokenKey::from_seed(SEED).into()
}

/// A word that no other test uses.
pub fn unique(prefix: &str) -> String {
    format!(
        "{prefix}-{}",
        edge_api::clock::random_id(&SystemEntropy as &dyn Entropy).unwrap()
    )
}
