//! I6 of the saga's own state: whatever waits has a deadline, or somebody was called.

use commerce::audit;
use commerce::views;
use streams::changelog::split_changelog_key;

use super::topic::Reader;
use crate::workload::Stage;

/// The changelog of the saga, read on as it grows.
#[derive(Default)]
pub(super) struct Waits {
    reader: Reader,
}

impl Waits {
    /// What is wrong with the states that were committed since the last call.
    pub(super) fn observe(&mut self, stage: &Stage) -> Vec<String> {
        let mut placed = stage.deployment.placed().iter();
        let Some(saga) = placed.find(|placed| placed.topology.name() == views::ORDERS.topology) else {
            return Vec::new();
        };
        let mut changelogs = saga.layout.tasks.iter().filter_map(|task| task.changelog);
        let Some(changelog) = changelogs.next().and_then(|topic| saga.layout.topic(topic)) else {
            return Vec::new();
        };
        let mut found = Vec::new();
        for (place, record) in self.reader.records(stage, &changelog.name) {
            let store = record.key.as_deref().and_then(split_changelog_key);
            let is_order = store.is_some_and(|(name, _)| name == views::ORDERS.store);
            let Some(bytes) = record.value.as_deref().filter(|_| is_order) else {
                continue;
            };
            match audit::waits(bytes) {
                Ok(violations) => found.extend(violations.iter().map(ToString::to_string)),
                Err(error) => found.push(format!("{} {place:?}: {error}", changelog.name)),
            }
        }
        found
    }
}
