//! How many requests a caller may make, and what each answer says of it.
//!
//! The rule is the generic cell rate algorithm (ITU-T I.371): a caller may be ahead of an even flow by the whole quota, and what was
//! used comes back evenly. Answers have the fields of draft-ietf-httpapi-ratelimit-headers-10. Each gateway counts for itself.

use std::sync::{Mutex, PoisonError};

use axum::http::header::{HeaderName, HeaderValue};
use axum::response::Response;

use crate::lately::Lately;
use crate::limits::{CALLERS_MAX, QUOTA_WINDOW_MS};
use crate::metrics::quota_refused;
use crate::problem::{Code, Problem};
use crate::security::{self, SecurityEvent};

/// Microseconds in a millisecond.
const MICROS: i64 = 1_000;
/// Microseconds in a second.
const SECOND: i64 = 1_000 * MICROS;
/// The window, in microseconds.
const WINDOW: i64 = QUOTA_WINDOW_MS * MICROS;

/// What every caller may have.
#[derive(Debug)]
pub struct Quotas {
    /// Requests within [`QUOTA_WINDOW_MS`].
    requests: u32,
    /// By caller.
    callers: Mutex<Lately<Used>>,
}

/// What a caller has used of its quota.
#[derive(Debug, Clone, Copy)]
struct Used {
    /// When the quota is whole again, in microseconds.
    whole_at: i64,
    /// When a request was last one too many, in microseconds.
    refused_at: Option<i64>,
}

/// What is left of a caller's quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Left {
    /// Requests that the whole quota has.
    requests: u32,
    /// Requests that may be made now.
    remaining: i64,
    /// Seconds until the quota is whole again.
    reset_s: i64,
    /// Seconds until there is room for a request that was not taken.
    wait_s: Option<i64>,
    /// Whether it is the first one for a window that was not taken.
    is_news: bool,
}

impl Quotas {
    /// Gives every caller so many requests, at least one, within [`QUOTA_WINDOW_MS`].
    #[must_use]
    pub fn new(requests: u32) -> Self {
        Self {
            requests: requests.max(1),
            callers: Mutex::new(Lately::new(CALLERS_MAX)),
        }
    }

    /// Takes one request from the caller's quota, if there is one left.
    #[must_use]
    pub fn take(&self, caller: &str, now_ms: i64) -> Left {
        let now = now_ms.saturating_mul(MICROS);
        let cost = (WINDOW / i64::from(self.requests)).max(1);
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        // A clock that was set back does not shut anybody out for longer than a whole quota takes to come back.
        let before = callers.get(caller).copied();
        let used = before.map_or(0, |before| (before.whole_at - now).clamp(0, WINDOW));
        let wait = used + cost - WINDOW;
        let is_over = wait > 0;
        let used = if is_over { used } else { used + cost };
        let whole_at = now + used;
        let refused_before = before.and_then(|before| before.refused_at);
        let refused_at = if is_over { Some(now) } else { refused_before };
        callers.insert(caller, Used { whole_at, refused_at });
        Left {
            requests: self.requests,
            remaining: (WINDOW - used) / cost,
            reset_s: seconds(used),
            wait_s: is_over.then(|| seconds(wait)),
            is_news: is_over && refused_before.is_none_or(|before| now - before >= WINDOW),
        }
    }
}

impl Left {
    /// The answer to a request that was not taken.
    pub fn admit(self) -> Result<(), Problem> {
        let Some(wait_s) = self.wait_s else {
            return Ok(());
        };
        quota_refused();
        if self.is_news {
            security::note(SecurityEvent::QuotaExceeded);
        }
        let detail = "More requests came than the quota has. Send fewer.";
        Err(Problem::new(Code::QuotaExceeded, detail).retry_after(wait_s))
    }

    /// Writes the header fields into an answer.
    pub fn attach(self, response: &mut Response) {
        for (name, value) in self.headers() {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
    }

    fn headers(self) -> [(HeaderName, String); 2] {
        let Self {
            requests,
            remaining,
            reset_s,
            ..
        } = self;
        let window = QUOTA_WINDOW_MS / 1_000;
        [
            (
                HeaderName::from_static("ratelimit-policy"),
                format!("\"default\";q={requests};w={window}"),
            ),
            (
                HeaderName::from_static("ratelimit"),
                format!("\"default\";r={remaining};t={reset_s}"),
            ),
        ]
    }
}

/// Whole seconds, rounded up.
fn seconds(micros: i64) -> i64 {
    (micros + SECOND - 1) / SECOND
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    const NOW: i64 = 1_700_000_000_000;

    /// What is left after a request, or nothing.
    fn take(quotas: &Quotas, caller: &str, now_ms: i64) -> Option<(i64, i64)> {
        let left = quotas.take(caller, now_ms);
        left.wait_s.is_none().then_some((left.remaining, left.reset_s))
    }

    #[test]
    fn that_a_quota_is_used_up_is_news_once_for_as_long_as_it_goes_on() {
        let quotas = Quotas::new(1);
        let is_news = |now_ms| quotas.take("ann", now_ms).is_news;
        assert_eq!([NOW, NOW, NOW + 2].map(is_news), [false, true, false]);
        // Taken again, and one too many again within the window.
        let later = NOW + QUOTA_WINDOW_MS;
        assert_eq!([later, later + 1].map(is_news), [false, false]);
        let much_later = later + 2 * QUOTA_WINDOW_MS;
        assert_eq!([much_later, much_later].map(is_news), [false, true]);
    }

    #[test]
    fn a_quota_can_be_used_at_once_and_comes_back_evenly() {
        let quotas = Quotas::new(4);
        let used = [0; 4].map(|_| take(&quotas, "ann", NOW));
        assert_eq!(used, [Some((3, 3)), Some((2, 5)), Some((1, 8)), Some((0, 10))]);
        assert_eq!(take(&quotas, "ann", NOW), None);
        assert_eq!(take(&quotas, "bob", NOW), Some((3, 3)));
        assert_eq!(take(&quotas, "ann", NOW + QUOTA_WINDOW_MS / 4 - 1), None);
        assert_eq!(take(&quotas, "ann", NOW + QUOTA_WINDOW_MS / 4), Some((0, 10)));
        assert_eq!(take(&quotas, "ann", NOW + 10 * QUOTA_WINDOW_MS), Some((3, 3)));
    }

    #[test]
    fn a_clock_that_is_set_back_shuts_nobody_out_for_longer_than_the_window() {
        let quotas = Quotas::new(2);
        take(&quotas, "ann", NOW).unwrap();
        let earlier = NOW - 3_600_000;
        assert_eq!(take(&quotas, "ann", earlier), None);
        assert_eq!(take(&quotas, "ann", earlier + QUOTA_WINDOW_MS / 2), Some((0, 10)));
        assert_eq!(take(&quotas, "bob", earlier), Some((1, 5)));
    }

    #[test]
    fn an_answer_says_the_quota_and_what_is_left_of_it() {
        let left = Quotas::new(5_000).take("ann", NOW);
        let [(_, policy), (_, left)] = left.headers();
        assert_eq!(policy, "\"default\";q=5000;w=10");
        assert_eq!(left, "\"default\";r=4999;t=1");
    }
}
