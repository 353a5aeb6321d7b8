//! Which faults come, in which order, and when it is enough.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::fault::Fault;
use crate::random::Random;

/// In a run against the clock, one round in so many has two faults that overlap.
const OVERLAP_EVERY: usize = 3;

/// What a run is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    seed: u64,
    faults: Vec<Fault>,
    /// Without it each fault comes once.
    minutes: Option<u64>,
    /// The build that instances are upgraded from.
    earlier: Option<PathBuf>,
}

/// One fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Strike {
    /// What it is.
    pub fault: Fault,
    /// For how long it lasts.
    pub lasts: Duration,
}

impl Plan {
    /// Each of these faults once, in an order that the seed decides.
    #[must_use]
    pub fn each_once(faults: &[Fault], seed: u64) -> Self {
        Self {
            seed,
            faults: faults.to_vec(),
            minutes: None,
            earlier: None,
        }
    }

    /// The instances begin as this other build of `sluice`. A rolling upgrade brings them to this build, and the next one back.
    #[must_use]
    pub fn upgrading_from(self, earlier: Option<PathBuf>) -> Self {
        Self { earlier, ..self }
    }

    /// The build that instances are upgraded from, if it is another one.
    pub(super) fn earlier(&self) -> Option<&Path> {
        self.earlier.as_deref()
    }

    /// These faults again and again, alone or two at a time, for so many minutes.
    #[must_use]
    pub fn minutes(faults: &[Fault], seed: u64, minutes: u64) -> Self {
        Self {
            minutes: Some(minutes),
            ..Self::each_once(faults, seed)
        }
    }

    /// What decides everything that is drawn.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether no further fault comes after this time.
    pub(super) fn is_over(&self, elapsed: Duration) -> bool {
        self.minutes
            .is_some_and(|minutes| elapsed >= Duration::from_secs(60 * minutes))
    }

    /// The rounds, without the faults that this machine cannot make. Against the clock they do not end.
    pub(super) fn rounds(&self, without: &BTreeMap<Fault, String>) -> impl Iterator<Item = Vec<Strike>> + use<> {
        let possible = self.faults.iter().copied().filter(|fault| !without.contains_key(fault));
        let mut faults: Vec<Fault> = possible.collect();
        // Apart from whatever else is drawn, so that the order of faults is the seed's alone.
        let mut random = Random::new(self.seed.wrapping_add(1));
        let endless = self.minutes.is_some() && !faults.is_empty();
        let mut waiting: Vec<Fault> = Vec::new();
        let mut has_begun = false;
        std::iter::from_fn(move || {
            if waiting.is_empty() {
                if has_begun && !endless {
                    return None;
                }
                has_begun = true;
                random.shuffle(&mut faults);
                waiting.clone_from(&faults);
            }
            let count = if endless && random.below(OVERLAP_EVERY) == 0 {
                2
            } else {
                1
            };
            let drawn = waiting.split_off(waiting.len().saturating_sub(count));
            let strikes: Vec<_> = drawn
                .into_iter()
                .map(|fault| Strike {
                    fault,
                    lasts: random.time(fault.lasts_ms()),
                })
                .collect();
            (!strikes.is_empty()).then_some(strikes)
        })
    }
}
