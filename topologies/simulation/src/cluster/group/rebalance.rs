//! How a group gets from one generation to the next.

use std::collections::BTreeSet;
use std::time::Duration;

use super::Group;
use super::assign::{Claim, assign};
use super::member::Member;
use crate::cluster::error::KafkaError;
use crate::cluster::ids::{Ticket, TopicId};
use crate::cluster::response::{Answer, Joined, Response};
use crate::cluster::topics::Topics;

/// What a group sees of the cluster.
pub(in crate::cluster) struct Scene<'a> {
    pub(in crate::cluster) now: Duration,
    pub(in crate::cluster) initial_delay: Duration,
    pub(in crate::cluster) topics: &'a Topics,
    /// Where answers of parked joins go.
    pub(in crate::cluster) answers: &'a mut Vec<(Ticket, Answer)>,
}

#[derive(Debug, Default)]
pub(super) enum Phase {
    /// Without members.
    #[default]
    Empty,
    /// Waits for members to join.
    Preparing {
        deadline: Duration,
        /// Only while the first members of an empty group gather.
        initial: Option<Initial>,
    },
    /// All members that took part know their assignments.
    Stable {
        /// When static members that missed the rebalance are removed.
        missed_deadline: Option<Duration>,
    },
}

/// The time in which the first members of a group gather.
#[derive(Debug)]
pub(super) struct Initial {
    /// How much longer it may become.
    remaining: Duration,
    /// Whether a member came since it was last set.
    grew: bool,
}

impl Scene<'_> {
    /// Answers a join that waited, if there is one.
    pub(super) fn refuse(&mut self, ticket: Option<Ticket>, error: KafkaError) {
        self.answers.extend(ticket.map(|ticket| (ticket, Err(error))));
    }
}

/// What a member learns when it joins.
pub(super) fn answer_of(id: &str, member: &Member, generation: i32) -> Response {
    Response::Joined(Joined {
        member_id: id.to_owned(),
        generation,
        assignment: member.assignment.iter().copied().collect(),
    })
}

impl Group {
    /// When there is something to [`expire`](Self::expire).
    pub(in crate::cluster) fn next_deadline(&self) -> Option<Duration> {
        let phase = match self.phase {
            Phase::Empty => None,
            Phase::Preparing { deadline, .. } => Some(deadline),
            Phase::Stable { missed_deadline } => missed_deadline,
        };
        let sessions = self.members.values().filter_map(Member::session_end);
        sessions.chain(phase).min()
    }

    /// Ends sessions and rebalances that are due.
    pub(in crate::cluster) fn expire(&mut self, scene: &mut Scene<'_>) {
        let is_due = |member: &Member| member.session_end().is_some_and(|end| end <= scene.now);
        for id in self.ids_of(is_due) {
            self.remove(&id, scene);
        }
        match &mut self.phase {
            Phase::Preparing { deadline, initial } if *deadline <= scene.now => {
                let more = initial.as_mut().and_then(|initial| initial.extend(scene.initial_delay));
                match more {
                    Some(more) => *deadline = scene.now.saturating_add(more),
                    None => self.complete(scene),
                }
            }
            Phase::Stable { missed_deadline } if missed_deadline.is_some_and(|deadline| deadline <= scene.now) => {
                *missed_deadline = None;
                for id in self.ids_of(|member| member.missed) {
                    self.remove(&id, scene);
                }
            }
            _ => {}
        }
    }

    /// A new member joined.
    pub(super) fn member_joined(&mut self, scene: &mut Scene<'_>) {
        if let Phase::Preparing {
            initial: Some(initial), ..
        } = &mut self.phase
        {
            initial.grew = true;
        }
        self.prepare_or_complete(scene);
    }

    /// Removes a member, which starts a rebalance or may end one.
    pub(super) fn remove(&mut self, id: &str, scene: &mut Scene<'_>) {
        if let Some(member) = self.members.remove(id) {
            scene.refuse(member.parked, KafkaError::UnknownMemberId);
            self.prepare_or_complete(scene);
        }
    }

    /// Starts a rebalance unless there is one, and ends it if nobody is missing.
    pub(super) fn prepare_or_complete(&mut self, scene: &mut Scene<'_>) {
        match self.phase {
            Phase::Preparing { .. } => {}
            Phase::Empty if !scene.initial_delay.is_zero() => self.gather(scene),
            Phase::Empty | Phase::Stable { .. } => {
                self.phase = Phase::Preparing {
                    deadline: scene.now.saturating_add(self.rebalance_timeout()),
                    initial: None,
                }
            }
        }
        let is_gathering = matches!(self.phase, Phase::Preparing { initial: Some(_), .. });
        if !is_gathering && self.members.values().all(|member| member.parked.is_some()) {
            self.complete(scene);
        }
    }

    /// Waits for more members, at most for the rebalance timeout of those who are there (KIP-134).
    fn gather(&mut self, scene: &Scene<'_>) {
        let timeout = self.rebalance_timeout();
        self.phase = Phase::Preparing {
            deadline: scene.now.saturating_add(scene.initial_delay.min(timeout)),
            initial: Some(Initial {
                remaining: timeout.saturating_sub(scene.initial_delay),
                grew: false,
            }),
        };
    }

    /// Ends the rebalance. Dynamic members that have not joined are out. Static ones stay: as in Kafka they are assigned
    /// partitions by what they said in their last join, whatever they do meanwhile, and have one more rebalance timeout to
    /// come and ask. If nobody at all has joined, everything waits until somebody does or the sessions end.
    fn complete(&mut self, scene: &mut Scene<'_>) {
        self.members
            .retain(|_, member| member.parked.is_some() || member.is_static());
        let deadline = scene.now.saturating_add(self.rebalance_timeout());
        if !self.members.is_empty() && self.members.values().all(|member| member.parked.is_none()) {
            self.phase = Phase::Preparing {
                deadline,
                initial: None,
            };
            return;
        }
        self.generation += 1;
        self.assign(scene);
        for (id, member) in &mut self.members {
            let ticket = member.parked.take();
            member.missed = ticket.is_none();
            member.last_seen = scene.now;
            let answer = answer_of(id, member, self.generation);
            scene.answers.extend(ticket.map(|ticket| (ticket, Ok(answer))));
        }
        let missed = self.members.values().any(|member| member.missed);
        self.phase = if self.members.is_empty() {
            Phase::Empty
        } else {
            Phase::Stable {
                missed_deadline: missed.then_some(deadline),
            }
        };
    }

    /// Gives the partitions of each topic to the members that want it; ties are broken by instance id.
    fn assign(&mut self, scene: &Scene<'_>) {
        let topics: BTreeSet<TopicId> = self.members.values().map(|member| member.profile.topic).collect();
        for topic in topics {
            let members = self.members.iter_mut();
            let mut members: Vec<_> = members.filter(|(_, member)| member.profile.topic == topic).collect();
            members.sort_by(|(a_id, a), (b_id, b)| {
                let (a, b) = (&a.profile.instance_id, &b.profile.instance_id);
                a.cmp(b).then_with(|| a_id.cmp(b_id))
            });
            let claims: Vec<Claim> = members.iter().map(|(_, member)| member.claim()).collect();
            let partitions = scene.topics.partitions(topic);
            for ((_, member), assignment) in members.into_iter().zip(assign(partitions, &claims)) {
                member.assignment = assignment;
            }
        }
    }

    /// The longest that any member asks for.
    fn rebalance_timeout(&self) -> Duration {
        let timeouts = self.members.values().map(|member| member.profile.rebalance_timeout);
        timeouts.max().unwrap_or_default()
    }

    fn ids_of(&self, which: impl Fn(&Member) -> bool) -> Vec<String> {
        let members = self.members.iter().filter(|(_, member)| which(member));
        members.map(|(id, _)| id.clone()).collect()
    }
}

impl Initial {
    /// How much longer to gather, or none if nobody came or it was long enough.
    fn extend(&mut self, delay: Duration) -> Option<Duration> {
        let more = delay.min(self.remaining);
        self.remaining = self.remaining.saturating_sub(more);
        (std::mem::take(&mut self.grew) && !more.is_zero()).then_some(more)
    }
}
