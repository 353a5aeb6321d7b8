//! Whether state is away, for those who can do without it.

use std::sync::atomic::{AtomicI64, Ordering};

use crate::limits::REPEAT_CHECK_PAUSE;

/// Until when nobody waits for state that did not answer, in milliseconds since the epoch; 0 while it answers. While it is away one
/// request in each pause finds out for all whether it is back.
#[derive(Debug, Default)]
pub(super) struct Away(AtomicI64);

impl Away {
    /// Whether to go on without the state. Of all who ask when a pause is over, one is told to look.
    pub(crate) fn is_away(&self, now_ms: i64) -> bool {
        let until = self.0.load(Ordering::Relaxed);
        if until == 0 {
            return false;
        }
        let is_over = now_ms >= until;
        let looks = is_over
            && self
                .0
                .compare_exchange(until, after_pause(now_ms), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        !looks
    }

    /// It did not answer.
    pub(crate) fn note_silence(&self, now_ms: i64) {
        self.0.store(after_pause(now_ms), Ordering::Relaxed);
    }

    /// It has answered.
    pub(crate) fn note_answer(&self) {
        if self.0.load(Ordering::Relaxed) != 0 {
            self.0.store(0, Ordering::Relaxed);
        }
    }
}

fn after_pause(now_ms: i64) -> i64 {
    let pause = i64::try_from(REPEAT_CHECK_PAUSE.as_millis()).unwrap_or(i64::MAX);
    now_ms.saturating_add(pause).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_state_is_away_one_request_in_each_pause_looks_whether_it_is_back() {
        let away = Away::default();
        assert!(!away.is_away(1_000), "nobody has found it silent");
        away.note_silence(1_000);
        let next = after_pause(1_000);
        assert!(away.is_away(1_001) && away.is_away(next - 1));
        assert!(!away.is_away(next), "one looks");
        assert!(away.is_away(next), "the others do not wait for that one");
        away.note_answer();
        assert!(!away.is_away(next + 1));
    }
}
