//! The port to the schema registry.
