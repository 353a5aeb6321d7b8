//! The simulation of an application: what is run, how it is disturbed, and what must be true afterwards.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use runtime::limits::ThreadLimits;
use runtime::{NoSchemas, SchemaResolver};
use streams::{Topology, TopologyError};

use crate::faults::Faults;
use crate::outcome::Outcome;
use crate::report::{Report, Run};
use crate::running::Running;
use crate::workload::{Feed, Workload};
use crate::world::Random;

/// What a check finds wrong, in words; nothing is a pass.
pub type Check = Arc<dyn Fn(&Outcome) -> Vec<String> + Send + Sync>;

/// An application in a simulated world. Everything that a seed does is the same each time.
///
/// Every run is checked for what holds whatever the topology: every input is processed in the end, no transaction stays open or
/// is torn, the stores equal their changelogs, no process ends by itself, no thread panics. What the outputs have to be
/// says a [`check`](Self::check).
///
/// ```no_run
/// use simulation::Simulation;
/// use streams::serde::StringSerde;
/// use streams::{Topic, TopologyBuilder};
///
/// let topic = |name: &str| Topic::new(name, StringSerde, StringSerde);
/// let builder = TopologyBuilder::new("copy");
/// builder.stream(&topic("in")).to(&topic("out"));
///
/// let report = Simulation::new(builder.build()?)
///     .instances(3)
///     .input("in", (0..20).map(|n| (format!("key {n}"), format!("value {n}"))))
///     .check(|outcome| {
///         let (sent, copied) = (outcome.sorted("in"), outcome.sorted("out"));
///         if sent == copied { vec![] } else { vec![format!("{} records became {}", sent.len(), copied.len())] }
///     })
///     .seeds(0..3);
/// assert!(report.is_clean(), "{report}");
/// # Ok::<(), streams::TopologyError>(())
/// ```
#[derive(Clone)]
pub struct Simulation {
    pub(crate) topologies: Vec<Arc<Topology>>,
    pub(crate) schemas: Arc<dyn SchemaResolver>,
    pub(crate) instances: usize,
    pub(crate) partitions: i32,
    pub(crate) faults: Faults,
    pub(crate) limits: Option<ThreadLimits>,
    /// Records that come in.
    pub(crate) feed: Feed,
    /// Who else puts records in.
    pub(crate) workload: Option<Arc<dyn Workload>>,
    pub(crate) checks: Vec<Check>,
    pub(crate) patience: Duration,
    pub(crate) crashes: Vec<u64>,
    pub(crate) is_told: bool,
}

/// After everything has healed, all work must be done within this time of the simulated world.
const PATIENCE: Duration = Duration::from_mins(3);

impl Simulation {
    /// A simulation of one topology, with two instances and two partitions of each topic.
    #[must_use]
    pub fn new(topology: Topology) -> Self {
        Self::of(vec![topology], Arc::new(NoSchemas), None)
    }

    pub(crate) fn of(
        topologies: Vec<Topology>,
        schemas: Arc<dyn SchemaResolver>,
        workload: Option<Arc<dyn Workload>>,
    ) -> Self {
        Self {
            topologies: topologies.into_iter().map(Arc::new).collect(),
            schemas,
            instances: 2,
            partitions: 2,
            faults: Faults::default(),
            limits: None,
            feed: Feed::default(),
            workload,
            checks: Vec::new(),
            patience: PATIENCE,
            crashes: Vec::new(),
            is_told: false,
        }
    }

    /// How many processes run the application, at least 1.
    #[must_use]
    pub fn instances(mut self, count: usize) -> Self {
        self.instances = count.max(1);
        self
    }

    /// How many partitions each topic has, at least 1.
    #[must_use]
    pub fn partitions(mut self, count: i32) -> Self {
        self.partitions = count.max(1);
        self
    }

    /// Records that come into a topic while everything goes on, at moments that the seed chooses, in this order.
    #[must_use]
    pub fn input<K: Into<Vec<u8>>, V: Into<Vec<u8>>>(
        mut self,
        topic: &str,
        records: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let records = records.into_iter().map(|(key, value)| (key.into(), value.into()));
        self.feed.add(topic, records);
        self
    }

    /// How the run is disturbed.
    #[must_use]
    pub fn faults(mut self, faults: Faults) -> Self {
        self.faults = faults;
        self
    }

    /// Bounds of the stream threads; without them each seed draws its own.
    #[must_use]
    pub fn limits(mut self, limits: ThreadLimits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// What must be true at the end of every run.
    #[must_use]
    pub fn check(mut self, check: impl Fn(&Outcome) -> Vec<String> + Send + Sync + 'static) -> Self {
        self.checks.push(Arc::new(check));
        self
    }

    /// Kills whoever takes the step of that number. Steps touch a broker or a store.
    #[must_use]
    pub fn crash_at(mut self, step: u64) -> Self {
        self.crashes.push(step);
        self
    }

    /// The stories of runs have what was sent and answered too.
    #[must_use]
    pub fn told(mut self) -> Self {
        self.is_told = true;
        self
    }

    /// Runs one seed.
    #[must_use]
    pub fn run(&self, seed: u64) -> Run {
        match Running::begin(self, seed) {
            Ok(running) => running.finish(),
            Err(error) => Run::impossible(seed, &error),
        }
    }

    /// Runs many seeds, on as many threads as the machine has cores; each seed has one thread for itself.
    #[must_use]
    pub fn seeds(&self, seeds: Range<u64>) -> Report {
        self.seeds_told(seeds, &|_| ())
    }

    /// Runs many seeds and tells of each when it has ended.
    #[must_use]
    pub fn seeds_told(&self, seeds: Range<u64>, told: &(dyn Fn(&Run) + Sync)) -> Report {
        in_parallel(seeds, &|seed| self.run(seed), told)
    }

    /// Runs one seed again and again, each time with a crash at another step: those of the range that `stride` reaches from
    /// its beginning. Steps are numbered from 1 to [`Run::steps`] of the undisturbed run.
    #[must_use]
    pub fn sweep_told(&self, seed: u64, steps: Range<u64>, stride: u64, told: &(dyn Fn(&Run) + Sync)) -> Report {
        let stride = stride.max(1);
        let count = (steps.end.saturating_sub(steps.start)).div_ceil(stride);
        let crash = |number: u64| self.clone().crash_at(steps.start + number * stride).run(seed);
        in_parallel(0..count, &crash, told)
    }

    /// Runs one seed `count` times, each time with crashes at two steps below `steps` that are drawn.
    #[must_use]
    pub fn pairs_told(&self, seed: u64, steps: u64, count: u64, told: &(dyn Fn(&Run) + Sync)) -> Report {
        let crash = |number: u64| {
            let mut random = Random::new(number);
            let mut draw = || random.within(1..steps.max(2));
            self.clone().crash_at(draw()).crash_at(draw()).run(seed)
        };
        in_parallel(0..count, &crash, told)
    }
}

fn in_parallel(numbers: Range<u64>, run: &(dyn Fn(u64) -> Run + Sync), told: &(dyn Fn(&Run) + Sync)) -> Report {
    let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let count = u64::try_from(cores).unwrap_or(1);
    let share = |core: u64| {
        let mut report = Report::default();
        for number in numbers.clone().filter(|number| number % count == core) {
            let run = run(number);
            told(&run);
            report.add(run);
        }
        report
    };
    thread::scope(|scope| {
        let share = &share;
        let shares: Vec<_> = (0..count).map(|core| scope.spawn(move || share(core))).collect();
        let mut all = Report::default();
        for share in shares {
            // A panic of the simulation itself is one of the caller.
            all.merge(share.join().unwrap_or_else(|cause| std::panic::resume_unwind(cause)));
        }
        all
    })
}

/// The partition counts of every topic that a topology reads or writes.
pub(crate) fn counts(topology: &Topology, partitions: i32) -> BTreeMap<String, i32> {
    let outside = topology.topics().iter();
    outside.map(|topic| (topic.name.clone(), partitions)).collect()
}

/// Why a simulation cannot begin.
pub(crate) type Impossible = TopologyError;
