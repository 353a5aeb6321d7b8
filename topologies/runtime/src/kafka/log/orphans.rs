//! Finds tasks that nobody owns.
//!
//! A cooperative rebalance has two rounds: members give tasks up, join again, and only then the tasks are given away. A static
//! member that dies after the first round and comes back is welcomed without any rebalance, so the second round never comes
//! and the tasks that it was giving up stay without owner. Therefore a thread that has joined looks whether every task is
//! owned, and leaves when that stays otherwise: a leaving and a coming member make the group give everything away again.

use std::time::{Duration, Instant};

use crate::kafka::group::GroupState;

/// Time between two looks at the group, until every task was seen owned.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Tasks may be on their way from one member to another for so long. A member that has to commit first takes its time.
const PATIENCE: Duration = Duration::from_secs(4);
/// Members that wait for the same tasks lose patience this long after one another, so that one of them goes and not all.
const STAGGER: Duration = Duration::from_millis(700);
const STAGGERS: u32 = 5;

/// Looks of one member at its group.
#[derive(Debug)]
pub(super) struct OrphanWatch {
    look_at: Option<Instant>,
    patience: Duration,
    /// What the group looked like, and since when.
    picture: (Vec<(String, Vec<i32>)>, Instant),
}

impl OrphanWatch {
    /// A watch that begins when the member named `name` joins.
    pub(super) fn new(name: &str, now: Instant) -> Self {
        let place = name
            .bytes()
            .fold(0u32, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()))
            % STAGGERS;
        Self {
            look_at: Some(now + LOOK_INTERVAL),
            patience: PATIENCE + STAGGER * place,
            picture: (Vec::new(), now),
        }
    }

    /// Whether every task was seen owned, so that there are no more looks.
    pub(super) fn is_settled(&self) -> bool {
        self.look_at.is_none()
    }

    /// Whether the group is to be looked at now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.look_at.is_some_and(|at| at <= now)
    }

    /// Takes in what the group looks like. Answers whether some of `tasks` tasks have been without owner for too long.
    /// Once all were seen owned there are no more looks.
    pub(super) fn look(&mut self, now: Instant, group: &GroupState, task_topic: &str, tasks: usize) -> bool {
        let picture = owners(group, task_topic);
        if picture.iter().map(|(_, partitions)| partitions.len()).sum::<usize>() >= tasks {
            self.look_at = None;
            return false;
        }
        self.look_at = Some(now + LOOK_INTERVAL);
        if group.state != "Stable" || self.picture.0 != picture {
            self.picture = (picture, now);
        }
        now.saturating_duration_since(self.picture.1) >= self.patience
    }
}

/// Partitions of the task topic by member, in the order of the members' names.
fn owners(group: &GroupState, task_topic: &str) -> Vec<(String, Vec<i32>)> {
    let of_member = |partitions: &[(String, Vec<i32>)]| {
        let own = partitions.iter().filter(|(topic, _)| topic == task_topic);
        own.flat_map(|(_, partitions)| partitions.clone()).collect()
    };
    let members = group.members.iter();
    let mut owners: Vec<_> = members
        .map(|member| (member.member_id.clone(), of_member(&member.partitions)))
        .collect();
    owners.sort();
    owners
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kafka::group::GroupMember;

    fn group(state: &str, partitions: &[i32]) -> GroupState {
        let member = GroupMember {
            member_id: "a".to_owned(),
            client_id: String::new(),
            host: String::new(),
            partitions: vec![("tasks".to_owned(), partitions.to_vec())],
        };
        GroupState {
            state: state.to_owned(),
            members: vec![member],
        }
    }

    /// Looks once a second; answers after how many seconds the watch loses patience, if it does.
    fn patience_with(groups: impl Fn(u64) -> GroupState) -> Option<u64> {
        let now = Instant::now();
        let mut watch = OrphanWatch::new("", now);
        (1..30).find(|second| {
            let now = now + Duration::from_secs(*second);
            watch.is_due(now) && watch.look(now, &groups(*second), "tasks", 3)
        })
    }

    #[test]
    fn a_group_that_owns_every_task_is_looked_at_once() {
        assert_eq!(
            patience_with(|second| group("Stable", if second == 1 { &[0, 1, 2] } else { &[] })),
            None
        );
    }

    #[test]
    fn tasks_without_owner_in_a_group_that_does_not_change_are_orphans() {
        assert_eq!(patience_with(|_| group("Stable", &[0, 2])), Some(5));
    }

    #[test]
    fn a_group_that_rebalances_or_changes_is_given_time() {
        assert_eq!(patience_with(|_| group("PreparingRebalance", &[0])), None);
        let moving = |second| group("Stable", if second % 2 == 0 { &[0][..] } else { &[1][..] });
        assert_eq!(patience_with(moving), None);
    }
}
