//! Outputs: of each writer, every number is in its topic once.

use std::collections::BTreeMap;

use runtime::origin::{Origin, Sequence, Wrong};
use streams::Layout;

use crate::outcome::{CommittedRecord, Outcome};

/// By writer, the numbers of its records in one topic, with partition and offset.
type Numbers<'a> = BTreeMap<&'a str, Vec<(u64, (i32, i64))>>;

/// Checks every topic that the application writes for records.
pub(crate) fn check_origins(outcome: &Outcome, layout: &Layout) -> Vec<String> {
    let found = layout.written().flat_map(|topic| {
        let numbers = numbers(outcome.partitions(&topic.name));
        let found = numbers.into_iter().flat_map(|(writer, numbers)| wrong(writer, numbers));
        found.map(|found| format!("{}: {found}", topic.name))
    });
    found.collect()
}

fn numbers(partitions: &[Vec<CommittedRecord>]) -> Numbers<'_> {
    let mut numbers = Numbers::new();
    for (partition, records) in (0..).zip(partitions) {
        for CommittedRecord { offset, record } in records {
            if let Some(origin) = Origin::of(&record.headers) {
                let own = numbers.entry(origin.writer).or_default();
                own.push((origin.number, (partition, *offset)));
            }
        }
    }
    numbers
}

fn wrong(writer: &str, mut numbers: Vec<(u64, (i32, i64))>) -> Vec<String> {
    numbers.sort_unstable();
    let mut sequence = Sequence::between(1, u64::MAX);
    let before_the_first = (0, (0, 0));
    let told = std::iter::once(before_the_first).chain(numbers);
    let found = told.filter_map(|(number, at)| Some((at, sequence.next(number, at)?)));
    let in_words = found.map(|((partition, offset), wrong)| match wrong {
        Wrong::Twice { number, before } => {
            let (before, at) = (format!("{}/{}", before.0, before.1), format!("{partition}/{offset}"));
            format!("number {number} of {writer} stands at {before} and at {at}")
        }
        Wrong::Missing { first, last } => {
            format!("numbers {first} to {last} of {writer} are missing before {partition}/{offset}")
        }
    });
    in_words.collect()
}
