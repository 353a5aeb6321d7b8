//! Finds tasks that nobody owns, and members that do not have what their group has given them.
//!
//! A cooperative rebalance has two rounds: members give tasks up, join again, and only then the tasks are given away. A static
//! member that dies after the first round and comes back is welcomed without any rebalance, so the second round never comes
//! and the tasks that it was giving up stay without owner. Therefore a thread that has joined looks whether every task is
//! owned, and leaves when that stays otherwise: a leaving and a coming member make the group give everything away again.
//!
//! It also leaves when its group goes on without it, or says that it has other tasks than it has: then a join has got stuck in the
//! client, and nobody would ever run those tasks.

use std::time::{Duration, Instant};

use crate::kafka::group::GroupState;

/// Time between two looks at the group, until all was well.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// Tasks may be on their way from one member to another for so long. A member that has to commit first takes its time.
const PATIENCE: Duration = Duration::from_secs(4);
/// A member and a group that does not change come to agree in this time, also right after a broker has read the group from its disk.
/// It is long because a request to join that comes after its sender has begun anew drives that one out.
const AGREEMENT: Duration = Duration::from_secs(45);
/// Between two looks no more time counts than this: a process that was stopped has not looked.
const COUNTED_MAX: Duration = Duration::from_secs(2);
/// Members that wait for the same tasks lose patience this long after one another, so that one of them goes and not all.
const STAGGER: Duration = Duration::from_millis(700);
const STAGGERS: u32 = 5;

/// A member as it sees itself.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Own {
    /// The name that the group gave it; empty while it is in none.
    pub(super) member_id: String,
    /// Partitions of the task topic that it has, in their order.
    pub(super) tasks: Vec<i32>,
}

/// Looks of one member at its group.
#[derive(Debug)]
pub(super) struct OrphanWatch {
    look_at: Option<Instant>,
    patience: Duration,
    /// What the group and the member looked like.
    picture: (Owners, Own),
    /// For how long they have, and when that was looked at.
    lasted: (Duration, Instant),
}

/// Partitions of the task topic by member, in the order of the members' names.
type Owners = Vec<(String, Vec<i32>)>;

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
            picture: (Owners::new(), Own::default()),
            lasted: (Duration::ZERO, now),
        }
    }

    /// Whether all was well, so that there are no more looks.
    pub(super) fn is_settled(&self) -> bool {
        self.look_at.is_none()
    }

    /// Whether the group is to be looked at now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.look_at.is_some_and(|at| at <= now)
    }

    /// Nobody could tell what the group looks like.
    pub(super) fn look_later(&mut self, now: Instant) {
        self.look_at = Some(now + LOOK_INTERVAL);
    }

    /// Takes in what the group looks like. Answers what has been wrong for too long with it, of `tasks` tasks, or with this member.
    /// Once all was well there are no more looks.
    pub(super) fn look(
        &mut self,
        now: Instant,
        group: &GroupState,
        own: Own,
        task_topic: &str,
        tasks: usize,
    ) -> Option<&'static str> {
        let owners = owners(group, task_topic);
        let agrees = owners
            .iter()
            .any(|(member, given)| *member == own.member_id && *given == own.tasks);
        if agrees && owners.iter().map(|(_, given)| given.len()).sum::<usize>() >= tasks {
            self.look_at = None;
            return None;
        }
        self.look_later(now);
        let lasted = self.lasted(now, (owners, own), group.is_rebalancing());
        match agrees {
            true if lasted >= self.patience => Some("some tasks have no owner"),
            false if lasted >= self.patience + AGREEMENT => Some("this thread and its group do not agree on its tasks"),
            _ => None,
        }
    }

    /// For how long all has looked like this.
    fn lasted(&mut self, now: Instant, picture: (Owners, Own), is_rebalancing: bool) -> Duration {
        let (before, looked) = self.lasted;
        let since = now.saturating_duration_since(looked).min(COUNTED_MAX);
        let is_same = !is_rebalancing && self.picture == picture;
        self.picture = picture;
        self.lasted = (if is_same { before + since } else { Duration::ZERO }, now);
        self.lasted.0
    }
}

fn owners(group: &GroupState, task_topic: &str) -> Owners {
    let of_member = |partitions: &[(String, Vec<i32>)]| {
        let own = partitions.iter().filter(|(topic, _)| topic == task_topic);
        let mut tasks: Vec<_> = own.flat_map(|(_, partitions)| partitions.clone()).collect();
        tasks.sort_unstable();
        tasks
    };
    let members = group.members.iter();
    let mut owners: Owners = members
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

    fn own(member_id: &str, tasks: &[i32]) -> Own {
        Own {
            member_id: member_id.to_owned(),
            tasks: tasks.to_vec(),
        }
    }

    /// Looks once a second; answers what the watch loses patience with and after how many seconds, if it does.
    fn patience_with(looks: impl Fn(u64) -> (GroupState, Own)) -> Option<(u64, &'static str)> {
        let now = Instant::now();
        let mut watch = OrphanWatch::new("", now);
        (1..90).find_map(|second| {
            let now = now + Duration::from_secs(second);
            let (group, own) = looks(second);
            let wrong = watch
                .is_due(now)
                .then(|| watch.look(now, &group, own, "tasks", 3))
                .flatten();
            wrong.map(|wrong| (second, wrong))
        })
    }

    #[test]
    fn a_group_that_owns_every_task_is_looked_at_once() {
        let looks = |second| match second {
            1 => (group("Stable", &[2, 0, 1]), own("a", &[0, 1, 2])),
            _ => (group("Stable", &[]), own("a", &[])),
        };
        assert_eq!(patience_with(looks), None);
    }

    #[test]
    fn tasks_without_owner_in_a_group_that_does_not_change_are_orphans() {
        let found = patience_with(|_| (group("Stable", &[0, 2]), own("a", &[0, 2])));
        assert_eq!(found, Some((5, "some tasks have no owner")));
    }

    #[test]
    fn a_group_that_rebalances_or_changes_is_given_time() {
        assert_eq!(
            patience_with(|_| (group("PreparingRebalance", &[0]), own("a", &[0]))),
            None
        );
        let moving = |second| {
            let tasks = if second % 2 == 0 { &[0][..] } else { &[1][..] };
            (group("Stable", tasks), own("a", tasks))
        };
        assert_eq!(patience_with(moving), None);
    }

    #[test]
    fn a_member_whose_join_got_stuck_gives_up() {
        let wrong = "this thread and its group do not agree on its tasks";
        // The group takes it for a member that has tasks, or knows only an earlier name of it, or has given it up.
        assert_eq!(
            patience_with(|_| (group("Stable", &[0, 1, 2]), own("a", &[]))),
            Some((50, wrong))
        );
        assert_eq!(
            patience_with(|_| (group("Stable", &[0, 1, 2]), own("", &[]))),
            Some((50, wrong))
        );
        assert_eq!(
            patience_with(|_| (GroupState::default(), own("", &[]))),
            Some((49, wrong))
        );
    }

    #[test]
    fn a_process_that_was_stopped_has_not_lost_patience() {
        let now = Instant::now();
        let mut watch = OrphanWatch::new("", now);
        let looks = [1, 2, 32, 33].map(|second| {
            let now = now + Duration::from_secs(second);
            watch.look(now, &group("Stable", &[0, 2]), own("a", &[0, 2]), "tasks", 3)
        });
        assert_eq!(looks, [None, None, None, Some("some tasks have no owner")]);
    }

    #[test]
    fn a_member_that_comes_to_agree_with_its_group_stays() {
        let looks = |second| {
            let tasks = if second < 40 { &[][..] } else { &[0, 1, 2][..] };
            (group("Stable", &[0, 1, 2]), own("a", tasks))
        };
        assert_eq!(patience_with(looks), None);
    }
}
