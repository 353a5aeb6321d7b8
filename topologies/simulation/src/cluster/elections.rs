//! Leaders and coordinators that move all at once, as when a broker goes.

use super::Cluster;
use super::ids::{BrokerId, PartitionId, TopicId};

impl Cluster {
    /// All topics, in the order in which they were created.
    pub fn topics(&self) -> impl Iterator<Item = TopicId> + use<> {
        (0..self.topics.count()).map(TopicId)
    }

    /// All partitions of all topics.
    #[must_use]
    pub fn all_partitions(&self) -> Vec<PartitionId> {
        self.partitions.keys().copied().collect()
    }

    /// The next broker leads and coordinates what this one has.
    pub fn move_away_from(&mut self, broker: BrokerId) {
        let next = self.place(broker.0.wrapping_add(1));
        self.elect(|elected| if elected == broker { next } else { elected });
    }

    /// Every leader and every coordinator moves this many brokers on.
    pub fn rotate(&mut self, turns: u32) {
        let brokers = self.settings.brokers.max(1);
        self.elect(|elected| BrokerId((elected.0 + turns % brokers) % brokers));
    }

    fn elect(&mut self, moved: impl Fn(BrokerId) -> BrokerId) {
        for partition in self.all_partitions() {
            let leader = moved(self.leader(partition));
            self.move_leader(partition, leader);
        }
        let groups = self.groups.keys().cloned();
        let coordinated: Vec<String> = groups.chain(self.transactions.ids()).collect();
        for key in coordinated {
            let coordinator = moved(self.coordinator(&key));
            self.move_coordinator(&key, coordinator);
        }
    }

    /// Transactions that were ended because they lasted too long, and because a new producer took their id over.
    #[must_use]
    pub fn ended_for_others(&self) -> (u64, u64) {
        (self.transactions.timed_out, self.transactions.taken_over)
    }
}
