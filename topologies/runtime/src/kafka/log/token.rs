//! Tokens of transactions, and how they are kept with committed offsets.

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

/// What is kept with a committed offset: the token of its transaction, and how far the outputs of its task are numbered.
pub(super) fn metadata(token: &str, counts: &str) -> Vec<u8> {
    format!("{token} {counts}").into_bytes()
}

/// The token and the numbers that were kept; both empty where nothing of the kind was.
pub(super) fn kept(metadata: &[u8]) -> (&str, &str) {
    let text = std::str::from_utf8(metadata).unwrap_or_default();
    text.split_once(' ').unwrap_or((text, ""))
}
