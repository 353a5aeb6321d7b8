//! The port to the computer: time, waiting, threads. The simulation has one of its own.

use std::io;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Work of a thread of its own.
pub type Work = Box<dyn FnOnce() + Send>;

/// What stream threads and the Kafka log ask of the computer that they run on.
pub trait Machine: Send + Sync {
    /// Milliseconds since the epoch, as the machine's clock shows them: it may jump.
    fn now_ms(&self) -> i64;

    /// A moment that never goes back, for waits and deadlines.
    fn instant(&self) -> Instant;

    /// Waits.
    fn sleep(&self, time: Duration);

    /// Does `work` on another thread, which nobody joins.
    fn spawn(&self, name: String, work: Work) -> io::Result<()>;

    /// A number that no other process has.
    fn unique(&self) -> u128;
}

/// The machine that the process runs on.
#[derive(Debug, Clone, Copy, Default)]
pub struct OsMachine;

impl Machine for OsMachine {
    fn now_ms(&self) -> i64 {
        i64::try_from(since_epoch().as_millis()).unwrap_or(i64::MAX)
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn sleep(&self, time: Duration) {
        thread::sleep(time);
    }

    fn spawn(&self, name: String, work: Work) -> io::Result<()> {
        thread::Builder::new().name(name).spawn(work).map(drop)
    }

    fn unique(&self) -> u128 {
        since_epoch().as_nanos() ^ (u128::from(std::process::id()) << 80)
    }
}

fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
