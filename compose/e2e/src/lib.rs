//! The whole system as processes, and the books checked from the topics alone.
//!
//! [`Stack`] starts Kafka, the registry and Redis; [`Sluice`] is one `sluice` process that can be killed and [`Server`] one
//! that serves; [`topics`] reads
//! committed records with nothing but a Kafka client and Avro; [`books`] checks them. The checker shares no code with the
//! engine or the shop: it knows the schemas and the rules, nothing else.

pub mod books;
mod process;
mod server;
mod stack;
pub mod topics;

pub use process::{Sluice, binary, wait_until};
pub use server::{Answer, Caller, Server};
pub use stack::{Part, Stack, free_port, workspace};
