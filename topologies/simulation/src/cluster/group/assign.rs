//! Cooperative-sticky assignment (KIP-429) of one topic's partitions.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What a member brings into a rebalance.
#[derive(Debug, Clone, Default)]
pub(super) struct Claim {
    /// What it says that it still has.
    pub(super) owned: BTreeSet<i32>,
    /// What it was assigned last.
    pub(super) assigned: BTreeSet<i32>,
}

/// What each member may have now, in the order of the claims, which also breaks ties. Balanced within one, but without what
/// another member still has: that is given away in the next rebalance, after its owner has given it up.
pub(super) fn assign(partitions: i32, claims: &[Claim]) -> Vec<BTreeSet<i32>> {
    let holders = holders(partitions, claims);
    let mut assignment = targets(partitions, claims.len(), &holders);
    for (member, target) in assignment.iter_mut().enumerate() {
        let is_free = |partition: &i32| !claims.iter().any(|claim| claim.owned.contains(partition));
        target.retain(|partition| holders.get(partition) == Some(&member) || is_free(partition));
    }
    assignment
}

/// Who keeps which partition if it can. Of several that claim one, the member to which it was assigned.
fn holders(partitions: i32, claims: &[Claim]) -> BTreeMap<i32, usize> {
    let claims = || claims.iter().enumerate();
    let rightful = |claim: &Claim| claim.owned.intersection(&claim.assigned).copied().collect::<Vec<_>>();
    let rightful = claims().flat_map(|(member, claim)| rightful(claim).into_iter().map(move |owned| (owned, member)));
    let others = claims().flat_map(|(member, claim)| claim.owned.iter().map(move |owned| (*owned, member)));
    let mut holders = BTreeMap::new();
    for (partition, member) in rightful.chain(others) {
        if (0..partitions).contains(&partition) {
            holders.entry(partition).or_insert(member);
        }
    }
    holders
}

/// Shares that differ by one at most, the larger ones to those who hold most, so that as little as possible moves.
fn targets(partitions: i32, members: usize, holders: &BTreeMap<i32, usize>) -> Vec<BTreeSet<i32>> {
    let mut held: Vec<BTreeSet<i32>> = vec![BTreeSet::new(); members];
    for (partition, member) in holders {
        if let Some(held) = held.get_mut(*member) {
            held.insert(*partition);
        }
    }
    let mut order: Vec<(usize, &mut BTreeSet<i32>)> = held.iter_mut().enumerate().collect();
    order.sort_by_key(|(member, held)| (Reverse(held.len()), *member));
    let shares = shares(usize::try_from(partitions).unwrap_or(0), members);
    for ((_, held), share) in order.iter_mut().zip(&shares) {
        **held = held.iter().copied().take(*share).collect();
    }
    let kept: BTreeSet<i32> = order.iter().flat_map(|(_, held)| held.iter().copied()).collect();
    let mut rest = (0..partitions).filter(|partition| !kept.contains(partition));
    for ((_, held), share) in order.iter_mut().zip(&shares) {
        let missing = share.saturating_sub(held.len());
        held.extend(rest.by_ref().take(missing));
    }
    held
}

/// How many partitions each of the members has, larger shares first.
fn shares(partitions: usize, members: usize) -> Vec<usize> {
    let share = |position| partitions / members + usize::from(position < partitions % members);
    (0..members).map(share).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;

    fn claim(owned: &[i32]) -> Claim {
        let owned: BTreeSet<i32> = owned.iter().copied().collect();
        Claim {
            assigned: owned.clone(),
            owned,
        }
    }

    fn assigned(partitions: i32, claims: &[Claim]) -> Vec<Vec<i32>> {
        let assignment = assign(partitions, claims);
        assignment
            .into_iter()
            .map(|member| member.into_iter().collect())
            .collect()
    }

    #[test]
    fn nobody_gets_what_another_member_still_has() {
        assert_eq!(assigned(4, &[claim(&[0, 1, 2, 3]), claim(&[])]), [vec![0, 1], vec![]]);
        assert_eq!(assigned(4, &[claim(&[0, 1]), claim(&[])]), [vec![0, 1], vec![2, 3]]);
    }

    #[test]
    fn larger_shares_go_to_those_who_have_most() {
        assert_eq!(assigned(3, &[claim(&[2]), claim(&[0, 1])]), [vec![2], vec![0, 1]]);
    }

    #[test]
    fn of_two_that_claim_a_partition_the_one_it_was_assigned_to_keeps_it() {
        let mut stranger = claim(&[0, 1]);
        stranger.assigned.clear();
        assert_eq!(assigned(2, &[stranger, claim(&[1])]), [vec![0], vec![1]]);
    }

    #[test]
    fn partitions_that_the_topic_does_not_have_are_not_assigned() {
        assert_eq!(assigned(1, &[claim(&[0, 7])]), [vec![0]]);
        assert_eq!(assign(0, &[]), Vec::<BTreeSet<i32>>::new());
    }

    /// Every way to own five partitions or leave them free, among three members.
    #[test]
    fn whoever_owned_what_two_rounds_give_every_partition_one_owner_and_balance_the_shares() {
        for owners in 0..4_usize.pow(5) {
            let mut claims = vec![Claim::default(); 3];
            for partition in 0..5_i32 {
                let owner = owners / 4_usize.pow(partition.unsigned_abs()) % 4;
                if owner < 3 {
                    claims[owner].owned.insert(partition);
                }
            }
            for _ in 0..2 {
                let assignment = assign(5, &claims);
                for (member, assigned) in assignment.iter().enumerate() {
                    let others = claims.iter().enumerate().filter(|(other, _)| *other != member);
                    let taken = others.flat_map(|(_, claim)| &claim.owned).any(|p| assigned.contains(p));
                    assert!(!taken, "{claims:?} became {assignment:?}");
                }
                claims = assignment
                    .into_iter()
                    .map(|owned| Claim {
                        assigned: owned.clone(),
                        owned,
                    })
                    .collect();
            }
            let mut sizes: Vec<usize> = claims.iter().map(|claim| claim.owned.len()).collect();
            sizes.sort_unstable();
            assert_eq!(sizes, [1, 2, 2], "{owners} became {claims:?}");
        }
    }
}
