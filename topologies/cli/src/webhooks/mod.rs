//! The worker of the topology `webhooks`: what it asks for is posted to endpoints, signed.
//!
//! Endpoints come from a file of the operator and from nowhere else. A request follows no redirect, goes through no proxy, and
//! connects to no private address unless the file says so.

mod addresses;
mod endpoint;
mod file;
mod metrics;
mod signing;
#[cfg(test)]
mod tests;
mod worker;

pub(crate) use endpoint::Endpoint;
pub(crate) use file::read;
pub(crate) use metrics::METRICS;
pub(crate) use worker::WebhookWorker;
