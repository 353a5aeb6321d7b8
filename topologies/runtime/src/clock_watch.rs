//! Notices that the machine's clock was set back.
//!
//! The Kafka client waits on condition variables until a time of the wall clock (`cnd_timedwait_abs` in librdkafka's
//! `tinycthread_extra.c`). When that clock is set back, whoever waits goes on waiting for as much longer: heartbeats, requests
//! and polls stand still, for an hour if it was an hour. Nothing in the client's interface wakes all of its threads. A process
//! that is started again is right at once, and loses nothing.

use std::time::{Duration, Instant};

/// A clock that is set back by less makes waits late by less than a session lasts.
pub const CLOCK_STEP_MAX: Duration = Duration::from_secs(2);
/// Time between two looks at the clock.
pub const CLOCK_LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Holds the wall clock against the time that has really passed.
#[derive(Debug, Clone, Copy)]
pub struct ClockWatch {
    instant: Instant,
    wall_ms: i64,
}

impl ClockWatch {
    /// A watch that begins at a moment when the wall clock shows `wall_ms`, milliseconds since the epoch.
    #[must_use]
    pub fn new(instant: Instant, wall_ms: i64) -> Self {
        Self { instant, wall_ms }
    }

    /// By how much the wall clock was set back since the last look, if that is more than [`CLOCK_STEP_MAX`].
    pub fn look(&mut self, instant: Instant, wall_ms: i64) -> Option<Duration> {
        let passed = instant.saturating_duration_since(self.instant).as_millis();
        let expected_ms = self.wall_ms.saturating_add(i64::try_from(passed).unwrap_or(i64::MAX));
        *self = Self::new(instant, wall_ms);
        let back_ms = u64::try_from(expected_ms.saturating_sub(wall_ms)).ok()?;
        Some(Duration::from_millis(back_ms)).filter(|back| *back > CLOCK_STEP_MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at a clock that shows these seconds, once a second.
    fn looks(shown: &[i64]) -> Vec<Option<u64>> {
        let begun = Instant::now();
        let mut watch = ClockWatch::new(begun, 1_000_000_000);
        let at = |(second, shown): (u64, &i64)| {
            let found = watch.look(begun + Duration::from_secs(second), shown * 1_000);
            found.map(|back| back.as_secs())
        };
        (1..).zip(shown).map(at).collect()
    }

    #[test]
    fn a_clock_that_goes_as_time_does_is_right() {
        assert_eq!(looks(&[1_000_001, 1_000_002, 1_000_003]), [None; 3]);
    }

    #[test]
    fn a_clock_that_is_set_back_is_noticed_once() {
        assert_eq!(looks(&[996_401, 996_402, 996_403]), [Some(3_600), None, None]);
    }

    #[test]
    fn a_clock_that_is_set_forward_or_put_right_by_little_does_no_harm() {
        assert_eq!(looks(&[1_003_601, 1_003_600, 1_003_601]), [None; 3]);
    }
}
