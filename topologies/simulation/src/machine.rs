//! The computer of a simulated process.

use std::io;
use std::time::{Duration, Instant};

use runtime::{Machine, Work};

use crate::world::{ProcessId, World};

/// What a simulated process takes for its computer.
#[derive(Clone)]
pub(crate) struct SimMachine {
    pub(crate) world: World,
    pub(crate) process: ProcessId,
}

impl Machine for SimMachine {
    fn now_ms(&self) -> i64 {
        self.world.clock_ms(self.process)
    }

    fn instant(&self) -> Instant {
        self.world.instant(self.process)
    }

    fn sleep(&self, time: Duration) {
        self.world.sleep(time);
    }

    fn spawn(&self, name: String, work: Work) -> io::Result<()> {
        self.world.note(&name, self.process.0);
        let begun = self.world.spawn(self.process, work);
        begun
            .map(drop)
            .ok_or_else(|| io::Error::other("the process was killed"))
    }

    fn unique(&self) -> u128 {
        u128::from(self.process.0)
    }
}
