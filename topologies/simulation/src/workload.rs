//! What comes into a simulated application.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use runtime::commands::CommandRecord;

use crate::client::{SimClient, SimCommandLog};
use crate::deployment::Deployment;
use crate::faults::Faults;
use crate::kafka::Kafka;
use crate::sometimes::Moment;
use crate::world::ProcessId;

/// Wait before a record that was not acknowledged is sent again.
const REPEAT_AFTER: Duration = Duration::from_millis(200);

/// Puts records into the topics of a run, and knows when it is done.
pub(crate) trait Workload: Send + Sync {
    /// Compacted topics of one partition that it needs besides those of the topologies.
    fn topics(&self) -> Vec<&'static str> {
        Vec::new()
    }

    /// Begins in a run. What is begun tells when all of it was acknowledged.
    fn begin(&self, stage: &Stage) -> Box<dyn Progress>;
}

/// How far a workload is.
pub(crate) trait Progress {
    /// Whether everything that it wants was acknowledged, and whatever it waits for has come.
    fn is_done(&mut self, stage: &Stage) -> bool;

    /// What is wrong with what was committed since the last call.
    fn observe(&mut self, _: &Stage) -> Vec<String> {
        Vec::new()
    }

    /// What it says about the run at its end.
    fn judge(&mut self, _: &Stage) -> Vec<String> {
        Vec::new()
    }

    /// What went wrong around it, besides the faults of the run.
    fn faults(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Key and value of a record.
pub(crate) type KeyValue = (Vec<u8>, Vec<u8>);

/// Records for topics, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Feed {
    topics: BTreeMap<String, Vec<KeyValue>>,
}

impl Workload for Feed {
    fn begin(&self, stage: &Stage) -> Box<dyn Progress> {
        let left = Arc::new(AtomicUsize::new(self.topics.len()));
        for (topic, records) in self.topics.clone() {
            let (stage, left) = (stage.clone(), Arc::clone(&left));
            let (world, process) = (stage.kafka.world.clone(), stage.outside);
            let work = move || {
                let log = stage.commands();
                let pause = stage.pause(records.len());
                for (key, value) in records {
                    stage.kafka.world.sleep(stage.around(pause));
                    stage.put(&log, &topic, key, value);
                }
                left.fetch_sub(1, Ordering::Relaxed);
            };
            world.spawn(process, Box::new(work));
        }
        Box::new(Fed(left))
    }
}

impl Feed {
    /// Further records for a topic.
    pub(crate) fn add(&mut self, topic: &str, records: impl Iterator<Item = KeyValue>) {
        self.topics.entry(topic.to_owned()).or_default().extend(records);
    }
}

struct Fed(Arc<AtomicUsize>);

impl Progress for Fed {
    fn is_done(&mut self, _: &Stage) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

/// A run as a workload sees it. Clones are the same.
#[derive(Clone)]
pub(crate) struct Stage {
    pub(crate) kafka: Kafka,
    pub(crate) deployment: Deployment,
    /// A process that nobody kills.
    pub(crate) outside: ProcessId,
    /// How much goes wrong in a run, and within which time records come.
    pub(crate) faults: Faults,
}

impl Stage {
    /// A producer of the process outside.
    pub(crate) fn commands(&self) -> SimCommandLog {
        SimCommandLog::new(SimClient {
            kafka: self.kafka.clone(),
            process: self.outside,
        })
    }

    /// The mean time between `count` records.
    pub(crate) fn pause(&self, count: usize) -> Duration {
        self.faults.span / u32::try_from(count.max(1)).unwrap_or(u32::MAX)
    }

    /// A time that is `mean` on average.
    pub(crate) fn around(&self, mean: Duration) -> Duration {
        let least = Duration::from_micros(1);
        self.kafka
            .world
            .draw(|random| random.time(least..(mean * 2).max(least * 2)))
    }

    /// Appends a record, again and again until it is acknowledged.
    pub(crate) fn put(&self, log: &SimCommandLog, topic: &str, key: Vec<u8>, value: Vec<u8>) {
        let record = CommandRecord {
            topic: topic.to_owned(),
            key,
            value: Some(value),
            headers: Vec::new(),
            timestamp_ms: self.kafka.world.clock_ms(self.outside),
        };
        while log.append_now(record.clone()).is_err() {
            self.kafka.world.reached(Moment::CommandRepeated);
            self.kafka.world.sleep(REPEAT_AFTER);
        }
    }
}
