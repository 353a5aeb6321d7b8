//! What operators and the start of an application ask of a cluster: topics, ends, committed offsets.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
    TopicResult,
};
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use streams::{LogError, PartitionCounts};

use super::client::group_of;
use super::config::KafkaConfig;
use super::group::GroupState;
use super::leader::ask_leader;

/// Every question waits this long for its answer.
const ANSWER_WAIT: Duration = Duration::from_secs(15);

/// How long a broker takes at most to notice that a transaction is too old: its default for
/// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
const ABORT_LOOK: Duration = Duration::from_secs(10);

/// How often a group's offsets are asked for while its coordinator moves to another broker.
const COORDINATOR_TRIES_MAX: u32 = 20;

/// How long the next question waits then.
const COORDINATOR_WAIT: Duration = Duration::from_millis(500);

/// A partition by the names that people use.
pub type TopicPartition = (String, i32);

/// A topic as it is, or as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicSpec {
    /// The name.
    pub name: String,
    /// Number of partitions, at least 1.
    pub partitions: i32,
    /// Copies of each partition, at least 1.
    pub replication: i32,
    /// Topic settings by Kafka's names. Of an existing topic all of them, defaults included.
    pub settings: BTreeMap<String, String>,
}

/// The ends of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The first offset that is still there.
    pub first: i64,
    /// The offset after the last committed record.
    pub committed: i64,
    /// The offset after the last record. Above `committed` while a transaction is open.
    pub last: i64,
}

/// Access to a cluster for tools. Every call waits for its answer, at most 15 s (and longer for committed
/// offsets in an open transaction), so it does not belong on an async thread.
///
/// [`LogError::Retriable`]: no answer. [`LogError::Fatal`]: refused, with the reason.
pub struct KafkaAdmin {
    config: KafkaConfig,
    admin: AdminClient<Quiet>,
    committed: BaseConsumer<Quiet>,
    uncommitted: BaseConsumer<Quiet>,
}

impl KafkaAdmin {
    /// Access to the brokers of `config`. Nothing is asked of them yet.
    pub fn connect(config: &KafkaConfig) -> Result<Self, LogError> {
        let admin = AdminClient::from_config_and_context(&config.plain_settings(), Quiet);
        Ok(Self {
            admin: admin.map_err(|error| failed("the Kafka client refuses to start", &error))?,
            committed: consumer(config, "sluice-admin", "read_committed")?,
            uncommitted: consumer(config, "sluice-admin", "read_uncommitted")?,
            config: config.clone(),
        })
    }

    /// All topics with their numbers of partitions.
    pub fn topics(&self) -> Result<PartitionCounts, LogError> {
        let metadata = self
            .committed
            .fetch_metadata(None, ANSWER_WAIT)
            .map_err(|error| failed("cannot list topics", &error))?;
        let counted = metadata.topics().iter().filter_map(|topic| {
            let count = i32::try_from(topic.partitions().len()).ok()?;
            (count > 0).then(|| (topic.name().to_owned(), count))
        });
        Ok(counted.collect())
    }

    /// The cluster's id: it stays for as long as the cluster does, and no other has it.
    pub fn cluster_id(&self) -> Result<String, LogError> {
        let id = self.committed.client().fetch_cluster_id(ANSWER_WAIT);
        id.ok_or_else(|| LogError::Retriable("the brokers do not say which cluster they are".to_owned()))
    }

    /// The topics of these names that exist, with their settings.
    pub fn describe(&self, names: &[&str]) -> Result<Vec<TopicSpec>, LogError> {
        let metadata = self
            .committed
            .fetch_metadata(None, ANSWER_WAIT)
            .map_err(|error| failed("cannot list topics", &error))?;
        let mut found: Vec<TopicSpec> = metadata
            .topics()
            .iter()
            .filter(|topic| names.contains(&topic.name()) && !topic.partitions().is_empty())
            .map(|topic| TopicSpec {
                name: topic.name().to_owned(),
                partitions: i32::try_from(topic.partitions().len()).unwrap_or(i32::MAX),
                replication: topic
                    .partitions()
                    .first()
                    .map_or(0, |first| i32::try_from(first.replicas().len()).unwrap_or(0)),
                settings: BTreeMap::new(),
            })
            .collect();
        let resources: Vec<_> = found
            .iter()
            .map(|topic| ResourceSpecifier::Topic(&topic.name))
            .collect();
        if resources.is_empty() {
            return Ok(found);
        }
        let described = wait(
            "cannot read topic settings",
            self.admin.describe_configs(&resources, &options()),
        )?;
        for settings in described {
            let settings = settings.map_err(|code| refused("cannot read settings", "of a topic", code))?;
            let topic = found
                .iter_mut()
                .find(|topic| settings.specifier == OwnedResourceSpecifier::Topic(topic.name.clone()));
            if let Some(topic) = topic {
                topic.settings = settings_of(settings);
            }
        }
        Ok(found)
    }

    /// Creates topics and answers the names of those that were not there before.
    pub fn create(&self, topics: &[TopicSpec]) -> Result<Vec<String>, LogError> {
        let wanted: Vec<NewTopic<'_>> = topics.iter().map(new_topic).collect();
        let results = wait("cannot create topics", self.admin.create_topics(&wanted, &options()))?;
        each(results, "cannot create", &[RDKafkaErrorCode::TopicAlreadyExists])
    }

    /// Deletes topics and answers the names of those that were there before.
    pub fn delete(&self, names: &[&str]) -> Result<Vec<String>, LogError> {
        let results = wait("cannot delete topics", self.admin.delete_topics(names, &options()))?;
        each(
            results,
            "cannot delete",
            &[
                RDKafkaErrorCode::UnknownTopicOrPartition,
                RDKafkaErrorCode::UnknownTopic,
            ],
        )
    }

    /// Deletes the records before an offset of each partition.
    pub fn delete_records(&self, before: &BTreeMap<TopicPartition, i64>) -> Result<(), LogError> {
        let list = offsets(before)?;
        let deleted = wait("cannot delete records", self.admin.delete_records(&list, &options()))?;
        checked("cannot delete the records of", &deleted)
    }

    /// The ends of a partition.
    pub fn ends(&self, topic: &str, partition: i32) -> Result<Ends, LogError> {
        let ask = |consumer: &BaseConsumer<Quiet>| {
            let ends = ask_leader(consumer, topic, ANSWER_WAIT, |wait| {
                consumer.fetch_watermarks(topic, partition, wait)
            });
            ends.map_err(|error| failed(&format!("cannot read the ends of {topic}/{partition}"), &error))
        };
        // In this order a record that is committed in between does not look like an open transaction.
        let ((first, last), (_, committed)) = (ask(&self.uncommitted)?, ask(&self.committed)?);
        Ok(Ends {
            first,
            committed,
            last: last.max(committed),
        })
    }

    /// The first offset whose record is at or after a time in milliseconds, the end where there is none.
    pub fn offset_at(&self, topic: &str, partition: i32, time_ms: i64) -> Result<i64, LogError> {
        let what = format!("cannot find a time in {topic}/{partition}");
        let mut list = TopicPartitionList::new();
        let added = list.add_partition_offset(topic, partition, Offset::Offset(time_ms));
        added.map_err(|error| failed(&what, &error))?;
        let found = ask_leader(&self.committed, topic, ANSWER_WAIT, |wait| {
            self.committed.offsets_for_times(list.clone(), wait)
        });
        let found = found.map_err(|error| failed(&what, &error))?;
        match found.find_partition(topic, partition).map(|element| element.offset()) {
            Some(Offset::Offset(offset)) => Ok(offset),
            _ => self.ends(topic, partition).map(|ends| ends.committed),
        }
    }

    /// The group's committed offsets among these partitions, without those that have none.
    pub fn committed(
        &self,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<BTreeMap<TopicPartition, i64>, LogError> {
        let what = format!("cannot read the committed offsets of {group}");
        let mut list = TopicPartitionList::new();
        for (topic, partition) in partitions {
            list.add_partition(topic, *partition);
        }
        let found = self.kept(group, &list, &what)?;
        let elements = found.iter().flat_map(TopicPartitionList::elements);
        let set = elements.filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some(((element.topic().to_owned(), element.partition()), offset)),
            _ => None,
        });
        Ok(set.collect())
    }

    /// What the group has committed, and keeps with it, for each partition of a list. They are asked for one by one: the client takes
    /// no answer in which any partition has an open transaction, and of all partitions of a busy group one has, nearly always.
    fn kept(&self, group: &str, list: &TopicPartitionList, what: &str) -> Result<Vec<TopicPartitionList>, LogError> {
        let mut reader = consumer(&self.config, group, "read_committed")?;
        let (mut tries, mut found) = (1, Vec::with_capacity(list.count()));
        for element in list.elements() {
            let mut one = TopicPartitionList::new();
            one.add_partition(element.topic(), element.partition());
            found.push(loop {
                match reader.committed_offsets(one.clone(), self.offsets_wait()) {
                    // The group has just lost its coordinator; who reads now waits until another broker has it.
                    Err(error) if tries < COORDINATOR_TRIES_MAX && is_moving(&error) => {
                        tries += 1;
                        drop(reader.poll(COORDINATOR_WAIT));
                        reader = consumer(&self.config, group, "read_committed")?;
                    }
                    answer => break answer.map_err(|error| failed(what, &error))?,
                }
            });
        }
        found.iter().try_for_each(|answer| checked(what, answer))?;
        Ok(found)
    }

    /// Offsets in an open transaction are not told before it ends, and nobody but the broker ends that of an instance that was
    /// killed and does not come back.
    fn offsets_wait(&self) -> Duration {
        let open = Duration::from_millis(self.config.transaction_timeout_ms.into());
        ANSWER_WAIT + open + ABORT_LOOK
    }

    /// Sets committed offsets. What is kept with them stays: outputs are numbered on from there, wherever the inputs go on.
    /// Refused while the group has members.
    pub fn set_committed(&self, group: &str, wanted: &BTreeMap<TopicPartition, i64>) -> Result<(), LogError> {
        let state = self.group(group)?;
        if !state.is_empty() {
            return Err(LogError::Fatal(format!(
                "{group} has {} live members; stop its instances, wait for their sessions to end, and try again",
                state.members.len()
            )));
        }
        let what = format!("cannot set the committed offsets of {group}");
        let list = offsets(wanted)?;
        let kept = self.kept(group, &list, &what)?;
        for kept in kept.iter().flat_map(TopicPartitionList::elements) {
            if let Some(mut element) = list.find_partition(kept.topic(), kept.partition()) {
                element.set_metadata(kept.metadata());
            }
        }
        let writer = consumer(&self.config, group, "read_committed")?;
        let committed = writer.commit(&list, CommitMode::Sync);
        committed.map_err(|error| failed(&what, &error))
    }

    /// The group's members and what each has been given. A group that nobody has heard of is empty.
    pub fn group(&self, group: &str) -> Result<GroupState, LogError> {
        let what = format!("cannot describe the group {group}");
        let found = group_of(&self.committed, group, ANSWER_WAIT);
        found.map_err(|error| fate(Some(error.code), format!("{what}: {error}")))
    }
}

/// Whether a broker says that the group's coordinator is, or will be, another one.
fn is_moving(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
        )
    )
}

fn wait<T>(what: &str, answer: impl Future<Output = Result<T, KafkaError>>) -> Result<T, LogError> {
    futures_executor::block_on(answer).map_err(|error| failed(what, &error))
}

/// Errors of these clients are answered by the calls that failed.
struct Quiet;

impl ClientContext for Quiet {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka admin");
    }
}

impl ConsumerContext for Quiet {}

fn consumer(config: &KafkaConfig, group: &str, isolation: &str) -> Result<BaseConsumer<Quiet>, LogError> {
    let mut settings: ClientConfig = config.plain_settings();
    settings
        .set("group.id", group)
        .set("isolation.level", isolation)
        .set("enable.auto.commit", "false");
    let made = BaseConsumer::from_config_and_context(&settings, Quiet);
    made.map_err(|error| failed("the Kafka client refuses to start", &error))
}

fn options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(ANSWER_WAIT))
        .operation_timeout(Some(ANSWER_WAIT))
}

fn new_topic(topic: &TopicSpec) -> NewTopic<'_> {
    let new = NewTopic::new(
        &topic.name,
        topic.partitions,
        TopicReplication::Fixed(topic.replication),
    );
    topic
        .settings
        .iter()
        .fold(new, |new, (name, value)| new.set(name, value))
}

fn settings_of(resource: ConfigResource) -> BTreeMap<String, String> {
    let entries = resource.entries.into_iter();
    entries.filter_map(|entry| Some((entry.name, entry.value?))).collect()
}

fn offsets(wanted: &BTreeMap<TopicPartition, i64>) -> Result<TopicPartitionList, LogError> {
    let mut list = TopicPartitionList::new();
    for ((topic, partition), offset) in wanted {
        let added = list.add_partition_offset(topic, *partition, Offset::Offset(*offset));
        added.map_err(|error| failed(&format!("{offset} is no offset of {topic}/{partition}"), &error))?;
    }
    Ok(list)
}

/// The names of the topics that were changed; those with a harmless error are left out.
fn each(results: Vec<TopicResult>, what: &str, harmless: &[RDKafkaErrorCode]) -> Result<Vec<String>, LogError> {
    let mut changed = Vec::new();
    for result in results {
        match result {
            Ok(name) => changed.push(name),
            Err((_, code)) if harmless.contains(&code) => {}
            Err((name, code)) => return Err(refused(what, &name, code)),
        }
    }
    Ok(changed)
}

fn checked(what: &str, list: &TopicPartitionList) -> Result<(), LogError> {
    for element in list.elements() {
        let named = || format!("{what} {}/{}", element.topic(), element.partition());
        element.error().map_err(|error| failed(&named(), &error))?;
    }
    Ok(())
}

fn refused(what: &str, name: &str, code: RDKafkaErrorCode) -> LogError {
    LogError::Fatal(format!("{what} {name}: {code}"))
}

fn failed(what: &str, error: &KafkaError) -> LogError {
    fate(error.rdkafka_error_code(), format!("{what}: {error}"))
}

fn fate(code: Option<RDKafkaErrorCode>, reason: String) -> LogError {
    match code {
        Some(
            RDKafkaErrorCode::OperationTimedOut
            | RDKafkaErrorCode::BrokerTransportFailure
            | RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::RequestTimedOut
            | RDKafkaErrorCode::CoordinatorLoadInProgress
            | RDKafkaErrorCode::CoordinatorNotAvailable
            | RDKafkaErrorCode::NotCoordinator
            | RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::UnstableOffsetCommit,
        ) => LogError::Retriable(reason),
        _ => LogError::Fatal(reason),
    }
}
