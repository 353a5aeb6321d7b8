//! The topics that the engine itself owns: created when missing, and refused when somebody has made them differently.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use streams::{Layout, LogError, TopicKind};

use super::admin::{KafkaAdmin, TopicSpec};

/// Dead letters wait for so long to be looked at. 30 days.
const DEAD_LETTERS_MS: u64 = 30 * 24 * 3_600_000;
/// Deletions stay in a changelog for so long, so that a store that was away for less finds every one of them. 30 days.
const TOMBSTONES_MS: u64 = 30 * 24 * 3_600_000;
/// A dead letter is its record and a few headers, so internal topics take more than the 1 MiB of an ordinary topic. Bytes.
const RECORD_BYTES_MAX: u64 = 2 << 20;
/// A topic that was just created is known to every broker after this time at the latest.
const CREATED_WAIT: Duration = Duration::from_secs(15);

/// The engine's own topics of a layout.
#[must_use]
pub fn internal_topics(layout: &Layout, replication: i32) -> Vec<TopicSpec> {
    let spec = |name: String, partitions: i32, settings: BTreeMap<&str, String>| TopicSpec {
        name,
        partitions,
        replication,
        settings: with_common(settings, replication),
    };
    let tasks = spec(
        layout.task_topic(),
        i32::try_from(layout.tasks.len()).unwrap_or(i32::MAX),
        task_settings(),
    );
    let internal = layout.topics.iter().filter_map(|topic| {
        let settings = settings_of(topic.kind)?;
        Some(spec(topic.name.clone(), topic.partitions, settings))
    });
    std::iter::once(tasks).chain(internal).collect()
}

/// Creates the internal topics that are missing and answers their names.
///
/// [`LogError::Fatal`] when one exists with another number of partitions or another cleanup policy: data of another layout
/// is in it, and reading it as this one's would be wrong without a sign.
pub fn ensure_internal_topics(admin: &KafkaAdmin, layout: &Layout, replication: i32) -> Result<Vec<String>, LogError> {
    let wanted = internal_topics(layout, replication);
    let names: Vec<&str> = wanted.iter().map(|topic| topic.name.as_str()).collect();
    let found = admin.describe(&names)?;
    for topic in &wanted {
        if let Some(found) = found.iter().find(|found| found.name == topic.name) {
            verify(topic, found)?;
        }
    }
    let missing: Vec<TopicSpec> = wanted
        .into_iter()
        .filter(|topic| found.iter().all(|found| found.name != topic.name))
        .collect();
    if missing.is_empty() {
        return Ok(Vec::new());
    }
    let created = admin.create(&missing)?;
    wait_until_known(admin, &missing)?;
    Ok(created)
}

/// Compares an existing topic with what the engine needs.
pub fn verify(wanted: &TopicSpec, found: &TopicSpec) -> Result<(), LogError> {
    let name = &wanted.name;
    if wanted.partitions != found.partitions {
        return Err(LogError::Fatal(format!(
            "the topic {name} has {} partitions and the topology needs {}; restore the old partition counts, or reset the application",
            found.partitions, wanted.partitions
        )));
    }
    let policy = |topic: &TopicSpec| topic.settings.get("cleanup.policy").cloned().unwrap_or_default();
    if policy(wanted) != policy(found) {
        return Err(LogError::Fatal(format!(
            "the topic {name} has cleanup.policy={} and must have {}; set it with Kafka's own tools, after checking that no record is missing",
            policy(found),
            policy(wanted)
        )));
    }
    Ok(())
}

/// Creating answers before every broker knows the topic; a consumer that asks too early would take it for missing.
fn wait_until_known(admin: &KafkaAdmin, topics: &[TopicSpec]) -> Result<(), LogError> {
    let deadline = Instant::now() + CREATED_WAIT;
    loop {
        let known = admin.topics()?;
        let missing = topics
            .iter()
            .find(|topic| known.get(&topic.name) != Some(&topic.partitions));
        match missing {
            None => return Ok(()),
            Some(topic) if Instant::now() >= deadline => {
                return Err(LogError::Retriable(format!(
                    "the topic {} was created and is still unknown",
                    topic.name
                )));
            }
            Some(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

fn settings_of(kind: TopicKind) -> Option<BTreeMap<&'static str, String>> {
    match kind {
        TopicKind::Source | TopicKind::Sink => None,
        TopicKind::Changelog => Some(BTreeMap::from([
            ("cleanup.policy", "compact".to_owned()),
            ("delete.retention.ms", TOMBSTONES_MS.to_string()),
        ])),
        TopicKind::Repartition => Some(BTreeMap::from([
            ("cleanup.policy", "delete".to_owned()),
            ("retention.ms", "-1".to_owned()),
            ("retention.bytes", "-1".to_owned()),
        ])),
        TopicKind::DeadLetters => Some(BTreeMap::from([
            ("cleanup.policy", "delete".to_owned()),
            ("retention.ms", DEAD_LETTERS_MS.to_string()),
        ])),
    }
}

/// Nothing is written to it: it carries the membership of the group.
fn task_settings() -> BTreeMap<&'static str, String> {
    BTreeMap::from([("cleanup.policy", "compact".to_owned())])
}

/// With three copies a write needs two of them, so that one broker can go without a loss.
fn with_common(settings: BTreeMap<&str, String>, replication: i32) -> BTreeMap<String, String> {
    let common = [
        ("max.message.bytes", RECORD_BYTES_MAX.to_string()),
        ("message.timestamp.type", "CreateTime".to_owned()),
        ("min.insync.replicas", (replication - 1).clamp(1, 2).to_string()),
    ];
    settings
        .into_iter()
        .chain(common)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    fn topic(partitions: i32, policy: &str) -> TopicSpec {
        TopicSpec {
            name: "sluice-orders-0-changelog".to_owned(),
            partitions,
            replication: 1,
            settings: BTreeMap::from([("cleanup.policy".to_owned(), policy.to_owned())]),
        }
    }

    #[test]
    fn a_topic_with_another_number_of_partitions_or_another_policy_is_refused() {
        let wanted = topic(6, "compact");
        assert_eq!(verify(&wanted, &topic(6, "compact")), Ok(()));
        assert!(
            verify(&wanted, &topic(7, "compact"))
                .unwrap_err()
                .to_string()
                .contains("7 partitions")
        );
        assert!(
            verify(&wanted, &topic(6, "delete"))
                .unwrap_err()
                .to_string()
                .contains("cleanup.policy=delete")
        );
    }

    #[test]
    fn writes_need_two_copies_as_soon_as_there_are_three() {
        let needed = |replication| {
            with_common(BTreeMap::new(), replication)
                .remove("min.insync.replicas")
                .unwrap()
        };
        assert_eq!([needed(1), needed(2), needed(3), needed(5)], ["1", "1", "2", "2"]);
    }
}
