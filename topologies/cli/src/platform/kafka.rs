//! Kafka and its registry as a platform.

mod owners;
mod probe;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ::schemas::registry::SchemaRegistry;
use ::schemas::topics as page;
use anyhow::Context;
use runtime::commands::CommandLog;
use runtime::kafka::{
    GroupMember, KafkaAdmin, KafkaCommandLog, KafkaConfig, KafkaGlobalConsumer, KafkaHealth, KafkaLog, KafkaReader,
    TopicSpec,
};
use runtime::queries::Owners;
use runtime::registry::HttpRegistry;
use runtime::tls::ClientTls;
use runtime::{MakeGlobalConsumer, StreamApplication, ThreadContext};
use streams::log::LogReader;
use streams::{Layout, LogError};

use self::owners::GroupOwners;
use self::probe::Probe;
use super::{Cleanup, ClientHistory, GroupOffsets, Member, Platform, WantedTopic};
use crate::exit::Refusal;
use crate::protection::{Transport, kafka_properties, refuse_plaintext_services};
use crate::settings::{Serving, Settings};

/// Topics that were created or deleted are known as such to every broker after this time at the latest.
const TOPICS_SETTLE_MAX: Duration = Duration::from_secs(30);
/// Interval at which topics are looked at while they settle.
const TOPICS_SETTLE_INTERVAL: Duration = Duration::from_millis(50);
/// A coordinator that is busy finds out so much later that a session has ended.
const SESSION_END_SLACK: Duration = Duration::from_secs(5);
/// Kafka's own topics, which are nobody's business here, begin so.
const KAFKAS_OWN: &str = "__";

/// A Kafka cluster and a registry over HTTP.
pub(crate) struct KafkaPlatform {
    config: KafkaConfig,
    admin: Arc<KafkaAdmin>,
    registry: Option<String>,
    /// How the registry is reached.
    tls: Option<ClientTls>,
    replication: i32,
    healths: Mutex<Vec<(String, Arc<KafkaHealth>)>>,
    probe: OnceLock<Arc<Probe>>,
}

impl KafkaPlatform {
    /// A platform on these brokers, which have to answer.
    pub(crate) fn open(bootstrap: &str, settings: &Settings) -> anyhow::Result<Self> {
        let mut config = KafkaConfig::new(bootstrap, &settings.application_id, "cli", 0);
        config.extra = kafka_properties(settings)?;
        refuse_plaintext_services(settings, &config.extra)?;
        config.check().map_err(|error| Refusal::refused(error.to_string()))?;
        let admin = Arc::new(KafkaAdmin::connect(&config).map_err(answered)?);
        let (registry, replication) = (settings.registry.clone(), settings.replication);
        Ok(Self {
            config,
            admin,
            registry,
            tls: Transport::load(settings)?.services().cloned(),
            replication,
            healths: Mutex::default(),
            probe: OnceLock::new(),
        })
    }

    /// The configuration of a stream thread.
    fn thread_config(&self, application_id: &str, serving: &Serving, thread: u16) -> KafkaConfig {
        let mut config = KafkaConfig::new(&self.config.bootstrap, application_id, &serving.instance_id, thread);
        config.endpoint = serving.endpoint();
        config.number_outputs = true;
        config.extra.clone_from(&self.config.extra);
        config
    }

    fn health(&self, application_id: &str) -> Arc<KafkaHealth> {
        let health = Arc::new(KafkaHealth::default());
        let mut healths = self.healths.lock().unwrap_or_else(PoisonError::into_inner);
        healths.push((application_id.to_owned(), Arc::clone(&health)));
        health
    }

    /// Waits until the brokers agree on which of the topics exist.
    fn settle(&self, agreed: impl Fn(&BTreeMap<String, i32>) -> bool) -> anyhow::Result<()> {
        let deadline = Instant::now() + TOPICS_SETTLE_MAX;
        while !agreed(&self.admin.topics().map_err(answered)?) {
            if Instant::now() >= deadline {
                return Err(Refusal::unavailable(
                    "the brokers do not agree on which topics exist; try again",
                ));
            }
            std::thread::sleep(TOPICS_SETTLE_INTERVAL);
        }
        Ok(())
    }
}

impl Platform for KafkaPlatform {
    fn describe(&self) -> String {
        format!("Kafka at {}", self.config.bootstrap)
    }

    fn identity(&self) -> anyhow::Result<String> {
        let id = self.admin.cluster_id().map_err(answered)?;
        Ok(format!("the Kafka cluster {id}"))
    }

    fn topics(&self) -> anyhow::Result<BTreeMap<String, WantedTopic>> {
        let names = self.admin.topics().map_err(answered)?;
        let names: Vec<&str> = names
            .keys()
            .map(String::as_str)
            .filter(|name| !name.starts_with(KAFKAS_OWN))
            .collect();
        let found = self.admin.describe(&names).map_err(answered)?;
        Ok(found
            .into_iter()
            .map(|topic| (topic.name.clone(), existing(topic)))
            .collect())
    }

    fn create_topics(&self, topics: &[WantedTopic]) -> anyhow::Result<()> {
        if topics.is_empty() {
            return Ok(());
        }
        let wanted: Vec<TopicSpec> = topics.iter().map(|topic| specified(topic, self.replication)).collect();
        self.admin.create(&wanted).map_err(answered)?;
        self.settle(|known| {
            wanted
                .iter()
                .all(|topic| known.get(&topic.name) == Some(&topic.partitions))
        })
    }

    fn delete_topics(&self, names: &[String]) -> anyhow::Result<()> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if names.is_empty() {
            return Ok(());
        }
        self.admin.delete(&names).map_err(answered)?;
        self.settle(|known| names.iter().all(|name| !known.contains_key(*name)))
    }

    fn registry(&self) -> anyhow::Result<Arc<dyn SchemaRegistry>> {
        let missing = || {
            Refusal::refused(
                "with --kafka the schema registry has to be named: give --registry URL or set SLUICE_REGISTRY",
            )
        };
        let url = self.registry.as_deref().ok_or_else(missing)?;
        let registry = HttpRegistry::new(url, self.tls.as_ref())
            .map_err(|error| Refusal::refused(format!("--registry: {error}")))?;
        Ok(Arc::new(registry))
    }

    fn commands(&self) -> anyhow::Result<Arc<dyn CommandLog>> {
        // Whoever sends commands has to know whether anybody takes them, also when no stream thread runs here.
        let probe =
            Probe::start(Arc::clone(&self.admin), page::ORDER_COMMANDS.name).context("cannot start a thread")?;
        drop(self.probe.set(probe));
        Ok(Arc::new(KafkaCommandLog::connect(&self.config).map_err(answered)?))
    }

    fn global_consumer(&self, topic: &'static str) -> MakeGlobalConsumer {
        let (config, health) = (self.config.clone(), Arc::new(KafkaHealth::default()));
        Arc::new(move || {
            let consumer = KafkaGlobalConsumer::connect(&config, topic, Arc::clone(&health))?;
            Ok(Box::new(consumer))
        })
    }

    fn reader(&self) -> anyhow::Result<Box<dyn LogReader>> {
        let reader = KafkaReader::connect(&self.config, Arc::default()).map_err(answered)?;
        Ok(Box::new(reader))
    }

    fn owners(&self) -> anyhow::Result<Option<Arc<dyn Owners>>> {
        Ok(Some(Arc::new(GroupOwners::new(Arc::clone(&self.admin)))))
    }

    fn start(&self, mut context: ThreadContext, serving: &Serving) -> anyhow::Result<StreamApplication> {
        let layout = Arc::clone(&context.layout);
        let fetch_linger_ms = u32::try_from(context.limits.fetch_linger.as_millis()).unwrap_or(u32::MAX);
        let configs: Vec<KafkaConfig> = (0..serving.threads.max(1))
            .map(|thread| KafkaConfig {
                fetch_linger_ms,
                ..self.thread_config(&layout.application_id, serving, thread)
            })
            .collect();
        for config in &configs {
            config.check().map_err(|error| Refusal::refused(error.to_string()))?;
        }
        let health = self.health(&layout.application_id);
        let reading = self.config.clone();
        let reader_health = Arc::clone(&health);
        context.make_reader =
            Arc::new(move || Ok(Box::new(KafkaReader::connect(&reading, Arc::clone(&reader_health))?)));
        let join = move |thread: usize| {
            let config = configs
                .get(thread)
                .ok_or_else(|| LogError::Fatal(format!("no thread {thread} is configured")))?;
            KafkaLog::connect(config.clone(), Arc::clone(&layout), Arc::clone(&health))
        };
        Ok(StreamApplication::start(
            context,
            usize::from(serving.threads),
            Arc::new(join),
        ))
    }

    fn obstacles(&self) -> Vec<String> {
        let healths = self.healths.lock().unwrap_or_else(PoisonError::into_inner);
        let silent = self
            .probe
            .get()
            .filter(|probe| !probe.is_reachable())
            .map(|_| "Kafka does not answer".to_owned());
        let away = healths.iter().filter(|(_, health)| !health.is_reachable());
        let said = |health: &KafkaHealth| health.last_error().unwrap_or_else(|| "no broker answers".to_owned());
        let away =
            away.map(|(application, health)| format!("{application}: Kafka cannot be reached: {}", said(health)));
        away.chain(silent).collect()
    }

    fn clients(&self) -> Vec<ClientHistory> {
        let healths = self.healths.lock().unwrap_or_else(PoisonError::into_inner);
        let history = |(application, health): &(String, Arc<KafkaHealth>)| ClientHistory {
            application: application.clone(),
            aborted: health.aborted_transactions(),
            replaced: health.rebuilt_producers(),
        };
        healths.iter().map(history).collect()
    }

    fn group_offsets(&self, group: &str, partitions: &[(String, i32)]) -> anyhow::Result<GroupOffsets> {
        self.admin.committed(group, partitions).map_err(answered)
    }

    fn group_members(&self, group: &str) -> anyhow::Result<Vec<String>> {
        let members = self.admin.group(group).map_err(answered)?.members;
        Ok(members
            .into_iter()
            .map(|member| format!("{} from {}", member.client_id, member.host))
            .collect())
    }

    fn members(&self, layout: &Layout) -> anyhow::Result<Option<Vec<Member>>> {
        let members = self.admin.group(&layout.application_id).map_err(answered)?.members;
        let known = |member: GroupMember| Member {
            endpoint: member.endpoint().map(str::to_owned),
            tasks: member.tasks(layout).iter().map(ToString::to_string).collect(),
            name: member.client_id,
            host: member.host,
        };
        Ok(Some(members.into_iter().map(known).collect()))
    }

    /// A thread that stops stays in its group until its session ends, so that a restart under the same name moves no task.
    fn sessions_end_within(&self) -> Duration {
        Duration::from_millis(self.config.session_timeout_ms.into()) + SESSION_END_SLACK
    }

    fn alter_group_offsets(&self, group: &str, offsets: &GroupOffsets) -> anyhow::Result<()> {
        self.admin.set_committed(group, offsets).map_err(answered)
    }

    fn offset_at_time(&self, topic: &str, partition: i32, timestamp_ms: i64) -> anyhow::Result<i64> {
        self.admin.offset_at(topic, partition, timestamp_ms).map_err(answered)
    }
}

/// Brokers that do not answer have their own exit code.
fn answered(error: LogError) -> anyhow::Error {
    match error {
        LogError::Retriable(reason) => Refusal::unavailable(format!("Kafka does not answer: {reason}")),
        other => other.into(),
    }
}

fn existing(topic: TopicSpec) -> WantedTopic {
    let compacts = topic
        .settings
        .get("cleanup.policy")
        .is_some_and(|policy| policy.contains("compact"));
    let retention = topic
        .settings
        .get("retention.ms")
        .and_then(|retention| retention.parse().ok());
    let cleanup = if compacts {
        Cleanup::Compact
    } else {
        Cleanup::Delete {
            retention_ms: retention.unwrap_or(-1),
        }
    };
    WantedTopic {
        name: topic.name,
        partitions: topic.partitions,
        cleanup,
        settings: BTreeMap::new(),
    }
}

/// What Kafka is told: the policy, then the topic's own further settings, which win.
fn specified(topic: &WantedTopic, replication: i32) -> TopicSpec {
    let mut settings = match topic.cleanup {
        Cleanup::Compact => BTreeMap::from([("cleanup.policy".to_owned(), "compact".to_owned())]),
        Cleanup::Delete { retention_ms } => BTreeMap::from([
            ("cleanup.policy".to_owned(), "delete".to_owned()),
            ("retention.ms".to_owned(), retention_ms.to_string()),
        ]),
    };
    settings.extend(topic.settings.clone());
    // With three copies a write needs two of them, so that one broker can go without a loss.
    settings.insert(
        "min.insync.replicas".to_owned(),
        (replication - 1).clamp(1, 2).to_string(),
    );
    TopicSpec {
        name: topic.name.clone(),
        partitions: topic.partitions,
        replication,
        settings,
    }
}
