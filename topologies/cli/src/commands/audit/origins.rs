//! Outputs: of each task, every number is in its topic, and once. What came twice or is missing shows so in the topics of any
//! topology, whatever their records mean.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use commerce::audit::Place;
use runtime::origin::{Origin, Sequence, Wrong};
use streams::Layout;
use streams::log::LogReader;

use super::cut::ends;
use super::go_on;
use super::report::Report;
use super::scratch::{About, Scratch};
use crate::platform::{Cleanup, Platform, WantedTopic};
use crate::progress::Progress;

const TWICE: &str = "output-twice";
const MISSING: &str = "output-missing";

/// Checks every topic that a topology writes.
pub(super) fn check(
    platform: &dyn Platform,
    reader: &mut dyn LogReader,
    layouts: &[Arc<Layout>],
    scratch: &mut Scratch,
    report: &mut Report,
) -> anyhow::Result<()> {
    let mut existing = platform.topics()?;
    let topics = names(layouts).into_iter().filter_map(|name| existing.remove(name));
    let mut written = Vec::new();
    for (number, topic) in (0..).zip(topics) {
        written.push(Written::look(reader, number, topic)?);
    }
    let progress = Progress::start(written.iter().map(Written::records).sum(), "outputs");
    for topic in &written {
        topic.check(reader, scratch, &progress, report)?;
    }
    progress.finish();
    Ok(())
}

/// Each once: several topologies may write one topic.
fn names(layouts: &[Arc<Layout>]) -> BTreeSet<&str> {
    let written = layouts.iter().flat_map(|layout| layout.written());
    written.map(|topic| topic.name.as_str()).collect()
}

/// A topic with what of it is looked at.
struct Written {
    number: u16,
    topic: WantedTopic,
    /// By partition.
    spans: Vec<Span>,
}

struct Span {
    first: i64,
    /// What stands before it had ended when the end of the last partition was asked for.
    settled: i64,
    end: i64,
}

/// Which numbers of a writer have to be there.
#[derive(Default)]
struct Bounds {
    /// The first number in each partition whose beginning is gone.
    firsts: BTreeMap<i32, u64>,
    /// The last number before a settled end. Everything before it had ended too, in whatever partition it is.
    settled: u64,
}

impl Written {
    /// Ends are asked for twice: transactions go on meanwhile, and reach a partition that was asked early later than another.
    fn look(reader: &mut dyn LogReader, number: u16, topic: WantedTopic) -> anyhow::Result<Self> {
        let mut spans = Vec::new();
        for partition in 0..topic.partitions {
            let (first, settled) = ends(reader, &topic.name, partition)?;
            let end = settled;
            spans.push(Span { first, settled, end });
        }
        for (partition, span) in (0..).zip(&mut spans) {
            (span.first, span.end) = ends(reader, &topic.name, partition)?;
        }
        Ok(Self { number, topic, spans })
    }

    /// Offsets to read, at most as many records.
    fn records(&self) -> u64 {
        let records = self.spans.iter().map(|span| span.end - span.first);
        records.map(|records| u64::try_from(records).unwrap_or(0)).sum()
    }

    fn check(
        &self,
        reader: &mut dyn LogReader,
        scratch: &mut Scratch,
        progress: &Progress,
        report: &mut Report,
    ) -> anyhow::Result<()> {
        let mut bounds = BTreeMap::new();
        for (partition, span) in (0..).zip(&self.spans) {
            let mut failed = Ok(());
            reader.read(&self.topic.name, partition, span.first, span.end, &mut |record| {
                progress.advance();
                let Some(origin) = Origin::of(&record.headers) else {
                    return go_on(Ok(()), &mut failed);
                };
                report.outputs += 1;
                if !bounds.contains_key(origin.writer) {
                    bounds.insert(origin.writer.to_owned(), Bounds::default());
                }
                if let Some(bounds) = bounds.get_mut(origin.writer) {
                    bounds.take(origin.number, partition, record.offset, span);
                }
                let place = Place {
                    partition,
                    offset: record.offset,
                };
                go_on(scratch.put(self.key(origin, place), Some(Vec::new())), &mut failed)
            })?;
            failed?;
        }
        scratch.finish()?;
        self.judge(scratch, &bounds, report)
    }

    /// Scratch keys sort by topic, writer and number.
    fn key(&self, origin: Origin<'_>, place: Place) -> Vec<u8> {
        [
            &self.prefix()[..],
            origin.writer.as_bytes(),
            &[0],
            &origin.number.to_be_bytes(),
            &place.partition.to_be_bytes(),
            &place.offset.to_be_bytes(),
        ]
        .concat()
    }

    fn prefix(&self) -> [u8; 3] {
        let [high, low] = self.number.to_be_bytes();
        [About::Output as u8, high, low]
    }

    fn judge(&self, scratch: &Scratch, bounds: &BTreeMap<String, Bounds>, report: &mut Report) -> anyhow::Result<()> {
        let mut present: Option<(String, Sequence)> = None;
        scratch.scan(&self.prefix(), |key, _| {
            let Some((origin, place)) = key.get(3..).and_then(told) else {
                anyhow::bail!("the scratch directory is damaged");
            };
            let sequence = match &mut present {
                Some((writer, sequence)) if writer == origin.writer => sequence,
                other => {
                    let sequence = self.sequence(bounds.get(origin.writer), report);
                    &mut other.insert((origin.writer.to_owned(), sequence)).1
                }
            };
            if let Some(wrong) = sequence.next(origin.number, (place.partition, place.offset)) {
                let (check, found) = in_words(wrong);
                report.add(check, &origin.to_string(), &self.topic.name, place, found);
            }
            Ok(())
        })
    }

    fn sequence(&self, bounds: Option<&Bounds>, report: &mut Report) -> Sequence {
        let Some(bounds) = bounds.filter(|_| self.topic.cleanup != Cleanup::Compact) else {
            return Sequence::default();
        };
        let cut = (0..).zip(&self.spans).filter(|(_, span)| span.first > 0);
        let firsts = cut.map(|(partition, _)| bounds.firsts.get(&partition).copied());
        let Some(firsts) = firsts.collect::<Option<Vec<_>>>() else {
            report.unchecked(format!(
                "{} does not reach back to outputs of every task: missing ones were not looked for",
                self.topic.name
            ));
            return Sequence::default();
        };
        Sequence::between(firsts.into_iter().max().unwrap_or(0), bounds.settled)
    }
}

impl Bounds {
    fn take(&mut self, number: u64, partition: i32, offset: i64, span: &Span) {
        if span.first > 0 {
            self.firsts.entry(partition).or_insert(number);
        }
        if offset < span.settled {
            self.settled = self.settled.max(number);
        }
    }
}

/// The reverse of [`Written::key`], behind its prefix.
fn told(key: &[u8]) -> Option<(Origin<'_>, Place)> {
    let (writer, rest) = key.split_at_checked(key.iter().position(|byte| *byte == 0)?)?;
    let (number, rest) = rest.get(1..)?.split_first_chunk()?;
    let (partition, rest) = rest.split_first_chunk()?;
    let origin = Origin {
        writer: std::str::from_utf8(writer).ok()?,
        number: u64::from_be_bytes(*number),
    };
    let place = Place {
        partition: i32::from_be_bytes(*partition),
        offset: i64::from_be_bytes(rest.try_into().ok()?),
    };
    Some((origin, place))
}

fn in_words(wrong: Wrong) -> (&'static str, String) {
    match wrong {
        Wrong::Twice { before, .. } => {
            let (partition, offset) = before;
            (TWICE, format!("the same output stands at {partition}/{offset} too"))
        }
        Wrong::Missing { first, last } if first == last => (MISSING, format!("output {first} before it is missing")),
        Wrong::Missing { first, last } => (MISSING, format!("outputs {first} to {last} before it are missing")),
    }
}
