//! Requests of consumers to the coordinators of their groups.

use crate::cluster::Cluster;
use crate::cluster::error::KafkaError;
use crate::cluster::group::{Group, Join, Scene, describe_unknown};
use crate::cluster::ids::{Member, PartitionId, Ticket};
use crate::cluster::response::{Answer, GroupDescription, Handled, Response};

impl Cluster {
    pub(super) fn join_group(&mut self, group: &str, join: Join) -> Handled {
        if !join.member_id.is_empty() && !self.groups.contains_key(group) {
            return Handled::Answer(Err(KafkaError::UnknownMemberId));
        }
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.groups.entry(group.to_owned()).or_default();
        let joined = self.with_group(group, |group, scene| group.join(join, ticket, scene));
        joined.unwrap_or(Handled::Answer(Err(KafkaError::UnknownMemberId)))
    }

    pub(super) fn heartbeat(&mut self, group: &str, member: &Member) -> Answer {
        let beat = self.with_group(group, |group, scene| group.heartbeat(scene.now, member));
        beat.ok_or(KafkaError::UnknownMemberId)?.map(|()| Response::Alive)
    }

    pub(super) fn leave_group(&mut self, group: &str, member: &Member) -> Answer {
        let left = self.with_group(group, |group, scene| group.leave(member, scene));
        left.ok_or(KafkaError::UnknownMemberId)?.map(|()| Response::Left)
    }

    pub(super) fn describe_group(&self, group: &str) -> GroupDescription {
        self.groups.get(group).map_or_else(describe_unknown, Group::describe)
    }

    pub(super) fn fetch_offsets(&self, group: &str, partitions: &[PartitionId], require_stable: bool) -> Answer {
        let known = self.offsets.get(group);
        let is_pending = |id: &PartitionId| known.is_some_and(|known| known.is_pending(*id));
        if require_stable && partitions.iter().any(is_pending) {
            return Err(KafkaError::UnstableOffsetCommit);
        }
        let committed = |id: &PartitionId| (*id, known.and_then(|known| known.committed(*id)).cloned());
        Ok(Response::Offsets(partitions.iter().map(committed).collect()))
    }

    /// What `work` answers for the group, or none if there is no such group.
    pub(in crate::cluster) fn with_group<T>(
        &mut self,
        group: &str,
        work: impl FnOnce(&mut Group, &mut Scene<'_>) -> T,
    ) -> Option<T> {
        let mut scene = Scene {
            now: self.now,
            initial_delay: self.settings.initial_rebalance_delay,
            topics: &self.topics,
            answers: &mut self.answers,
        };
        self.groups.get_mut(group).map(|group| work(group, &mut scene))
    }
}
