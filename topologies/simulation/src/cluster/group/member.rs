//! One member of a group.

use std::collections::BTreeSet;
use std::time::Duration;

use super::assign::Claim;
use crate::cluster::ids::{Ticket, TopicId};
use crate::cluster::response::MemberDescription;

/// A request to join.
#[derive(Debug)]
pub(in crate::cluster) struct Join {
    pub(in crate::cluster) member_id: String,
    pub(in crate::cluster) profile: Profile,
}

/// What a member says of itself with each join.
#[derive(Debug, Clone)]
pub(in crate::cluster) struct Profile {
    pub(in crate::cluster) instance_id: String,
    pub(in crate::cluster) client_id: String,
    pub(in crate::cluster) session_timeout: Duration,
    pub(in crate::cluster) rebalance_timeout: Duration,
    pub(in crate::cluster) topic: TopicId,
    pub(in crate::cluster) owned: BTreeSet<i32>,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) profile: Profile,
    pub(super) assignment: BTreeSet<i32>,
    pub(super) last_seen: Duration,
    /// Its join that waits for the rebalance.
    pub(super) parked: Option<Ticket>,
    /// Whether the last rebalance ended without it, so that it does not know its assignment.
    pub(super) missed: bool,
}

impl Member {
    /// A member whose join waits.
    pub(super) fn joining(profile: Profile, now: Duration, ticket: Ticket) -> Self {
        Self {
            profile,
            assignment: BTreeSet::new(),
            last_seen: now,
            parked: Some(ticket),
            missed: false,
        }
    }

    /// Whether its instance has this id, which is not empty.
    pub(super) fn is_instance(&self, instance_id: &str) -> bool {
        self.is_static() && self.profile.instance_id == instance_id
    }

    /// Whether it keeps its place while it is away (KIP-345).
    pub(super) fn is_static(&self) -> bool {
        !self.profile.instance_id.is_empty()
    }

    /// Whether it tells the coordinator nothing that it did not know.
    pub(super) fn is_unchanged(&self, profile: &Profile) -> bool {
        self.profile.topic == profile.topic && self.profile.owned == profile.owned
    }

    /// When its session ends. It does not while its join waits: the member cannot speak then.
    pub(super) fn session_end(&self) -> Option<Duration> {
        let end = self.last_seen.saturating_add(self.profile.session_timeout);
        self.parked.is_none().then_some(end)
    }

    pub(super) fn claim(&self) -> Claim {
        Claim {
            owned: self.profile.owned.clone(),
            assigned: self.assignment.clone(),
        }
    }

    pub(super) fn describe(&self, member_id: &str) -> MemberDescription {
        MemberDescription {
            member_id: member_id.to_owned(),
            instance_id: self.profile.instance_id.clone(),
            client_id: self.profile.client_id.clone(),
            assignment: self.assignment.iter().copied().collect(),
        }
    }
}
