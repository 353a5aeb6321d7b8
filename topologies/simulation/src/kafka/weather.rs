//! How the network and the brokers are at the moment.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::time::Duration;

use super::Route;
use crate::cluster::BrokerId;
use crate::world::{ProcessId, Random};

/// A packet's way, on a good day.
const FAIR: Range<Duration> = Duration::from_micros(100)..Duration::from_millis(2);
/// A packet's way when the network is busy.
const BUSY: Range<Duration> = Duration::from_millis(5)..Duration::from_millis(400);
/// How long a request may be held up beyond that: longer than clients wait.
const HELD: Range<Duration> = Duration::from_secs(2)..Duration::from_secs(25);

/// What packets meet.
#[derive(Debug, Clone, Default)]
pub(crate) struct Weather {
    /// Times in a thousand that a packet meets a busy network.
    pub(crate) busy: u64,
    /// Times in a thousand that a request is held up.
    pub(crate) held: u64,
    /// Times in a thousand that an answer is lost.
    pub(crate) lost: u64,
    /// Times in a thousand that a connection is reset, before or after its request was heard.
    pub(crate) reset: u64,
    /// Brokers that are down.
    pub(crate) down: BTreeSet<BrokerId>,
    /// Processes that cannot talk to brokers.
    pub(crate) cut: BTreeMap<ProcessId, Cut>,
}

/// Which way nothing comes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// No request does.
    Requests,
    /// No answer does.
    Answers,
    /// Nothing does.
    Both,
}

/// What happens to a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It arrives after this time.
    Arrives(Duration),
    /// It never does, and nobody is told.
    Vanishes,
    /// The connection is reset after this time; the packet may have been heard.
    Reset { after: Duration, heard: bool },
}

impl Weather {
    pub(super) fn request(&self, route: Route, random: &mut Random) -> Fate {
        let cut = self.cut.get(&route.process);
        if cut.is_some_and(|cut| *cut != Cut::Answers) {
            return Fate::Vanishes;
        }
        let way = self.way(random);
        if random.permille(self.held) {
            return Fate::Arrives(way + random.time(HELD));
        }
        if random.permille(self.reset) {
            return Fate::Reset {
                after: way,
                heard: random.permille(500),
            };
        }
        Fate::Arrives(way)
    }

    pub(super) fn answer(&self, route: Route, random: &mut Random) -> Fate {
        let cut = self.cut.get(&route.process);
        if cut.is_some_and(|cut| *cut != Cut::Requests) || random.permille(self.lost) {
            return Fate::Vanishes;
        }
        Fate::Arrives(self.way(random))
    }

    fn way(&self, random: &mut Random) -> Duration {
        let busy = random.permille(self.busy);
        random.time(if busy { BUSY } else { FAIR })
    }
}
