//! How long a step waits. Each wait is longer than the one before, so that a slow participant
//! is not buried under re-sent commands.

use crate::order::state::Deadline;

/// How long the first send of a step's commands waits for its answer, in milliseconds. It doubles with each re-send.
pub const STEP_DEADLINE_MS: i64 = 10_000;

/// How often a step's commands are sent again before the saga unwinds or asks for attention.
pub const RESENDS_MAX: u32 = 2;

/// The longest that one step waits, in milliseconds: 10 s, 20 s and 40 s.
pub const STEP_BOUND_MS: i64 = STEP_DEADLINE_MS * ((1 << (RESENDS_MAX + 1)) - 1);

impl Deadline {
    /// The deadline of commands sent for the first time.
    pub(crate) fn first(now: i64) -> Self {
        Self {
            due_at: now.saturating_add(wait_ms(0)),
            sends: 1,
        }
    }

    /// The deadline after one more send, or `None` when it was the last.
    pub(crate) fn next(self, now: i64) -> Option<Self> {
        let more = self.sends <= RESENDS_MAX;
        more.then(|| Self {
            due_at: now.saturating_add(wait_ms(self.sends)),
            sends: self.sends + 1,
        })
    }
}

fn wait_ms(resends: u32) -> i64 {
    STEP_DEADLINE_MS << resends.min(RESENDS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_waits_three_times_and_ever_longer() {
        let first = Deadline::first(0);
        let second = first.next(first.due_at);
        let third = second.and_then(|deadline| deadline.next(deadline.due_at));
        assert_eq!(
            first,
            Deadline {
                due_at: 10_000,
                sends: 1
            }
        );
        assert_eq!(
            second,
            Some(Deadline {
                due_at: 30_000,
                sends: 2
            })
        );
        assert_eq!(
            third,
            Some(Deadline {
                due_at: 70_000,
                sends: 3
            })
        );
        assert_eq!(third.and_then(|deadline| deadline.next(70_000)), None);
        assert_eq!(STEP_BOUND_MS, 70_000);
    }
}
