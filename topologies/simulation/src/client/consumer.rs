//! A consumer: the calls of the port. Fetching and membership go on in threads of its own.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode;
use runtime::kafka::port::{
    ClientError, ConsumerEvent, GroupMembership, KafkaConsumer, NO_OFFSET, Partition, Settings,
};
use runtime::kafka::{GroupMember, GroupState, Witness};

use super::batch::{Fetched, SimBatch};
use super::fetcher::Fetcher;
use super::line::{Line, Target};
use super::member::Joiner;
use super::{Refusal, SimClient, milliseconds, setting};
use crate::cluster::{KafkaError, Member, OffsetSpec, PartitionId, Request, Response};
use crate::sometimes::Moment;
use crate::world::{Phase, ThreadId};

/// Wait before committed offsets are asked for again that a transaction is pending on.
const UNSTABLE_BACKOFF: Duration = Duration::from_millis(20);

/// A consumer of a simulated process.
pub(crate) struct SimConsumer {
    client: SimClient,
    settings: Settings,
    witness: Arc<Witness>,
    shared: Arc<Mutex<Shared>>,
    /// Of the thread that owns the consumer.
    line: Mutex<Line>,
    /// The number of this part of its process, for phases.
    part: u64,
}

/// What the consumer's threads share.
#[derive(Default)]
pub(super) struct Shared {
    pub(super) topics: Vec<String>,
    pub(super) assigned: BTreeMap<PartitionId, Assigned>,
    pub(super) events: VecDeque<ConsumerEvent>,
    pub(super) member: Option<Member>,
    /// A revocation waits for its answer.
    pub(super) revoking: bool,
    pub(super) closed: bool,
    pub(super) fetcher: Option<ThreadId>,
    pub(super) joiner: Option<ThreadId>,
    owner: Option<ThreadId>,
    rung: bool,
}

/// A partition that is fetched.
#[derive(Debug)]
pub(super) struct Assigned {
    pub(super) topic: usize,
    /// The next offset to ask for.
    pub(super) fetch_at: i64,
    /// The end that the reader was told of.
    pub(super) told_end: Option<i64>,
    /// Counts assignments and seeks, so that an answer to an older question is not taken.
    pub(super) version: u64,
    pub(super) queue: VecDeque<Fetched>,
    /// After what was handed over and what lies behind it that is no record.
    position: i64,
}

/// What a transaction is fenced with.
#[derive(Debug, Clone)]
pub(crate) struct Membership {
    pub(super) group: String,
    pub(super) member: Member,
}

impl GroupMembership for Membership {
    fn generation(&self) -> i32 {
        self.member.generation
    }

    fn member_id(&self) -> String {
        self.member.member_id.clone()
    }
}

impl SimConsumer {
    pub(super) fn new(client: &SimClient, settings: &Settings, witness: Arc<Witness>) -> Self {
        Self {
            client: client.clone(),
            settings: settings.clone(),
            line: Mutex::new(line(client, settings, &witness)),
            witness,
            shared: Arc::default(),
            part: client.kafka.world.draw(|random| random.within(0..u64::MAX)),
        }
    }

    /// Everything that was fetched of the next partition that has something.
    pub(super) fn take(&self, turn: &mut usize) -> VecDeque<Fetched> {
        let mut shared = self.shared();
        let count = shared.assigned.len();
        let found = (0..count).map(|step| (*turn + step) % count).find(|at| {
            let assigned = shared.assigned.values().nth(*at);
            assigned.is_some_and(|assigned| !assigned.queue.is_empty())
        });
        let Some(at) = found else { return VecDeque::new() };
        *turn = at + 1;
        let fetcher = shared.fetcher;
        let taken = shared.assigned.values_mut().nth(at).map(|assigned| {
            assigned.position = assigned.fetch_at;
            std::mem::take(&mut assigned.queue)
        });
        drop(shared);
        if let Some(fetcher) = fetcher {
            self.client.kafka.world.wake(fetcher);
        }
        taken.unwrap_or_default()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Only the owner's thread uses it, so it is free, also while that thread waits.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn until(&self, timeout: Duration) -> Duration {
        self.client.kafka.world.now() + timeout
    }

    fn id(&self, topic: &str, partition: i32) -> Result<PartitionId, ClientError> {
        let found = self.client.partition(topic, partition);
        found.ok_or_else(|| Refusal::Kafka(KafkaError::UnknownTopicOrPartition).error(topic))
    }

    fn offset(&self, partition: PartitionId, which: OffsetSpec, timeout: Duration) -> Result<i64, ClientError> {
        let request = Request::ListOffsets { partition, which };
        let answer = self
            .line()
            .ask(&Target::Leader(partition), &request, self.until(timeout));
        match answer {
            Ok(Response::Offset(offset)) => Ok(offset),
            Ok(_) => Ok(NO_OFFSET),
            Err(refusal) => Err(refusal.error("cannot ask for the ends of a partition")),
        }
    }

    fn reads_committed(&self) -> bool {
        setting(&self.settings, "isolation.level") == "read_committed"
    }

    fn start_fetching(&self) {
        let mut shared = self.shared();
        if let Some(fetcher) = shared.fetcher {
            drop(shared);
            self.client.kafka.world.wake(fetcher);
            return;
        }
        let fetcher = Fetcher {
            line: line(&self.client, &self.settings, &self.witness),
            shared: Arc::clone(&self.shared),
            tells_ends: setting(&self.settings, "enable.partition.eof") == "true",
            committed: self.reads_committed(),
        };
        let work = Box::new(move || fetcher.run());
        shared.fetcher = self.client.kafka.world.spawn(self.client.process, work);
    }

    /// A reader that has partitions is a restore.
    fn restoring(&self, is: bool) {
        if setting(&self.settings, "enable.partition.eof") == "true" {
            let (world, process) = (&self.client.kafka.world, self.client.process);
            world.phase(process, self.part, is.then_some(Phase::Restoring));
        }
    }

    /// Ends the consumer's threads.
    fn end(&self) {
        let mut shared = self.shared();
        shared.closed = true;
        shared.assigned.clear();
        let threads = [shared.fetcher.take(), shared.joiner.take()];
        drop(shared);
        for thread in threads.into_iter().flatten() {
            self.client.kafka.world.wake(thread);
        }
    }

    fn forget_membership(&self) {
        let mut shared = self.shared();
        shared.member = None;
        shared.events.clear();
        shared.revoking = false;
    }
}

impl KafkaConsumer for SimConsumer {
    type Batch = SimBatch;
    type Membership = Membership;

    fn topic(&mut self, name: &str) -> Result<usize, ClientError> {
        let topics = &mut self.shared().topics;
        topics.push(name.to_owned());
        Ok(topics.len() - 1)
    }

    fn subscribe(&self, topic: &str) -> Result<(), ClientError> {
        let topic_id = self.id(topic, 0)?.topic;
        let joiner = Joiner::new(
            line(&self.client, &self.settings, &self.witness),
            Arc::clone(&self.shared),
            &self.settings,
            (topic, topic_id),
        );
        let work = Box::new(move || joiner.run());
        let joiner = self.client.kafka.world.spawn(self.client.process, work);
        self.shared().joiner = joiner;
        Ok(())
    }

    fn leave(&mut self, deadline: Instant) {
        let member = self.shared().member.clone();
        self.end();
        if let Some(member) = member {
            let group = setting(&self.settings, "group.id").to_owned();
            let request = Request::LeaveGroup {
                group: group.clone(),
                member,
            };
            let until = self.client.kafka.world.time_of(deadline);
            // The group finds out by itself when it does not hear of this.
            drop(self.line().ask(&Target::Coordinator(group), &request, until));
        }
        self.forget_membership();
    }

    fn next_event(&self) -> Option<ConsumerEvent> {
        self.shared().events.pop_front()
    }

    fn wait_until(&self, deadline: Instant) {
        let world = &self.client.kafka.world;
        world.is_at_rest(self.client.process);
        let until = world.time_of(deadline);
        loop {
            {
                let mut shared = self.shared();
                shared.owner = world.current();
                if std::mem::take(&mut shared.rung) {
                    return;
                }
            }
            if world.now() >= until || !world.park(Some(until)) {
                return;
            }
        }
    }

    fn assign(&mut self, partitions: &[Partition]) -> Result<(), ClientError> {
        for partition in partitions {
            let id = self.id(&partition.topic, partition.partition)?;
            let mut shared = self.shared();
            let known = shared.topics.iter().position(|topic| *topic == partition.topic);
            let topic = known.unwrap_or_else(|| {
                shared.topics.push(partition.topic.clone());
                shared.topics.len() - 1
            });
            let assigned = Assigned {
                topic,
                fetch_at: partition.offset,
                told_end: None,
                version: self.client.kafka.world.draw(|random| random.within(0..u64::MAX)),
                queue: VecDeque::new(),
                position: NO_OFFSET,
            };
            if shared.assigned.insert(id, assigned).is_some() {
                return Err(conflict(&partition.topic));
            }
        }
        if !partitions.is_empty() {
            self.start_fetching();
            self.restoring(true);
        }
        Ok(())
    }

    fn unassign(&mut self, partitions: &[Partition]) -> Result<(), ClientError> {
        for partition in partitions {
            let id = self.id(&partition.topic, partition.partition)?;
            self.shared().assigned.remove(&id);
        }
        self.restoring(false);
        let mut shared = self.shared();
        shared.revoking = false;
        if let Some(joiner) = shared.joiner {
            drop(shared);
            self.client.kafka.world.wake(joiner);
        }
        Ok(())
    }

    fn seek(&self, partitions: &[Partition], _: Duration) -> Result<Vec<Partition>, ClientError> {
        let mut moved = partitions.to_vec();
        for partition in &mut moved {
            let id = self.id(&partition.topic, partition.partition)?;
            let mut shared = self.shared();
            match shared.assigned.get_mut(&id) {
                // A partition that was added a moment ago has no fetcher yet and cannot be sought.
                Some(assigned) if assigned.position != NO_OFFSET || assigned.told_end.is_some() => {
                    assigned.fetch_at = partition.offset;
                    assigned.position = partition.offset;
                    assigned.version = assigned.version.wrapping_add(1);
                    assigned.told_end = None;
                    assigned.queue.clear();
                }
                _ => partition.error = Some(RDKafkaErrorCode::State),
            }
        }
        self.start_fetching();
        Ok(moved)
    }

    fn committed(&self, partitions: &[Partition], timeout: Duration) -> Result<Vec<Partition>, ClientError> {
        let group = setting(&self.settings, "group.id").to_owned();
        let ids = partitions
            .iter()
            .map(|partition| self.id(&partition.topic, partition.partition));
        let request = Request::OffsetFetch {
            group: group.clone(),
            partitions: ids.collect::<Result<_, _>>()?,
            require_stable: self.reads_committed(),
        };
        let until = self.until(timeout);
        loop {
            match self.line().ask(&Target::Coordinator(group.clone()), &request, until) {
                Ok(Response::Offsets(found)) => {
                    let found = found.into_iter().map(|(_, offset)| offset);
                    let filled = partitions.iter().zip(found).map(|(partition, found)| Partition {
                        offset: found.as_ref().map_or(NO_OFFSET, |found| found.next),
                        metadata: found.map_or_else(Vec::new, |found| found.metadata.into_bytes()),
                        ..partition.clone()
                    });
                    return Ok(filled.collect());
                }
                Err(Refusal::Kafka(KafkaError::UnstableOffsetCommit)) if self.until(UNSTABLE_BACKOFF) < until => {
                    self.client.kafka.world.reached(Moment::OffsetsUnstable);
                    self.client.kafka.world.sleep(UNSTABLE_BACKOFF);
                }
                Ok(_) | Err(Refusal::TimedOut) => return Err(Refusal::TimedOut.error("cannot read committed offsets")),
                Err(refusal) => return Err(refusal.error("cannot read committed offsets")),
            }
        }
    }

    fn positions(&self, partitions: &[Partition]) -> Result<Vec<Partition>, ClientError> {
        let at = |partition: &Partition| {
            let id = self.id(&partition.topic, partition.partition)?;
            let shared = self.shared();
            let assigned = shared.assigned.get(&id);
            // What was fetched and is no record is passed without being handed over.
            let position = assigned.map_or(NO_OFFSET, |assigned| {
                let is_read = assigned.queue.is_empty() && assigned.told_end.is_some();
                if is_read { assigned.fetch_at } else { assigned.position }
            });
            Ok(Partition {
                offset: position,
                ..partition.clone()
            })
        };
        partitions.iter().map(at).collect()
    }

    fn watermarks(&self, topic: &str, partition: i32, timeout: Duration) -> Result<(i64, i64), ClientError> {
        let id = self.id(topic, partition)?;
        let committed = self.reads_committed();
        let first = self.offset(id, OffsetSpec::Earliest, timeout)?;
        Ok((first, self.offset(id, OffsetSpec::Latest { committed }, timeout)?))
    }

    fn high_watermark(&self, topic: &str, partition: i32, timeout: Duration) -> Result<i64, ClientError> {
        let id = self.id(topic, partition)?;
        self.offset(id, OffsetSpec::Latest { committed: false }, timeout)
    }

    fn partition_count(&self, topic: &str, timeout: Duration) -> Result<Option<i32>, ClientError> {
        let request = Request::Metadata {
            topic: topic.to_owned(),
        };
        let answer = self
            .line()
            .ask(&Target::Coordinator(topic.to_owned()), &request, self.until(timeout));
        match answer {
            Ok(Response::Topic(topic)) => Ok(i32::try_from(topic.leaders.len()).ok()),
            Ok(_) | Err(Refusal::Kafka(KafkaError::UnknownTopicOrPartition)) => Ok(None),
            Err(refusal) => Err(refusal.error("cannot ask for the partitions of a topic")),
        }
    }

    fn group(&self, name: &str, timeout: Duration) -> Result<GroupState, ClientError> {
        let request = Request::DescribeGroup { group: name.to_owned() };
        let answer = self
            .line()
            .ask(&Target::Coordinator(name.to_owned()), &request, self.until(timeout));
        match answer {
            Ok(Response::Group(group)) => Ok(GroupState {
                state: format!("{:?}", group.state),
                members: group
                    .members
                    .into_iter()
                    .map(|member| GroupMember {
                        member_id: member.member_id,
                        client_id: member.client_id,
                        host: String::new(),
                        partitions: vec![(format!("{name}-tasks"), member.assignment)],
                    })
                    .collect(),
            }),
            Ok(_) => Ok(GroupState::default()),
            Err(refusal) => Err(refusal.error("cannot ask for the group")),
        }
    }

    fn group_metadata(&self) -> Option<Membership> {
        let group = setting(&self.settings, "group.id").to_owned();
        let member = self.shared().member.clone().unwrap_or(Member {
            member_id: String::new(),
            instance_id: setting(&self.settings, "group.instance.id").to_owned(),
            generation: -1,
        });
        Some(Membership { group, member })
    }

    fn close(self, _: Instant) {
        // Static members stay in their group.
        self.end();
    }
}

impl Drop for SimConsumer {
    fn drop(&mut self) {
        self.end();
    }
}

impl Shared {
    /// Tells the owner that something has come.
    pub(super) fn ring(shared: &Mutex<Self>, world: &crate::world::World) {
        let owner = {
            let mut shared = lock(shared);
            shared.rung = true;
            shared.owner
        };
        if let Some(owner) = owner {
            world.wake(owner);
        }
    }
}

/// Never held while a thread waits.
pub(super) fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn line(client: &SimClient, settings: &Settings, witness: &Arc<Witness>) -> Line {
    let request_timeout = milliseconds(settings, "socket.timeout.ms");
    Line::new(&client.kafka, client.process, witness, request_timeout)
}

fn conflict(topic: &str) -> ClientError {
    ClientError {
        code: RDKafkaErrorCode::Conflict,
        reason: format!("{topic} is assigned already"),
        fatal: false,
        retriable: false,
    }
}
