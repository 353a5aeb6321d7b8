//! Changelogs: whole transactions only, numbered without a gap, and inputs committed as far as the newest one says. Each is read
//! once, and what it says is held against the state on this machine in the same go.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use commerce::audit::Place;
use runtime::commit_record::CommitRecord;
use state_stores::StateDirectory;
use streams::log::LogReader;
use streams::{Layout, TaskId, TaskLayout};

use super::cut::ends;
use super::go_on;
use super::report::Report;
use super::scratch::Scratch;
use super::stores::{LocalState, LocalStates};
use crate::platform::Platform;

/// Checks the changelog of every task, and its state where it is in the state directory.
pub(super) fn check(
    platform: &dyn Platform,
    reader: &mut dyn LogReader,
    (layouts, states): (&[Arc<Layout>], Vec<StateDirectory>),
    scratch: &mut Scratch,
    report: &mut Report,
) -> anyhow::Result<()> {
    for (layout, directory) in layouts.iter().zip(states) {
        let states = LocalStates::find(layout, directory)?;
        for task in &layout.tasks {
            let Some(changelog) = Changelog::of(layout, task) else {
                continue;
            };
            // State is opened first, so that the changelog's end is not before it.
            let state = states.open(task, &changelog, report);
            // A task that was never started.
            if reader.partitions(changelog.topic)?.is_none() {
                continue;
            }
            let (first, end) = ends(reader, changelog.topic, task.id.partition)?;
            let state = state.filter(|state| state.is_within(end, &changelog, report));
            report.changelogs += 1;
            let inputs = read(reader, &changelog, first..end, (state.as_ref(), scratch), report)?;
            committed(platform, layout, &changelog, &inputs, report)?;
            if let Some(state) = state {
                state.compare(&changelog, scratch, report)?;
            }
        }
    }
    Ok(())
}

/// The changelog of one task.
pub(super) struct Changelog<'a> {
    topic: &'a str,
    task: TaskId,
}

impl<'a> Changelog<'a> {
    fn of(layout: &'a Layout, task: &TaskLayout) -> Option<Self> {
        let topic = layout.topic(task.changelog?)?;
        Some(Self {
            topic: &topic.name,
            task: task.id,
        })
    }

    /// Notes what is wrong with the task, or with the `part` of it that is named, at an offset.
    pub(super) fn note(&self, report: &mut Report, check: &str, part: Option<&str>, offset: i64, found: String) {
        let task = self.task.to_string();
        let subject = part.map_or_else(|| task.clone(), |part| format!("{task}/{part}"));
        let place = Place {
            partition: self.task.partition,
            offset,
        };
        report.add(check, &subject, self.topic, place, found);
    }
}

/// By `topic/partition`, the newest offset that a commit record says is processed, and the offset of that record.
type Inputs = BTreeMap<String, (i64, i64)>;

/// Reads a changelog, sorts it for the state, and answers how far its commits say that the inputs are.
fn read(
    reader: &mut dyn LogReader,
    changelog: &Changelog<'_>,
    range: Range<i64>,
    (state, scratch): (Option<&LocalState>, &mut Scratch),
    report: &mut Report,
) -> anyhow::Result<Inputs> {
    let mut transactions = Transactions::default();
    let mut failed = Ok(());
    let (topic, partition) = (changelog.topic, changelog.task.partition);
    reader.read(topic, partition, range.start, range.end, &mut |record| {
        if let Some(commit) = CommitRecord::of(&record) {
            if let Some((check, found)) = transactions.end(record.offset, commit) {
                changelog.note(report, check, None, record.offset, found);
            }
        } else {
            transactions.record(record.offset);
        }
        go_on(state.map_or(Ok(()), |state| state.sort(&record, scratch)), &mut failed)
    })?;
    failed?;
    scratch.finish()?;
    if let Some((offset, found)) = transactions.rest() {
        changelog.note(report, TORN, None, offset, found);
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
    begin: Option<i64>,
}

impl Transactions {
    fn record(&mut self, offset: i64) {
        self.records += 1;
        self.begin.get_or_insert(offset);
    }

    fn end(&mut self, offset: i64, commit: CommitRecord) -> Option<(&'static str, String)> {
        let records = std::mem::take(&mut self.records);
        self.begin = None;
        let found = judge(self.newest, records, offset, &commit);
        self.newest = Some((offset + 1, commit.sequence));
        let inputs = commit.offsets.into_iter();
        self.inputs.extend(inputs.map(|(input, next)| (input, (next, offset))));
        found
    }

    /// What stands behind the newest commit record.
    fn rest(&self) -> Option<(i64, String)> {
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
    changelog: &Changelog<'_>,
    inputs: &Inputs,
    report: &mut Report,
) -> anyhow::Result<()> {
    let input = |name: &String| {
        let (topic, partition) = name.rsplit_once('/')?;
        Some((topic.to_owned(), partition.parse().ok()?))
    };
    let partitions: Vec<(String, i32)> = inputs.keys().filter_map(input).collect();
    let offsets = platform.group_offsets(&layout.application_id, &partitions)?;
    for (name, (next, offset)) in inputs {
        let committed = input(name).and_then(|input| offsets.get(&input).copied()).unwrap_or(0);
        if committed < *next {
            let found = format!("{name} is committed up to {committed}, the state has it up to {next}");
            changelog.note(report, OFFSETS, None, *offset, found);
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
