//! Who owns which task: the group of one application, as plain state without locks or clocks.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use streams::TaskId;
use streams::log::Event;

use super::signal::Signal;

/// Milliseconds that a member may take to give revoked tasks up before it is evicted (Kafka: `max.poll.interval.ms`).
pub(super) const REVOKE_TIMEOUT_MS: i64 = 300_000;

/// The number of a membership; never used twice, so it fences like Kafka's generation.
pub(super) type MemberId = u64;

/// Why a membership ended without the member's doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It did not give its tasks up in time; it may join again.
    Evicted,
    /// Another thread joined under the same number; it must not join again.
    Replaced,
}

/// The members of one application and their tasks.
#[derive(Debug, Default)]
pub(super) struct Group {
    tasks: Vec<TaskId>,
    members: BTreeMap<MemberId, Member>,
    owners: BTreeMap<TaskId, MemberId>,
    ended: BTreeMap<MemberId, Ended>,
}

#[derive(Debug)]
struct Member {
    thread: usize,
    signal: Arc<Signal>,
    events: VecDeque<Event>,
    target: BTreeSet<TaskId>,
    /// Whether it was told that it is in, be it by its tasks.
    welcomed: bool,
    /// Tasks to give up, and the time by which.
    revoking: BTreeSet<TaskId>,
    revoke_deadline_ms: i64,
}

impl Group {
    /// Whether anybody is in.
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Number of members.
    pub(super) fn members(&self) -> usize {
        self.members.len()
    }

    /// Whether members with these tasks can join: the tasks of one application are the same for all its threads.
    pub(super) fn fits(&self, tasks: &[TaskId]) -> bool {
        self.members.is_empty() || self.tasks == tasks
    }

    /// Adds a member; whoever was in under the same thread number is out, and its tasks with it.
    pub(super) fn join(&mut self, id: MemberId, thread: usize, tasks: &[TaskId], signal: &Arc<Signal>, now_ms: i64) {
        tasks.clone_into(&mut self.tasks);
        let former = self.members.iter().find(|(_, member)| member.thread == thread);
        if let Some(former) = former.map(|(id, _)| *id) {
            self.end(former, Ended::Replaced);
        }
        let member = Member {
            thread,
            signal: Arc::clone(signal),
            events: VecDeque::new(),
            target: BTreeSet::new(),
            welcomed: false,
            revoking: BTreeSet::new(),
            revoke_deadline_ms: 0,
        };
        self.members.insert(id, member);
        self.rebalance(now_ms);
    }

    /// Removes a member; its tasks are free at once.
    pub(super) fn leave(&mut self, id: MemberId, now_ms: i64) {
        self.ended.remove(&id);
        if self.members.remove(&id).is_some() {
            self.owners.retain(|_, owner| *owner != id);
            self.rebalance(now_ms);
        }
    }

    /// Frees tasks that the member has closed.
    pub(super) fn release(&mut self, id: MemberId, tasks: &[TaskId], now_ms: i64) {
        self.owners.retain(|task, owner| *owner != id || !tasks.contains(task));
        if let Some(member) = self.members.get_mut(&id) {
            member.revoking.retain(|task| !tasks.contains(task));
        }
        self.rebalance(now_ms);
    }

    /// The next event of a member.
    pub(super) fn next_event(&mut self, id: MemberId) -> Option<Event> {
        self.members.get_mut(&id)?.events.pop_front()
    }

    /// Why the membership ended, if it did.
    pub(super) fn ended(&self, id: MemberId) -> Option<Ended> {
        self.ended.get(&id).copied()
    }

    /// Whether the member owns the task.
    pub(super) fn owns(&self, id: MemberId, task: TaskId) -> bool {
        self.owners.get(&task) == Some(&id)
    }

    /// Evicts members that have not given revoked tasks up in time.
    pub(super) fn evict(&mut self, now_ms: i64) {
        let late = |member: &Member| !member.revoking.is_empty() && member.revoke_deadline_ms <= now_ms;
        let late: Vec<MemberId> = self
            .members
            .iter()
            .filter(|(_, m)| late(m))
            .map(|(id, _)| *id)
            .collect();
        for id in &late {
            self.end(*id, Ended::Evicted);
        }
        if !late.is_empty() {
            self.rebalance(now_ms);
        }
    }

    /// Wakes all members.
    pub(super) fn wake(&self) {
        self.members.values().for_each(|member| member.signal.raise());
    }

    fn end(&mut self, id: MemberId, why: Ended) {
        if let Some(member) = self.members.remove(&id) {
            self.owners.retain(|_, owner| *owner != id);
            self.ended.insert(id, why);
            member.signal.raise();
        }
    }

    /// Sets every member's target, asks for what it must give up, and hands free tasks to whom they are meant for.
    fn rebalance(&mut self, now_ms: i64) {
        self.set_targets();
        for (id, member) in &mut self.members {
            let owned = owned_by(&self.owners, *id);
            let more: Vec<TaskId> = owned.difference(&member.target).copied().collect();
            let more: Vec<TaskId> = more.into_iter().filter(|task| member.revoking.insert(*task)).collect();
            if !more.is_empty() {
                member.revoke_deadline_ms = now_ms.saturating_add(REVOKE_TIMEOUT_MS);
                member.events.push_back(Event::Revoked(more));
                member.signal.raise();
            }
        }
        self.hand_out();
    }

    fn hand_out(&mut self) {
        for (id, member) in &mut self.members {
            let free = |task: &&TaskId| !self.owners.contains_key(task);
            let assigned: Vec<TaskId> = member.target.iter().filter(free).copied().collect();
            let is_left_out = member.target.is_empty() && !member.welcomed;
            if !assigned.is_empty() || is_left_out {
                member.welcomed = true;
                self.owners.extend(assigned.iter().map(|task| (*task, *id)));
                member.events.push_back(Event::Assigned(assigned));
                member.signal.raise();
            }
        }
    }

    /// Balanced and sticky: a member keeps what it owns up to its share; the rest goes, in order, to those below theirs.
    fn set_targets(&mut self) {
        let shares = shares(self.tasks.len(), self.members.len());
        let mut order: Vec<MemberId> = self.members.keys().copied().collect();
        // Larger shares to those who own most, so that as little as possible moves; then by thread number.
        order.sort_by_key(|id| {
            let thread = self.members.get(id).map_or(0, |member| member.thread);
            (std::cmp::Reverse(self.keepable(*id).count()), thread)
        });
        let mut targets: Vec<BTreeSet<TaskId>> = Vec::new();
        for (id, share) in order.iter().zip(&shares) {
            targets.push(self.keepable(*id).take(*share).collect());
        }
        let kept: BTreeSet<TaskId> = targets.iter().flatten().copied().collect();
        let mut rest = self.tasks.iter().filter(|task| !kept.contains(task));
        for (target, share) in targets.iter_mut().zip(&shares) {
            target.extend(rest.by_ref().take(share - target.len()));
        }
        for (id, target) in order.into_iter().zip(targets) {
            if let Some(member) = self.members.get_mut(&id) {
                member.target = target;
            }
        }
    }

    /// Tasks that the member owns and was not yet asked to give up: what was asked for is never taken back.
    fn keepable(&self, id: MemberId) -> impl Iterator<Item = TaskId> {
        let revoking = self.members.get(&id).map(|member| &member.revoking);
        let kept = move |task: &TaskId| !revoking.is_some_and(|tasks| tasks.contains(task));
        self.tasks
            .iter()
            .copied()
            .filter(move |task| self.owns(id, *task) && kept(task))
    }
}

fn owned_by(owners: &BTreeMap<TaskId, MemberId>, id: MemberId) -> BTreeSet<TaskId> {
    owners
        .iter()
        .filter(|(_, owner)| **owner == id)
        .map(|(task, _)| *task)
        .collect()
}

/// How many tasks each of `members` has, larger shares first.
fn shares(tasks: usize, members: usize) -> Vec<usize> {
    let members = members.max(1);
    (0..members)
        .map(|position| tasks / members + usize::from(position < tasks % members))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Members that do at once what their events ask for.
    fn settle(group: &mut Group) {
        let ids: Vec<MemberId> = group.members.keys().copied().collect();
        let mut quiet = false;
        while !quiet {
            quiet = true;
            for id in &ids {
                while let Some(event) = group.next_event(*id) {
                    quiet = false;
                    if let Event::Revoked(tasks) = event {
                        group.release(*id, &tasks, 0);
                    }
                }
            }
        }
    }

    fn tasks(count: i32) -> Vec<TaskId> {
        let task = |partition| TaskId {
            subtopology: 0,
            partition,
        };
        (0..count).map(task).collect()
    }

    fn check(group: &Group) {
        let owned: Vec<usize> = group
            .members
            .keys()
            .map(|id| owned_by(&group.owners, *id).len())
            .collect();
        let (least, most) = (owned.iter().min().copied(), owned.iter().max().copied());
        assert!(
            most <= least.map(|least| least + 1),
            "the shares {owned:?} are not balanced"
        );
        let expected = if group.is_empty() { 0 } else { group.tasks.len() };
        assert_eq!(group.owners.len(), expected, "every task has an owner");
    }

    /// All ways in which three threads join and leave, six steps long, with and without time to settle in between.
    #[test]
    fn whatever_joins_and_leaves_every_task_ends_up_with_one_owner_and_the_shares_are_balanced() {
        for history in 0..6_u32.pow(6) {
            let (mut group, mut ids, mut next) = (Group::default(), BTreeMap::new(), 1);
            for step in 0..6 {
                let choice = history / 6_u32.pow(step) % 6;
                let (thread, hurried) = (choice % 3, choice >= 3);
                if let Some(id) = ids.remove(&thread) {
                    group.leave(id, 0);
                } else {
                    group.join(next, thread as usize, &tasks(5), &Arc::default(), 0);
                    ids.insert(thread, next);
                    next += 1;
                }
                if !hurried {
                    settle(&mut group);
                    check(&group);
                }
            }
            settle(&mut group);
            check(&group);
        }
    }

    #[test]
    fn a_member_keeps_what_it_has_when_another_joins() {
        let mut group = Group::default();
        group.join(1, 0, &tasks(4), &Arc::default(), 0);
        settle(&mut group);
        group.join(2, 1, &tasks(4), &Arc::default(), 0);
        let revoked = group.next_event(1);
        assert_eq!(revoked, Some(Event::Revoked(tasks(4).split_off(2))));
        assert_eq!(group.next_event(2), None, "the tasks are not free yet");
    }
}
