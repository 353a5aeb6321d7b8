//! The consumer's thread that fetches.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rdkafka::types::RDKafkaErrorCode;

use super::Refusal;
use super::batch::Fetched;
use super::consumer::{Assigned, Shared, lock};
use super::line::{Line, Target};
use crate::cluster::{self, KafkaError, PartitionId, Request, Response};

/// Records of one answer at most.
const RECORDS_PER_FETCH: usize = 500;
/// Records of a partition that wait to be taken, above which nothing is fetched of it.
const QUEUE_RECORDS_MAX: usize = 1_000;
/// Without news a broker is asked again after this time.
const NEWS_WAIT: Duration = Duration::from_millis(500);

pub(super) struct Fetcher {
    pub(super) line: Line,
    pub(super) shared: Arc<Mutex<Shared>>,
    /// Whether the owner wants to be told when it has read everything there is.
    pub(super) tells_ends: bool,
    /// Whether it reads committed records only.
    pub(super) committed: bool,
}

impl Fetcher {
    pub(super) fn run(mut self) {
        while !lock(&self.shared).closed {
            let mut found = false;
            for (partition, at, version) in self.wanted() {
                found |= self.fetch(partition, at, version);
            }
            if !found && !self.wait() {
                return;
            }
        }
    }

    fn wanted(&self) -> Vec<(PartitionId, i64, u64)> {
        let shared = lock(&self.shared);
        let assigned = shared.assigned.iter();
        let wanted = assigned.filter(|(_, assigned)| assigned.queue.len() < QUEUE_RECORDS_MAX);
        wanted
            .map(|(partition, assigned)| (*partition, assigned.fetch_at, assigned.version))
            .filter(|(partition, at, _)| self.has_news(&shared, *partition, *at))
            .collect()
    }

    /// A long poll at a broker that has nothing new is no news; it is spared here.
    fn has_news(&self, shared: &Shared, partition: PartitionId, at: i64) -> bool {
        let told = shared.assigned.get(&partition).and_then(|assigned| assigned.told_end);
        let end = self.line.kafka().look(|cluster| {
            if self.committed {
                cluster.last_stable_offset(partition)
            } else {
                cluster.high_watermark(partition)
            }
        });
        told != Some(at) || end > at
    }

    fn fetch(&mut self, partition: PartitionId, at: i64, version: u64) -> bool {
        let request = Request::Fetch {
            partition,
            offset: at,
            committed: self.committed,
            max_records: RECORDS_PER_FETCH,
        };
        let deadline = self.line.kafka().world.now() + Duration::from_secs(30);
        let answer = self.line.ask(&Target::Leader(partition), &request, deadline);
        let taken = {
            let mut shared = lock(&self.shared);
            let Some(assigned) = shared.assigned.get_mut(&partition) else {
                return false;
            };
            if assigned.version != version {
                return false;
            }
            match answer {
                Ok(Response::Fetched(fetched)) => assigned.take(partition, fetched, self.tells_ends),
                Err(Refusal::Kafka(KafkaError::OffsetOutOfRange)) => {
                    assigned.push(partition, at, Err(RDKafkaErrorCode::AutoOffsetReset));
                    assigned.told_end = Some(at);
                    true
                }
                Ok(_) | Err(_) => false,
            }
        };
        if taken {
            Shared::ring(&self.shared, &self.line.kafka().world);
        }
        taken
    }

    fn wait(&self) -> bool {
        let partitions: Vec<_> = lock(&self.shared).assigned.keys().copied().collect();
        let kafka = self.line.kafka();
        kafka.watch(&partitions);
        let until = kafka.world.now() + NEWS_WAIT;
        kafka.world.park((!partitions.is_empty()).then_some(until))
    }
}

impl Assigned {
    /// Takes an answer over. Answers whether the owner has something to look at.
    fn take(&mut self, partition: PartitionId, fetched: cluster::Fetched, tells_ends: bool) -> bool {
        let cluster::Fetched {
            records,
            next,
            last_stable_offset,
            ..
        } = fetched;
        let before = self.queue.len();
        for (offset, record) in records {
            self.push(partition, offset, Ok(record));
        }
        self.fetch_at = next.max(self.fetch_at);
        if self.fetch_at >= last_stable_offset && self.told_end != Some(self.fetch_at) {
            self.told_end = Some(self.fetch_at);
            if tells_ends {
                self.push(partition, self.fetch_at, Err(RDKafkaErrorCode::PartitionEOF));
            }
        }
        self.queue.len() > before
    }

    fn push(&mut self, partition: PartitionId, offset: i64, content: Result<cluster::StoredRecord, RDKafkaErrorCode>) {
        self.queue.push_back(Fetched {
            topic: self.topic,
            partition: partition.partition,
            offset,
            content,
        });
    }
}
