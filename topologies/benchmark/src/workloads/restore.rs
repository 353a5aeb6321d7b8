//! An empty state directory is filled from the changelog.

use std::time::Duration;

use anyhow::{Result, ensure};
use runtime::kafka::ensure_internal_topics;

use super::{Run, say};
use crate::broker::Broker;
use crate::child::layout;
use crate::feed::{Feed, scrambled};
use crate::plan::Plan;
use crate::process::Measured;
use crate::shapes::Shape;
use crate::topics::{self, PARTITIONS};

const SOURCE: &str = "restored";

/// What the restore took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Restore {
    pub(crate) records: u64,
    /// From the first task that began to the last that was done.
    pub(crate) took: Duration,
    /// From the start of the process.
    pub(crate) from_start: Duration,
    /// Processor time of the process.
    pub(crate) own: Duration,
    pub(crate) peak_memory: u64,
}

/// Writes a changelog and starts a process without state on it.
pub(crate) fn run(broker: &Broker, plan: &Plan) -> Result<Restore> {
    let (records, admin) = (plan.restore, broker.admin()?);
    topics::create(&admin, [format!("{SOURCE}-input")])?;
    let run = Run::new(broker, Shape::Keep, SOURCE, "restore", 1)?;
    ensure_internal_topics(&admin, &layout(&run.options)?, 1)?;
    say(&format!("filling a changelog with {records} records"));
    Feed::bulk(broker.bootstrap())?.fill_changelog(
        &run.output("0-changelog"),
        "values",
        (0..records).map(scrambled),
    )?;
    let measured = Measured::start(broker, &run.options)?;
    let begun = measured.sample_when(|progress| progress.restoring > 0)?;
    let tasks = usize::try_from(PARTITIONS)?;
    let done = measured.sample_when(|progress| progress.running == tasks)?;
    let spent = done.since(&measured.started());
    ensure!(
        done.progress.restored == records,
        "{} of {records} records restored",
        done.progress.restored
    );
    let restore = Restore {
        records,
        took: done.since(&begun).time,
        from_start: spent.time,
        own: spent.own,
        peak_memory: measured.peak_memory()?,
    };
    measured.stop()?;
    run.discard()?;
    topics::delete(&admin, &format!("{SOURCE}-"))?;
    say(&format!("restore: {restore}"));
    Ok(restore)
}
