//! The stream engine as pure code. Time, ids and bytes are arguments; effects and commits are values.

pub mod serde;
