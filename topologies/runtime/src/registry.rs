//! Schema registries: over HTTP ([`HttpRegistry`]), in the embedded log ([`EmbeddedRegistry`]), and what a stream thread asks
//! ([`TableResolver`]). At the start [`schemas::registry::publish`] sets each subject's level and registers its schema.

mod embedded;
mod fate;
mod http;
mod resolver;

pub use embedded::EmbeddedRegistry;
pub use http::{HttpRegistry, RegistryLimits};
pub use resolver::TableResolver;
