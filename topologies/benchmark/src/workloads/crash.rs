//! `kill -9` while records flow, and a restart at once in the same state directory.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail, ensure};

use super::watch::{Journal, KEYS, LOOK_INTERVAL, Watcher, send};
use super::{Run, say};
use crate::broker::Broker;
use crate::feed::Feed;
use crate::plan::Plan;
use crate::process::Measured;
use crate::shapes::Shape;
use crate::topics::{self, check_counts};

const SOURCE: &str = "crashed";
/// Records in a second, before and after the kill.
const RATE: u32 = 1_000;
/// Records flow for so long before the kill.
const BEFORE_KILL: Duration = Duration::from_secs(5);
/// The first output after the kill must come by then.
const OUTPUT_WAIT: Duration = Duration::from_mins(2);
/// The last counts must be committed by then.
const TAIL_WAIT: Duration = Duration::from_mins(1);

/// What the crash cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crash {
    pub(crate) keys: u64,
    /// From the kill to the first committed count of a record that was sent after it.
    pub(crate) to_first_output: Duration,
    /// Changelog records that the restart read.
    pub(crate) restored: u64,
}

/// Loads the keys, kills, restarts, and checks the counts.
pub(crate) fn run(broker: &Broker, plan: &Plan) -> Result<Crash> {
    let (keys, bootstrap) = (plan.crash_keys, broker.bootstrap());
    let input = format!("{SOURCE}-input");
    topics::create(&broker.admin()?, [input.clone()])?;
    let run = Run::new(broker, Shape::Count, SOURCE, "crash", 1)?;
    say(&format!("loading {keys} keys for the crash"));
    Feed::bulk(bootstrap)?.fill(&input, 0..keys)?;
    let victim = Measured::start(broker, &run.options)?;
    victim.sample_when(|progress| progress.processed >= keys)?;
    let seconds = u32::try_from((BEFORE_KILL + OUTPUT_WAIT).as_secs())?;
    let journal = Journal::new(usize::try_from(RATE * seconds)?);
    let watcher = Watcher::start(bootstrap, &run.output("output"), 2, Arc::clone(&journal))?;
    let sender = {
        let (bootstrap, journal) = (bootstrap.to_owned(), Arc::clone(&journal));
        std::thread::spawn(move || send(&bootstrap, &input, RATE, &journal))
    };
    std::thread::sleep(BEFORE_KILL);
    let killed = Instant::now();
    victim.kill()?;
    let heir = Measured::start(broker, &run.options)?;
    let to_first_output = first_output(&journal, killed)? - killed;
    let restored = heir.sample()?.progress.restored;
    journal.close();
    sender.join().map_err(|_| anyhow!("the sending thread has failed"))??;
    let is_complete = journal.wait_until_seen(TAIL_WAIT);
    watcher.stop()?;
    heir.stop()?;
    ensure!(is_complete, "some counts were never committed");
    let live = (0..journal.sent()).map(|number| number % KEYS);
    check_counts(bootstrap, &run.output("output"), (0..keys).chain(live))?;
    run.discard()?;
    topics::delete(&broker.admin()?, &format!("{SOURCE}-"))?;
    let crash = Crash {
        keys,
        to_first_output,
        restored,
    };
    say(&format!("crash: {crash}"));
    Ok(crash)
}

fn first_output(journal: &Journal, killed: Instant) -> Result<Instant> {
    while killed.elapsed() < OUTPUT_WAIT {
        if let Some(seen) = journal.first_seen_of_those_after(killed) {
            return Ok(seen);
        }
        std::thread::sleep(LOOK_INTERVAL);
    }
    bail!("no output within {} s after the kill", OUTPUT_WAIT.as_secs())
}
