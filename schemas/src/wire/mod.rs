//! The Rust types of the records, mirrors of `avro/*.avsc`: same names, same fields, same order.
//!
//! The order matters for speed: a field that stands where the schema has it is written without a
//! buffer. Union payloads are enums whose variants carry the record's name; enums end with
//! `Unknown`, which takes the symbols of newer writers.
//! A field added later needs a default in the schema and the same one through `#[serde(default)]`.

pub mod account;
pub mod envelope;
pub mod fulfilment;
pub mod order;
pub mod payment;
pub mod product;
pub mod provider;
pub mod revocation;
pub mod stock;
pub mod webhook;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::topics::TopicSpec;

/// A type that is the record of one topic.
pub trait Wire: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The topic whose records have this type.
    fn topic() -> &'static TopicSpec;
}
