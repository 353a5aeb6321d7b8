//! One run: from an empty cluster through faults to the verdict.

use std::sync::Arc;
use std::time::Duration;

use runtime::limits::ThreadLimits;
use streams::{Layout, TaskLimits, TopicKind};

use crate::cluster::{Cluster, Policy, Settings};
use crate::deployment::{Deployment, Placed};
use crate::faults::{Fault, healed, inject};
use crate::kafka::{Kafka, Weather};
use crate::oracle::{check_changelogs, check_dead_letters, check_origins, check_partitions, unfinished, unopened};
use crate::outcome::Outcome;
use crate::report::Run;
use crate::simulation::{Impossible, Simulation, counts};
use crate::sometimes::Moment;
use crate::workload::{Progress, Stage, Workload};
use crate::world::{Random, World};

/// Brokers of a cluster.
const BROKERS: u32 = 3;
/// Between two looks whether everything is done.
const LOOK: Duration = Duration::from_millis(250);
/// Processes begin within this time.
const START_SPREAD: Duration = Duration::from_millis(400);
/// Longer than a session and a rebalance.
const REST: Duration = Duration::from_secs(15);
/// A crash at a numbered step may come late. So long it may take until its process is there again, is in its group and has
/// restored what it got.
const RECOVERY: Duration = Duration::from_secs(60);

pub(crate) struct Running<'a> {
    simulation: &'a Simulation,
    seed: u64,
    stage: Stage,
    faults: Vec<(Duration, Fault)>,
    progress: Vec<Box<dyn Progress>>,
    /// What was found wrong on the way.
    found: Vec<String>,
}

impl<'a> Running<'a> {
    pub(crate) fn begin(simulation: &'a Simulation, seed: u64) -> Result<Self, Impossible> {
        let world = World::new(seed);
        if simulation.is_told {
            world.tell_all();
        }
        for step in &simulation.crashes {
            world.crash_at(*step);
        }
        // The faults are drawn apart from the rest, so that what happens to a seed does not move with its workload.
        let instances = simulation.instances;
        let faults = match simulation.topologies.as_slice() {
            // Nothing runs on Kafka, so nothing goes wrong there.
            [] => Vec::new(),
            _ => simulation.faults.plan(instances, BROKERS, &mut Random::new(!seed)),
        };
        let placed: Vec<Placed> = simulation
            .topologies
            .iter()
            .map(|topology| {
                let application = format!("sim-{}", topology.name());
                let layout = topology.place(&application, &counts(topology, simulation.partitions))?;
                Ok(Placed {
                    topology: Arc::clone(topology),
                    layout: Arc::new(layout),
                })
            })
            .collect::<Result<_, Impossible>>()?;
        let mut cluster = Cluster::new(Settings {
            brokers: BROKERS,
            ..Settings::default()
        });
        for placed in &placed {
            create_topics(&mut cluster, &placed.layout);
        }
        for topic in simulation.workload.iter().flat_map(|workload| workload.topics()) {
            cluster.create_topic(topic, 1, Policy::Compact);
        }
        let kafka = Kafka::new(world.clone(), cluster);
        let limits = simulation
            .limits
            .unwrap_or_else(|| drawn_limits(&mut Random::new(seed.rotate_left(32))));
        let schemas = Arc::clone(&simulation.schemas);
        let deployment = Deployment::new(&kafka, placed, schemas, limits, instances);
        let stage = Stage {
            outside: world.begin_process(),
            kafka,
            deployment,
            faults: simulation.faults.clone(),
        };
        world.spare(stage.outside);
        let workloads = simulation.workload.iter().map(Arc::as_ref);
        let progress = [&simulation.feed as &dyn Workload]
            .into_iter()
            .chain(workloads)
            .map(|workload| workload.begin(&stage))
            .collect();
        Ok(Self {
            simulation,
            seed,
            stage,
            faults,
            progress,
            found: Vec::new(),
        })
    }

    pub(crate) fn finish(mut self) -> Run {
        self.prepare();
        let world = self.stage.kafka.world.clone();
        let span = self.simulation.faults.span;
        while world.now() < span && self.found.is_empty() {
            self.go_on();
        }
        self.heal();
        let waits = self.settle();
        let outcome = Outcome::of(&self.stage.kafka);
        let violations = self.judge(waits, &outcome);
        self.count();
        let run = Run {
            seed: self.seed,
            violations,
            moments: world.moments(),
            trace_hash: world.trace_hash(),
            steps: world.steps(),
            crashes: self.simulation.crashes.clone(),
            faults: self.told_faults(),
            time: world.now(),
            records: outcome.count(),
            story: world.story(),
        };
        self.end();
        run
    }

    /// Lets some time pass and looks at every commit that it brings.
    fn go_on(&mut self) {
        let kafka = self.stage.kafka.clone();
        let end = kafka.world.now() + LOOK;
        if !kafka.world.run_until(end, || kafka.has_committed()) {
            self.stage.deployment.revive();
            return;
        }
        kafka.take_committed();
        for progress in &mut self.progress {
            self.found.extend(progress.observe(&self.stage));
        }
    }

    /// Processes and faults, each at its moment.
    fn prepare(&self) {
        let Stage { kafka, deployment, .. } = &self.stage;
        for number in 0..deployment.count() {
            let deployment = deployment.clone();
            let delay = kafka.world.draw(|random| random.time(Duration::ZERO..START_SPREAD));
            kafka.world.after(delay, move |_| deployment.start(number));
        }
        for (at, fault) in self.faults.clone() {
            let (deployment, kafka) = (deployment.clone(), kafka.clone());
            let world = kafka.world.clone();
            world.after(at, move |_| inject(&fault, &deployment, &kafka));
        }
    }

    /// From here on nothing goes wrong any more.
    fn heal(&self) {
        let Stage { kafka, deployment, .. } = &self.stage;
        kafka.weather(|weather| *weather = Weather::default());
        for disk in deployment.disks() {
            disk.set_full(false);
            disk.set_slow(false);
        }
    }

    /// Waits until everything is done, as long as the simulation's patience lasts. Answers what it still waited for.
    fn settle(&mut self) -> Option<String> {
        let world = self.stage.kafka.world.clone();
        let deadline = world.now().max(healed(&self.faults)) + self.simulation.patience;
        loop {
            self.go_on();
            let is_done = self.progress.iter_mut().all(|progress| progress.is_done(&self.stage));
            let waits = if is_done {
                unfinished(&self.stage.kafka, self.stage.deployment.placed())
            } else {
                Some("not everything that came in was acknowledged or has ended".to_owned())
            };
            if !self.found.is_empty() {
                return None;
            }
            if waits.is_none() {
                return self.come_to_rest();
            }
            if world.now() >= deadline {
                return waits;
            }
        }
    }

    /// When all is done, every process has still to learn what it has and what it has not, and one whose request to join is held
    /// up learns it when that arrives. It is at rest when everything was done, and every task with state was open, for a while in
    /// which no process came or went. Answers what is not done after all.
    fn come_to_rest(&mut self) -> Option<String> {
        let kafka = self.stage.kafka.clone();
        let arrived = healed(&self.faults).max(kafka.arrived_at());
        while kafka.world.now() < arrived {
            self.go_on();
        }
        let limit = kafka.world.now() + RECOVERY;
        loop {
            let (waited, processes) = (self.not_at_rest(), self.stage.deployment.processes());
            let rested = kafka.world.now() + REST;
            while kafka.world.now() < rested {
                self.go_on();
            }
            let waits = waited.or_else(|| self.not_at_rest());
            let is_at_rest = waits.is_none() && processes == self.stage.deployment.processes();
            if is_at_rest || kafka.world.now() >= limit {
                return waits;
            }
        }
    }

    fn not_at_rest(&self) -> Option<String> {
        let Stage { kafka, deployment, .. } = &self.stage;
        unfinished(kafka, deployment.placed()).or_else(|| unopened(deployment))
    }

    fn judge(&mut self, waits: Option<String>, outcome: &Outcome) -> Vec<String> {
        // What was found on the way ends the run, so that its story ends there.
        if !self.found.is_empty() {
            return std::mem::take(&mut self.found);
        }
        let Stage { kafka, deployment, .. } = &self.stage;
        let moments = kafka.world.moments();
        let compacted = moments.count(Moment::Compacted) > 0;
        let mut violations: Vec<String> = waits
            .map(|waits| format!("not done in time: {waits}"))
            .into_iter()
            .collect();
        violations.extend(
            kafka
                .world
                .defects()
                .into_iter()
                .map(|words| format!("a thread panicked: {words}")),
        );
        // A request to join that is heard late drives its own sender out, who joins again; the second time within minutes it takes
        // that for another process, ends, and is started again.
        let is_driven_out_twice = moments.count(Moment::JoinLate) > 1;
        let is_excused = |reason: &String| is_driven_out_twice && reason.contains("another process runs as instance");
        let exits = deployment.exits().into_iter().filter(|reason| !is_excused(reason));
        violations.extend(exits.map(|reason| format!("a process ended by itself: {reason}")));
        violations.extend(check_dead_letters(outcome, deployment.placed()));
        for placed in deployment.placed() {
            violations.extend(check_partitions(outcome, &placed.layout));
            violations.extend(check_origins(outcome, &placed.layout));
            violations.extend(check_changelogs(
                outcome,
                &placed.layout,
                &deployment.disks(),
                compacted,
            ));
        }
        violations.extend(self.simulation.checks.iter().flat_map(|check| check(outcome)));
        for progress in &mut self.progress {
            violations.extend(progress.judge(&self.stage));
        }
        violations
    }

    fn told_faults(&self) -> Vec<String> {
        let told = |(at, fault): &(Duration, Fault)| format!("{:>6.2} s {fault}", at.as_secs_f64());
        let around = self.progress.iter().flat_map(|progress| progress.faults());
        self.faults.iter().map(told).chain(around).collect()
    }

    /// What the brokers know to have happened.
    fn count(&self) {
        let world = &self.stage.kafka.world;
        let (timed_out, taken_over) = self.stage.kafka.look(Cluster::ended_for_others);
        (0..timed_out).for_each(|_| world.reached(Moment::TransactionTimedOut));
        (0..taken_over).for_each(|_| world.reached(Moment::TransactionTakenOver));
    }

    /// Unwinds what is left of the run's threads, which know one another and would keep each other for ever.
    fn end(self) {
        for number in 0..self.stage.deployment.count() {
            self.stage.deployment.kill(number);
        }
        self.stage.kafka.world.kill(self.stage.outside);
        self.stage.kafka.world.forget_events();
    }
}

/// Limits that are reached, each seed in another way.
fn drawn_limits(random: &mut Random) -> ThreadLimits {
    let usual = ThreadLimits::default();
    let few = |random: &mut Random, bytes: usize| if random.permille(500) { bytes } else { usize::MAX };
    ThreadLimits {
        commit_interval: random.time(Duration::from_millis(5)..Duration::from_millis(200)),
        commit_spacing: random.time(Duration::ZERO..Duration::from_millis(40)),
        send_ahead_bytes: few(random, 200).min(usual.send_ahead_bytes),
        task: TaskLimits {
            cache_bytes_max: few(random, 600).min(usual.task.cache_bytes_max),
            ..usual.task
        },
        ..usual
    }
}

fn create_topics(cluster: &mut Cluster, layout: &Layout) {
    for topic in &layout.topics {
        let policy = match topic.kind {
            TopicKind::Changelog => Policy::Compact,
            TopicKind::Source | TopicKind::Sink | TopicKind::Repartition | TopicKind::DeadLetters => Policy::Delete,
        };
        cluster.create_topic(&topic.name, topic.partitions, policy);
    }
    let tasks = i32::try_from(layout.tasks.len()).unwrap_or(i32::MAX);
    cluster.create_topic(&layout.task_topic(), tasks, Policy::Delete);
}
