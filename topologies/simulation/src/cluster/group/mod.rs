//! One group as its coordinator knows it: the classic protocol after `GroupMetadataManager` of Kafka 4, for consumers with
//! cooperative-sticky assignment. In Kafka a member assigns and everybody asks for the result in a second exchange
//! (`SyncGroup`); here the coordinator assigns, and the answer to the join is the result.

mod assign;
mod member;
mod rebalance;

use std::collections::BTreeMap;
use std::time::Duration;

use self::member::Member;
pub(super) use self::member::{Join, Profile};
pub(super) use self::rebalance::Scene;
use self::rebalance::{Phase, answer_of};
use super::error::KafkaError;
use super::ids::{self, Ticket};
use super::response::{GroupDescription, GroupState, Handled, MemberDescription};

#[derive(Debug, Default)]
pub(super) struct Group {
    phase: Phase,
    generation: i32,
    members: BTreeMap<String, Member>,
    /// Number of member ids given so far.
    member_ids: u64,
}

impl Group {
    /// Takes a join in. It waits for the rebalance under `ticket`, unless it is refused or there is nothing to wait for.
    pub(super) fn join(&mut self, join: Join, ticket: Ticket, scene: &mut Scene<'_>) -> Handled {
        if !join.member_id.is_empty() {
            return match self.check_member(&join.member_id, &join.profile.instance_id) {
                Ok(()) => self.join_again(&join.member_id, join.profile, ticket, scene),
                Err(error) => Handled::Answer(Err(error)),
            };
        }
        let known = self.instance(&join.profile.instance_id);
        match known.and_then(|id| self.members.remove(&id)) {
            Some(former) => self.replace(former, join.profile, ticket, scene),
            None => self.join_new(join.profile, ticket, scene),
        }
    }

    /// Keeps the member's session alive and says whether it has to join again.
    pub(super) fn heartbeat(&mut self, now: Duration, member: &ids::Member) -> Result<(), KafkaError> {
        self.check(member)?;
        if let Some(known) = self.members.get_mut(&member.member_id) {
            known.last_seen = now;
        }
        match self.phase {
            Phase::Preparing { .. } => Err(KafkaError::RebalanceInProgress),
            Phase::Empty | Phase::Stable { .. } => Ok(()),
        }
    }

    /// Removes the member, which ends whatever it waits for.
    pub(super) fn leave(&mut self, member: &ids::Member, scene: &mut Scene<'_>) -> Result<(), KafkaError> {
        let mut id = member.member_id.clone();
        if id.is_empty() {
            id = self.instance(&member.instance_id).ok_or(KafkaError::UnknownMemberId)?;
        }
        self.check_member(&id, &member.instance_id)?;
        self.remove(&id, scene);
        Ok(())
    }

    /// Whether offsets may be committed on behalf of the member within a transaction (KIP-447). A rebalance does not matter
    /// before it has ended.
    pub(super) fn check_commit(&self, member: &ids::Member) -> Result<(), KafkaError> {
        let is_outside = member.generation < 0 && member.member_id.is_empty() && member.instance_id.is_empty();
        if is_outside { Ok(()) } else { self.check(member) }
    }

    /// Another broker became the coordinator. Joins that wait are refused; sessions begin again.
    pub(super) fn reload(&mut self, scene: &mut Scene<'_>) {
        for member in self.members.values_mut() {
            member.last_seen = scene.now;
            scene.refuse(member.parked.take(), KafkaError::NotCoordinator);
        }
    }

    pub(super) fn describe(&self) -> GroupDescription {
        let mut members = self.members();
        if !matches!(self.phase, Phase::Stable { .. }) {
            for member in &mut members {
                member.assignment.clear();
            }
        }
        GroupDescription {
            state: match self.phase {
                Phase::Empty => GroupState::Empty,
                Phase::Preparing { .. } => GroupState::PreparingRebalance,
                Phase::Stable { .. } => GroupState::Stable,
            },
            members,
        }
    }

    /// The number of the last rebalance that ended.
    pub(super) fn generation(&self) -> i32 {
        self.generation
    }

    /// The members with what they were last assigned, whatever the group's state.
    pub(super) fn members(&self) -> Vec<MemberDescription> {
        self.members.iter().map(|(id, member)| member.describe(id)).collect()
    }

    fn join_new(&mut self, profile: Profile, ticket: Ticket, scene: &mut Scene<'_>) -> Handled {
        let id = self.new_member_id(&profile);
        self.members.insert(id, Member::joining(profile, scene.now, ticket));
        self.member_joined(scene);
        Handled::Parked(ticket)
    }

    /// A current member joins: it takes part in the rebalance, or starts one if it has something new to say. A join of the
    /// same member that waits already is never answered, as in Kafka.
    fn join_again(&mut self, id: &str, profile: Profile, ticket: Ticket, scene: &mut Scene<'_>) -> Handled {
        let Some(member) = self.members.get_mut(id) else {
            return Handled::Answer(Err(KafkaError::UnknownMemberId));
        };
        member.last_seen = scene.now;
        if matches!(self.phase, Phase::Stable { .. }) && member.is_unchanged(&profile) {
            member.profile = profile;
            member.missed = false;
            return Handled::Answer(Ok(answer_of(id, member, self.generation)));
        }
        member.profile = profile;
        member.parked = Some(ticket);
        self.prepare_or_complete(scene);
        Handled::Parked(ticket)
    }

    /// A static member is back under a new member id, which fences the old one (KIP-345). In a stable group it gets its old
    /// assignment without a rebalance. That is so in real brokers too, even if the former incarnation was giving partitions up
    /// and would have joined once more: nobody has those partitions then, until something else starts a rebalance.
    fn replace(&mut self, mut former: Member, profile: Profile, ticket: Ticket, scene: &mut Scene<'_>) -> Handled {
        scene.refuse(former.parked.take(), KafkaError::FencedInstanceId);
        let id = self.new_member_id(&profile);
        let mut member = Member::joining(profile, scene.now, ticket);
        member.assignment = former.assignment;
        if matches!(self.phase, Phase::Stable { .. }) {
            member.parked = None;
            let answer = answer_of(&id, &member, self.generation);
            self.members.insert(id, member);
            return Handled::Answer(Ok(answer));
        }
        self.members.insert(id, member);
        self.prepare_or_complete(scene);
        Handled::Parked(ticket)
    }

    fn check(&self, member: &ids::Member) -> Result<(), KafkaError> {
        self.check_member(&member.member_id, &member.instance_id)?;
        let is_current = member.generation == self.generation;
        is_current.then_some(()).ok_or(KafkaError::IllegalGeneration)
    }

    fn check_member(&self, id: &str, instance_id: &str) -> Result<(), KafkaError> {
        if !instance_id.is_empty() {
            let known = self.instance(instance_id).ok_or(KafkaError::UnknownMemberId)?;
            if known != id {
                return Err(KafkaError::FencedInstanceId);
            }
        }
        let is_known = self.members.contains_key(id);
        is_known.then_some(()).ok_or(KafkaError::UnknownMemberId)
    }

    /// The present member id of a static member.
    fn instance(&self, instance_id: &str) -> Option<String> {
        let mut members = self.members.iter();
        members
            .find(|(_, member)| member.is_instance(instance_id))
            .map(|(id, _)| id.clone())
    }

    fn new_member_id(&mut self, profile: &Profile) -> String {
        self.member_ids += 1;
        let name = [&profile.instance_id, &profile.client_id];
        let name = name.into_iter().find(|name| !name.is_empty());
        format!("{}-{}", name.map_or("member", String::as_str), self.member_ids)
    }
}

/// What a coordinator knows of a group that it has never heard of.
pub(super) fn describe_unknown() -> GroupDescription {
    GroupDescription {
        state: GroupState::Dead,
        members: Vec::new(),
    }
}
