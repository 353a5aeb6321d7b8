//! The business: orders, payment, stock, products and accounts.
//!
//! Each participant is a state machine with one writer per key: a state and a thing that happened go in,
//! the next state, events and commands come out. Time and ids are arguments. Refusals are outcomes, not errors.
//!
//! In reading order:
//! * [`money`], [`ids`], [`authority`]: the words that all participants share;
//! * [`order`]: the saga, and [`stock`], [`product`], [`payment`], [`account`]: the participants it talks to;
//! * [`webhook`]: what is owed to endpoints outside;
//! * [`wire`]: the border to the records in the topics, [`state_serde`] and [`keys`]: the border to the stores;
//! * [`topologies`]: the machines wired to topics, stores and timers;
//! * [`views`]: what the edge reads;
//! * [`invariants`]: what must hold whatever happens, and [`audit`]: the same, held against what the topics say.
#![warn(clippy::wildcard_enum_match_arm)]

pub mod account;
pub mod audit;
pub mod authority;
pub mod ids;
pub mod invariants;
pub mod keys;
pub mod money;
pub mod order;
pub mod payment;
pub mod product;
pub mod state_serde;
pub mod stock;
pub mod topologies;
pub mod views;
pub mod webhook;
pub mod wire;
