//! Whether an order came before, asked for many requests at once.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use commerce::views::{self, OrderView};
use runtime::queries::KEYS_MAX;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use super::away::Away;
use super::{decoded, refuse};
use crate::limits::{REPEAT_CHECK_SPACING, REPEAT_CHECK_TIMEOUT};
use crate::problem::Problem;
use crate::views::Views;

/// Asks the owners of orders. While one question is under way, and for [`REPEAT_CHECK_SPACING`], the next gathers what comes, so that
/// the more orders are placed the fewer questions there are for each.
pub struct Repeats {
    shared: Arc<Shared>,
    away: Away,
}

struct Shared {
    views: Arc<dyn Views>,
    gathering: Mutex<Gathering>,
}

#[derive(Default)]
struct Gathering {
    waiting: Vec<Waiting>,
    /// Whether somebody asks for those who wait.
    is_led: bool,
}

struct Waiting {
    order_id: Vec<u8>,
    answer: oneshot::Sender<Option<Vec<u8>>>,
}

impl Repeats {
    pub(crate) fn new(views: Arc<dyn Views>) -> Self {
        let shared = Shared {
            views,
            gathering: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            away: Away::default(),
        }
    }

    /// An order with the fingerprint of its request, as far as it is committed; also `None` while the state is away or slow: a new
    /// order does not wait for that, and the topology compares the requests again.
    pub(crate) async fn placed_order(&self, order_id: &str, now_ms: i64) -> Result<Option<OrderView>, Problem> {
        if self.away.is_away(now_ms) {
            return Ok(None);
        }
        let (answer, answered) = oneshot::channel();
        self.shared.ask(Waiting {
            order_id: order_id.as_bytes().to_vec(),
            answer,
        });
        let Ok(Ok(value)) = timeout(REPEAT_CHECK_TIMEOUT, answered).await else {
            self.away.note_silence(now_ms);
            return Ok(None);
        };
        self.away.note_answer();
        value
            .map(|value| decoded(views::ORDERS, &value, views::order))
            .transpose()
    }
}

impl Shared {
    fn ask(self: &Arc<Self>, waiting: Waiting) {
        let mut gathering = self.gathering();
        gathering.waiting.push(waiting);
        if !std::mem::replace(&mut gathering.is_led, true) {
            // Not by the request itself, which may be gone before others have their answer.
            tokio::spawn(Lead(Arc::clone(self)).ask());
        }
    }

    fn next(&self) -> Option<Vec<Waiting>> {
        let mut gathering = self.gathering();
        let count = gathering.waiting.len().min(KEYS_MAX);
        let waiting: Vec<_> = gathering.waiting.drain(..count).collect();
        gathering.is_led = !waiting.is_empty();
        gathering.is_led.then_some(waiting)
    }

    fn gathering(&self) -> MutexGuard<'_, Gathering> {
        // Each change leaves it whole, so a panic elsewhere does not spoil it.
        self.gathering.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever asks for all.
struct Lead(Arc<Shared>);

impl Lead {
    /// Asks until nobody waits.
    async fn ask(self) {
        while let Some(waiting) = self.0.next() {
            let keys: Vec<_> = waiting.iter().map(|waiting| waiting.order_id.clone()).collect();
            let (view, limit) = (views::ORDERS, REPEAT_CHECK_TIMEOUT);
            let question = self.0.views.get_many(view.topology, view.store, &keys, limit);
            let next = Instant::now() + REPEAT_CHECK_SPACING;
            match timeout(limit, question).await {
                Ok(Ok(values)) => answer(waiting, values),
                // Whoever waits for it goes on without.
                Ok(Err(error)) => drop(refuse(view, &error)),
                Err(_) => {}
            }
            sleep_until(next).await;
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // The next request finds nobody who asks, and asks itself.
            *self.0.gathering() = Gathering::default();
        }
    }
}

fn answer(waiting: Vec<Waiting>, values: Vec<Option<Vec<u8>>>) {
    for (waiting, value) in waiting.into_iter().zip(values) {
        // An error means that the request is gone.
        drop(waiting.answer.send(value));
    }
}
