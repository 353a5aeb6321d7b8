//! Changelogs: whole transactions only, numbered without a gap, and inputs committed as far as the newest one says.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use commerce::audit::Place;
use runtime::commit_record::CommitRecord;
use streams::log::LogReader;
use streams::{Layout, TaskLayout};

use super::cut::ends;
use super::report::Report;
use crate::commands::topology;
use crate::platform::{self, Platform};
use crate::settings::Settings;

/// Checks the changelog of every task.
pub(super) fn check(
    platform: &dyn Platform,
    reader: &mut dyn LogReader,
    settings: &Settings,
    report: &mut Report,
) -> anyhow::Result<()> {
    for topology in topology::all()? {
        let layout = platform::place(platform, settings, &topology)?;
        for task in &layout.tasks {
            if let Some((changelog, range)) = changelog_of(reader, &layout, task)? {
                report.changelogs += 1;
                let inputs = read(reader, &changelog, task, range, report)?;
                committed(platform, &layout, task, &changelog, &inputs, report)?;
            }
        }
    }
    Ok(())
}

/// The task's changelog and its first and end offsets; `None` for a task without one, or one that was never started.
pub(super) fn changelog_of(
    reader: &mut dyn LogReader,
    layout: &Layout,
    task: &TaskLayout,
) -> anyhow::Result<Option<(String, (i64, i64))>> {
    let Some(topic) = task.changelog.and_then(|topic| layout.topic(topic)) else {
        return Ok(None);
    };
    if reader.partitions(&topic.name)?.is_none() {
        return Ok(None);
    }
    let range = ends(reader, &topic.name, task.id.partition)?;
    Ok(Some((topic.name.clone(), range)))
}

/// By `topic/partition`, the furthest offset that a commit record says is processed, and where that record stands.
type Inputs = BTreeMap<String, (i64, Place)>;

/// Reads a changelog, and answers how far its commits say that the inputs are.
fn read(
    reader: &mut dyn LogReader,
    changelog: &str,
    task: &TaskLayout,
    (first, end): (i64, i64),
    report: &mut Report,
) -> anyhow::Result<Inputs> {
    let partition = task.id.partition;
    let mut transactions = Transactions::default();
    reader.read(changelog, partition, first, end, &mut |record| {
        let place = Place {
            partition,
            offset: record.offset,
        };
        let found = match CommitRecord::of(&record) {
            Some(commit) => transactions.end(place, commit),
            None => transactions.record(place),
        };
        if let Some((check, found)) = found {
            report.add(check, &task.id.to_string(), changelog, place, found);
        }
        ControlFlow::Continue(())
    })?;
    if let Some((place, found)) = transactions.rest() {
        report.add(TORN, &task.id.to_string(), changelog, place, found);
    }
    Ok(transactions.inputs)
}

const TORN: &str = "torn-transaction";
const NUMBERS: &str = "commit-sequence";
const OFFSETS: &str = "input-offsets";

/// Follows the transactions of one changelog. Compaction takes records, and commit records but the newest; what is left of a
/// transaction is never more than its commit record counts.
#[derive(Default)]
struct Transactions {
    /// The end and the number of the newest commit.
    newest: Option<(i64, u64)>,
    inputs: Inputs,
    records: usize,
    begin: Option<Place>,
}

impl Transactions {
    fn record(&mut self, place: Place) -> Option<(&'static str, String)> {
        self.records += 1;
        self.begin.get_or_insert(place);
        None
    }

    fn end(&mut self, place: Place, commit: CommitRecord) -> Option<(&'static str, String)> {
        let records = std::mem::take(&mut self.records);
        self.begin = None;
        let found = judge(self.newest, records, place.offset, &commit);
        self.newest = Some((place.offset + 1, commit.sequence));
        let inputs = commit.offsets.into_iter();
        self.inputs.extend(inputs.map(|(input, next)| (input, (next, place))));
        found
    }

    /// What stands behind the newest commit record.
    fn rest(&self) -> Option<(Place, String)> {
        let found = format!("{} records stand behind the newest commit record", self.records);
        Some((self.begin?, found))
    }
}

/// What is wrong with a transaction that ends at offset `at`; `before` are the end and the number of the commit record before it.
fn judge(before: Option<(i64, u64)>, records: usize, at: i64, commit: &CommitRecord) -> Option<(&'static str, String)> {
    let (end, last) = before.unwrap_or_default();
    let (after, sequence) = (commit.after.unwrap_or(0), commit.sequence);
    if !(end..=at).contains(&after) {
        let found = format!("commit {sequence} says it follows offset {after}, and stands at {at} behind {end}");
        return Some((NUMBERS, found));
    }
    // What is between was compacted away, with the commit record that it belonged to.
    if after > end {
        return None;
    }
    if sequence != last + 1 {
        return Some((NUMBERS, format!("commit {sequence} follows commit {last}")));
    }
    let torn = records.saturating_sub(commit.records);
    (torn > 0).then(|| {
        (
            TORN,
            format!("{torn} records before commit {sequence} are of no transaction"),
        )
    })
}

/// State that is ahead of its inputs would process them twice. Offsets that are ahead of the state are those of commits that
/// changed no store.
fn committed(
    platform: &dyn Platform,
    layout: &Layout,
    task: &TaskLayout,
    changelog: &str,
    inputs: &Inputs,
    report: &mut Report,
) -> anyhow::Result<()> {
    let input = |name: &String| {
        let (topic, partition) = name.rsplit_once('/')?;
        Some((topic.to_owned(), partition.parse().ok()?))
    };
    let partitions: Vec<(String, i32)> = inputs.keys().filter_map(input).collect();
    let offsets = platform.group_offsets(&layout.application_id, &partitions)?;
    for (name, (next, place)) in inputs {
        let committed = input(name).and_then(|input| offsets.get(&input).copied()).unwrap_or(0);
        if committed < *next {
            let found = format!("{name} is committed up to {committed}, the state has it up to {next}");
            report.add(OFFSETS, &task.id.to_string(), changelog, *place, found);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(sequence: u64, after: Option<i64>, records: usize) -> CommitRecord {
        CommitRecord {
            task: "0_0".to_owned(),
            sequence,
            after,
            records,
            stream_time_ms: 0,
            offsets: [].into(),
            outputs: 0,
        }
    }

    fn check(before: Option<(i64, u64)>, records: usize, at: i64, commit: &CommitRecord) -> Option<&'static str> {
        judge(before, records, at, commit).map(|(check, _)| check)
    }

    #[test]
    fn whole_transactions_one_after_the_other_are_right() {
        assert_eq!(check(None, 2, 2, &commit(1, None, 2)), None);
        assert_eq!(check(Some((3, 1)), 4, 7, &commit(2, Some(3), 4)), None);
    }

    #[test]
    fn what_compaction_took_is_not_missed() {
        assert_eq!(check(Some((3, 1)), 1, 7, &commit(2, Some(3), 4)), None);
        assert_eq!(check(Some((3, 1)), 9, 44, &commit(7, Some(40), 4)), None);
    }

    #[test]
    fn a_record_too_many_and_a_wrong_number_are_found() {
        assert_eq!(check(Some((3, 1)), 5, 8, &commit(2, Some(3), 4)), Some(TORN));
        assert_eq!(check(None, 3, 3, &commit(1, None, 2)), Some(TORN));
        assert_eq!(check(Some((3, 1)), 4, 7, &commit(3, Some(3), 4)), Some(NUMBERS));
        assert_eq!(check(Some((9, 4)), 4, 13, &commit(5, Some(3), 4)), Some(NUMBERS));
        assert_eq!(check(Some((9, 4)), 4, 13, &commit(5, Some(14), 4)), Some(NUMBERS));
    }
}
