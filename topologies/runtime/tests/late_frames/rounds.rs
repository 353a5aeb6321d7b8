//! One round: a transaction of which a request stays in the network, the next one, and the request in the middle of it.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use e2e::proxy::{Api, FrameFault};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use streams::log::Log;
use streams::{Commit, LogError, OutputBuffer};

use crate::fixture::{OUTPUT, commit_of, name, one, read, task, wait_for};
use crate::scenario::{Scenario, scenario};

/// One question for a partition's end.
const ASK_WAIT: Duration = Duration::from_secs(5);

/// Which request arrives late.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Late {
    /// The end of a transaction that was committed: its sender has repeated it over another connection.
    End,
    /// A batch of a transaction that was committed: its sender has repeated it over another connection.
    RepeatedBatch,
    /// A batch of a transaction that was aborted while nobody had answered it.
    AbortedBatch,
}

/// What the rounds have shown.
#[derive(Debug, Default)]
pub(crate) struct Rounds {
    /// How many late requests reached the broker.
    pub(crate) late: usize,
    /// What went wrong first.
    pub(crate) wrong: Option<String>,
    /// Values that can be read though their transaction was aborted or refused.
    pub(crate) untrue: usize,
    /// Values that cannot be read though their transaction was committed, or that can be read twice.
    pub(crate) lost_or_twice: usize,
    /// The broker's answers to late requests, by error code.
    codes: BTreeMap<i16, usize>,
    rebuilt: u64,
    took: Duration,
}

impl fmt::Display for Rounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            late,
            wrong,
            untrue,
            lost_or_twice,
            codes,
            rebuilt,
            took,
        } = self;
        write!(
            f,
            "{late} late requests in {took:.1?}, answered {codes:?}, {rebuilt} producers replaced; \
             untrue values {untrue}, lost or doubled {lost_or_twice}"
        )?;
        wrong.iter().try_for_each(|wrong| write!(f, "; {wrong}"))
    }
}

/// Runs so many rounds, or fewer when something goes wrong.
pub(crate) fn run(late: Late, rounds: usize) -> Rounds {
    Game::new(late, scenario()).run(rounds)
}

/// Runs them with a thread that keeps producers it cannot trust.
#[cfg(feature = "planted-bugs")]
pub(crate) fn without_defence(late: Late, rounds: usize) -> Rounds {
    // The scenario lets no other test run beside it.
    let game = Game::new(late, scenario());
    planted::plant(Some(planted::Bug::TroubledProducerKept));
    let ended = game.run(rounds);
    planted::plant(None);
    ended
}

struct Game {
    late: Late,
    it: Scenario,
    watcher: BaseConsumer,
    /// The values of the transactions that were committed.
    expected: Vec<String>,
    commits: u64,
    codes: BTreeMap<i16, usize>,
}

impl Game {
    fn new(late: Late, it: Scenario) -> Self {
        let mut settings = ClientConfig::new();
        let settings = settings
            .set("bootstrap.servers", it.fixture.server.bootstrap())
            .set("isolation.level", "read_uncommitted");
        Self {
            late,
            watcher: settings.create().unwrap(),
            it,
            expected: Vec::new(),
            commits: 0,
            codes: BTreeMap::new(),
        }
    }

    fn run(mut self, rounds: usize) -> Rounds {
        let began = Instant::now();
        let wrong = (1..=rounds).find_map(|number| self.round(number).err());
        let took = began.elapsed();
        let (found, expected) = (counted(self.readable()), counted(self.expected));
        let untrue = found.keys().filter(|value| !expected.contains_key(*value)).count();
        let right = expected.keys().filter(|value| found.get(*value) == Some(&1)).count();
        Rounds {
            late: self.codes.values().sum(),
            wrong,
            untrue,
            lost_or_twice: expected.len() - right,
            codes: self.codes,
            rebuilt: self.it.health.rebuilt_producers(),
            took,
        }
    }

    /// Every other round aborts the transaction in which the late request arrives.
    fn round(&mut self, number: usize) -> Result<(), String> {
        match self.late {
            Late::End => self.commit_with(Api::EndTxn, number)?,
            Late::RepeatedBatch => self.commit_with(Api::Produce, number)?,
            Late::AbortedBatch => self.abort_with_batch(number)?,
        }
        let value = format!("next of {number}");
        let before = self.end();
        self.open_next(&value)?;
        wait_for("the next transaction to be open", || {
            (self.end() > before).then_some(())
        });
        for code in self.it.proxy.release().unwrap() {
            *self.codes.entry(code).or_default() += 1;
        }
        if number.is_multiple_of(2) {
            self.it
                .log
                .abort()
                .map_err(|error| format!("round {number}: the abort failed: {error}"))?;
        } else {
            let commit = Commit {
                sent: 1,
                outputs: OutputBuffer::default(),
                ..self.next_commit(&value)
            };
            self.commit(&commit)?;
            self.expected.push(value);
        }
        Ok(())
    }

    /// Commits while the first request of a kind stays in the network; the client repeats it.
    fn commit_with(&mut self, api: Api, number: usize) -> Result<(), String> {
        self.it.proxy.arm(api, FrameFault::Delay, false);
        let value = format!("round {number}");
        let commit = self.next_commit(&value);
        self.commit(&commit)?;
        self.expected.push(value);
        Ok(())
    }

    /// Aborts while a batch stays in the network.
    fn abort_with_batch(&mut self, number: usize) -> Result<(), String> {
        self.it.proxy.arm(Api::Produce, FrameFault::Delay, false);
        self.open_next(&format!("aborted in {number}"))?;
        wait_for("the batch to be on its way", || {
            self.it.proxy.has_struck().then_some(())
        });
        self.it
            .log
            .abort()
            .map_err(|error| format!("round {number}: the abort failed: {error}"))
    }

    /// Sends a record ahead of its commit, in a transaction that is opened for it.
    fn open_next(&mut self, value: &str) -> Result<(), String> {
        let outputs = one(OUTPUT, 0, "k", Some(value));
        let sent = settle(|| self.it.log.send(task(0), &outputs));
        sent.map(drop)
            .map_err(|error| format!("{value} could not be sent: {error}"))
    }

    fn next_commit(&mut self, value: &str) -> Commit {
        self.commits += 1;
        commit_of(task(0), self.commits, i64::try_from(self.commits).unwrap(), "k", value)
    }

    fn commit(&mut self, commit: &Commit) -> Result<(), String> {
        let committed = settle(|| self.it.log.commit(std::slice::from_ref(commit)));
        committed
            .map(drop)
            .map_err(|error| format!("commit {} failed: {error}", commit.sequence))
    }

    /// The end of the output, what is not committed included.
    fn end(&self) -> i64 {
        let topic = name(&self.it.fixture, OUTPUT);
        wait_for("the end of the output", || {
            self.watcher.fetch_watermarks(&topic, 0, ASK_WAIT).ok()
        })
        .1
    }

    /// What can be read, once nothing is open any more.
    fn readable(&mut self) -> Vec<String> {
        // An abort that fails has nothing to end, or the broker ends it when its time is over.
        drop(self.it.log.abort());
        let records = read(&self.it.fixture, OUTPUT, 0);
        records.into_iter().map(|(_, value)| value).collect()
    }
}

fn counted(values: Vec<String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    counts
}

/// Asks again while the log asks for it.
fn settle<T>(mut ask: impl FnMut() -> Result<T, LogError>) -> Result<T, LogError> {
    wait_for("the log", || match ask() {
        Err(LogError::Retriable(_)) => None,
        answer => Some(answer),
    })
}
