//! Redis as a gateway meets it: away, hanging, out of reach, started again without its last writes, or emptied.
//!
//! What a session is inside Redis does `edge_api::MemorySessions`, of which edge-api's own tests hold that it decides as the
//! scripts in the real one do.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use edge_api::limits::REDIS_RESPONSE_TIMEOUT;
use edge_api::sessions::{
    Admission, Call, Exchange, Exchanged, Guess, NewSession, OpenSession, SessionOwner, SessionsUnavailable,
};
use edge_api::{MemorySessions, SessionStore, SessionTimes};
use tokio::sync::oneshot;

use super::lineage::Lineages;
use crate::future::now;
use crate::sometimes::Moment;
use crate::world::World;

/// How long a request and an answer take.
const WAY: std::ops::Range<Duration> = Duration::from_micros(100)..Duration::from_millis(3);
/// How long a request may be held up in a storm: longer than a gateway waits.
const HELD: std::ops::Range<Duration> = Duration::from_millis(400)..Duration::from_secs(4);
/// Times in a thousand that a storm takes a request, holds one up, and takes an answer.
const STORM: [u64; 3] = [150, 150, 250];

/// The one Redis of all gateways. Clones are the same.
#[derive(Clone)]
pub(super) struct Redis {
    world: World,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    sessions: Arc<MemorySessions>,
    /// Everything that was written and not forgotten, and when.
    journal: Vec<(Duration, Write)>,
    /// Sessions of which a write was forgotten.
    forgotten: BTreeSet<String>,
    /// Nobody answers until then.
    silent_until: Duration,
    /// Requests and answers are lost until then.
    stormy_until: Duration,
    /// When a call was last answered.
    answered_at: Duration,
    lineages: Lineages,
}

/// A call that changes something.
#[derive(Debug, Clone)]
enum Write {
    Create(NewSession),
    Exchange(Exchange),
    MarkUsed(String, String),
    End(String),
}

impl Write {
    fn session(&self) -> &str {
        match self {
            Self::Create(new) => &new.session_id,
            Self::Exchange(exchange) => &exchange.session_id,
            Self::MarkUsed(session, _) | Self::End(session) => session,
        }
    }
}

impl Redis {
    pub(super) fn new(world: &World) -> Self {
        Self {
            world: world.clone(),
            inner: Arc::default(),
        }
    }

    /// Nobody answers for some time; what arrives then is lost.
    pub(super) fn silence(&self, time: Duration) {
        self.world.reached(Moment::RedisSilent);
        let until = self.world.now() + time;
        let mut inner = self.lock();
        inner.silent_until = inner.silent_until.max(until);
    }

    /// It dies, and is there again later without what it wrote within the time before.
    pub(super) fn crash(&self, down: Duration, lost: Duration) {
        self.silence(down);
        let durable = self.world.now().saturating_sub(lost);
        self.forget(|at| at > durable);
    }

    /// Somebody empties it.
    pub(super) fn flush(&self) {
        self.forget(|_| true);
    }

    /// Requests and answers are lost and late for some time.
    pub(super) fn storm(&self, time: Duration) {
        self.lock().stormy_until = self.world.now() + time;
    }

    /// Whether a write about a session was ever forgotten.
    pub(super) fn has_forgotten(&self, session: &str) -> bool {
        self.lock().forgotten.contains(session)
    }

    /// Whether nobody answers now.
    pub(super) fn is_silent(&self) -> bool {
        self.world.now() < self.lock().silent_until
    }

    /// When a call was last answered.
    pub(super) fn answered_at(&self) -> Duration {
        self.lock().answered_at
    }

    /// What was wrong with its answers.
    pub(super) fn violations(&self) -> Vec<String> {
        let inner = self.lock();
        let forgotten = |session: &String| inner.forgotten.contains(session);
        inner.lineages.violations(forgotten)
    }

    fn forget(&self, is_lost: impl Fn(Duration) -> bool) {
        let mut inner = self.lock();
        let (lost, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut inner.journal)
            .into_iter()
            .partition(|(at, _)| is_lost(*at));
        inner.sessions = Arc::new(MemorySessions::new(SessionTimes::default()));
        for (_, write) in &kept {
            drop(inner.write(write));
        }
        inner.journal = kept;
        if !lost.is_empty() {
            self.world.reached(Moment::RedisForgot);
        }
        let sessions = lost.into_iter().map(|(_, write)| write.session().to_owned());
        inner.forgotten.extend(sessions);
    }

    /// One call: the way there, what is done, and the way back; or nothing, as the weather has it.
    async fn call<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Inner, Duration) -> T + Send + 'static,
    ) -> Result<T, SessionsUnavailable> {
        let (sender, answer) = oneshot::channel();
        // Whoever takes it decides: the answer, or the end of the gateway's patience, which drops it.
        let answered = Arc::new(Mutex::new(Some(sender)));
        let (gave_up, world) = (Arc::clone(&answered), &self.world);
        world.after(REDIS_RESPONSE_TIMEOUT, move |_| drop(taken(&gave_up)));
        let (there, back, [lost, held, unheard]) = self.fate();
        let redis = self.clone();
        let there = if held {
            world.draw(|random| random.time(HELD))
        } else {
            there
        };
        world.after(there, move |world| {
            if lost || redis.is_silent() {
                return;
            }
            let made = act(&mut redis.lock(), world.now());
            if unheard {
                world.reached(Moment::RedisAnswerLost);
                return;
            }
            world.after(back, move |world| {
                redis.lock().answered_at = world.now();
                // A gateway that has died hears nothing.
                drop(taken(&answered).map(|sender| sender.send(made)));
            });
        });
        answer.await.map_err(|_| SessionsUnavailable("no answer".to_owned()))
    }

    fn fate(&self) -> (Duration, Duration, [bool; 3]) {
        let is_stormy = self.world.now() < self.lock().stormy_until;
        self.world.draw(|random| {
            let ways = (random.time(WAY), random.time(WAY));
            (ways.0, ways.1, STORM.map(|times| is_stormy && random.permille(times)))
        })
    }

    async fn change(&self, write: Write) -> Result<Option<Exchanged>, SessionsUnavailable> {
        let world = self.world.clone();
        let act = move |inner: &mut Inner, at| {
            world.tell(0, || format!("Redis writes {write:?}"));
            let (exchanged, moment) = inner.change(write, at);
            world.tell(0, || format!("Redis has made {exchanged:?}"));
            if let Some(moment) = moment {
                world.reached(moment);
            }
            exchanged
        };
        self.call(act).await
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn change(&mut self, write: Write, at: Duration) -> (Option<Exchanged>, Option<Moment>) {
        let exchanged = self.write(&write);
        let moment = match (&write, &exchanged) {
            (Write::Exchange(exchange), Some(exchanged)) => self.lineages.exchanged(exchange, exchanged, at),
            (Write::MarkUsed(session, token), _) => {
                self.lineages.used(session, token, at);
                None
            }
            (Write::End(session), _) => {
                self.lineages.ended(session);
                None
            }
            _ => None,
        };
        self.journal.push((at, write));
        (exchanged, moment)
    }

    fn write(&self, write: &Write) -> Option<Exchanged> {
        let sessions = &self.sessions;
        match write.clone() {
            Write::Create(new) => drop(now(sessions.create(new))),
            Write::MarkUsed(session, token) => drop(now(sessions.mark_used(&session, &token))),
            Write::End(session) => drop(now(sessions.end(&session))),
            Write::Exchange(exchange) => return now(sessions.exchange(exchange))?.ok(),
        }
        None
    }
}

impl SessionStore for Redis {
    fn create(&self, session: NewSession) -> Call<'_, ()> {
        Box::pin(async move { self.change(Write::Create(session)).await.map(drop) })
    }

    fn owner<'a>(&'a self, session_id: &'a str, now_ms: i64) -> Call<'a, Option<SessionOwner>> {
        let session_id = session_id.to_owned();
        Box::pin(self.call(move |inner, _| now(inner.sessions.owner(&session_id, now_ms))?.ok()?))
    }

    fn list<'a>(&'a self, account_id: &'a str, now_ms: i64) -> Call<'a, Vec<OpenSession>> {
        let account_id = account_id.to_owned();
        Box::pin(async move {
            let listed = self.call(move |inner, _| now(inner.sessions.list(&account_id, now_ms)));
            let listed = listed.await?.and_then(Result::ok);
            understood(listed)
        })
    }

    fn exchange(&self, exchange: Exchange) -> Call<'_, Exchanged> {
        Box::pin(async move {
            let exchanged = self.change(Write::Exchange(exchange)).await?;
            understood(exchanged)
        })
    }

    fn mark_used<'a>(&'a self, session_id: &'a str, token_id: &'a str) -> Call<'a, ()> {
        let write = Write::MarkUsed(session_id.to_owned(), token_id.to_owned());
        Box::pin(async move { self.change(write).await.map(drop) })
    }

    fn end<'a>(&'a self, session_id: &'a str) -> Call<'a, ()> {
        Box::pin(async move { self.change(Write::End(session_id.to_owned())).await.map(drop) })
    }

    fn begin_guess<'a>(&'a self, guess: &'a Guess) -> Call<'a, Admission> {
        let guess = guess.clone();
        Box::pin(async move {
            let admitted = self.call(move |inner, _| now(inner.sessions.begin_guess(&guess)));
            let admitted = admitted.await?.and_then(Result::ok);
            understood(admitted)
        })
    }

    fn forgive<'a>(&'a self, guess: &'a Guess) -> Call<'a, ()> {
        let guess = guess.clone();
        Box::pin(self.call(move |inner, _| drop(now(inner.sessions.forgive(&guess)))))
    }

    fn is_ready(&self) -> std::pin::Pin<Box<dyn Future<Output = bool> + Send + '_>> {
        Box::pin(async move { self.call(|_, _| ()).await.is_ok() })
    }
}

fn understood<T>(answer: Option<T>) -> Result<T, SessionsUnavailable> {
    answer.ok_or_else(|| SessionsUnavailable("it answered something else".to_owned()))
}

fn taken<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}
