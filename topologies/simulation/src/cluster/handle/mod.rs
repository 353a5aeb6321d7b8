//! Requests: whose business they are, and who answers them.

mod groups;
mod log;
mod transactions;

use std::time::Duration;

use super::Cluster;
use super::error::KafkaError;
use super::group::{Join, Profile};
use super::ids::{BrokerId, PartitionId};
use super::request::Request;
use super::response::{Answer, Handled, Response};
use log::Batch;

/// Who may answer a request.
enum Role<'a> {
    Leader(PartitionId),
    Coordinator(&'a str),
    Any,
}

impl Cluster {
    /// Handles a request that arrives at `broker` at the time `now` since the start of the simulation, which never goes back.
    /// What is due by then has not happened before [`expire`](Self::expire) is called.
    pub fn handle(&mut self, now: Duration, broker: BrokerId, request: Request) -> Handled {
        self.now = self.now.max(now);
        if let Err(error) = self.check_role(broker, &role(&request)) {
            return Handled::Answer(Err(error));
        }
        match request {
            Request::JoinGroup {
                group,
                member_id,
                instance_id,
                client_id,
                session_timeout,
                rebalance_timeout,
                topic,
                owned,
            } => {
                let profile = Profile {
                    instance_id,
                    client_id,
                    session_timeout,
                    rebalance_timeout,
                    topic,
                    owned: owned.into_iter().collect(),
                };
                self.join_group(&group, Join { member_id, profile })
            }
            other => Handled::Answer(self.answer(other)),
        }
    }

    fn check_role(&self, broker: BrokerId, role: &Role<'_>) -> Result<(), KafkaError> {
        match *role {
            Role::Leader(partition) if !self.partitions.contains_key(&partition) => {
                Err(KafkaError::UnknownTopicOrPartition)
            }
            Role::Leader(partition) if self.leader(partition) != broker => Err(KafkaError::NotLeader),
            Role::Coordinator(key) if self.coordinator(key) != broker => Err(KafkaError::NotCoordinator),
            Role::Leader(_) | Role::Coordinator(_) | Role::Any => Ok(()),
        }
    }

    /// All requests but those that may wait.
    fn answer(&mut self, request: Request) -> Answer {
        match request {
            Request::InitProducerId {
                transactional_id,
                transaction_timeout,
                current,
            } => self.init_producer_id(transactional_id, transaction_timeout, current),
            Request::AddPartitionsToTxn {
                transactional_id,
                producer,
                partitions,
            } => self.add_partitions(&transactional_id, producer, &partitions),
            Request::Produce {
                transactional_id,
                producer,
                partition,
                base_sequence,
                records,
            } => self.produce(
                partition,
                Batch {
                    transactional_id,
                    producer,
                    base_sequence,
                    records,
                },
            ),
            Request::AddOffsetsToTxn {
                transactional_id,
                producer,
                group,
            } => self.add_offsets(&transactional_id, producer, group),
            Request::TxnOffsetCommit {
                transactional_id,
                producer,
                group,
                member,
                offsets,
            } => self.store_offsets(&transactional_id, producer, &group, &member, offsets),
            Request::EndTxn {
                transactional_id,
                producer,
                commit,
            } => self.end_transaction(&transactional_id, producer, commit),
            Request::Fetch {
                partition,
                offset,
                committed,
                max_records,
            } => self.fetch(partition, offset, committed, max_records),
            Request::ListOffsets { partition, which } => self.list_offset(partition, which),
            Request::OffsetFetch {
                group,
                partitions,
                require_stable,
            } => self.fetch_offsets(&group, &partitions, require_stable),
            Request::JoinGroup { .. } => Err(KafkaError::RebalanceInProgress),
            Request::Heartbeat { group, member } => self.heartbeat(&group, &member),
            Request::LeaveGroup { group, member } => self.leave_group(&group, &member),
            Request::DescribeGroup { group } => Ok(Response::Group(self.describe_group(&group))),
            Request::Metadata { topic } => self.metadata(&topic),
        }
    }
}

fn role(request: &Request) -> Role<'_> {
    match request {
        Request::Produce { partition, .. }
        | Request::Fetch { partition, .. }
        | Request::ListOffsets { partition, .. } => Role::Leader(*partition),
        Request::AddPartitionsToTxn {
            transactional_id: key, ..
        }
        | Request::AddOffsetsToTxn {
            transactional_id: key, ..
        }
        | Request::EndTxn {
            transactional_id: key, ..
        }
        | Request::InitProducerId {
            transactional_id: Some(key),
            ..
        } => Role::Coordinator(key),
        Request::TxnOffsetCommit { group, .. }
        | Request::OffsetFetch { group, .. }
        | Request::JoinGroup { group, .. }
        | Request::Heartbeat { group, .. }
        | Request::LeaveGroup { group, .. }
        | Request::DescribeGroup { group } => Role::Coordinator(group),
        Request::InitProducerId {
            transactional_id: None, ..
        }
        | Request::Metadata { .. } => Role::Any,
    }
}
