//! The system, and who looks after it as an orchestrator would: a process that ends by itself is started again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::fault::Fault;
use super::report::Report;
use super::terrain::{FakeClock, SmallDisk};
use crate::books::{Accepted, check, read_ledger};
use crate::cluster::Cluster;
use crate::command::Ended;
use crate::process::{Sluice, wait_until};
use crate::server::Server;
use crate::stack::Stack;
use crate::topics::TopicReader;

pub(super) const INSTANCES: usize = 3;
/// The side from which the edge reaches the brokers, after those of the instances.
pub(super) const EDGE_SIDE: usize = INSTANCES;
/// The side of whoever comes and goes.
pub(super) const GUEST_SIDE: usize = INSTANCES + 1;
const SIDES: usize = INSTANCES + 2;
/// The instance whose clock can be set.
pub(super) const WITH_CLOCK: usize = 1;
/// The instance whose disk is small.
pub(super) const WITH_SMALL_DISK: usize = 2;
/// What each instance runs.
const RUN: [&str; 6] = ["run", "accounts", "products", "payments", "orders", "views"];
/// Orders per second: three brokers and everything else share a few cores.
const RATE: &str = "15";
/// More than any run places.
const ORDERS: &str = "200000";
/// An order that is on its way has so long, faults included. Seconds.
const PATIENCE: &str = "300";
/// The orders that are on their way at the end have so long.
const LOAD_WAIT: Duration = Duration::from_secs(330);
const READY_WAIT: Duration = Duration::from_secs(180);
/// A process that was asked to end has so long.
const END_WAIT: Duration = Duration::from_secs(60);
/// Time between two looks at the processes.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// The system under fire. Processes go before the disks and directories that they use.
pub(super) struct Field {
    load: Option<Sluice>,
    pub(super) edge: Server,
    pub(super) instances: Vec<Server>,
    pub(super) guest: Server,
    /// Instances that are down on purpose.
    pub(super) down: BTreeSet<usize>,
    pub(super) edge_is_down: bool,
    /// Stores of which a file was damaged.
    pub(super) damaged: BTreeSet<PathBuf>,
    /// Processes that ended by themselves, each with its last words.
    pub(super) ended: Vec<String>,
    /// The build that instances are upgraded from, if it is another one.
    pub(super) earlier: Option<PathBuf>,
    pub(super) clock: Result<FakeClock, String>,
    pub(super) disk: Result<SmallDisk, String>,
    pub(super) stack: Stack,
    pub(super) cluster: Cluster,
}

impl Field {
    /// Starts everything and waits until it is ready.
    /// Instances are of the earlier build, if there is one.
    pub(super) fn set_up(earlier: Option<&Path>, say: &mut dyn FnMut(&str)) -> anyhow::Result<Self> {
        say("three brokers, the registry and Redis are starting");
        let cluster = Cluster::start(SIDES)?;
        let stack = Stack::beside(&cluster.tools())?;
        let clock = FakeClock::new(stack.directory());
        let server = |name: &str, command: &[&str], side, more: &[(&str, String)]| {
            let usual = [
                ("SLUICE_KAFKA", cluster.side(side)),
                ("SLUICE_REPLICATION", "3".to_owned()),
            ];
            Server::with(&stack, name, command, &[&usual[..], more].concat())
        };
        let instance = |number| {
            let more = match &clock {
                Ok(clock) if number == WITH_CLOCK => clock.environment(),
                _ => Vec::new(),
            };
            server(&format!("instance-{number}"), &RUN, number, &more)
        };
        let edge = server("edge", &["edge"], EDGE_SIDE, &[])?;
        let mut instances: Vec<Server> = (0..INSTANCES).map(instance).collect::<anyhow::Result<_>>()?;
        for server in &mut instances {
            server.sluice.change_build(earlier);
        }
        let guest = server("guest", &RUN, GUEST_SIDE, &[])?;
        let with_small_disk = instances.get(WITH_SMALL_DISK).context("there are three instances")?;
        let disk = SmallDisk::mount(with_small_disk.state());
        let mut field = Self {
            load: None,
            edge,
            instances,
            guest,
            down: BTreeSet::new(),
            edge_is_down: false,
            damaged: BTreeSet::new(),
            ended: Vec::new(),
            earlier: earlier.map(Path::to_owned),
            clock,
            disk,
            stack,
            cluster,
        };
        say("the edge and three instances are starting");
        field.start()?;
        Ok(field)
    }

    /// The first process creates topics and registers schemas. It is ready with the others.
    fn start(&mut self) -> anyhow::Result<()> {
        self.edge.sluice.start()?;
        wait_until("the edge has created the topics", READY_WAIT, || {
            self.edge.readiness().ok()
        })?;
        for instance in &mut self.instances {
            instance.sluice.start()?;
        }
        self.instances.iter().try_for_each(Server::wait_until_ready)?;
        self.edge.wait_until_ready()
    }

    /// Faults that cannot be made on this machine, and why.
    pub(super) fn impossible(&self) -> BTreeMap<Fault, String> {
        let mut impossible = BTreeMap::new();
        if let Err(why) = &self.clock {
            impossible.insert(Fault::ClockForward, why.clone());
            impossible.insert(Fault::ClockBack, why.clone());
        }
        if let Err(why) = &self.disk {
            impossible.insert(Fault::DiskFull, why.clone());
        }
        impossible
    }

    /// Orders come from now on.
    pub(super) fn begin_load(&mut self) -> anyhow::Result<()> {
        let (url, ledger) = (self.edge.url(), self.ledger().display().to_string());
        let arguments = [
            "load",
            "--url",
            &url,
            "--orders",
            ORDERS,
            "--rate",
            RATE,
            "--patience",
            PATIENCE,
            "--cards",
            "20",
            "--declines",
            "5",
            "--stock-outs",
            "5",
            "--ledger",
            &ledger,
        ];
        let log = self.stack.directory().join("load.log");
        let mut load = Sluice::new(&arguments, self.stack.environment(), log);
        load.start()?;
        self.load = Some(load);
        Ok(())
    }

    /// Lets time pass, and starts again what has ended by itself.
    pub(super) fn watch(&mut self, time: Duration) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            self.look_after()?;
            let left = time.saturating_sub(began.elapsed());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }

    fn look_after(&mut self) -> anyhow::Result<()> {
        for (number, instance) in self.instances.iter_mut().enumerate() {
            if !self.down.contains(&number) && !instance.sluice.is_running() {
                self.ended
                    .push(format!("instance {number}: {}", instance.sluice.last_words()));
                instance.sluice.start()?;
            }
        }
        if !self.edge_is_down && !self.edge.sluice.is_running() {
            self.ended.push(format!("the edge: {}", self.edge.sluice.last_words()));
            self.edge.sluice.start()?;
        }
        Ok(())
    }

    /// Asks a process to end and waits. One that does not end in time is killed, which is an error.
    pub(super) fn end(sluice: &mut Sluice) -> anyhow::Result<Option<i32>> {
        sluice.terminate()?;
        let ended = wait_until("an end after SIGTERM", END_WAIT, || {
            (!sluice.is_running()).then_some(())
        });
        if let Err(error) = ended {
            sluice.kill_9()?;
            return Err(error);
        }
        sluice.wait()
    }

    /// Ends the load, looks at the books while everything runs, ends everything and looks at them again.
    pub(super) fn settle(
        &mut self,
        report: &mut Report,
        probed: &[String],
        say: &mut dyn FnMut(&str),
    ) -> anyhow::Result<()> {
        say("no further orders come; those on their way are followed to their end");
        self.end_load(report)?;
        self.instances.iter().try_for_each(Server::wait_until_ready)?;
        Self::judge(report, "while everything runs", &self.stack.audit(self.edge.state())?);
        for server in self.instances.iter_mut().chain([&mut self.edge]) {
            if let Err(error) = Self::end(&mut server.sluice) {
                report.violations.push(format!("{error:#}\n{}", server.log_tail()));
            }
        }
        let mut reader = TopicReader::new(&self.stack.kafka(), &self.stack.registry());
        let open = reader.open_transactions()?;
        report.violations.extend(
            open.into_iter()
                .map(|open| format!("a transaction stayed open: {open}")),
        );
        for instance in &self.instances {
            Self::judge(report, "after the end", &self.audit_stores(instance.state())?);
        }
        let findings = check(&mut reader, &self.accepted(probed)?)?;
        report.violations.extend(findings.violations);
        report.orders = findings.orders;
        report.records = findings.records;
        report.ended.clone_from(&self.ended);
        Ok(())
    }

    fn end_load(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let Some(mut load) = self.load.take() else {
            return Ok(());
        };
        load.interrupt()?;
        let began = Instant::now();
        while load.is_running() && began.elapsed() < LOAD_WAIT {
            self.watch(LOOK_EVERY)?;
        }
        let is_late = load.is_running();
        let code = if is_late { None } else { load.wait()? };
        if code != Some(0) {
            report.violations.push(format!(
                "orders did not end: sluice load ended with {code:?}\n{}",
                load.output_tail()
            ));
        }
        Ok(())
    }

    /// Looks at an instance's stores. One that was damaged and that no instance has opened since is damaged still. The audit has
    /// found it then, and what it advises has to help.
    fn audit_stores(&self, state: &Path) -> anyhow::Result<Ended> {
        let ended = self.stack.audit(state)?;
        let is_named = |store: &&PathBuf| ended.printed.contains(&store.display().to_string());
        let named: Vec<_> = self.damaged.iter().filter(is_named).collect();
        if named.is_empty() {
            return Ok(ended);
        }
        named.into_iter().try_for_each(std::fs::remove_dir_all)?;
        self.stack.audit(state)
    }

    fn judge(report: &mut Report, when: &str, audit: &Ended) {
        if audit.code != 0 {
            let (printed, said) = (&audit.printed, &audit.said);
            report
                .violations
                .push(format!("sluice audit {when}: {printed}\n{said}"));
        }
    }

    /// The orders that clients were told of.
    fn accepted(&self, probed: &[String]) -> anyhow::Result<Vec<Accepted>> {
        let mut accepted = read_ledger(&self.ledger())?;
        accepted.extend(probed.iter().map(|order| Accepted {
            order_id: order.clone(),
            status: Some("PAID".to_owned()),
        }));
        Ok(accepted)
    }

    fn ledger(&self) -> PathBuf {
        self.stack.directory().join("ledger.jsonl")
    }
}
