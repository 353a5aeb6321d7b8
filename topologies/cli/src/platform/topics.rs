//! Topics as they should be, and how that differs from what is there.

use std::collections::BTreeMap;

use ::schemas::topics::{self as page, PARTITIONS_DEFAULT, TopicSpec};
use runtime::kafka;
use serde::Serialize;
use streams::{Layout, TopicKind};

/// What may be removed from a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Cleanup {
    /// Records older than this many milliseconds; -1 keeps all.
    Delete {
        /// `retention.ms`.
        retention_ms: i64,
    },
    /// All but the newest record of each key.
    Compact,
}

/// A topic's shape.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct WantedTopic {
    /// Its name.
    pub(crate) name: String,
    /// Its partitions.
    pub(crate) partitions: i32,
    /// Its policy.
    pub(crate) cleanup: Cleanup,
    /// Further settings by Kafka's names; they win over the policy there, and the embedded log has none of them.
    #[serde(skip)]
    pub(crate) settings: BTreeMap<String, String>,
}

impl std::fmt::Display for Cleanup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Compact => f.write_str("compact"),
            Self::Delete { retention_ms: ..0 } => f.write_str("delete never"),
            Self::Delete { retention_ms } if *retention_ms < HOUR_MS => write!(f, "delete after {retention_ms} ms"),
            Self::Delete { retention_ms } => write!(f, "delete after {} h", retention_ms / HOUR_MS),
        }
    }
}

const HOUR_MS: i64 = 60 * 60 * 1000;

/// What has to be done about one topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub(crate) enum TopicPlan {
    /// It is as it should be.
    Keep {
        /// The topic.
        topic: WantedTopic,
    },
    /// It does not exist.
    Create {
        /// The topic.
        topic: WantedTopic,
    },
    /// It exists in another shape; nothing is changed by itself.
    Differs {
        /// As it should be.
        topic: WantedTopic,
        /// What is different.
        found: String,
    },
}

/// Milliseconds that records of a repartition topic stay, a day: far longer than any reader is behind.
const REPARTITION_RETENTION_MS: i64 = 24 * 60 * 60 * 1000;
/// Milliseconds that dead letters stay, 30 days.
const DEAD_LETTER_RETENTION_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// The topics between the topologies and with everybody outside. All have the same number of partitions: `partitions`, or
/// without it as many as those that were `found`, or [`PARTITIONS_DEFAULT`]. Those of webhooks are among them where these are wanted.
pub(crate) fn external(
    partitions: Option<i32>,
    found: &BTreeMap<String, WantedTopic>,
    webhooks: bool,
) -> Vec<WantedTopic> {
    let mut existing = page::topics().iter().filter_map(|spec| found.get(spec.name));
    let partitions = partitions.unwrap_or_else(|| existing.next().map_or(PARTITIONS_DEFAULT, |topic| topic.partitions));
    let wanted = |spec: &&TopicSpec| WantedTopic {
        name: spec.name.to_owned(),
        partitions,
        cleanup: match spec.cleanup {
            page::Cleanup::Delete { retention_ms } => Cleanup::Delete { retention_ms },
            page::Cleanup::Compact => Cleanup::Compact,
        },
        settings: BTreeMap::new(),
    };
    let is_of_webhooks = |spec: &TopicSpec| page::webhooks().iter().any(|other| other.name == spec.name);
    let specs = page::topics().iter().filter(|spec| webhooks || !is_of_webhooks(spec));
    specs.map(wanted).collect()
}

/// Whether webhooks are, or were, part of the deployment.
pub(crate) fn has_webhooks(found: &BTreeMap<String, WantedTopic>) -> bool {
    page::webhooks().iter().all(|spec| found.contains_key(spec.name))
}

/// The topics that the engine keeps for a placed topology.
pub(crate) fn internal(layout: &Layout) -> Vec<WantedTopic> {
    let wanted = |spec: kafka::TopicSpec| {
        let kind = layout
            .topic_named(&spec.name)
            .and_then(|topic| layout.topic(topic))
            .map(|topic| topic.kind);
        let cleanup = match kind {
            Some(TopicKind::Repartition) => Cleanup::Delete {
                retention_ms: REPARTITION_RETENTION_MS,
            },
            Some(TopicKind::DeadLetters) => Cleanup::Delete {
                retention_ms: DEAD_LETTER_RETENTION_MS,
            },
            Some(TopicKind::Changelog | TopicKind::Source | TopicKind::Sink) | None => Cleanup::Compact,
        };
        WantedTopic {
            name: spec.name,
            partitions: spec.partitions,
            cleanup,
            settings: spec.settings,
        }
    };
    kafka::internal_topics(layout, 1).into_iter().map(wanted).collect()
}

/// What has to be done for each wanted topic.
pub(crate) fn plan(wanted: Vec<WantedTopic>, found: &BTreeMap<String, WantedTopic>) -> Vec<TopicPlan> {
    wanted.into_iter().map(|topic| plan_one(topic, found)).collect()
}

fn plan_one(topic: WantedTopic, found: &BTreeMap<String, WantedTopic>) -> TopicPlan {
    let Some(existing) = found.get(&topic.name) else {
        return TopicPlan::Create { topic };
    };
    let mut differences = Vec::new();
    if existing.partitions != topic.partitions {
        differences.push(format!(
            "{} partitions instead of {}",
            existing.partitions, topic.partitions
        ));
    }
    let policy = |cleanup| matches!(cleanup, Cleanup::Compact);
    if policy(existing.cleanup) != policy(topic.cleanup) {
        differences.push(format!("{} instead of {}", existing.cleanup, topic.cleanup));
    }
    if differences.is_empty() {
        TopicPlan::Keep { topic }
    } else {
        TopicPlan::Differs {
            topic,
            found: differences.join(", "),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn topic(partitions: i32, cleanup: Cleanup) -> WantedTopic {
        WantedTopic {
            name: "orders".to_owned(),
            partitions,
            cleanup,
            settings: BTreeMap::new(),
        }
    }

    fn planned(found: Option<WantedTopic>) -> Vec<TopicPlan> {
        let found = found.into_iter().map(|topic| (topic.name.clone(), topic)).collect();
        plan(vec![topic(6, Cleanup::Compact)], &found)
    }

    #[test]
    fn a_missing_topic_is_created_and_an_equal_one_kept() {
        let wanted = topic(6, Cleanup::Compact);
        assert_eq!(planned(None), [TopicPlan::Create { topic: wanted.clone() }]);
        assert_eq!(planned(Some(wanted.clone())), [TopicPlan::Keep { topic: wanted }]);
    }

    #[test]
    fn all_topics_are_as_wide_as_those_that_exist_unless_another_width_is_asked_for() {
        let width = |partitions, found: &BTreeMap<String, WantedTopic>| {
            let wanted = external(partitions, found, true)
                .into_iter()
                .map(|topic| topic.partitions);
            let widths: BTreeSet<i32> = wanted.collect();
            widths.into_iter().collect::<Vec<_>>()
        };
        let none = BTreeMap::new();
        let existing = BTreeMap::from([("orders".to_owned(), topic(2, Cleanup::Compact))]);
        assert_eq!([width(None, &none), width(Some(3), &none)], [[PARTITIONS_DEFAULT], [3]]);
        assert_eq!([width(None, &existing), width(Some(3), &existing)], [[2], [3]]);
    }

    #[test]
    fn a_shop_without_webhooks_has_none_of_their_topics() {
        let wanted = |webhooks| -> BTreeMap<String, WantedTopic> {
            let topics = external(None, &BTreeMap::new(), webhooks).into_iter();
            topics.map(|topic| (topic.name.clone(), topic)).collect()
        };
        assert_eq!(
            [false, true].map(|webhooks| has_webhooks(&wanted(webhooks))),
            [false, true]
        );
        assert_eq!(wanted(true).len() - wanted(false).len(), page::webhooks().len());
    }

    #[test]
    fn a_topic_of_another_width_or_policy_is_reported_and_not_touched() {
        let other = topic(3, Cleanup::Delete { retention_ms: 1 });
        let [TopicPlan::Differs { found, .. }] = &planned(Some(other))[..] else {
            panic!("expected a difference")
        };
        assert!(found.starts_with("3 partitions instead of 6, "), "{found}");
    }
}
