//! Records at a moderate rate: how long until each count is committed, and what that costs.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::watch::{Journal, KEYS, Watcher, send};
use super::{Run, say};
use crate::broker::Broker;
use crate::plan::Plan;
use crate::process::Measured;
use crate::shapes::Shape;
use crate::topics::{self, PARTITIONS};

const SOURCE: &str = "watched";
/// Records in a second.
const RATES: [u32; 2] = [50, 500];
/// Before the measurement every key is counted some times, at this rate.
const WARM_UP_RATE: u32 = 500;
/// The last counts must be committed by then.
const TAIL_WAIT: Duration = Duration::from_secs(30);

/// One rate.
#[derive(Debug, Clone)]
pub(crate) struct Latency {
    pub(crate) rate: u32,
    /// Sorted.
    pub(crate) latencies: Vec<Duration>,
    /// Part of one core that the process took.
    pub(crate) own_share: f64,
    /// Part of one core that the broker took.
    pub(crate) broker_share: f64,
}

/// Measures each rate with a process of its own.
pub(crate) fn run(broker: &Broker, plan: &Plan) -> Result<Vec<Latency>> {
    let measured = RATES.map(|rate| measure(broker, rate, plan));
    topics::delete(&broker.admin()?, &format!("{SOURCE}-"))?;
    measured.into_iter().collect()
}

fn measure(broker: &Broker, rate: u32, plan: &Plan) -> Result<Latency> {
    let source = format!("{SOURCE}-{rate}");
    topics::create(&broker.admin()?, [format!("{source}-input")])?;
    let run = Run::new(broker, Shape::Count, &source, &format!("latency-{rate}"), 1)?;
    let measured = Measured::start(broker, &run.options)?;
    let tasks = usize::try_from(PARTITIONS)?;
    measured.sample_when(|progress| progress.running == tasks)?;
    let warm_up = KEYS * u64::from(plan.warm_up_rounds);
    round(&run, WARM_UP_RATE, 1, &Journal::new(usize::try_from(warm_up)?))?;
    let journal = Journal::new(usize::try_from(u64::from(rate) * plan.latency.as_secs())?);
    let before = measured.sample()?;
    round(&run, rate, i64::from(plan.warm_up_rounds) + 1, &journal)?;
    let after = measured.sample()?;
    measured.stop()?;
    run.discard()?;
    let mut latencies = journal.latencies();
    latencies.sort_unstable();
    let spent = after.since(&before);
    let share = |used: Duration| used.as_secs_f64() / spent.time.as_secs_f64();
    let latency = Latency {
        rate,
        latencies,
        own_share: share(spent.own),
        broker_share: share(spent.broker),
    };
    say(&format!("latency: {latency}"));
    Ok(latency)
}

/// Sends a whole journal and waits until every count of it is committed.
fn round(run: &Run<'_>, rate: u32, first_count: i64, journal: &Arc<Journal>) -> Result<()> {
    let bootstrap = &run.options.bootstrap;
    let watcher = Watcher::start(bootstrap, &run.output("output"), first_count, Arc::clone(journal))?;
    send(bootstrap, &format!("{}-input", run.options.source), rate, journal)?;
    let is_complete = journal.wait_until_seen(TAIL_WAIT);
    watcher.stop()?;
    ensure!(is_complete, "some counts were never committed");
    Ok(())
}
