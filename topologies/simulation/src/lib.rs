//! A simulation of the engine: real stream threads, tasks, transactions and restores on a simulated cluster, in virtual time and
//! with every chance drawn from one seed.
//!
//! What is real: [`runtime::StreamThread`], restore, [`runtime::kafka::KafkaLog`] with its transactions and its membership,
//! the engine's tasks, and whatever topology is given. What is simulated: the Kafka client below
//! [`runtime::kafka::port`], the network, the brokers ([`cluster`]), disks, clocks and processes.
//!
//! Begin at [`Simulation`].

mod client;
pub mod cluster;
mod deployment;
mod disk;
mod faults;
mod future;
mod kafka;
mod machine;
mod oracle;
mod outcome;
mod report;
mod running;
mod samples;
mod service;
mod sessions;
mod shop;
mod simulation;
mod sometimes;
mod workload;
mod world;

pub use faults::{Fault, Faults};
pub use kafka::Cut;
pub use outcome::{CommittedRecord, Outcome};
pub use report::{Report, Run};
pub use samples::Sample;
pub use sessions::PEOPLE_DEFAULT;
pub use shop::ORDERS_DEFAULT;
pub use simulation::{Check, Simulation};
pub use sometimes::{Moment, Moments};
