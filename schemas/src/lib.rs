//! The contract between the topologies, and with everybody outside: which topics there are, what
//! their records look like, and how they become bytes.
//!
//! In reading order:
//! * [`topics`]: the one page of topics;
//! * [`wire`]: the Rust types of their records, mirrors of `avro/*.avsc`;
//! * [`AvroSerde`]: those types in Confluent framing (magic byte, schema id, Avro datum);
//! * [`SchemaTable`]: the schema ids that this process has learnt;
//! * [`registry`]: the port through which it learns them;
//! * [`evolution`]: the gate that a changed schema has to pass;
//! * [`generic`]: records of any schema as JSON.
//!
//! The crate is pure: it reads no file and no clock, and asks no registry by itself.
//!
//! ```
//! use std::sync::Arc;
//!
//! use schemas::registry::{self, InProcessRegistry};
//! use schemas::wire::revocation::{Revocation, RevocationReason};
//! use schemas::{AvroSerde, SchemaTable, topics};
//! use streams::serde::Serde;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let table = Arc::new(SchemaTable::new());
//! registry::publish(&InProcessRegistry::new(), topics::topics(), &table)?;
//!
//! let serde: AvroSerde<Revocation> = AvroSerde::new(&table);
//! let revocation = Revocation {
//!     session_id: None,
//!     account_id: "a-1".into(),
//!     revoked_at: 1_700_000_000_000,
//!     reason: RevocationReason::PasswordChanged,
//!     version: Some(2),
//! };
//! let mut bytes = Vec::new();
//! serde.serialize(&revocation, &mut bytes)?;
//! assert_eq!(serde.deserialize(Some(&bytes))?, revocation);
//! # Ok(())
//! # }
//! ```

pub mod evolution;
pub mod framing;
pub mod generic;
pub mod registry;
pub mod topics;
pub mod wire;

mod inline;

pub mod avro_serde;
pub mod table;

pub use avro_serde::AvroSerde;
pub use table::SchemaTable;
