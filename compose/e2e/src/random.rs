//! Random choices that a seed repeats.

use std::ops::Range;
use std::time::Duration;

/// A small generator (xorshift, Marsaglia 2003).
#[derive(Debug, Clone)]
pub struct Random {
    /// Where it has begun.
    pub seed: u64,
    state: u64,
}

impl Random {
    /// The generator of a seed. 0 is taken as 1, which the method needs.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        // Small seeds differ in few bits, and their first numbers would too.
        let state = seed.max(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { seed, state }
    }

    /// The generator of the seed in an environment variable, or else of this process' own.
    #[must_use]
    pub fn from_environment(variable: &str) -> Self {
        let given = std::env::var(variable).ok().and_then(|seed| seed.parse().ok());
        Self::new(given.unwrap_or_else(|| u64::from(std::process::id())))
    }

    /// A number below `bound`; 0 when that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound as u64).max(1)).unwrap_or_default()
    }

    /// One of some things.
    pub fn pick<'a, T>(&mut self, things: &'a [T]) -> Option<&'a T> {
        things.get(self.below(things.len()))
    }

    /// A time in a range of milliseconds.
    pub fn time(&mut self, range: Range<u64>) -> Duration {
        let span = (range.end - range.start).max(1);
        Duration::from_millis(range.start + self.next() % span)
    }

    /// Things in another order.
    pub fn shuffle<T>(&mut self, things: &mut [T]) {
        for at in (1..things.len()).rev() {
            things.swap(at, self.below(at + 1));
        }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}
