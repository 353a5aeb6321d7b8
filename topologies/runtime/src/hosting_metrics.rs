//! What the tasks of this process are doing and how far they are behind, read now and then beside their threads.

use std::collections::{BTreeMap, BTreeSet};

use streams::LogError;
use streams::log::LogReader;

use crate::engine_metrics::{LAG, RESTORE_REMAINING, TASKS, THREADS};
use crate::metric::float;
use crate::queries::{Hosting, ThreadState};

/// What a thread may be doing.
const THREAD_STATES: [&str; 4] = ["joining", "restoring", "running", "blocked"];

/// Shows what the threads and tasks of each topology that runs here are doing.
pub fn show_states(hosting: &Hosting) {
    let mut topologies: BTreeMap<String, Vec<ThreadState>> = BTreeMap::new();
    for (topology, _, state) in hosting.threads() {
        topologies.entry(topology).or_default().push(state);
    }
    for (topology, threads) in &topologies {
        for state in THREAD_STATES {
            let count = threads.iter().filter(|thread| word(thread) == state).count();
            THREADS.level(&[topology, state]).set(float(count as u64));
        }
        let sum = |count: fn(&ThreadState) -> u64| float(threads.iter().map(count).sum());
        let restoring = sum(|thread| thread.restoring.len() as u64);
        TASKS.level(&[topology, "restoring"]).set(restoring);
        TASKS
            .level(&[topology, "running"])
            .set(sum(|thread| thread.running.len() as u64));
        RESTORE_REMAINING
            .level(&[topology])
            .set(sum(|thread| thread.restoring.values().sum()));
    }
}

fn word(state: &ThreadState) -> &'static str {
    if state.blocked.is_some() {
        "blocked"
    } else if !state.joined {
        "joining"
    } else if state.restoring.is_empty() {
        "running"
    } else {
        "restoring"
    }
}

/// Measures how far inputs are behind what can be read from them.
#[derive(Debug, Default)]
pub struct LagMeter {
    /// Inputs that were shown: topology, topic, partition.
    shown: BTreeSet<(String, String, i32)>,
}

impl LagMeter {
    /// Asks the log for the ends of all inputs of running tasks. An input whose task has gone to another process is shown as 0
    /// from then on, because that process tells its lag. After an error the rest is as it was.
    pub fn measure(&mut self, hosting: &Hosting, reader: &mut dyn LogReader) -> Result<(), LogError> {
        let mut gone = self.shown.clone();
        for input in hosting.positions() {
            let place = (input.topology, input.topic, input.partition);
            gone.remove(&place);
            let (_, end) = reader.readable(&place.1, place.2)?;
            let lag = u64::try_from(end.saturating_sub(input.next)).unwrap_or(0);
            show_lag(&place, lag);
            self.shown.insert(place);
        }
        for place in gone {
            show_lag(&place, 0);
            self.shown.remove(&place);
        }
        Ok(())
    }
}

fn show_lag((topology, topic, partition): &(String, String, i32), lag: u64) {
    LAG.level(&[topology, topic, &partition.to_string()]).set(float(lag));
}
