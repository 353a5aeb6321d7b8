//! The last answer of a look, for everybody who asks in the same moment.

use std::future::Future;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::Mutex;

/// An answer that counts for a while. One look at a time: who comes meanwhile waits for its answer.
pub(super) struct Remembered {
    fresh: Duration,
    last: Mutex<Option<(Instant, Value)>>,
}

impl Remembered {
    /// Nothing yet.
    pub(super) fn fresh_for(fresh: Duration) -> Self {
        Self {
            fresh,
            last: Mutex::new(None),
        }
    }

    /// The last answer if it still counts, otherwise that of a new look. A look that failed is not remembered.
    pub(super) async fn or_look(&self, look: impl Future<Output = anyhow::Result<Value>>) -> anyhow::Result<Value> {
        let mut last = self.last.lock().await;
        if let Some((at, seen)) = last.as_ref()
            && at.elapsed() < self.fresh
        {
            return Ok(seen.clone());
        }
        let seen = look.await?;
        *last = Some((Instant::now(), seen.clone()));
        Ok(seen)
    }
}
