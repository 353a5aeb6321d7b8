//! What the commands stand on: Kafka with its registry, or the embedded log, behind one trait.

mod embedded;
mod kafka;
mod topics;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ::schemas::registry::{SchemaRegistry, publish};
use ::schemas::{SchemaTable, topics as page};
use runtime::commands::CommandLog;
use runtime::queries::{Hosting, Owners};
use runtime::{MakeGlobalConsumer, StreamApplication, ThreadContext};
use serde::Serialize;
use streams::log::LogReader;
use streams::{Layout, Topology};

pub(crate) use embedded::EmbeddedPlatform;
pub(crate) use kafka::KafkaPlatform;
pub(crate) use topics::{Cleanup, TopicPlan, WantedTopic, external, has_webhooks, internal, plan};

use crate::exit::Refusal;
use crate::settings::{Serving, Settings};

/// Next offsets by topic and partition.
pub(crate) type GroupOffsets = BTreeMap<(String, i32), i64>;

/// What the clients of one application have been through since the process began.
pub(crate) struct ClientHistory {
    /// The application.
    pub(crate) application: String,
    /// Transactions that were aborted.
    pub(crate) aborted: u64,
    /// Producers that were replaced.
    pub(crate) replaced: u64,
}

/// A member of a topology's group as the log knows it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Member {
    /// The client's own name.
    pub(crate) name: String,
    /// The address from which the log sees it.
    pub(crate) host: String,
    /// Where its process answers queries, if it answers any.
    pub(crate) endpoint: Option<String>,
    /// Its tasks.
    pub(crate) tasks: Vec<String>,
}

/// A log with everything around it. Calls block; asynchronous callers wrap them.
pub(crate) trait Platform: Send + Sync {
    /// What it is, for messages: `Kafka at 127.0.0.1:9092`, `the embedded log in …`.
    fn describe(&self) -> String;

    /// Which log it is, wherever it is reached: in words that stay, and that no other log has where this one's state is kept.
    fn identity(&self) -> anyhow::Result<String>;

    /// The topics that exist, by name.
    fn topics(&self) -> anyhow::Result<BTreeMap<String, WantedTopic>>;

    /// Creates topics that do not exist yet.
    fn create_topics(&self, topics: &[WantedTopic]) -> anyhow::Result<()>;

    /// Deletes topics; one that does not exist is no error.
    fn delete_topics(&self, names: &[String]) -> anyhow::Result<()>;

    /// The schema registry.
    fn registry(&self) -> anyhow::Result<Arc<dyn SchemaRegistry>>;

    /// Where the edge appends commands.
    fn commands(&self) -> anyhow::Result<Arc<dyn CommandLog>>;

    /// How the whole of a topic is read.
    fn global_consumer(&self, topic: &'static str) -> MakeGlobalConsumer;

    /// Reads any partition.
    fn reader(&self) -> anyhow::Result<Box<dyn LogReader>>;

    /// Who owns a task in other processes; `None` when there can be no others.
    fn owners(&self) -> anyhow::Result<Option<Arc<dyn Owners>>>;

    /// Runs a topology's stream threads.
    fn start(&self, context: ThreadContext, serving: &Serving) -> anyhow::Result<StreamApplication>;

    /// Why threads that were started cannot reach the log now, in words; empty when they can.
    fn obstacles(&self) -> Vec<String>;

    /// What the log's clients of the topologies that were started here have been through; nothing on the embedded log.
    fn clients(&self) -> Vec<ClientHistory> {
        Vec::new()
    }

    /// The committed offsets of a consumer group among these partitions, without those that have none.
    fn group_offsets(&self, group: &str, partitions: &[(String, i32)]) -> anyhow::Result<GroupOffsets>;

    /// The members of a consumer group, in words; empty when nobody is in.
    fn group_members(&self, group: &str) -> anyhow::Result<Vec<String>>;

    /// The members of a topology's group with their tasks; `None` where all tasks are this process's own.
    fn members(&self, layout: &Layout) -> anyhow::Result<Option<Vec<Member>>>;

    /// A member that has stopped or died is out of its group after this time at the latest. Who is in it then, lives.
    fn sessions_end_within(&self) -> Duration;

    /// Sets committed offsets of a group without members.
    fn alter_group_offsets(&self, group: &str, offsets: &GroupOffsets) -> anyhow::Result<()>;

    /// For each partition, the first offset whose record is of `timestamp_ms` or later; the end where there is none.
    fn offset_at_time(&self, topic: &str, partition: i32, timestamp_ms: i64) -> anyhow::Result<i64>;
}

/// The platform that the settings name.
pub(crate) fn open(settings: &Settings) -> anyhow::Result<Arc<dyn Platform>> {
    match &settings.kafka {
        Some(bootstrap) => Ok(Arc::new(KafkaPlatform::open(bootstrap, settings)?)),
        None => Ok(Arc::new(EmbeddedPlatform::open(settings)?)),
    }
}

/// Registers every schema, and tells the table their ids.
pub(crate) fn publish_schemas(registry: &dyn SchemaRegistry, table: &SchemaTable) -> anyhow::Result<()> {
    publish(registry, page::topics(), table).map_err(|error| {
        if error.is_retriable() {
            Refusal::unavailable(error.to_string())
        } else {
            Refusal::refused(format!("{error}; see `sluice schemas check`"))
        }
    })
}

/// Places a topology on the platform's topics.
pub(crate) fn place(platform: &dyn Platform, settings: &Settings, topology: &Topology) -> anyhow::Result<Arc<Layout>> {
    let counts = platform
        .topics()?
        .into_iter()
        .map(|(name, topic)| (name, topic.partitions))
        .collect();
    Ok(Arc::new(
        topology.place(&settings.application(topology.name()), &counts)?,
    ))
}

/// A hosting that knows these topologies, for routing without running them.
pub(crate) fn hosting(placed: &[(Arc<Topology>, Arc<Layout>)]) -> Arc<Hosting> {
    let hosting = Arc::new(Hosting::default());
    for (topology, layout) in placed {
        hosting.register(topology.name(), Arc::clone(layout));
    }
    hosting
}
