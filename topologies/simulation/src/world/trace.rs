//! What happened, as a hash of everything and as the last lines in words.

use std::collections::VecDeque;
use std::time::Duration;

/// Lines that are kept for whoever reads a failure.
const STORY_LINES_MAX: usize = 2_000;

/// The same where what was sent is told too, which is asked for one seed.
const TOLD_LINES_MAX: usize = 200_000;

/// FNV-1a, 64 bits: <http://www.isthe.com/chongo/tech/comp/fnv/>.
const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0100_0000_01b3;

/// The trace of a run.
#[derive(Debug)]
pub(super) struct Trace {
    hash: u64,
    story: VecDeque<(Duration, String, u64)>,
    /// Whether the story has what was sent and answered too.
    pub(super) is_told: bool,
}

impl Default for Trace {
    fn default() -> Self {
        Self {
            hash: OFFSET_BASIS,
            story: VecDeque::new(),
            is_told: false,
        }
    }
}

impl Trace {
    pub(super) fn note(&mut self, now: Duration, what: &str, about: u64) {
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        let bytes = micros.to_le_bytes().into_iter().chain(about.to_le_bytes());
        for byte in bytes.chain(what.bytes()) {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(PRIME);
        }
        // Turns of threads say nothing to a reader.
        if what != "turn" {
            self.tell(now, what.to_owned(), about);
        }
    }

    /// A line of the story that is not in the hash.
    pub(super) fn tell(&mut self, now: Duration, what: String, about: u64) {
        let most = if self.is_told { TOLD_LINES_MAX } else { STORY_LINES_MAX };
        if self.story.len() >= most {
            self.story.pop_front();
        }
        self.story.push_back((now, what, about));
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn story(&self) -> Vec<String> {
        let line =
            |(at, what, about): &(Duration, String, u64)| format!("{:>12.6} s  {what} {about}", at.as_secs_f64());
        self.story.iter().map(line).collect()
    }
}
