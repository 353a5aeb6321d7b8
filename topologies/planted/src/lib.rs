//! Bugs that are planted on purpose, one at a time, so that the simulation can show that it finds each.
//!
//! Code asks [`is`] at the place where a bug would be. Without the feature `bugs` the answer is always no, known when it is
//! compiled, so that nothing of the bug is left. The feature is for `simulation/tests/planted_bugs.rs` alone.

mod bug;

pub use bug::{Bug, Part};

/// Whether this bug is planted.
#[cfg(not(feature = "bugs"))]
#[inline(always)]
#[must_use]
#[allow(clippy::inline_always, reason = "the caller's branch has to go")]
pub const fn is(_: Bug) -> bool {
    false
}

#[cfg(feature = "bugs")]
mod on {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::Bug;

    /// The place of the planted bug among all, counted from 1; 0 is none.
    static PLANTED: AtomicUsize = AtomicUsize::new(0);

    /// Whether this bug is planted.
    #[must_use]
    pub fn is(bug: Bug) -> bool {
        PLANTED.load(Ordering::Relaxed) == bug as usize + 1
    }

    /// Plants a bug in the whole process, or takes the planted one out.
    pub fn plant(bug: Option<Bug>) {
        PLANTED.store(bug.map_or(0, |bug| bug as usize + 1), Ordering::Relaxed);
    }
}

#[cfg(feature = "bugs")]
pub use on::{is, plant};
