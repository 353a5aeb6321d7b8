//! What happens without a request: time passes, markers arrive, old records go.

use std::time::Duration;

use super::Cluster;
use super::group::Group;
use super::ids::{PartitionId, Policy, Ticket};
use super::marker::{Marker, MarkerTarget};
use super::response::Answer;

impl Cluster {
    /// Ends sessions, transactions and rebalances that are due by `now`, which never goes back, and answers joins that waited
    /// for it.
    pub fn expire(&mut self, now: Duration) {
        self.now = self.now.max(now);
        self.transactions.expire(self.now);
        let groups: Vec<String> = self.groups.keys().cloned().collect();
        for group in groups {
            self.with_group(&group, Group::expire);
        }
    }

    /// When [`expire`](Self::expire) has something to do next; it may be in the past.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        let groups = self.groups.values().filter_map(Group::next_deadline);
        groups.chain(self.transactions.next_deadline()).min()
    }

    /// Answers of parked requests that became ready since the last call, in the order in which they did. A join that was
    /// overtaken by another one of the same member never gets one, as in Kafka.
    pub fn take_answers(&mut self) -> Vec<(Ticket, Answer)> {
        std::mem::take(&mut self.answers)
    }

    /// Markers that were decided since the last call. The caller writes each with [`write_marker`](Self::write_marker) after
    /// a delay of its choice, in any order. A transaction has ended only after all its markers are written.
    pub fn take_markers(&mut self) -> Vec<Marker> {
        self.transactions.take_markers()
    }

    /// Ends a transaction in one partition or group, and lets the transaction's coordinator know. A marker of an epoch or of a
    /// coordinator that the partition knows to be superseded is dropped.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "a marker that is written is no longer on its way"
    )]
    pub fn write_marker(&mut self, now: Duration, marker: Marker) {
        self.now = self.now.max(now);
        let written = match &marker.target {
            MarkerTarget::Partition(id) => self.partitions.get_mut(id).map(|log| log.write_marker(&marker)),
            MarkerTarget::Offsets(group) => {
                let offsets = self.offsets.entry(group.clone()).or_default();
                Some(offsets.write_marker(&marker))
            }
        };
        if let (Some(Ok(())), MarkerTarget::Partition(id)) = (written, &marker.target) {
            self.advanced.insert(*id);
        }
        self.transactions.written(&marker);
    }

    /// Partitions whose last stable offset or high watermark moved since the last call, ascending.
    pub fn take_advanced(&mut self) -> Vec<PartitionId> {
        std::mem::take(&mut self.advanced).into_iter().collect()
    }

    /// Compacts a partition of a compacted topic: of the committed records below the last stable offset, the newest of each
    /// key stays. Offsets do not change. Other partitions stay as they are.
    pub fn compact(&mut self, partition: PartitionId) {
        let log = self.partitions.get_mut(&partition);
        if let Some(log) = log.filter(|log| log.policy == Policy::Compact) {
            log.compact();
        }
    }

    /// Deletes the partition's records below `offset`, at most all there are.
    pub fn delete_before(&mut self, partition: PartitionId, offset: i64) {
        if let Some(log) = self.partitions.get_mut(&partition) {
            let stable = log.last_stable_offset();
            log.delete_before(offset);
            if log.last_stable_offset() > stable {
                self.advanced.insert(partition);
            }
        }
    }
}
