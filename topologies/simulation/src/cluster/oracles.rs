//! What only the simulation can see: the truth, whatever any client was told.

use super::Cluster;
use super::group::Group;
use super::ids::{PartitionId, ProducerEpoch, StoredRecord};
use super::offsets::Offsets;
use super::partition::Partition;
use super::response::MemberDescription;

impl Cluster {
    /// The partition's committed records below the last stable offset, ascending. None for an unknown partition.
    pub fn committed_records(&self, partition: PartitionId) -> impl Iterator<Item = (i64, &StoredRecord)> {
        self.partitions
            .get(&partition)
            .into_iter()
            .flat_map(Partition::committed)
    }

    /// Those of them at `offset` and behind it.
    pub fn committed_since(&self, partition: PartitionId, offset: i64) -> impl Iterator<Item = (i64, &StoredRecord)> {
        let log = self.partitions.get(&partition).into_iter();
        log.flat_map(move |log| log.committed_since(offset))
    }

    /// The first offset that is left of the partition; 0 for an unknown one.
    #[must_use]
    pub fn log_start(&self, partition: PartitionId) -> i64 {
        self.partitions.get(&partition).map_or(0, |log| log.start)
    }

    /// The partition's last stable offset; 0 for an unknown one.
    #[must_use]
    pub fn last_stable_offset(&self, partition: PartitionId) -> i64 {
        self.partitions.get(&partition).map_or(0, Partition::last_stable_offset)
    }

    /// The partition's end; 0 for an unknown one.
    #[must_use]
    pub fn high_watermark(&self, partition: PartitionId) -> i64 {
        self.partitions.get(&partition).map_or(0, Partition::high_watermark)
    }

    /// The group's committed offset, whatever transactions are pending.
    #[must_use]
    pub fn committed_offset(&self, group: &str, partition: PartitionId) -> Option<i64> {
        let offsets: &Offsets = self.offsets.get(group)?;
        offsets.committed(partition).map(|offset| offset.next)
    }

    /// Transactional ids whose transaction is open, or decided but not written everywhere, with their present epochs.
    #[must_use]
    pub fn open_transactions(&self) -> Vec<(String, ProducerEpoch)> {
        let open = self.transactions.open();
        open.map(|(id, producer)| (id.to_owned(), producer)).collect()
    }

    /// The group's members, by member id, with what they were last assigned, also while the group rebalances.
    #[must_use]
    pub fn group_members(&self, group: &str) -> Vec<MemberDescription> {
        self.groups.get(group).map(Group::members).unwrap_or_default()
    }

    /// The group's generation; 0 before its first rebalance has ended.
    #[must_use]
    pub fn group_generation(&self, group: &str) -> i32 {
        self.groups.get(group).map_or(0, Group::generation)
    }
}
