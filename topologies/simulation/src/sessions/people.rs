//! People at their browsers, and thieves who have copied a token.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::Method;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::gateway::{Answer, Asked, Gateway, Tokens};
use super::redis::Redis;
use crate::sometimes::Moment;
use crate::workload::Stage;

/// Between two things that somebody does.
const PAUSE: Range<Duration> = Duration::from_secs(1)..Duration::from_mins(8);
/// Before somebody asks again who got no answer or was told to.
const BACKOFF: Range<Duration> = Duration::from_millis(100)..Duration::from_secs(3);
/// Before somebody asks again whose computer was shut in between.
const SHUT: Range<Duration> = Duration::from_mins(1)..Duration::from_mins(20);
/// Times in a thousand that a computer is shut before somebody asks again.
const SHUT_TIMES: u64 = 150;
/// Times in a thousand that somebody logs out instead of going on.
const LOGOUTS: u64 = 40;
/// Times in a thousand that a token is copied.
const THEFTS: u64 = 25;
/// Times in a thousand that two tabs ask at once.
const TABS: u64 = 300;
/// A token that has less than so many milliseconds left may have run out for a gateway whose clock is ahead.
const FRESH_MS: i64 = 30_000;

/// Everybody of a run. Clones are the same.
#[derive(Clone)]
pub(super) struct People {
    stage: Stage,
    gateways: Arc<[Gateway; 2]>,
    redis: Redis,
    left: Arc<AtomicUsize>,
    /// Sessions of which a thief has a token.
    stolen: Arc<Mutex<BTreeSet<String>>>,
    found: Arc<Mutex<Vec<String>>>,
}

/// How somebody keeps a session alive. Whoever mixes the two may be taken for a thief after a lost answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// By sending an expired access token, which is renewed on the way.
    Renewed,
    /// By exchanging the refresh token before the access token has run out.
    Refreshed,
}

/// Somebody with a session.
#[derive(Clone)]
struct Visitor {
    people: People,
    habit: Habit,
    tokens: Tokens,
}

/// The session is over for its holder.
struct Over;

impl People {
    pub(super) fn begin(stage: &Stage, gateways: [Gateway; 2], redis: &Redis, count: usize) -> Self {
        let people = Self {
            stage: stage.clone(),
            gateways: Arc::new(gateways),
            redis: redis.clone(),
            left: Arc::default(),
            stolen: Arc::default(),
            found: Arc::default(),
        };
        (0..)
            .take(count)
            .for_each(|number| people.act(move |people| people.live(number)));
        people
    }

    pub(super) fn are_done(&self) -> bool {
        self.left.load(Ordering::Relaxed) == 0
    }

    pub(super) fn violations(&self) -> Vec<String> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn act(&self, work: impl FnOnce(&Self) + Send + 'static) {
        self.left.fetch_add(1, Ordering::Relaxed);
        let people = self.clone();
        let begun = move || {
            work(&people);
            people.left.fetch_sub(1, Ordering::Relaxed);
        };
        self.stage.kafka.world.spawn(self.stage.outside, Box::new(begun));
    }

    /// One session after the other until nothing goes wrong any more; then everybody is served once more.
    fn live(&self, number: u64) {
        let habit = if number.is_multiple_of(2) {
            Habit::Renewed
        } else {
            Habit::Refreshed
        };
        loop {
            let mut visitor = self.log_in(number, habit);
            loop {
                let was_late = self.is_late();
                match visitor.go_on() {
                    Ok(()) if was_late => return,
                    Ok(()) => {}
                    Err(Over) => break,
                }
            }
        }
    }

    fn log_in(&self, number: u64, habit: Habit) -> Visitor {
        loop {
            if let Some(tokens) = self.gateway().log_in(number) {
                return Visitor {
                    people: self.clone(),
                    habit,
                    tokens,
                };
            }
            self.pause(BACKOFF);
        }
    }

    fn gateway(&self) -> &Gateway {
        let [one, other] = self.gateways.as_ref();
        if self.permille(500) { one } else { other }
    }

    /// Waits for a time of the range, but not beyond the time at which everything heals.
    fn pause(&self, range: Range<Duration>) {
        let world = &self.stage.kafka.world;
        let time = world.draw(|random| random.time(range));
        let left = self.stage.faults.span.saturating_sub(world.now());
        world.sleep(if left.is_zero() {
            time.min(BACKOFF.end)
        } else {
            time.min(left)
        });
    }

    fn permille(&self, times: u64) -> bool {
        self.stage.kafka.world.draw(|random| random.permille(times))
    }

    fn now(&self) -> Duration {
        self.stage.kafka.world.now()
    }

    fn is_late(&self) -> bool {
        self.now() >= self.stage.faults.span
    }

    fn wrong(&self, what: String) {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).push(what);
    }

    fn stolen(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.stolen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visitor {
    /// Waits and does something.
    fn go_on(&mut self) -> Result<(), Over> {
        self.people.pause(PAUSE);
        if self.people.permille(THEFTS) {
            self.rob();
        }
        if self.people.permille(LOGOUTS) {
            return self.log_out();
        }
        if self.habit == Habit::Refreshed && !self.is_fresh() {
            self.refresh()?;
        }
        if self.people.permille(TABS) {
            self.look_twice();
        }
        self.look()
    }

    /// A thief has what this visitor has, and does as visitors do until it is over.
    fn rob(&self) {
        self.people.stolen().insert(self.tokens.session.clone());
        let mut thief = self.clone();
        self.people
            .act(move |people| while !people.is_late() && thief.go_on().is_ok() {});
    }

    fn is_fresh(&self) -> bool {
        let people = &self.people;
        let now_ms = people.stage.kafka.world.clock_ms(people.stage.outside);
        expires_at_ms(&self.tokens.access).is_some_and(|expires| now_ms + FRESH_MS < expires)
    }

    /// Reads the own account, again and again until there is an answer.
    fn look(&mut self) -> Result<(), Over> {
        self.insist(
            |visitor| visitor.asked(Method::GET, "/me"),
            |visitor, from, answer| {
                if let Some(access) = answer.renewed {
                    visitor.renewed(from, access);
                } else if visitor.people.redis.is_silent() {
                    visitor.people.stage.kafka.world.reached(Moment::ServedWithoutRedis);
                }
            },
        )
    }

    /// Two tabs ask at once with one token; what they are told is not kept, as if they had been closed.
    fn look_twice(&self) {
        for _ in 0..2 {
            let (people, asked) = (self.people.clone(), self.asked(Method::GET, "/me"));
            let (session, from) = (self.tokens.session.clone(), people.now());
            self.people.act(move |people| {
                let answer = people.gateway().ask(asked);
                if answer.is_some_and(|answer| answer.renewed.is_some()) && people.redis.answered_at() < from {
                    people.wrong(format!("session {session} was renewed without Redis"));
                }
            });
        }
    }

    fn refresh(&mut self) -> Result<(), Over> {
        let asked = |visitor: &Self| visitor.refreshing();
        self.insist(asked, |visitor, from, answer| {
            let text = |name: &str| answer.body.get(name).and_then(Value::as_str).map(str::to_owned);
            let (Some(access), Some(refresh)) = (text("access_token"), text("refresh_token")) else {
                visitor
                    .people
                    .wrong(format!("a refresh was answered with {}", answer.body));
                return;
            };
            visitor.tokens.refresh = refresh;
            visitor.renewed(from, access);
        })
    }

    /// Logs out. After that the refresh token is good for nothing.
    fn log_out(&mut self) -> Result<(), Over> {
        self.insist(|visitor| visitor.asked(Method::POST, "/auth/logout"), |_, _, _| {})?;
        let answer = self.people.gateway().ask(self.refreshing());
        let is_alive = answer.is_some_and(|answer| answer.status == 200);
        if is_alive && !self.people.redis.has_forgotten(&self.tokens.session) {
            let session = &self.tokens.session;
            self.people.wrong(format!("session {session} goes on after its logout"));
        }
        Err(Over)
    }

    /// Asks until there is an answer that says yes or no.
    fn insist(
        &mut self,
        asked: impl Fn(&Self) -> Asked,
        then: impl FnOnce(&mut Self, Duration, Answer),
    ) -> Result<(), Over> {
        loop {
            let (from, was_fresh) = (self.people.now(), self.is_fresh());
            let asked = asked(self);
            let path = asked.path;
            match self.people.gateway().ask(asked) {
                Some(answer) if matches!(answer.status, 200 | 204) => {
                    then(self, from, answer);
                    return Ok(());
                }
                Some(answer) if answer.status == 401 => return Err(self.refused(path, &answer)),
                Some(answer) if answer.status == 503 => self.put_off(path, was_fresh && self.is_fresh(), &answer),
                Some(answer) => self.people.wrong(format!("{path} was answered with {}", answer.status)),
                None => {}
            }
            self.people.pause(if self.people.permille(SHUT_TIMES) {
                SHUT
            } else {
                BACKOFF
            });
        }
    }

    /// A valid token is let through whether Redis answers or not, once its gateway knows which sessions are over.
    fn put_off(&self, path: &str, is_fresh: bool, answer: &Answer) {
        let detail = answer.body.get("detail").and_then(Value::as_str).unwrap_or_default();
        if is_fresh && path == "/me" && !detail.contains("which sessions are over") {
            self.people
                .wrong("a valid token was refused because Redis did not answer".to_owned());
        }
    }

    /// An honest visitor of whom nothing was stolen is never sent away, unless Redis has forgotten the session.
    fn refused(&self, path: &str, answer: &Answer) -> Over {
        let session = &self.tokens.session;
        let is_alone = !self.people.stolen().contains(session);
        // A logout whose answer was lost has been made.
        if is_alone && path != "/auth/logout" && !self.people.redis.has_forgotten(session) {
            let body = &answer.body;
            self.people
                .wrong(format!("{path} sent the holder of session {session} away: {body}"));
        }
        Over
    }

    fn renewed(&mut self, from: Duration, access: String) {
        if self.people.redis.answered_at() < from {
            let session = &self.tokens.session;
            self.people
                .wrong(format!("session {session} was renewed without Redis"));
        }
        self.people.stage.kafka.world.reached(Moment::TokenRenewed);
        self.tokens.access = access;
    }

    fn asked(&self, method: Method, path: &'static str) -> Asked {
        Asked {
            method,
            path,
            token: Some(self.tokens.access.clone()),
            body: None,
        }
    }

    fn refreshing(&self) -> Asked {
        Asked {
            method: Method::POST,
            path: "/auth/refresh",
            token: None,
            body: Some(json!({ "refresh_token": self.tokens.refresh })),
        }
    }
}

/// When an access token runs out, as its client may read.
fn expires_at_ms(access: &str) -> Option<i64> {
    let claims = URL_SAFE_NO_PAD.decode(access.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Some(claims.get("exp")?.as_i64()? * 1_000)
}
