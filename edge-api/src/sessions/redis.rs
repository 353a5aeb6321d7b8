//! Sessions in Redis: one hash per session, shared by every gateway.

use std::future::Future;
use std::pin::Pin;
use std::sync::LazyLock;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{
    AsyncCommands as _, ClientTlsConfig, ConnectionAddr, IntoConnectionInfo as _, RedisError, Script, TlsCertificates,
    Value,
};
use runtime::tls::ClientTls;

use super::{
    Admission, Call, Exchange, Exchanged, Guess, Guesser, Handle, NewSession, OpenSession, SessionOwner, SessionStore,
    SessionTimes, SessionsUnavailable,
};
use crate::limits::{ACCOUNT_SESSIONS_MAX, GUESSES_WINDOW_MS, REDIS_CONNECT_TIMEOUT, REDIS_RESPONSE_TIMEOUT};
use crate::metrics;

static EXCHANGE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("exchange.lua")));

static CREATE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("create.lua")));

static GUESS: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("guess.lua")));

/// Marks the current token as used. KEYS: session. ARGV: token id.
static MARK_USED: LazyLock<Script> = LazyLock::new(|| {
    Script::new("if redis.call('HGET', KEYS[1], 'token') == ARGV[1] then redis.call('HSET', KEYS[1], 'used', '1') end")
});

/// Where a Redis is, and how to get in.
#[derive(Clone, Copy, Default)]
pub struct RedisAccess<'a> {
    /// `redis://host:port/db`, or `rediss://` for TLS. It may have a user and a password in it.
    pub url: &'a str,
    /// A password that is not in the URL, which processes and logs show.
    pub password: Option<&'a str>,
    /// With TLS: whom to believe and what to show. Without it, whom the machine believes.
    pub tls: Option<&'a ClientTls>,
}

impl<'a> From<&'a str> for RedisAccess<'a> {
    fn from(url: &'a str) -> Self {
        Self { url, ..Self::default() }
    }
}

impl RedisAccess<'_> {
    fn client(&self) -> Result<redis::Client, RedisError> {
        let mut info = self.url.into_connection_info()?;
        if let Some(password) = self.password {
            let settings = info.redis_settings().clone().set_password(password);
            info = info.set_redis_settings(settings);
        }
        let is_secured = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
        match self.tls.filter(|_| is_secured) {
            Some(tls) => redis::Client::build_with_tls(info, certificates(tls)),
            None => redis::Client::open(info),
        }
    }
}

/// As they are now: a certificate that is renewed later is shown to Redis after a restart.
fn certificates(tls: &ClientTls) -> TlsCertificates {
    let client_tls = tls.identity().map(|identity| {
        let (client_cert, client_key) = identity.pem();
        ClientTlsConfig {
            client_cert,
            client_key,
        }
    });
    TlsCertificates {
        client_tls,
        root_cert: Some(tls.authority().pem().to_vec()),
    }
}

/// Sessions in Redis. It connects when it is first used and again whenever the connection is lost;
/// a call while Redis is away fails within the connect timeout.
#[derive(Clone)]
pub struct RedisSessions {
    connection: ConnectionManager,
    prefix: String,
    times: SessionTimes,
}

impl RedisSessions {
    /// Sessions in the Redis of `access`, under keys that begin with `prefix`.
    /// Must be called inside a tokio runtime. Redis need not be there yet.
    pub fn connect(access: &RedisAccess<'_>, prefix: &str, times: SessionTimes) -> Result<Self, SessionsUnavailable> {
        let client = access.client().map_err(|error| unavailable(&error))?;
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(REDIS_CONNECT_TIMEOUT))
            .set_response_timeout(Some(REDIS_RESPONSE_TIMEOUT))
            // The next call tries again; a request must not wait for a ladder of attempts.
            .set_number_of_retries(0);
        let connection =
            ConnectionManager::new_lazy_with_config(client, config).map_err(|error| unavailable(&error))?;
        Ok(Self {
            connection,
            prefix: prefix.to_owned(),
            times,
        })
    }

    fn key(&self, session_id: &str) -> String {
        format!("{}session:{session_id}", self.prefix)
    }

    /// The key of the account's sessions: a set, ordered by when they began.
    fn index(&self, account_id: &str) -> String {
        format!("{}sessions-of:{account_id}", self.prefix)
    }

    async fn start(&self, new: NewSession) -> Result<(), RedisError> {
        let lifetime = self.times.idle_ms.min(self.times.absolute_ms);
        let mut script = CREATE.key(self.key(&new.session_id));
        script.key(self.index(&new.account_id));
        script.arg(&new.session_id).arg(self.key("")).arg(new.now_ms);
        script
            .arg(self.times.absolute_ms)
            .arg(ACCOUNT_SESSIONS_MAX)
            .arg(lifetime);
        for (field, value) in fields(&new, &self.times) {
            script.arg(field).arg(value);
        }
        script.invoke_async(&mut self.connection.clone()).await
    }

    /// A session without a version was begun by a gateway from before there were any, and is over.
    async fn find_owner(&self, session_id: &str, now_ms: i64) -> Result<Option<SessionOwner>, RedisError> {
        type Fields = (
            Option<String>,
            Option<String>,
            Option<i64>,
            Option<i64>,
            Option<i64>,
            Option<i64>,
        );
        let names = [
            "account",
            "login_key",
            "version",
            "absolute_end",
            "idle_end",
            "second_factor",
        ];
        let fields: Fields = self.connection.clone().hmget(self.key(session_id), &names).await?;
        let (Some(account_id), Some(login_key), Some(credential_version), Some(absolute_end), Some(idle_end), factor) =
            fields
        else {
            return Ok(None);
        };
        let owner = SessionOwner {
            account_id,
            login_key,
            credential_version,
            has_second_factor: factor == Some(1),
        };
        Ok((now_ms < absolute_end.min(idle_end)).then_some(owner))
    }

    /// Sessions that are over stay in the index until the account's next login.
    async fn open_sessions(&self, account_id: &str, now_ms: i64) -> Result<Vec<OpenSession>, RedisError> {
        type Fields = (Option<i64>, Option<i64>, Option<i64>, Option<i64>, Option<i64>);
        let mut connection = self.connection.clone();
        let ids: Vec<String> = connection.zrange(self.index(account_id), 0, -1).await?;
        let mut asked = redis::pipe();
        for id in &ids {
            let names = ["version", "began_at", "issued_at", "absolute_end", "idle_end"];
            asked.hmget(self.key(id), &names);
        }
        let found: Vec<Fields> = if ids.is_empty() {
            Vec::new()
        } else {
            asked.query_async(&mut connection).await?
        };
        let sessions = ids.into_iter().zip(found).filter_map(|(session_id, fields)| {
            let (Some(credential_version), Some(began_at_ms), Some(renewed_at_ms), Some(absolute), Some(idle)) = fields
            else {
                return None;
            };
            (now_ms < absolute.min(idle)).then_some(OpenSession {
                session_id,
                credential_version,
                began_at_ms,
                renewed_at_ms,
            })
        });
        Ok(sessions.collect())
    }

    async fn exchange_there(&self, exchange: Exchange) -> Result<Exchanged, RedisError> {
        let mut script = EXCHANGE.key(self.key(&exchange.session_id));
        let kind = match exchange.handle {
            Handle::Access { .. } => "access",
            Handle::Refresh { .. } => "refresh",
        };
        script.arg(kind).arg(exchange.new_token_id).arg(exchange.now_ms);
        script
            .arg(self.times.idle_ms)
            .arg(self.times.grace_ms)
            .arg(self.times.token_ttl_ms);
        match exchange.handle {
            Handle::Access { token_id } => script.arg(token_id),
            Handle::Refresh {
                generation,
                fingerprint,
                next_fingerprint,
            } => script.arg(generation).arg(fingerprint).arg(next_fingerprint),
        };
        read_answer(script.invoke_async(&mut self.connection.clone()).await?)
    }

    async fn mark(&self, session_id: &str, token_id: &str) -> Result<(), RedisError> {
        MARK_USED
            .key(self.key(session_id))
            .arg(token_id)
            .invoke_async(&mut self.connection.clone())
            .await
    }

    async fn remove(&self, session_id: &str) -> Result<(), RedisError> {
        self.connection.clone().del(self.key(session_id)).await
    }

    /// The keys under which a guess is counted.
    fn guessers(&self, guess: &Guess) -> impl Iterator<Item = String> {
        let keys = guess.guessers.iter().map(Guesser::key);
        keys.map(|key| format!("{}guesses:{key}", self.prefix))
    }

    async fn count(&self, guess: &Guess) -> Result<Admission, RedisError> {
        let mut script = GUESS.prepare_invoke();
        for key in self.guessers(guess) {
            script.key(key);
        }
        script.arg(&guess.id).arg(guess.now_ms).arg(GUESSES_WINDOW_MS);
        for guesser in &guess.guessers {
            script.arg(guesser.wrong_max());
        }
        let wait_ms = script.invoke_async(&mut self.connection.clone()).await?;
        Ok(Admission::after(wait_ms))
    }

    async fn uncount(&self, guess: &Guess) -> Result<(), RedisError> {
        let mut asked = redis::pipe();
        for key in self.guessers(guess) {
            asked.zrem(key, &guess.id).ignore();
        }
        asked.query_async(&mut self.connection.clone()).await
    }

    async fn ping(&self) -> Result<Value, RedisError> {
        redis::cmd("PING").query_async(&mut self.connection.clone()).await
    }
}

impl SessionStore for RedisSessions {
    fn create(&self, session: NewSession) -> Call<'_, ()> {
        Box::pin(async move { self.start(session).await.map_err(|error| unavailable(&error)) })
    }

    fn owner<'a>(&'a self, session_id: &'a str, now_ms: i64) -> Call<'a, Option<SessionOwner>> {
        Box::pin(async move {
            self.find_owner(session_id, now_ms)
                .await
                .map_err(|error| unavailable(&error))
        })
    }

    fn list<'a>(&'a self, account_id: &'a str, now_ms: i64) -> Call<'a, Vec<OpenSession>> {
        Box::pin(async move {
            self.open_sessions(account_id, now_ms)
                .await
                .map_err(|error| unavailable(&error))
        })
    }

    fn exchange(&self, exchange: Exchange) -> Call<'_, Exchanged> {
        Box::pin(async move { self.exchange_there(exchange).await.map_err(|error| unavailable(&error)) })
    }

    fn mark_used<'a>(&'a self, session_id: &'a str, token_id: &'a str) -> Call<'a, ()> {
        Box::pin(async move {
            self.mark(session_id, token_id)
                .await
                .map_err(|error| unavailable(&error))
        })
    }

    fn end<'a>(&'a self, session_id: &'a str) -> Call<'a, ()> {
        Box::pin(async move { self.remove(session_id).await.map_err(|error| unavailable(&error)) })
    }

    fn begin_guess<'a>(&'a self, guess: &'a Guess) -> Call<'a, Admission> {
        Box::pin(async move { self.count(guess).await.map_err(|error| unavailable(&error)) })
    }

    fn forgive<'a>(&'a self, guess: &'a Guess) -> Call<'a, ()> {
        Box::pin(async move { self.uncount(guess).await.map_err(|error| unavailable(&error)) })
    }

    fn is_ready(&self) -> Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async move { self.ping().await.is_ok() })
    }
}

impl std::fmt::Debug for RedisSessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisSessions")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

fn fields(new: &NewSession, times: &SessionTimes) -> [(&'static str, String); 15] {
    let now = new.now_ms.to_string();
    [
        ("account", new.account_id.clone()),
        ("login_key", new.login_key.clone()),
        ("version", new.credential_version.to_string()),
        ("second_factor", i32::from(new.has_second_factor).to_string()),
        ("began_at", now.clone()),
        ("absolute_end", new.now_ms.saturating_add(times.absolute_ms).to_string()),
        ("idle_end", new.now_ms.saturating_add(times.idle_ms).to_string()),
        ("token", new.token_id.clone()),
        ("issued_at", now.clone()),
        ("used", "0".to_owned()),
        ("previous_token", String::new()),
        ("generation", "1".to_owned()),
        ("fingerprint", new.refresh_fingerprint.clone()),
        ("previous_fingerprint", String::new()),
        ("answered_at", now),
    ]
}

fn read_answer(answer: Vec<String>) -> Result<Exchanged, RedisError> {
    let mut words = answer.into_iter();
    match (
        words.next().as_deref(),
        words.next(),
        words.next().and_then(|word| word.parse().ok()),
    ) {
        (Some("current"), Some(token_id), Some(issued_at_ms)) => Ok(Exchanged::Current { token_id, issued_at_ms }),
        (Some("ended"), _, _) => Ok(Exchanged::Ended),
        (Some("reused"), _, _) => Ok(Exchanged::Reused),
        _ => Err((
            redis::ErrorKind::UnexpectedReturnType,
            "the exchange script answered something else",
        )
            .into()),
    }
}

fn unavailable(error: &RedisError) -> SessionsUnavailable {
    metrics::session_store_failed();
    tracing::warn!(%error, "Redis does not answer");
    SessionsUnavailable(error.to_string())
}
