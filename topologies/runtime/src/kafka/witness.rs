//! What the C client tells its callbacks: delivery reports, broken connections, log lines.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rdkafka::types::RDKafkaErrorCode;

use super::health::KafkaHealth;

/// The tag of records whose offsets nobody asks for.
pub(super) const UNTAGGED: usize = 0;

/// One client's callbacks write here, its owner reads.
#[derive(Debug)]
pub struct Witness {
    health: Arc<KafkaHealth>,
    /// A request or a connection was lost since the last [`begin`](Self::begin): what the broker did is not certain.
    troubled: AtomicBool,
    deliveries: Mutex<Deliveries>,
}

#[derive(Debug, Default)]
struct Deliveries {
    ends: Vec<i64>,
    failure: Option<RDKafkaErrorCode>,
}

impl Witness {
    /// A witness that has seen nothing; what concerns readiness it passes on to `health`.
    #[must_use]
    pub fn new(health: Arc<KafkaHealth>) -> Arc<Self> {
        Arc::new(Self {
            health,
            troubled: AtomicBool::new(false),
            deliveries: Mutex::default(),
        })
    }

    /// Forgets what was seen before.
    pub(super) fn begin(&self) {
        self.troubled.store(false, Ordering::Relaxed);
        *self.deliveries() = Deliveries::default();
    }

    /// Tags from 1 to `tags` are watched for their ends.
    pub(super) fn watch(&self, tags: usize) {
        let mut deliveries = self.deliveries();
        deliveries.ends.clear();
        deliveries.ends.resize(tags, 0);
    }

    /// Whether a request or a connection was lost since [`begin`](Self::begin).
    pub(super) fn is_troubled(&self) -> bool {
        self.troubled.load(Ordering::Relaxed)
    }

    /// The offset after the last delivered record of a tag, 0 when there was none.
    pub(super) fn end(&self, tag: usize) -> i64 {
        let ends = &self.deliveries().ends;
        tag.checked_sub(1).and_then(|at| ends.get(at)).copied().unwrap_or(0)
    }

    /// Why a record was not delivered since [`begin`](Self::begin).
    pub(super) fn failure(&self) -> Option<RDKafkaErrorCode> {
        self.deliveries().failure
    }

    /// A record of this tag stands at this offset.
    pub fn delivered(&self, tag: usize, offset: i64) {
        if tag == UNTAGGED {
            return;
        }
        if let Some(end) = self.deliveries().ends.get_mut(tag - 1) {
            *end = (*end).max(offset + 1);
        }
    }

    /// The first failure is the cause; the others follow from it.
    pub fn undelivered(&self, code: RDKafkaErrorCode) {
        self.deliveries().failure.get_or_insert(code);
    }

    /// The client reports trouble.
    pub fn client_error(&self, code: i64, reason: &str) {
        if code == RDKafkaErrorCode::AllBrokersDown as i64 {
            self.health.set_reachable(false);
        }
        self.health.note(reason);
    }

    /// A call has outlasted its time by far, and may have sent something that nobody waits for.
    pub(super) fn call_overdue(&self, reason: &str) {
        self.troubled.store(true, Ordering::Relaxed);
        tracing::warn!(reason, "the client is given up and replaced");
        self.health.note(reason);
    }

    /// A log line is the only place where the client says at once that a request was lost, so it is read as well as passed on.
    pub fn logged(&self, level: i64, facility: &str, text: &str) {
        if is_lost_request(facility, text) {
            self.troubled.store(true, Ordering::Relaxed);
        }
        match level {
            ..=3 => tracing::error!(facility, "{text}"),
            4 => tracing::warn!(facility, "{text}"),
            5 | 6 => tracing::info!(facility, "{text}"),
            _ => tracing::debug!(facility, "{text}"),
        }
    }

    fn deliveries(&self) -> MutexGuard<'_, Deliveries> {
        self.deliveries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that fails while it is being made has carried no request; only one that was up can have lost something.
fn is_lost_request(facility: &str, text: &str) -> bool {
    facility == "REQTMOUT" || (facility == "FAIL" && (text.contains("in state UP") || text.contains("in state REAUTH")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn witness() -> Arc<Witness> {
        Witness::new(Arc::default())
    }

    #[test]
    fn the_end_of_a_tag_is_after_its_last_record_whatever_the_order_of_reports() {
        let witness = witness();
        witness.watch(2);
        for (tag, offset) in [(2, 7), (1, 3), (2, 5), (UNTAGGED, 99)] {
            witness.delivered(tag, offset);
        }
        assert_eq!((witness.end(1), witness.end(2)), (4, 8));
    }

    #[test]
    fn only_a_lost_request_makes_an_outcome_uncertain() {
        let witness = witness();
        witness.logged(
            3,
            "FAIL",
            "b:9092/1: Connect to b failed: refused (after 0ms in state CONNECT)",
        );
        assert!(!witness.is_troubled());
        witness.logged(6, "FAIL", "b:9092/1: Disconnected (after 10ms in state UP)");
        assert!(witness.is_troubled());
        witness.begin();
        assert!(!witness.is_troubled());
        witness.logged(4, "REQTMOUT", "Timed out 1 in-flight requests");
        assert!(witness.is_troubled());
    }

    #[test]
    fn the_first_failure_is_kept_as_the_cause() {
        let witness = witness();
        witness.undelivered(RDKafkaErrorCode::MessageSizeTooLarge);
        witness.undelivered(RDKafkaErrorCode::PurgeQueue);
        assert_eq!(witness.failure(), Some(RDKafkaErrorCode::MessageSizeTooLarge));
    }
}
