//! A small cluster, and clients that say as little as possible.

use std::time::Duration;

use bytes::Bytes;
use simulation::cluster::{
    Answer, BrokerId, Cluster, CommittedOffset, Fetched, Handled, Joined, KafkaError, Marker, Member, OffsetSpec,
    PartitionId, Policy, ProducerEpoch, Request, Response, Settings, StoredRecord, Ticket, TopicId,
};
use streams::record::Headers;

pub(crate) const GROUP: &str = "group";
pub(crate) const SESSION: Duration = Duration::from_secs(10);
pub(crate) const REBALANCE: Duration = Duration::from_secs(60);
pub(crate) const TRANSACTION: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) cluster: Cluster,
    pub(crate) now: Duration,
    pub(crate) topic: TopicId,
    /// The session timeout of members that join from now on.
    pub(crate) session: Duration,
}

impl World {
    /// Four partitions, of which the first two are the most that any test about logs needs.
    pub(crate) fn new() -> Self {
        Self::with(Settings::default(), Policy::Delete)
    }

    pub(crate) fn with(settings: Settings, policy: Policy) -> Self {
        let mut cluster = Cluster::new(settings);
        let topic = cluster.create_topic("topic", 4, policy);
        Self {
            cluster,
            now: Duration::ZERO,
            topic,
            session: SESSION,
        }
    }

    pub(crate) fn partition(&self, partition: i32) -> PartitionId {
        PartitionId {
            topic: self.topic,
            partition,
        }
    }

    pub(crate) fn handle(&mut self, request: Request) -> Handled {
        let broker = self.broker(&request);
        self.cluster.handle(self.now, broker, request)
    }

    pub(crate) fn ask(&mut self, request: Request) -> Answer {
        match self.handle(request) {
            Handled::Answer(answer) => answer,
            Handled::Parked(ticket) => panic!("the request waits under {ticket:?}"),
        }
    }

    pub(crate) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.cluster.expire(self.now);
    }

    fn broker(&self, request: &Request) -> BrokerId {
        match request {
            Request::Produce { partition, .. }
            | Request::Fetch { partition, .. }
            | Request::ListOffsets { partition, .. } => self.cluster.leader(*partition),
            Request::InitProducerId {
                transactional_id: Some(id),
                ..
            }
            | Request::AddPartitionsToTxn {
                transactional_id: id, ..
            }
            | Request::AddOffsetsToTxn {
                transactional_id: id, ..
            }
            | Request::EndTxn {
                transactional_id: id, ..
            } => self.cluster.coordinator(id),
            Request::TxnOffsetCommit { group, .. }
            | Request::OffsetFetch { group, .. }
            | Request::JoinGroup { group, .. }
            | Request::Heartbeat { group, .. }
            | Request::LeaveGroup { group, .. }
            | Request::DescribeGroup { group } => self.cluster.coordinator(group),
            Request::InitProducerId { .. } | Request::Metadata { .. } => BrokerId(0),
        }
    }
}

/// Transactions under the transactional id "id", unless another is given.
impl World {
    pub(crate) fn init(&mut self, current: Option<ProducerEpoch>) -> Result<ProducerEpoch, KafkaError> {
        let answer = self.ask(Request::InitProducerId {
            transactional_id: Some("id".to_owned()),
            transaction_timeout: TRANSACTION,
            current,
        });
        answer.map(|response| match response {
            Response::ProducerId(producer) => producer,
            other => panic!("{other:?}"),
        })
    }

    pub(crate) fn add(&mut self, producer: ProducerEpoch, partition: i32) -> Answer {
        self.ask(Request::AddPartitionsToTxn {
            transactional_id: "id".to_owned(),
            producer,
            partitions: vec![self.partition(partition)],
        })
    }

    pub(crate) fn add_offsets(&mut self, producer: ProducerEpoch) -> Answer {
        self.ask(Request::AddOffsetsToTxn {
            transactional_id: "id".to_owned(),
            producer,
            group: GROUP.to_owned(),
        })
    }

    pub(crate) fn end(&mut self, producer: ProducerEpoch, commit: bool) -> Answer {
        self.ask(Request::EndTxn {
            transactional_id: "id".to_owned(),
            producer,
            commit,
        })
    }

    /// One record with this value, in a transaction.
    pub(crate) fn send(&mut self, producer: ProducerEpoch, partition: i32, sequence: i32, value: &str) -> Answer {
        self.produce(Some("id"), producer, partition, sequence, &[("key", value)])
    }

    pub(crate) fn produce(
        &mut self,
        transactional_id: Option<&str>,
        producer: ProducerEpoch,
        partition: i32,
        base_sequence: i32,
        records: &[(&str, &str)],
    ) -> Answer {
        self.ask(Request::Produce {
            transactional_id: transactional_id.map(str::to_owned),
            producer,
            partition: self.partition(partition),
            base_sequence,
            records: records.iter().map(|(key, value)| record(key, value)).collect(),
        })
    }

    pub(crate) fn write_markers(&mut self) -> Vec<Marker> {
        let markers = self.cluster.take_markers();
        for marker in &markers {
            self.cluster.write_marker(self.now, marker.clone());
        }
        markers
    }

    /// Commits or aborts, and waits for all markers.
    pub(crate) fn finish(&mut self, producer: ProducerEpoch, commit: bool) {
        assert_eq!(self.end(producer, commit), Ok(Response::TxnEnded));
        self.write_markers();
    }

    pub(crate) fn committed(&self, partition: i32) -> Vec<(i64, String)> {
        let records = self.cluster.committed_records(self.partition(partition));
        records.map(|(offset, record)| (offset, value_of(record))).collect()
    }

    pub(crate) fn fetch(&mut self, partition: i32, offset: i64, committed: bool) -> Result<Fetched, KafkaError> {
        self.fetch_some(partition, offset, committed, 100)
    }

    pub(crate) fn fetch_some(
        &mut self,
        partition: i32,
        offset: i64,
        committed: bool,
        max_records: usize,
    ) -> Result<Fetched, KafkaError> {
        let answer = self.ask(Request::Fetch {
            partition: self.partition(partition),
            offset,
            committed,
            max_records,
        });
        answer.map(|response| match response {
            Response::Fetched(fetched) => fetched,
            other => panic!("{other:?}"),
        })
    }

    pub(crate) fn offset(&mut self, partition: i32, which: OffsetSpec) -> i64 {
        let partition = self.partition(partition);
        match self.ask(Request::ListOffsets { partition, which }) {
            Ok(Response::Offset(offset)) => offset,
            other => panic!("{other:?}"),
        }
    }
}

/// Members of one group.
impl World {
    pub(crate) fn join(&mut self, member_id: &str, instance_id: &str, owned: &[i32]) -> Handled {
        self.handle(Request::JoinGroup {
            group: GROUP.to_owned(),
            member_id: member_id.to_owned(),
            instance_id: instance_id.to_owned(),
            client_id: "client".to_owned(),
            session_timeout: self.session,
            rebalance_timeout: REBALANCE,
            topic: self.topic,
            owned: owned.to_vec(),
        })
    }

    /// Joins and waits under the ticket that is answered.
    pub(crate) fn park(&mut self, member_id: &str, instance_id: &str, owned: &[i32]) -> Ticket {
        match self.join(member_id, instance_id, owned) {
            Handled::Parked(ticket) => ticket,
            Handled::Answer(answer) => panic!("answered at once: {answer:?}"),
        }
    }

    /// The only member of a new group.
    pub(crate) fn join_alone(&mut self, instance_id: &str) -> Joined {
        let ticket = self.park("", instance_id, &[]);
        self.joined([ticket]).remove(0)
    }

    /// Two members that have settled, with two of the four partitions each.
    pub(crate) fn join_both(&mut self) -> (Joined, Joined) {
        let a = self.join_alone("a");
        let b = self.park("", "b", &[]);
        let a = self.park(&a.member_id, "a", &a.assignment);
        let joined = self.joined([a, b]);
        let a = self.park(&joined[0].member_id, "a", &joined[0].assignment);
        let b = self.park(&joined[1].member_id, "b", &joined[1].assignment);
        let mut joined = self.joined([a, b]).into_iter();
        (joined.next().unwrap(), joined.next().unwrap())
    }

    /// What these parked joins were answered. There must be no other answers.
    pub(crate) fn joined<const N: usize>(&mut self, tickets: [Ticket; N]) -> Vec<Joined> {
        let answers = self.cluster.take_answers();
        assert_eq!(answers.len(), N, "{answers:?}");
        let answer = |ticket| answers.iter().find(|(answered, _)| *answered == ticket);
        let answers = tickets.map(|ticket| answer(ticket).unwrap().1.clone());
        answers
            .into_iter()
            .map(|answer| joined(Handled::Answer(answer)))
            .collect()
    }

    pub(crate) fn heartbeat(&mut self, instance_id: &str, joined: &Joined) -> Answer {
        self.ask(Request::Heartbeat {
            group: GROUP.to_owned(),
            member: member(instance_id, joined),
        })
    }

    pub(crate) fn leave(&mut self, instance_id: &str, joined: &Joined) -> Answer {
        self.ask(Request::LeaveGroup {
            group: GROUP.to_owned(),
            member: member(instance_id, joined),
        })
    }

    /// Stores the offset of partition 0 in the producer's transaction.
    pub(crate) fn store_offset(&mut self, producer: ProducerEpoch, member: Member, next: i64) -> Answer {
        self.store_offset_of("id", producer, member, next)
    }

    pub(crate) fn store_offset_of(&mut self, id: &str, producer: ProducerEpoch, member: Member, next: i64) -> Answer {
        let offset = CommittedOffset {
            next,
            metadata: format!("up to {next}"),
        };
        self.ask(Request::TxnOffsetCommit {
            transactional_id: id.to_owned(),
            producer,
            group: GROUP.to_owned(),
            member,
            offsets: vec![(self.partition(0), offset)],
        })
    }

    pub(crate) fn fetch_offset(&mut self, require_stable: bool) -> Result<Option<i64>, KafkaError> {
        let answer = self.ask(Request::OffsetFetch {
            group: GROUP.to_owned(),
            partitions: vec![self.partition(0)],
            require_stable,
        });
        answer.map(|response| match response {
            Response::Offsets(offsets) => offsets[0].1.as_ref().map(|offset| offset.next),
            other => panic!("{other:?}"),
        })
    }

    pub(crate) fn assignments(&self) -> Vec<(String, Vec<i32>)> {
        let members = self.cluster.group_members(GROUP);
        let mut members: Vec<_> = members.into_iter().map(|m| (m.instance_id, m.assignment)).collect();
        members.sort();
        members
    }
}

pub(crate) fn joined(handled: Handled) -> Joined {
    match handled {
        Handled::Answer(Ok(Response::Joined(joined))) => joined,
        other => panic!("{other:?}"),
    }
}

pub(crate) fn member(instance_id: &str, joined: &Joined) -> Member {
    Member {
        member_id: joined.member_id.clone(),
        instance_id: instance_id.to_owned(),
        generation: joined.generation,
    }
}

/// A committer outside the group.
pub(crate) fn outsider() -> Member {
    Member {
        member_id: String::new(),
        instance_id: String::new(),
        generation: -1,
    }
}

pub(crate) fn record(key: &str, value: &str) -> StoredRecord {
    StoredRecord {
        timestamp_ms: 0,
        key: Some(Bytes::copy_from_slice(key.as_bytes())),
        value: Some(Bytes::copy_from_slice(value.as_bytes())),
        headers: Headers::default(),
    }
}

pub(crate) fn value_of(record: &StoredRecord) -> String {
    String::from_utf8(record.value.as_ref().unwrap().to_vec()).unwrap()
}

pub(crate) fn values(fetched: &Fetched) -> Vec<(i64, String)> {
    fetched
        .records
        .iter()
        .map(|(offset, record)| (*offset, value_of(record)))
        .collect()
}

#[allow(clippy::unnecessary_wraps, reason = "it is compared with answers")]
pub(crate) fn produced(base_offset: i64) -> Answer {
    Ok(Response::Produced { base_offset })
}

pub(crate) fn seen(offset: i64, value: &str) -> (i64, String) {
    (offset, value.to_owned())
}
