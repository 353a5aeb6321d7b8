//! Looks now and then whether a broker answers, for processes that run no stream thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use runtime::kafka::KafkaAdmin;

/// Time between two looks.
const PROBE_INTERVAL: Duration = Duration::from_secs(2);

/// Whether a broker answered when somebody last looked.
#[derive(Debug)]
pub(super) struct Probe {
    reachable: AtomicBool,
}

impl Probe {
    /// Looks for the end of this topic's first partition, on a thread that ends with the last user of the answer.
    pub(super) fn start(admin: Arc<KafkaAdmin>, topic: &'static str) -> std::io::Result<Arc<Self>> {
        let probe = Arc::new(Self {
            reachable: AtomicBool::new(true),
        });
        let used = Arc::downgrade(&probe);
        std::thread::Builder::new()
            .name("sluice-probe".to_owned())
            .spawn(move || look(&admin, topic, &used))?;
        Ok(probe)
    }

    pub(super) fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed)
    }
}

fn look(admin: &KafkaAdmin, topic: &str, used: &Weak<Probe>) {
    while used.strong_count() > 0 {
        let answer = admin.ends(topic, 0);
        let Some(probe) = used.upgrade() else { return };
        if probe.reachable.swap(answer.is_ok(), Ordering::Relaxed) != answer.is_ok() {
            tracing::warn!(reachable = answer.is_ok(), "Kafka");
        }
        drop(probe);
        std::thread::sleep(PROBE_INTERVAL);
    }
}
