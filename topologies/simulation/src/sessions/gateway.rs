//! A gateway with everything that a request goes through, in a process that may die with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{Method, Request};
use commerce::account::{Account, AccountStatus};
use commerce::authority::Role;
use commerce::ids::{AccountId, LoginKey};
use commerce::state_serde::StateSerde;
use commerce::views::CREDENTIALS;
use edge_api::auth::refresh::RefreshToken;
use edge_api::auth::revocations::Revocations;
use edge_api::auth::tokens::AccessGrant;
use edge_api::clock::{Clock, Entropy, EntropyError, hex};
use edge_api::sessions::NewSession;
use edge_api::views::{Done, Read, Views};
use edge_api::{CommandSerdes, EdgeParts, EdgeState, SealingKey, SessionStore, TokenKey, TokenKeys, app, auth};
use runtime::kafka::{KafkaConfig, KafkaGlobalConsumer};
use runtime::queries::{Entries, EntryRange, Freshness, StoreAddress};
use runtime::{GlobalStreamThread, Machine, MakeGlobalConsumer};
use schemas::SchemaTable;
use schemas::topics::REVOCATIONS;
use serde_json::Value;
use streams::serde::Serde;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use super::gateway_log::GatewayLog;
use super::redis::Redis;
use crate::client::SimClient;
use crate::future::block_on;
use crate::machine::SimMachine;
use crate::service::Service;
use crate::workload::Stage;
use crate::world::{ProcessId, World};

/// The keys of all gateways.
const SEED: [u8; 32] = [7; 32];
/// Nobody changes a password.
const CREDENTIAL_VERSION: i64 = 1;
/// Bytes of an answer, at most.
const BODY_BYTES_MAX: usize = 64 << 10;
/// How far the clock of a gateway may be from the true time, in milliseconds.
const SKEW_MS: u64 = 5_000;

/// One gateway. Clones are the same.
#[derive(Clone)]
pub(super) struct Gateway {
    stage: Stage,
    schemas: Arc<SchemaTable>,
    redis: Redis,
    service: Service,
    /// What the process of the last request holds.
    life: Arc<Mutex<Option<Life>>>,
}

/// What a process holds until it dies.
#[derive(Clone)]
struct Life {
    process: ProcessId,
    router: Router,
    runtime: Arc<Runtime>,
    /// Fills what the gateway knows of sessions that are over.
    _following: Arc<GlobalStreamThread>,
}

/// What a client asks for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) token: Option<String>,
    pub(super) body: Option<Value>,
}

/// What it is answered.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The access token of the `Authorization` header.
    pub(super) renewed: Option<String>,
    pub(super) body: Value,
}

/// The tokens of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tokens {
    pub(super) session: String,
    pub(super) access: String,
    pub(super) refresh: String,
}

impl Gateway {
    pub(super) fn open(stage: &Stage, schemas: &Arc<SchemaTable>, redis: &Redis) -> Self {
        Self {
            stage: stage.clone(),
            schemas: Arc::clone(schemas),
            redis: redis.clone(),
            service: Service::open(stage),
            life: Arc::default(),
        }
    }

    /// One request. `None` when no answer came.
    pub(super) fn ask(&self, asked: Asked) -> Option<Answer> {
        let gateway = self.clone();
        self.service
            .ask(move |process| gateway.handle(process, asked))
            .flatten()
    }

    /// Begins a session, as a login with the right password does.
    pub(super) fn log_in(&self, person: u64) -> Option<Tokens> {
        let gateway = self.clone();
        self.service
            .ask(move |process| gateway.begin(process, person))
            .flatten()
    }

    fn handle(&self, process: ProcessId, asked: Asked) -> Option<Answer> {
        let life = self.life(process)?;
        let request = request(asked)?;
        let answered = async {
            let response = life.router.clone().oneshot(request).await.ok()?;
            let (parts, body) = response.into_parts();
            let body = to_bytes(body, BODY_BYTES_MAX).await.ok()?;
            let renewed = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
            Some(Answer {
                status: parts.status.as_u16(),
                renewed: renewed
                    .and_then(|value| value.strip_prefix("Bearer "))
                    .map(str::to_owned),
                body: serde_json::from_slice(&body).unwrap_or_default(),
            })
        };
        let answer = block_on(&self.stage.kafka.world, life.runtime.handle(), answered).flatten();
        // What the request has left to be done beside it goes on when there is time.
        life.runtime.block_on(tokio::task::yield_now());
        answer
    }

    fn begin(&self, process: ProcessId, person: u64) -> Option<Tokens> {
        let life = self.life(process)?;
        let (world, keys) = (&self.stage.kafka.world, TokenKeys::from(TokenKey::from_seed(SEED)));
        let entropy = Chance(world.clone());
        let first = RefreshToken::first(edge_api::clock::random_bytes(&entropy).ok()?, &keys);
        let grant = AccessGrant {
            account_id: account_of(person).to_string(),
            role: auth::Role::Buyer,
            session_id: hex(&first.sid),
            credential_version: CREDENTIAL_VERSION,
            has_second_factor: false,
            token_id: edge_api::clock::random_id(&entropy).ok()?,
            issued_at_ms: world.clock_ms(process),
        };
        let session = NewSession {
            session_id: grant.session_id.clone(),
            account_id: grant.account_id.clone(),
            login_key: person.to_string(),
            credential_version: CREDENTIAL_VERSION,
            has_second_factor: false,
            token_id: grant.token_id.clone(),
            refresh_fingerprint: first.fingerprint(),
            now_ms: grant.issued_at_ms,
        };
        block_on(world, life.runtime.handle(), self.redis.create(session))?.ok()?;
        Some(Tokens {
            session: grant.session_id.clone(),
            access: grant.sign(&keys).ok()?,
            refresh: first.write(),
        })
    }

    /// What this process holds: made by its first request.
    fn life(&self, process: ProcessId) -> Option<Life> {
        if let Some(life) = self.lock().clone().filter(|life| life.process == process) {
            return Some(life);
        }
        let world = &self.stage.kafka.world;
        let skew = world.draw(|random| random.within(0..2 * SKEW_MS));
        world.skew(process, i64::try_from(skew).ok()? - i64::try_from(SKEW_MS).ok()?);
        let clock = Arc::new(ProcessClock(world.clone(), process));
        let revocations = Arc::new(Revocations::new(&self.schemas, clock));
        let life = Life {
            process,
            router: app(EdgeState::new(self.parts(process, &revocations)?).ok()?),
            runtime: Arc::new(Builder::new_current_thread().enable_time().build().ok()?),
            _following: Arc::new(self.follow(process, revocations)?),
        };
        *self.lock() = Some(life.clone());
        Some(life)
    }

    fn follow(&self, process: ProcessId, revocations: Arc<Revocations>) -> Option<GlobalStreamThread> {
        let kafka = self.stage.kafka.clone();
        let machine: Arc<dyn Machine> = Arc::new(SimMachine {
            world: kafka.world.clone(),
            process,
        });
        let (client, waiting) = (SimClient { kafka, process }, Arc::clone(&machine));
        let make_consumer: MakeGlobalConsumer = Arc::new(move || {
            let (config, machine) = (KafkaConfig::new("simulated", "sim", "gateway", 0), Arc::clone(&waiting));
            let consumer =
                KafkaGlobalConsumer::connect_with(&client, machine, &config, REVOCATIONS.name, Arc::default())?;
            Ok(Box::new(consumer))
        });
        GlobalStreamThread::start(REVOCATIONS.name, &machine, make_consumer, revocations).ok()
    }

    fn parts(&self, process: ProcessId, revocations: &Arc<Revocations>) -> Option<EdgeParts> {
        let kafka = self.stage.kafka.clone();
        let world = kafka.world.clone();
        Some(EdgeParts {
            log: Arc::new(GatewayLog(SimClient { kafka, process })),
            views: Arc::new(Accounts),
            sessions: Arc::new(self.redis.clone()),
            revocations: Arc::clone(revocations),
            serdes: CommandSerdes::avro(&self.schemas),
            keys: TokenKey::from_seed(SEED).into(),
            sealing: SealingKey::from_seed(SEED).ok()?.into(),
            sellers_need_second_factor: false,
            takes_cards: false,
            breached_passwords: None,
            shop_words: Vec::new(),
            clock: Arc::new(ProcessClock(world.clone(), process)),
            entropy: Arc::new(Chance(world)),
            metrics: Arc::new(String::new),
            spans: None,
            allowed_origins: Vec::new(),
            quota: edge_api::limits::QUOTA_DEFAULT,
            proxies: 0,
            console: false,
            admin_routes: Router::new(),
        })
    }

    fn lock(&self) -> MutexGuard<'_, Option<Life>> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn request(asked: Asked) -> Option<Request<Body>> {
    let mut request = Request::builder().method(asked.method).uri(asked.path);
    if let Some(token) = asked.token {
        request = request.header(AUTHORIZATION, format!("Bearer {token}"));
    }
    let body = match asked.body {
        Some(body) => {
            request = request.header(CONTENT_TYPE, "application/json");
            Body::from(body.to_string())
        }
        None => Body::empty(),
    };
    request.body(body).ok()
}

fn account_of(person: u64) -> AccountId {
    AccountId::from(format!("account-{person}").as_str())
}

struct ProcessClock(World, ProcessId);

impl Clock for ProcessClock {
    fn now_ms(&self) -> i64 {
        self.0.clock_ms(self.1)
    }
}

/// Randomness from the seed.
struct Chance(World);

impl Entropy for Chance {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        self.0.draw(|random| {
            for byte in bytes {
                *byte = u8::try_from(random.within(0..256)).unwrap_or_default();
            }
        });
        Ok(())
    }
}

/// Everybody has an account, under the own number.
struct Accounts;

impl Accounts {
    fn credential(key: &[u8]) -> Option<Vec<u8>> {
        let login_key = std::str::from_utf8(key).ok()?;
        let account = Account {
            login_key: LoginKey::from(login_key),
            account_id: account_of(login_key.parse().ok()?),
            role: Role::Buyer,
            display_name: login_key.to_owned(),
            password_hash: String::new(),
            status: AccountStatus::Active,
            second_factor: None,
            reset: None,
            version: 1,
            events: 1,
            created_at: 0,
            updated_at: 0,
        };
        let mut bytes = Vec::new();
        StateSerde::new().serialize(&account, &mut bytes).ok()?;
        Some(bytes)
    }
}

impl Views for Accounts {
    fn get<'a>(
        &'a self,
        at: StoreAddress<'a>,
        key: &'a [u8],
        _: &'a Freshness,
        _: Duration,
    ) -> Read<'a, Option<Vec<u8>>> {
        let is_credential = at.store == CREDENTIALS.store;
        Box::pin(async move { Ok(is_credential.then(|| Self::credential(key)).flatten()) })
    }

    fn get_many<'a>(
        &'a self,
        _: &'a str,
        store: &'a str,
        keys: &'a [Vec<u8>],
        _: Duration,
    ) -> Read<'a, Vec<Option<Vec<u8>>>> {
        let is_credential = store == CREDENTIALS.store;
        let value = move |key: &Vec<u8>| is_credential.then(|| Self::credential(key)).flatten();
        Box::pin(async move { Ok(keys.iter().map(value).collect()) })
    }

    fn range<'a>(&'a self, _: StoreAddress<'a>, _: &'a EntryRange, _: &'a Freshness, _: Duration) -> Read<'a, Entries> {
        Box::pin(async { Ok(Entries::new()) })
    }

    fn scan<'a>(&'a self, _: &'a str, _: &'a str, _: &'a EntryRange, _: Duration) -> Read<'a, Entries> {
        Box::pin(async { Ok(Entries::new()) })
    }

    fn wait<'a>(&'a self, _: StoreAddress<'a>, _: &'a [u8], _: Duration, _: Done<'a>) -> Read<'a, Option<Vec<u8>>> {
        Box::pin(async { Ok(None) })
    }

    fn obstacles(&self) -> Vec<String> {
        Vec::new()
    }
}
