//! Instances: processes that run the topologies, each with a disk that outlives it.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use runtime::kafka::{KafkaConfig, KafkaHealth, KafkaLog, KafkaReader};
use runtime::limits::ThreadLimits;
use runtime::queries::Hosting;
use runtime::{MakeLog, SchemaResolver, ThreadContext, live};
use streams::{Layout, Topology};

use crate::client::SimClient;
use crate::disk::Disk;
use crate::kafka::Kafka;
use crate::machine::SimMachine;
use crate::world::ProcessId;

/// A process that ended by itself is started again after such a time, as an orchestrator does.
const RESTART_DELAY: std::ops::Range<Duration> = Duration::from_millis(500)..Duration::from_secs(4);

/// Sometimes it takes longer than a session lasts.
const LATE_RESTART_DELAY: std::ops::Range<Duration> = Duration::from_secs(4)..Duration::from_secs(14);

/// A topology as it stands on the cluster.
#[derive(Clone)]
pub(crate) struct Placed {
    pub(crate) topology: Arc<Topology>,
    pub(crate) layout: Arc<Layout>,
}

/// The instances of a run. Clones are the same.
#[derive(Clone)]
pub(crate) struct Deployment(Arc<Shared>);

struct Shared {
    kafka: Kafka,
    placed: Vec<Placed>,
    schemas: Arc<dyn SchemaResolver>,
    limits: ThreadLimits,
    instances: Mutex<BTreeMap<usize, Instance>>,
}

struct Instance {
    disk: Disk,
    process: Option<ProcessId>,
    /// Why processes of it have ended by themselves.
    exits: Vec<String>,
}

impl Deployment {
    pub(crate) fn new(
        kafka: &Kafka,
        placed: Vec<Placed>,
        schemas: Arc<dyn SchemaResolver>,
        limits: ThreadLimits,
        count: usize,
    ) -> Self {
        let instance = |number| {
            let instance = Instance {
                disk: Disk::new(&kafka.world),
                process: None,
                exits: Vec::new(),
            };
            (number, instance)
        };
        Self(Arc::new(Shared {
            kafka: kafka.clone(),
            placed,
            schemas,
            limits,
            instances: Mutex::new((0..count).map(instance).collect()),
        }))
    }

    pub(crate) fn placed(&self) -> &[Placed] {
        &self.0.placed
    }

    pub(crate) fn count(&self) -> usize {
        self.instances().len()
    }

    /// The process of each instance that has one.
    pub(crate) fn processes(&self) -> BTreeMap<usize, ProcessId> {
        let instances = self.instances();
        let running = instances
            .iter()
            .filter_map(|(number, instance)| Some((*number, instance.process?)));
        running.collect()
    }

    /// Begins a process of an instance that has none.
    pub(crate) fn start(&self, number: usize) {
        let world = &self.0.kafka.world;
        let process = world.begin_process();
        let disk = {
            let mut instances = self.instances();
            let Some(instance) = instances.get_mut(&number).filter(|instance| instance.process.is_none()) else {
                return;
            };
            instance.process = Some(process);
            instance.disk.clone()
        };
        world.note("start", process.0);
        for placed in self.0.placed.clone() {
            let (this, disk) = (self.clone(), disk.clone());
            let work = Box::new(move || this.run(number, process, &placed, &disk));
            world.spawn(process, work);
        }
    }

    /// Kills the process of an instance with -9. Answers whether it had one.
    pub(crate) fn kill(&self, number: usize) -> bool {
        let Some(process) = self.take_process(number) else {
            return false;
        };
        self.0.kafka.world.kill(process);
        true
    }

    /// An orchestrator starts again what was killed from within, by a crash at a numbered step.
    pub(crate) fn revive(&self) {
        let world = &self.0.kafka.world;
        let dead: Vec<usize> = self
            .instances()
            .iter()
            .filter(|(_, instance)| instance.process.is_some_and(|process| !world.is_alive(process)))
            .map(|(number, _)| *number)
            .collect();
        for number in dead {
            self.take_process(number);
            let delay = world.draw(|random| {
                let soon = random.permille(600);
                random.time(if soon { RESTART_DELAY } else { LATE_RESTART_DELAY })
            });
            let this = self.clone();
            world.after(delay, move |_| this.start(number));
        }
    }

    pub(crate) fn process(&self, number: usize) -> Option<ProcessId> {
        self.instances().get(&number)?.process
    }

    pub(crate) fn disk(&self, number: usize) -> Option<Disk> {
        Some(self.instances().get(&number)?.disk.clone())
    }

    /// Every disk.
    pub(crate) fn disks(&self) -> Vec<Disk> {
        self.instances()
            .values()
            .map(|instance| instance.disk.clone())
            .collect()
    }

    /// Why processes have ended by themselves.
    pub(crate) fn exits(&self) -> Vec<String> {
        self.instances()
            .values()
            .flat_map(|instance| instance.exits.clone())
            .collect()
    }

    fn take_process(&self, number: usize) -> Option<ProcessId> {
        self.instances().get_mut(&number)?.process.take()
    }

    /// The life of one topology's stream thread in a process.
    fn run(&self, number: usize, process: ProcessId, placed: &Placed, disk: &Disk) {
        let machine = SimMachine {
            world: self.0.kafka.world.clone(),
            process,
        };
        let client = SimClient {
            kafka: self.0.kafka.clone(),
            process,
        };
        let application = &placed.layout.application_id;
        let config = KafkaConfig {
            number_outputs: true,
            ..KafkaConfig::new("simulated", application, &format!("instance-{number}"), 0)
        };
        let context = Arc::new(self.context(placed, disk, &client, &machine, &config));
        let layout = Arc::clone(&placed.layout);
        let make_log: MakeLog<KafkaLog<SimClient>> = Arc::new(move |_| {
            let health = Arc::new(KafkaHealth::default());
            KafkaLog::connect_with(
                &client,
                Arc::new(machine.clone()),
                config.clone(),
                Arc::clone(&layout),
                health,
            )
        });
        if let Err(reason) = live(0, &context, &make_log, &AtomicBool::new(false)) {
            self.ended(number, process, reason);
        }
    }

    fn context(
        &self,
        placed: &Placed,
        disk: &Disk,
        client: &SimClient,
        machine: &SimMachine,
        config: &KafkaConfig,
    ) -> ThreadContext {
        let hosting = Arc::new(Hosting::default());
        hosting.register(placed.topology.name(), Arc::clone(&placed.layout));
        let (reading, readers) = (client.clone(), machine.clone());
        let config = config.clone();
        ThreadContext {
            topology: Arc::clone(&placed.topology),
            layout: Arc::clone(&placed.layout),
            hosting,
            states: Arc::new(disk.states(client.process, &placed.layout.application_id)),
            make_reader: Arc::new(move || {
                let machine = Arc::new(readers.clone());
                let reader = KafkaReader::connect_with(&reading, machine, &config, Arc::default())?;
                Ok(Box::new(reader))
            }),
            schemas: Arc::clone(&self.0.schemas),
            limits: self.0.limits,
            machine: Arc::new(machine.clone()),
            observer: None,
        }
    }

    /// A stream thread that cannot go on ends its process.
    fn ended(&self, number: usize, process: ProcessId, reason: String) {
        let world = &self.0.kafka.world;
        world.note(&format!("exit: {reason}"), process.0);
        if let Some(instance) = self.instances().get_mut(&number) {
            instance.exits.push(reason);
            instance.process = None;
        }
        let delay = world.draw(|random| random.time(RESTART_DELAY));
        let this = self.clone();
        world.after(delay, move |_| this.start(number));
        world.kill(process);
    }

    fn instances(&self) -> MutexGuard<'_, BTreeMap<usize, Instance>> {
        // Never held while a thread waits.
        self.0.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
