//! One thread's line to the brokers: connections, what it knows of leaders and coordinators, and retries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use runtime::kafka::Witness;

use super::Refusal;
use crate::cluster::{BrokerId, KafkaError, PartitionId, Request, Response};
use crate::kafka::{Kafka, Link, Lost};
use crate::sometimes::Moment;
use crate::world::ProcessId;

/// Wait before a request is repeated.
const RETRY_BACKOFF: Duration = Duration::from_millis(5);
/// Wait before a request is repeated that met a transaction whose markers are not written.
const CONCURRENT_BACKOFF: Duration = Duration::from_millis(20);
/// librdkafka's level of a warning and of a notice.
const WARNING: i64 = 4;
const NOTICE: i64 = 6;

/// Whom a request is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    Leader(PartitionId),
    Coordinator(String),
}

pub(super) struct Line {
    kafka: Kafka,
    process: ProcessId,
    witness: Arc<Witness>,
    request_timeout: Duration,
    links: BTreeMap<BrokerId, Link>,
    known: BTreeMap<Target, BrokerId>,
}

impl Line {
    pub(super) fn new(kafka: &Kafka, process: ProcessId, witness: &Arc<Witness>, request_timeout: Duration) -> Self {
        Self {
            kafka: kafka.clone(),
            process,
            witness: Arc::clone(witness),
            request_timeout,
            links: BTreeMap::new(),
            known: BTreeMap::new(),
        }
    }

    /// Another line of the same client, with connections of its own.
    pub(super) fn sibling(&self) -> Self {
        Self::new(&self.kafka, self.process, &self.witness, self.request_timeout)
    }

    /// Sends the request until a broker answers it, or until the deadline.
    pub(super) fn ask(&mut self, target: &Target, request: &Request, deadline: Duration) -> Result<Response, Refusal> {
        self.ask_unless(target, request, deadline, &|| false)
    }

    /// The same, not again when it is given up meanwhile.
    pub(super) fn ask_unless(
        &mut self,
        target: &Target,
        request: &Request,
        deadline: Duration,
        is_given_up: &dyn Fn() -> bool,
    ) -> Result<Response, Refusal> {
        loop {
            let backoff = match self.once(target, request, deadline) {
                Some(Ok(response)) => return Ok(response),
                Some(Err(KafkaError::NotLeader | KafkaError::NotCoordinator)) => {
                    self.known.remove(target);
                    RETRY_BACKOFF
                }
                Some(Err(KafkaError::NotEnoughReplicas)) => CONCURRENT_BACKOFF,
                Some(Err(KafkaError::ConcurrentTransactions)) => {
                    self.kafka.world.reached(Moment::TransactionsConcurrent);
                    CONCURRENT_BACKOFF
                }
                Some(Err(error)) => return Err(Refusal::Kafka(error)),
                // Another broker may have taken over.
                None => {
                    self.known.remove(target);
                    RETRY_BACKOFF
                }
            };
            let world = &self.kafka.world;
            if !world.is_alive(self.process) || world.now() + backoff >= deadline {
                return Err(Refusal::TimedOut);
            }
            world.sleep(backoff);
            if is_given_up() {
                return Err(Refusal::TimedOut);
            }
        }
    }

    /// Sends the request once. `None` when there was no answer; the witness has been told how the client says so.
    pub(super) fn once(
        &mut self,
        target: &Target,
        request: &Request,
        deadline: Duration,
    ) -> Option<Result<Response, KafkaError>> {
        self.once_within(target, request, self.request_timeout, deadline)
    }

    /// The same for a request that may take its time, as a join does that waits for other members.
    pub(super) fn once_within(
        &mut self,
        target: &Target,
        request: &Request,
        request_timeout: Duration,
        deadline: Duration,
    ) -> Option<Result<Response, KafkaError>> {
        let broker = self.broker(target);
        let link = self.links.entry(broker).or_default();
        let left = deadline.saturating_sub(self.kafka.world.now());
        let timeout = request_timeout.min(left);
        match self.kafka.call(self.process, link, broker, request.clone(), timeout) {
            Ok(answer) => return Some(answer),
            // Only a request that has waited as long as a request may is given up; the caller's own patience is shorter.
            Err(Lost::Unanswered) if left < request_timeout => {}
            Err(Lost::Unanswered) => self
                .witness
                .logged(WARNING, "REQTMOUT", "Timed out 1 in-flight request"),
            Err(Lost::Disconnected) => self.witness.logged(NOTICE, "FAIL", "Disconnected (in state UP)"),
        }
        None
    }

    fn broker(&mut self, target: &Target) -> BrokerId {
        if let Some(known) = self.known.get(target) {
            return *known;
        }
        let found = self.kafka.look(|cluster| match target {
            Target::Leader(partition) => cluster.leader(*partition),
            Target::Coordinator(key) => cluster.coordinator(key),
        });
        self.known.insert(target.clone(), found);
        found
    }

    /// Asks anew where the target is, before the next request.
    pub(super) fn forget(&mut self, target: &Target) {
        self.known.remove(target);
    }

    pub(super) fn kafka(&self) -> &Kafka {
        &self.kafka
    }

    pub(super) fn process(&self) -> ProcessId {
        self.process
    }

    pub(super) fn witness(&self) -> &Witness {
        &self.witness
    }
}
