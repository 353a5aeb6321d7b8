//! The consumer's thread that is a member of the group: joining, heartbeats, and what the group gives and takes.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode;
use runtime::kafka::port::{ClientError, ConsumerEvent, Partition, Settings};

use super::consumer::{Shared, lock};
use super::line::{Line, Target};
use super::{Refusal, milliseconds, setting};
use crate::cluster::{Joined, KafkaError, Member, Request, Response, TopicId};
use crate::sometimes::Moment;
use crate::world::Phase;

/// Wait before joining is tried again.
const JOIN_BACKOFF: Duration = Duration::from_millis(100);
/// The group waits so long for a member to join again.
const REBALANCE_TIMEOUT: Duration = Duration::from_secs(60);
/// A join without an answer counts as lost after this time.
const JOIN_TIMEOUT: Duration = Duration::from_secs(65);
pub(super) struct Joiner {
    line: Line,
    shared: Arc<Mutex<Shared>>,
    group: String,
    client_id: String,
    instance_id: String,
    session_timeout: Duration,
    heartbeat_interval: Duration,
    topic: String,
    topic_id: TopicId,
    member_id: String,
    generation: i32,
    owned: BTreeSet<i32>,
    heard_at: Duration,
    /// The number of this part of its process, for phases.
    part: u64,
}

/// How a time of membership ended.
enum Ended {
    /// The consumer was closed, or cannot be a member any more.
    ForGood,
    /// The group asks to join again.
    Rejoin,
}

impl Joiner {
    pub(super) fn new(
        line: Line,
        shared: Arc<Mutex<Shared>>,
        settings: &Settings,
        (topic, topic_id): (&str, TopicId),
    ) -> Self {
        let part = line.kafka().world.draw(|random| random.within(0..u64::MAX));
        Self {
            part,
            line,
            shared,
            group: setting(settings, "group.id").to_owned(),
            client_id: setting(settings, "client.id").to_owned(),
            instance_id: setting(settings, "group.instance.id").to_owned(),
            session_timeout: milliseconds(settings, "session.timeout.ms"),
            heartbeat_interval: milliseconds(settings, "heartbeat.interval.ms"),
            topic: topic.to_owned(),
            topic_id,
            member_id: String::new(),
            generation: -1,
            owned: BTreeSet::new(),
            heard_at: Duration::ZERO,
        }
    }

    pub(super) fn run(mut self) {
        self.heard_at = self.now();
        while !lock(&self.shared).closed {
            self.phase(Some(Phase::Rebalancing));
            let ended = self.join().unwrap_or_else(|| {
                self.phase(None);
                self.stay()
            });
            if matches!(ended, Ended::ForGood) {
                break;
            }
        }
        self.phase(None);
    }

    /// Joins and takes the group's decision over. `None` when the member has what it is to have.
    fn join(&mut self) -> Option<Ended> {
        let request = Request::JoinGroup {
            group: self.group.clone(),
            member_id: self.member_id.clone(),
            instance_id: self.instance_id.clone(),
            client_id: self.client_id.clone(),
            session_timeout: self.session_timeout,
            rebalance_timeout: REBALANCE_TIMEOUT,
            topic: self.topic_id,
            owned: self.owned.iter().copied().collect(),
        };
        let deadline = self.now() + JOIN_TIMEOUT;
        let target = Target::Coordinator(self.group.clone());
        match self.line.once_within(&target, &request, JOIN_TIMEOUT, deadline) {
            Some(Ok(Response::Joined(joined))) => self.joined(joined),
            Some(Err(error)) => Some(self.refused(error)),
            Some(Ok(_)) | None => {
                self.line.forget(&target);
                if !self.pause(JOIN_BACKOFF) {
                    return Some(Ended::ForGood);
                }
                self.unheard().or(Some(Ended::Rejoin))
            }
        }
    }

    fn joined(&mut self, joined: Joined) -> Option<Ended> {
        self.member_id = joined.member_id;
        self.generation = joined.generation;
        let assignment: BTreeSet<i32> = joined.assignment.into_iter().collect();
        self.heard_at = self.now();
        self.show();
        let revoked: Vec<i32> = self.owned.difference(&assignment).copied().collect();
        let added: Vec<i32> = assignment.difference(&self.owned).copied().collect();
        if !added.is_empty() {
            self.owned.extend(&added);
            self.tell(ConsumerEvent::Assigned(self.partitions(&added)));
        }
        if revoked.is_empty() {
            return None;
        }
        self.line.kafka().world.reached(Moment::TasksRevoked);
        let ended = self.take_away(&revoked, false);
        for partition in revoked {
            self.owned.remove(&partition);
        }
        Some(ended)
    }

    /// Heartbeats until something changes.
    fn stay(&mut self) -> Ended {
        loop {
            if !self.pause(self.heartbeat_interval) {
                return Ended::ForGood;
            }
            match self.heartbeat() {
                None => {}
                Some(ended) => return ended,
            }
        }
    }

    fn heartbeat(&mut self) -> Option<Ended> {
        let request = Request::Heartbeat {
            group: self.group.clone(),
            member: self.member(),
        };
        let target = Target::Coordinator(self.group.clone());
        let deadline = self.now() + self.session_timeout;
        match self.line.once(&target, &request, deadline) {
            Some(Ok(_)) => {
                self.heard_at = self.now();
                None
            }
            Some(Err(KafkaError::RebalanceInProgress)) => {
                self.heard_at = self.now();
                Some(Ended::Rejoin)
            }
            Some(Err(error)) => Some(self.refused(error)),
            None => {
                self.line.forget(&target);
                self.unheard()
            }
        }
    }

    fn refused(&mut self, error: KafkaError) -> Ended {
        match error {
            KafkaError::FencedInstanceId => {
                self.tell(ConsumerEvent::Error(ClientError {
                    code: RDKafkaErrorCode::FencedInstanceId,
                    fatal: true,
                    ..Refusal::Kafka(error).error("the consumer was fenced")
                }));
                return Ended::ForGood;
            }
            KafkaError::UnknownMemberId | KafkaError::IllegalGeneration => {
                self.member_id.clear();
                if !self.lose() {
                    return Ended::ForGood;
                }
            }
            _ => self.line.forget(&Target::Coordinator(self.group.clone())),
        }
        if self.pause(JOIN_BACKOFF) {
            Ended::Rejoin
        } else {
            Ended::ForGood
        }
    }

    /// When the group has not heard of this member for a session, its tasks are lost.
    fn unheard(&mut self) -> Option<Ended> {
        if self.now().saturating_sub(self.heard_at) < self.session_timeout {
            return None;
        }
        self.heard_at = self.now();
        Some(if self.lose() { Ended::Rejoin } else { Ended::ForGood })
    }

    /// Gives everything up that others may have already. `false` when the consumer ends.
    fn lose(&mut self) -> bool {
        self.generation = -1;
        self.show();
        let owned: Vec<i32> = std::mem::take(&mut self.owned).into_iter().collect();
        if owned.is_empty() {
            return true;
        }
        self.line.kafka().world.reached(Moment::TasksLost);
        matches!(self.take_away(&owned, true), Ended::Rejoin)
    }

    /// Tells the owner and waits for its answer, and stays a member meanwhile.
    fn take_away(&mut self, partitions: &[i32], lost: bool) -> Ended {
        lock(&self.shared).revoking = true;
        let partitions = self.partitions(partitions);
        self.tell(ConsumerEvent::Revoked { partitions, lost });
        let mut beat_at = self.now() + self.heartbeat_interval;
        while lock(&self.shared).revoking {
            if lock(&self.shared).closed || !self.line.kafka().world.park(Some(beat_at)) {
                return Ended::ForGood;
            }
            if !lost && self.now() >= beat_at {
                beat_at = self.now() + self.heartbeat_interval;
                self.beat();
            }
            beat_at = beat_at.max(self.now() + Duration::from_millis(1));
        }
        Ended::Rejoin
    }

    /// A heartbeat while the owner gives tasks up. What it is told of a rebalance it knows.
    fn beat(&mut self) {
        let request = Request::Heartbeat {
            group: self.group.clone(),
            member: self.member(),
        };
        let deadline = self.now() + self.heartbeat_interval;
        let target = Target::Coordinator(self.group.clone());
        if self.line.once(&target, &request, deadline).is_some() {
            self.heard_at = self.now();
        }
    }

    fn tell(&self, event: ConsumerEvent) {
        lock(&self.shared).events.push_back(event);
        Shared::ring(&self.shared, &self.line.kafka().world);
    }

    fn show(&self) {
        lock(&self.shared).member = Some(self.member());
    }

    fn member(&self) -> Member {
        Member {
            member_id: self.member_id.clone(),
            instance_id: self.instance_id.clone(),
            generation: self.generation,
        }
    }

    fn partitions(&self, partitions: &[i32]) -> Vec<Partition> {
        let of_topic = |partition: &i32| Partition::new(&self.topic, *partition);
        partitions.iter().map(of_topic).collect()
    }

    /// Waits. `false` when the consumer was closed.
    fn pause(&self, time: Duration) -> bool {
        let until = self.now() + time;
        while self.now() < until {
            if lock(&self.shared).closed || !self.line.kafka().world.park(Some(until)) {
                return false;
            }
        }
        !lock(&self.shared).closed
    }

    fn now(&self) -> Duration {
        self.line.kafka().world.now()
    }

    fn phase(&self, phase: Option<Phase>) {
        self.line.kafka().world.phase(self.line.process(), self.part, phase);
    }
}
