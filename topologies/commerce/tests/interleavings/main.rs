//! The saga, the stock ledger and the wallet against each other, with every order of delivery: messages between
//! them arrive in any order, twice, late, and deadlines pass at any time. Small worlds are searched exhaustively,
//! larger ones at random.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    unreachable_pub,
    reason = "a test fails by panicking"
)]

mod exhaustive;
mod random;
mod world;
