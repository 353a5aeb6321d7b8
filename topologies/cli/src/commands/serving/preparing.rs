//! What has to be there before a stream thread starts: the log, its topics, the registry and its schemas.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::schemas::SchemaTable;
use ::schemas::registry::SchemaRegistry;
use commerce::topologies::{every, is_optional, webhooks};
use edge_api::Entrance;
use streams::{Layout, Topology};
use tokio::sync::watch;

use crate::exit::{self, Refusal};
use crate::platform::{self, Platform, TopicPlan, WantedTopic};
use crate::settings::Settings;

/// A process waits so long for parts that are not there yet. Then it ends with its own exit code, and whoever supervises it
/// starts it again.
const PARTS_WAIT_MAX: Duration = Duration::from_mins(10);
/// Wait between two looks for them.
const PARTS_RETRY_WAIT: Duration = Duration::from_secs(1);
/// Every broker knows the settings of a topic that another process has just created after this time at the latest.
const SETTINGS_WAIT_MAX: Duration = Duration::from_secs(5);

/// The log's topics by name.
type FoundTopics = BTreeMap<String, WantedTopic>;

/// The log and the registry with everything in them that the topologies need.
pub(super) struct Prepared {
    pub(super) platform: Arc<dyn Platform>,
    pub(super) registry: Arc<dyn SchemaRegistry>,
    pub(super) schemas: Arc<SchemaTable>,
    /// Every topology that is deployed, placed on the log's topics.
    pub(super) placed: Vec<(Arc<Topology>, Arc<Layout>)>,
}

/// Prepares what `runs_here`, waiting for what does not answer. Meanwhile the entrance says what that is; nothing has to be started again.
/// `None` when the process was asked to stop before that.
pub(super) fn prepare(
    settings: &Settings,
    runs_here: &impl Fn(&str) -> bool,
    entrance: &Entrance,
    shutdown: &watch::Receiver<bool>,
) -> anyhow::Result<Option<Prepared>> {
    let deadline = Instant::now() + PARTS_WAIT_MAX;
    while !*shutdown.borrow() {
        match prepare_once(settings, runs_here) {
            Err(error) if exit::is_unavailable(&error) && Instant::now() < deadline => {
                tracing::warn!("waiting: {error:#}");
                entrance.waits_because(&format!("{error:#}"));
                std::thread::sleep(PARTS_RETRY_WAIT);
            }
            prepared => return prepared.map(Some),
        }
    }
    Ok(None)
}

fn prepare_once(settings: &Settings, runs_here: &impl Fn(&str) -> bool) -> anyhow::Result<Prepared> {
    let platform = platform::open(settings)?;
    tracing::info!(log = platform.describe(), "using");
    let registry = platform.registry()?;
    let found = platform.topics()?;
    let webhooks = runs_here(webhooks::NAME) || platform::has_webhooks(&found);
    let external = platform::external(settings.partitions, &found, webhooks);
    create(platform.as_ref(), &external, found)?;
    let schemas = Arc::new(SchemaTable::new());
    platform::publish_schemas(registry.as_ref(), &schemas)?;
    let is_deployed = |topology: &Topology| webhooks || !is_optional(topology.name());
    let topologies = every(&schemas)?.into_iter().filter(is_deployed).map(Arc::new);
    let place = |topology: Arc<Topology>| {
        let layout = platform::place(platform.as_ref(), settings, &topology)?;
        if runs_here(topology.name()) {
            create(platform.as_ref(), &platform::internal(&layout), platform.topics()?)?;
        }
        Ok((topology, layout))
    };
    let placed = topologies.map(place).collect::<anyhow::Result<_>>()?;
    Ok(Prepared {
        platform,
        registry,
        schemas,
        placed,
    })
}

/// Creates what is missing; a topic that exists in another shape is refused with what to do.
fn create(platform: &dyn Platform, wanted: &[WantedTopic], found: FoundTopics) -> anyhow::Result<()> {
    let mut missing = Vec::new();
    for step in settled_plan(platform, wanted, found)? {
        match step {
            TopicPlan::Keep { .. } => {}
            TopicPlan::Create { topic } => missing.push(topic),
            TopicPlan::Differs { topic, found } => {
                let name = topic.name;
                let reason = format!(
                    "the topic {name} has {found}; see `sluice topics plan`, or choose another --application-id"
                );
                return Err(Refusal::refused(reason));
            }
        }
    }
    platform.create_topics(&missing)
}

/// What there is to do. A topic in another shape is looked at again: a broker may not have heard of its settings yet.
fn settled_plan(
    platform: &dyn Platform,
    wanted: &[WantedTopic],
    mut found: FoundTopics,
) -> anyhow::Result<Vec<TopicPlan>> {
    let deadline = Instant::now() + SETTINGS_WAIT_MAX;
    loop {
        let plan = platform::plan(wanted.to_vec(), &found);
        let differs = plan.iter().any(|step| matches!(step, TopicPlan::Differs { .. }));
        if !differs || Instant::now() >= deadline {
            return Ok(plan);
        }
        std::thread::sleep(PARTS_RETRY_WAIT);
        found = platform.topics()?;
    }
}
