//! Ends the process when the machine's clock is set back, because its Kafka clients stand still then.

use std::time::{Duration, Instant};

use runtime::clock_watch::{CLOCK_LOOK_INTERVAL, ClockWatch};
use runtime::{Machine, OsMachine};

use crate::exit;

/// Both clocks are read within this time, or they are read again: a process that is stopped in between would take the time
/// for which it stood for a step of the clock.
const READING_MAX: Duration = Duration::from_millis(100);

/// Resolves when the clock was set back, to how far.
pub(super) async fn set_back() -> Duration {
    let (instant, wall_ms) = reading();
    let mut watch = ClockWatch::new(instant, wall_ms);
    loop {
        tokio::time::sleep(CLOCK_LOOK_INTERVAL).await;
        let (instant, wall_ms) = reading();
        if let Some(back) = watch.look(instant, wall_ms) {
            return back;
        }
    }
}

/// The same moment by both clocks.
fn reading() -> (Instant, i64) {
    loop {
        let (instant, wall_ms) = (Instant::now(), OsMachine.now_ms());
        if instant.elapsed() < READING_MAX {
            return (instant, wall_ms);
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
