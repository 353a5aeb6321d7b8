//! Changelogs: their commit records make them whole, and the stores hold what they say.

use std::collections::BTreeMap;

use runtime::commit_record::CommitRecord;
use streams::changelog::{COMMIT_RECORD_KEY, split_changelog_key};
use streams::{Layout, StoreIndex, TaskId, TaskLayout};

use crate::disk::Disk;
use crate::outcome::{CommittedRecord, Outcome};

type Entries = BTreeMap<(StoreIndex, Vec<u8>), Vec<u8>>;

/// Checks the changelog of every task, and every open store against it.
pub(crate) fn check_changelogs(outcome: &Outcome, layout: &Layout, disks: &[Disk], compacted: bool) -> Vec<String> {
    let mut violations = Vec::new();
    for task in &layout.tasks {
        let Some(topic) = task.changelog.and_then(|topic| layout.topic(topic)) else {
            continue;
        };
        let partition = usize::try_from(task.id.partition).unwrap_or(0);
        let records = outcome
            .partitions(&topic.name)
            .get(partition)
            .map_or(&[][..], Vec::as_slice);
        let place = format!("{}/{}", topic.name, task.id.partition);
        if !compacted {
            violations.extend(torn(records).map(|found| format!("{place}: {found}")));
        }
        let expected = fold(records, layout, task);
        let stores = disks
            .iter()
            .filter(|disk| disk.open_tasks(&layout.application_id).contains(&task.id));
        let held: Vec<Entries> = stores.filter_map(|disk| contents(disk, layout, task.id)).collect();
        if held.len() > 1 {
            violations.push(format!("{place}: {} processes have task {} open", held.len(), task.id));
        }
        violations.extend(
            held.iter()
                .filter_map(|held| difference(held, &expected))
                .map(|found| format!("{place}: {found}")),
        );
    }
    violations
}

fn contents(disk: &Disk, layout: &Layout, task: TaskId) -> Option<Entries> {
    disk.contents(&layout.application_id, task).map(|(entries, _)| entries)
}

fn fold(records: &[CommittedRecord], layout: &Layout, task: &TaskLayout) -> Entries {
    let mut entries = Entries::new();
    for CommittedRecord { record, .. } in records {
        let Some((name, key)) = record.key.as_deref().and_then(split_changelog_key) else {
            continue;
        };
        let Some(store) = layout.store_named(name).filter(|store| task.stores.contains(store)) else {
            continue;
        };
        match &record.value {
            Some(value) => entries.insert((store, key.to_vec()), value.to_vec()),
            None => entries.remove(&(store, key.to_vec())),
        };
    }
    entries
}

fn difference(held: &Entries, expected: &Entries) -> Option<String> {
    if held == expected {
        return None;
    }
    let mut keys = held.keys().chain(expected.keys());
    let wrong = keys.find(|key| held.get(*key) != expected.get(*key))?;
    let key = String::from_utf8_lossy(&wrong.1);
    Some(format!(
        "the store has {} entries, its changelog {}; they differ at {key:?}",
        held.len(),
        expected.len()
    ))
}

/// Commit numbers follow one another, and each commit record stands behind as many records as it counts.
fn torn(records: &[CommittedRecord]) -> impl Iterator<Item = String> {
    let (mut since, mut sequence) = (0usize, 0u64);
    let found = records.iter().filter_map(move |CommittedRecord { offset, record }| {
        if record.key.as_deref() != Some(COMMIT_RECORD_KEY) {
            since += 1;
            return None;
        }
        let commit = CommitRecord::from_bytes(record.value.as_deref()?).ok()?;
        let (stood, before) = (
            std::mem::take(&mut since),
            std::mem::replace(&mut sequence, commit.sequence),
        );
        let whole = stood == commit.records && commit.sequence == before + 1;
        (!whole).then(|| {
            let (number, counted) = (commit.sequence, commit.records);
            format!("commit {number} at {offset} follows {before} and stands behind {stood} records, not {counted}")
        })
    });
    found.collect::<Vec<_>>().into_iter()
}
