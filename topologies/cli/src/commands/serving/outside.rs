//! What is done outside for the topologies of this process: payments at a provider, webhooks.

use std::sync::Arc;

use ::schemas::SchemaTable;
use commerce::topologies::{payments, webhooks};
use runtime::outside::{Outside, Worker};
use runtime::{Machine, OsMachine};

use crate::platform::Platform;
use crate::provider::ProviderWorker;
use crate::settings::Serving;
use crate::webhooks::{Endpoint, WebhookWorker};

/// Who is told of events of orders from here.
pub(super) fn endpoints(serving: &Serving, runs_here: &impl Fn(&str) -> bool) -> anyhow::Result<Vec<Endpoint>> {
    let file = serving.webhooks_file.as_ref().filter(|_| runs_here(webhooks::NAME));
    file.map_or(Ok(Vec::new()), |file| crate::webhooks::read(file))
}

/// Whoever carries out what the topologies of this process ask of the outside.
pub(super) fn workers(
    serving: &Serving,
    endpoints: Vec<Endpoint>,
    schemas: &Arc<SchemaTable>,
    runs_here: &impl Fn(&str) -> bool,
) -> Vec<Arc<dyn Worker>> {
    let mut workers: Vec<Arc<dyn Worker>> = Vec::new();
    if let Some(provider) = serving.payment_provider.filter(|_| runs_here(payments::NAME)) {
        workers.push(Arc::new(ProviderWorker::new(provider.open(), schemas)));
    }
    if !endpoints.is_empty() {
        workers.push(Arc::new(WebhookWorker::new(endpoints, schemas)));
    }
    workers
}

/// Starts the workers that carry out what topologies of this process ask of the outside.
pub(super) fn start(platform: &dyn Platform, workers: Vec<Arc<dyn Worker>>) -> anyhow::Result<Option<Outside>> {
    if workers.is_empty() {
        return Ok(None);
    }
    let machine: Arc<dyn Machine> = Arc::new(OsMachine);
    let on = tokio::runtime::Handle::current();
    Ok(Some(Outside::start(workers, &platform.commands()?, &machine, &on)))
}
