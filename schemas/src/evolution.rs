//! The gate that a changed schema has to pass.

/// What a new version of a schema has to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Readers of the new version read what any earlier version wrote.
    BackwardTransitive,
    /// Besides, readers of any earlier version read what the new one writes.
    Full,
}
