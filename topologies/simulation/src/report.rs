//! What runs have shown.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use crate::simulation::Impossible;
use crate::sometimes::{Moment, Moments};

/// Failed runs that a report keeps with everything they tell.
const FAILURES_KEPT_MAX: usize = 20;

/// One run of one seed.
#[derive(Debug, Clone)]
pub struct Run {
    /// The seed.
    pub seed: u64,
    /// What is wrong, in words; nothing when all is well.
    pub violations: Vec<String>,
    /// The moments that it came to.
    pub moments: Moments,
    /// Equal for runs that did the same in the same order.
    pub trace_hash: u64,
    /// Steps that touched a broker or a store.
    pub steps: u64,
    /// Steps at which whoever took them was killed, besides faults.
    pub crashes: Vec<u64>,
    /// Faults that were injected.
    pub faults: Vec<String>,
    /// How long it took in the simulated world.
    pub time: Duration,
    /// Committed records in all topics at the end.
    pub records: u64,
    /// The last things that happened, for whoever looks for the cause.
    pub story: Vec<String>,
}

impl Run {
    pub(crate) fn impossible(seed: u64, error: &Impossible) -> Self {
        Self {
            seed,
            violations: vec![format!("the simulation cannot begin: {error}")],
            moments: Moments::default(),
            trace_hash: 0,
            steps: 0,
            crashes: Vec::new(),
            faults: Vec::new(),
            time: Duration::ZERO,
            records: 0,
            story: Vec::new(),
        }
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.time.as_secs_f64();
        writeln!(
            f,
            "seed {}: {} steps, {} records, {seconds:.1} s simulated, trace {:016x}",
            self.seed, self.steps, self.records, self.trace_hash
        )?;
        self.faults
            .iter()
            .try_for_each(|fault| writeln!(f, "  fault      {fault}"))?;
        if !self.crashes.is_empty() {
            writeln!(f, "  crashes at steps {:?}", self.crashes)?;
        }
        let violations = self.violations.iter();
        violations
            .clone()
            .try_for_each(|violation| writeln!(f, "  VIOLATION  {violation}"))
    }
}

/// Many runs.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Seeds that were run.
    pub runs: u64,
    /// Seeds of runs with a violation.
    pub failed: Vec<u64>,
    /// The first of them with all they tell.
    pub failures: Vec<Run>,
    /// The moments that they came to, together.
    pub moments: Moments,
    /// Faults that were injected, all together.
    pub faults: u64,
    /// Committed records, all together.
    pub records: u64,
    /// Simulated time, all together.
    pub time: Duration,
    /// Trace hashes by seed.
    pub hashes: BTreeMap<u64, u64>,
}

impl Report {
    pub(crate) fn add(&mut self, run: Run) {
        self.runs += 1;
        self.moments.add(&run.moments);
        self.faults += u64::try_from(run.faults.len()).unwrap_or(0);
        self.records += run.records;
        self.time += run.time;
        self.hashes.insert(run.seed, run.trace_hash);
        if !run.violations.is_empty() {
            self.failed.push(run.seed);
            if self.failures.len() < FAILURES_KEPT_MAX {
                self.failures.push(run);
            }
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.runs += other.runs;
        self.failed.extend(other.failed);
        self.failed.sort_unstable();
        self.failures.extend(other.failures);
        self.failures.sort_by_key(|run| run.seed);
        self.failures.truncate(FAILURES_KEPT_MAX);
        self.moments.add(&other.moments);
        self.faults += other.faults;
        self.records += other.records;
        self.time += other.time;
        self.hashes.extend(other.hashes);
    }

    /// Whether no run found anything wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.failed.is_empty()
    }

    /// The story of the first failure, for whoever looks for its cause.
    #[must_use]
    pub fn story(&self) -> String {
        self.failures
            .first()
            .map(|run| run.story.join("\n"))
            .unwrap_or_default()
    }

    /// Moments that no run came to: then the runs have shown less than they seem to.
    #[must_use]
    pub fn missing(&self) -> Vec<Moment> {
        self.moments.missing()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (runs, failed, minutes) = (self.runs, self.failed.len(), self.time.as_secs() / 60);
        writeln!(
            f,
            "{runs} seeds, {failed} failed; {} faults, {} records, {minutes} min simulated",
            self.faults, self.records
        )?;
        for run in &self.failures {
            write!(f, "{run}")?;
        }
        for moment in Moment::ALL {
            writeln!(f, "{:>9}  {}", self.moments.count(*moment), moment.words())?;
        }
        Ok(())
    }
}
