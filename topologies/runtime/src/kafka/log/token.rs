//! Tokens of transactions.

use std::time::SystemTime;

/// Marks each transaction of this process apart from all others.
pub(super) struct Tokens {
    process: u128,
    last: u64,
}

impl Tokens {
    pub(super) fn new() -> Self {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let process = since_epoch.map_or(0, |time| time.as_nanos()) ^ (u128::from(std::process::id()) << 80);
        Self { process, last: 0 }
    }

    /// A token that no other transaction has.
    pub(super) fn next(&mut self) -> String {
        self.last += 1;
        format!("{:x}-{}", self.process, self.last)
    }
}
