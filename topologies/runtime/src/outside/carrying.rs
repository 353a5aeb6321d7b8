//! Takes calls from their line, carries them out, and appends what comes of them.

use std::sync::Arc;

use streams::trace::TRACEPARENT;
use tokio::sync::mpsc::Receiver;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep, timeout};

use super::line::{Held, Line};
use super::metrics::{self, Outcome};
use super::{APPEND_ATTEMPTS_MAX, APPEND_RETRY_WAIT, Answer, Call, END_WAIT_MAX};
use crate::commands::{CommandError, CommandLog, CommandRecord};
use crate::machine::Machine;

/// What carrying out the calls of one line takes.
pub(super) struct Carrier {
    pub(super) line: Arc<Line>,
    pub(super) log: Arc<dyn CommandLog>,
    pub(super) machine: Arc<dyn Machine>,
}

/// Carries out what waits, until it is told to stop.
pub(super) async fn run(carrier: Carrier, mut waiting: Receiver<Held>, mut stopping: watch::Receiver<bool>) {
    let carrier = Arc::new(carrier);
    let at_once = carrier.line.worker.at_once().max(1);
    let mut under_way = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            // Whoever dropped the other end does not wait for what is under way either.
            _ = stopping.wait_for(|stop| *stop) => break,
            Some(ended) = under_way.join_next() => note(&carrier.line, ended),
            Some(held) = waiting.recv(), if under_way.len() < at_once => {
                under_way.spawn(Arc::clone(&carrier).carry(held));
            }
        }
    }
    drop(waiting);
    let ended = async {
        while let Some(ended) = under_way.join_next().await {
            note(&carrier.line, ended);
        }
    };
    if timeout(END_WAIT_MAX, ended).await.is_err() {
        let (topic, calls) = (carrier.line.topic, under_way.len());
        tracing::warn!(
            topic,
            calls,
            "calls that were under way are cut off: they are sent again after the start"
        );
    }
}

/// A call whose worker panicked is one without an answer.
fn note(line: &Line, ended: Result<(), JoinError>) {
    if let Err(error) = ended {
        metrics::ended(line.topic, Outcome::Panicked);
        tracing::error!(topic = line.topic, %error, "a worker has panicked: the call is sent again, please report this");
    }
}

impl Carrier {
    async fn carry(self: Arc<Self>, held: Held) {
        let began = Instant::now();
        let outcome = self.outcome(&held.call).await;
        metrics::took(self.line.topic, began.elapsed());
        metrics::ended(self.line.topic, outcome);
    }

    async fn outcome(&self, call: &Call) -> Outcome {
        let topic = self.line.topic;
        let limit = self.line.worker.time_limit();
        let carried = Arc::clone(&self.line.worker).carry_out(call.clone());
        let Ok(answers) = timeout(limit, carried).await else {
            tracing::warn!(
                topic,
                ?limit,
                "a call has not ended in its time and is given up until it is sent again"
            );
            return Outcome::TimedOut;
        };
        if answers.is_empty() {
            return Outcome::Silent;
        }
        for answer in answers {
            if let Err(error) = self.append(call, answer).await {
                tracing::warn!(topic, %error, "an answer could not be written: its call will be sent again");
                return Outcome::Unlogged;
            }
        }
        Outcome::Answered
    }

    async fn append(&self, call: &Call, answer: Answer) -> Result<(), CommandError> {
        let record = self.record(call, answer);
        let mut wait = APPEND_RETRY_WAIT;
        for _ in 1..APPEND_ATTEMPTS_MAX {
            match self.log.append(record.clone()).await {
                Err(CommandError::Unavailable(_)) => sleep(wait).await,
                ended => return ended.map(drop),
            }
            wait *= 2;
        }
        self.log.append(record).await.map(drop)
    }

    fn record(&self, call: &Call, answer: Answer) -> CommandRecord {
        let mut headers = answer.headers;
        if let Some(trace) = call.headers.last(TRACEPARENT) {
            headers.push((TRACEPARENT.to_owned(), trace.to_vec()));
        }
        CommandRecord {
            topic: self.line.worker.answers().to_owned(),
            key: call.key.clone(),
            value: Some(answer.value),
            headers,
            timestamp_ms: self.machine.now_ms(),
        }
    }
}
