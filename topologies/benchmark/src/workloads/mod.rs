//! The workloads, one after the other on one broker.

mod crash;
mod latency;
mod orders;
mod restore;
mod throughput;
mod watch;

pub(crate) use crash::Crash;
pub(crate) use latency::Latency;
pub(crate) use orders::Orders;
pub(crate) use restore::Restore;
pub(crate) use throughput::Window;

use std::io::Write;
use std::time::Instant;

use anyhow::Result;

use crate::broker::Broker;
use crate::child::ChildOptions;
use crate::machine;
use crate::plan::Plan;
use crate::report::Report;
use crate::shapes::Shape;
use crate::topics;

/// Runs what the plan includes and prints the tables.
pub(crate) fn run(plan: &Plan) -> Result<()> {
    let machine = machine::description();
    let began = Instant::now();
    say("starting Kafka");
    let broker = Broker::start(&plan.directory)?;
    let mut report = Report::default();
    throughput::run(&broker, plan, &mut report)?;
    if plan.includes("restore") {
        report.restore = Some(restore::run(&broker, plan)?);
    }
    if plan.includes("latency") {
        report.latency = latency::run(&broker, plan)?;
    }
    if plan.includes("orders") {
        report.orders = Some(orders::run(&broker, plan)?);
    }
    if plan.includes("crash") {
        report.crash = Some(crash::run(&broker, plan)?);
    }
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", report.markdown(&machine, began.elapsed())?)?;
    Ok(())
}

/// Tells the person who waits what is going on.
pub(crate) fn say(what: &str) {
    // Nobody listens on a closed terminal; the figures matter more.
    drop(writeln!(std::io::stderr(), "bench: {what}"));
}

/// One run of a shape, with names of its own for everything.
pub(crate) struct Run<'a> {
    pub(crate) broker: &'a Broker,
    pub(crate) options: ChildOptions,
}

impl<'a> Run<'a> {
    /// A run that reads the topics of `source`. Creates its sinks.
    pub(crate) fn new(broker: &'a Broker, shape: Shape, source: &str, name: &str, threads: usize) -> Result<Self> {
        topics::create(
            &broker.admin()?,
            shape.outputs().iter().map(|output| format!("{name}-{output}")),
        )?;
        let options = ChildOptions {
            bootstrap: broker.bootstrap().to_owned(),
            shape,
            source: source.to_owned(),
            application: name.to_owned(),
            state: broker.state(name),
            threads,
        };
        Ok(Self { broker, options })
    }

    /// The name of a sink.
    pub(crate) fn output(&self, name: &str) -> String {
        format!("{}-{name}", self.options.application)
    }

    /// Removes the run's topics and stores.
    pub(crate) fn discard(self) -> Result<()> {
        topics::delete(&self.broker.admin()?, &format!("{}-", self.options.application))?;
        if self.options.state.exists() {
            std::fs::remove_dir_all(&self.options.state)?;
        }
        Ok(())
    }
}
