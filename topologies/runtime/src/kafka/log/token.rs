//! Tokens of transactions.

/// Marks each transaction of this process apart from all others.
pub(super) struct Tokens {
    process: u128,
    last: u64,
}

impl Tokens {
    /// `process` is a number that no other process has.
    pub(super) fn new(process: u128) -> Self {
        Self { process, last: 0 }
    }

    /// A token that no other transaction has.
    pub(super) fn next(&mut self) -> String {
        self.last += 1;
        format!("{:x}-{}", self.process, self.last)
    }
}
