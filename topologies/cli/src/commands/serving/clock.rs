//! Ends the process when the machine's clock is set back, because its Kafka clients stand still then.

use std::time::{Duration, Instant};

use runtime::clock_watch::{CLOCK_LOOK_INTERVAL, ClockWatch};
use runtime::{Machine, OsMachine};

use crate::exit;

/// Resolves when the clock was set back, to how far.
pub(super) async fn set_back() -> Duration {
    let mut watch = ClockWatch::new(Instant::now(), OsMachine.now_ms());
    loop {
        tokio::time::sleep(CLOCK_LOOK_INTERVAL).await;
        if let Some(back) = watch.look(Instant::now(), OsMachine.now_ms()) {
            return back;
        }
    }
}

/// Ends the process as a crash would: the clients that stand still could not be closed in time.
pub(super) fn end<T>(back: Duration) -> T {
    tracing::error!(
        seconds = back.as_secs(),
        "the machine's clock was set back, and the Kafka client would stand still for as long; this process ends and has to be \
         started again. Keep clocks right with small steps (chrony, systemd-timesyncd)"
    );
    std::process::exit(i32::from(exit::FAILURE))
}
