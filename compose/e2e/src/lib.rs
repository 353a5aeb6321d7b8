//! The whole system as processes, and the books checked from the topics alone.
//!
//! [`Stack`] starts Kafka, the registry and Redis; [`Sluice`] is one `sluice` process that can be killed, [`Server`] one that
//! serves, and [`run`] one that does a thing and ends; [`topics`] reads committed records with nothing but a Kafka client and
//! Avro; [`books`] checks them; [`browser`] is a real one; [`proxy`] stands between clients and a broker and does what networks do. The checker shares no code with the engine or the shop: it knows the schemas and the rules,
//! nothing else.

pub mod acls;
pub mod books;
pub mod browser;
mod caller;
pub mod certificates;
pub mod chaos;
mod cluster;
mod command;
mod process;
pub mod proxy;
mod random;
pub mod sbom;
mod server;
mod stack;
pub mod topics;

pub use caller::{Answer, Caller};
pub use cluster::{Cluster, NODES};
pub use command::{Ended, results, run};
pub use process::{Program, Sluice, binary, wait_until};
pub use random::Random;
pub use server::Server;
pub use stack::{Part, Stack, free_port, workspace};
