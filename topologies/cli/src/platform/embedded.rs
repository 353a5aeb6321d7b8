//! The embedded log as a platform: one directory, one process.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ::schemas::registry::SchemaRegistry;
use anyhow::Context;
use runtime::commands::CommandLog;
use runtime::embedded::{Cleanup as Policy, EmbeddedBroker, EmbeddedError, EmbeddedTopic};
use runtime::queries::Owners;
use runtime::registry::EmbeddedRegistry;
use runtime::{MakeGlobalConsumer, StreamApplication, ThreadContext};
use streams::Layout;
use streams::log::LogReader;

use super::{Cleanup, GroupOffsets, Member, Platform, WantedTopic};
use crate::exit::Refusal;
use crate::settings::{Serving, Settings};

/// The embedded log and its registry.
pub(crate) struct EmbeddedPlatform {
    broker: Arc<EmbeddedBroker>,
    registry: Arc<dyn SchemaRegistry>,
    directory: String,
}

impl EmbeddedPlatform {
    /// Opens the log below the state directory.
    pub(crate) fn open(settings: &Settings) -> anyhow::Result<Self> {
        let path = settings.state_dir().join("log");
        std::fs::create_dir_all(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let broker = EmbeddedBroker::open(&path).map_err(|error| opened(error, &path))?;
        let registry = Arc::new(EmbeddedRegistry::open(&broker)?);
        Ok(Self {
            broker,
            registry,
            directory: path.display().to_string(),
        })
    }
}

impl Drop for EmbeddedPlatform {
    fn drop(&mut self) {
        self.broker.close();
    }
}

impl Platform for EmbeddedPlatform {
    fn describe(&self) -> String {
        format!("the embedded log in {}", self.directory)
    }

    /// It lies beside the state, so it is the only one.
    fn identity(&self) -> anyhow::Result<String> {
        Ok("the embedded log".to_owned())
    }

    fn topics(&self) -> anyhow::Result<BTreeMap<String, WantedTopic>> {
        Ok(self
            .broker
            .topics()
            .into_iter()
            .map(|topic| (topic.name.clone(), found(topic)))
            .collect())
    }

    fn create_topics(&self, topics: &[WantedTopic]) -> anyhow::Result<()> {
        let topics: Vec<EmbeddedTopic> = topics.iter().map(wanted).collect();
        Ok(self.broker.create_topics(&topics)?)
    }

    fn delete_topics(&self, names: &[String]) -> anyhow::Result<()> {
        let existing = self.broker.partition_counts();
        for name in names.iter().filter(|name| existing.contains_key(*name)) {
            self.broker.delete_topic(name)?;
        }
        Ok(())
    }

    fn registry(&self) -> anyhow::Result<Arc<dyn SchemaRegistry>> {
        Ok(Arc::clone(&self.registry))
    }

    fn commands(&self) -> anyhow::Result<Arc<dyn CommandLog>> {
        Ok(Arc::new(self.broker.command_log()?))
    }

    fn global_consumer(&self, topic: &'static str) -> MakeGlobalConsumer {
        let broker = Arc::clone(&self.broker);
        Arc::new(move || Ok(Box::new(broker.global_consumer(topic)?)))
    }

    fn reader(&self) -> anyhow::Result<Box<dyn LogReader>> {
        Ok(Box::new(self.broker.reader()))
    }

    fn owners(&self) -> anyhow::Result<Option<Arc<dyn Owners>>> {
        Ok(None)
    }

    fn start(&self, mut context: ThreadContext, serving: &Serving) -> anyhow::Result<StreamApplication> {
        let (broker, layout) = (Arc::clone(&self.broker), Arc::clone(&context.layout));
        let readers = Arc::clone(&self.broker);
        context.make_reader = Arc::new(move || Ok(Box::new(readers.reader())));
        let join = move |thread| {
            let log = broker.join(Arc::clone(&layout), thread)?;
            Ok(log.with_numbered_outputs())
        };
        Ok(StreamApplication::start(
            context,
            usize::from(serving.threads),
            Arc::new(join),
        ))
    }

    fn obstacles(&self) -> Vec<String> {
        Vec::new()
    }

    fn group_offsets(&self, group: &str, partitions: &[(String, i32)]) -> anyhow::Result<GroupOffsets> {
        let mut offsets = self.broker.group_offsets(group);
        offsets.retain(|partition, _| partitions.contains(partition));
        Ok(offsets)
    }

    /// The log is open in this process alone, so only its own threads can be members.
    fn group_members(&self, group: &str) -> anyhow::Result<Vec<String>> {
        Ok((0..self.broker.group_members(group))
            .map(|number| format!("thread {number} of this process"))
            .collect())
    }

    fn members(&self, _: &Layout) -> anyhow::Result<Option<Vec<Member>>> {
        Ok(None)
    }

    /// Whoever leaves is out at once.
    fn sessions_end_within(&self) -> Duration {
        Duration::ZERO
    }

    fn alter_group_offsets(&self, group: &str, offsets: &GroupOffsets) -> anyhow::Result<()> {
        Ok(self.broker.alter_group_offsets(group, offsets)?)
    }

    fn offset_at_time(&self, topic: &str, partition: i32, timestamp_ms: i64) -> anyhow::Result<i64> {
        let mut reader = self.broker.reader();
        let (first, end) = reader.offsets(topic, partition)?;
        let mut found = end;
        reader.read(topic, partition, first, end, &mut |record| {
            if record.timestamp_ms < timestamp_ms {
                return ControlFlow::Continue(());
            }
            found = record.offset;
            ControlFlow::Break(())
        })?;
        Ok(found)
    }
}

/// A log that another process has open is live: what needs it alone is refused.
fn opened(error: EmbeddedError, path: &Path) -> anyhow::Error {
    match error {
        EmbeddedError::InUse(_) => Refusal::refused(format!(
            "the embedded log in {} is in use by another sluice process; stop that first, or give another --state-dir",
            path.display()
        )),
        other => other.into(),
    }
}

fn wanted(topic: &WantedTopic) -> EmbeddedTopic {
    let cleanup = match topic.cleanup {
        Cleanup::Delete { retention_ms } => Policy::Delete { retention_ms },
        Cleanup::Compact => Policy::Compact,
    };
    EmbeddedTopic {
        name: topic.name.clone(),
        partitions: topic.partitions,
        cleanup,
    }
}

fn found(topic: EmbeddedTopic) -> WantedTopic {
    let cleanup = match topic.cleanup {
        Policy::Delete { retention_ms } => Cleanup::Delete { retention_ms },
        Policy::Compact => Cleanup::Compact,
    };
    WantedTopic {
        name: topic.name,
        partitions: topic.partitions,
        cleanup,
        settings: BTreeMap::new(),
    }
}
