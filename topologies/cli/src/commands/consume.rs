//! `sluice consume`: a topic as JSON lines, Avro included.

pub(super) mod decode;
mod position;

use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::Value;
use streams::log::{LogReader, StoredRecord};

use self::decode::Decoder;
use self::position::{From, Until};
use crate::exit::{self, Refusal};
use crate::platform::{self, Platform};
use crate::settings::{Output, Settings};
use crate::terminal;
use crate::times::rfc3339;

/// Interval at which a followed topic is looked at for new records.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(200);
/// Characters of a value in a table; JSON lines have it whole.
const TABLE_VALUE_CHARS_MAX: usize = 160;

#[derive(Debug, Args)]
#[command(after_help = "\
Values in Confluent framing are shown in the schema they were written with; an optional value is itself or null, and a record
of a union is an object with its name. Other values are shown as text, or as base64 with a note. Only committed records are
read. Each partition is read in its order, one partition after the other.")]
pub(crate) struct ConsumeArguments {
    /// The topic.
    topic: String,

    /// Where to begin: earliest, latest, an offset, or a time such as 2026-03-01T09:30:00Z.
    #[arg(long, value_name = "POSITION", default_value = "earliest", value_parser = position::from)]
    from: From,

    /// Where to end: before this offset, or before the first record of this time. Otherwise at the end of the topic.
    #[arg(long, value_name = "OFFSET|TIME", value_parser = position::until, conflicts_with = "follow")]
    until: Option<Until>,

    /// Only this partition; can be given several times.
    #[arg(long = "partition", value_name = "P")]
    partitions: Vec<i32>,

    /// Only records with this key.
    #[arg(long)]
    key: Option<String>,

    /// At most so many records.
    #[arg(long, value_name = "N")]
    limit: Option<u64>,

    /// Go on with records as they come, until the limit or a signal.
    #[arg(long)]
    follow: bool,
}

/// A record as it is printed. Fields may be added.
#[derive(Debug, Serialize)]
struct Line<'a> {
    topic: &'a str,
    partition: i32,
    offset: i64,
    /// Milliseconds since the epoch.
    timestamp: i64,
    key: Value,
    value: Value,
    headers: Vec<HeaderLine<'a>>,
    schema_id: Option<u32>,
    /// Why the value is not shown as Avro.
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
}

#[derive(Debug, Serialize)]
struct HeaderLine<'a> {
    key: &'a str,
    value: Value,
}

pub(crate) fn run(settings: &Settings, arguments: &ConsumeArguments) -> anyhow::Result<ExitCode> {
    let platform = platform::open(settings)?;
    let mut reader = platform.reader()?;
    let ranges = ranges(platform.as_ref(), reader.as_mut(), arguments)?;
    let printer = Printer {
        topic: &arguments.topic,
        key: arguments.key.as_deref(),
        left: arguments.limit.unwrap_or(u64::MAX),
        table: settings.output == Some(Output::Table),
        decoder: Decoder::new(platform.as_ref()),
        failure: None,
    };
    printer.start()?.read_all(reader.as_mut(), ranges, arguments.follow)?;
    Ok(ExitCode::from(exit::SUCCESS))
}

/// What is still to be read of one partition.
struct Range {
    partition: i32,
    next: i64,
    end: i64,
}

fn ranges(
    platform: &dyn Platform,
    reader: &mut dyn LogReader,
    arguments: &ConsumeArguments,
) -> anyhow::Result<Vec<Range>> {
    let topic = &arguments.topic;
    let Some(count) = reader.partitions(topic)? else {
        return Err(Refusal::refused(format!(
            "{} has no topic {topic:?}",
            platform.describe()
        )));
    };
    if let Some(missing) = arguments.partitions.iter().find(|wanted| !(0..count).contains(*wanted)) {
        return Err(Refusal::refused(format!(
            "the topic {topic} has no partition {missing}; it has {count}, from 0 on"
        )));
    }
    let selected = |partition: &i32| arguments.partitions.is_empty() || arguments.partitions.contains(partition);
    let range = |partition: i32| {
        let (first, last) = reader.readable(topic, partition)?;
        let next = match arguments.from {
            From::Earliest => first,
            From::Latest => last,
            From::Offset(offset) => offset.max(first),
            From::Time(ms) => platform.offset_at_time(topic, partition, ms)?,
        };
        let end = match arguments.until {
            None => last,
            Some(Until::Offset(offset)) => offset.min(last),
            Some(Until::Time(ms)) => platform.offset_at_time(topic, partition, ms)?.min(last),
        };
        Ok(Range { partition, next, end })
    };
    (0..count).filter(selected).map(range).collect()
}

struct Printer<'a> {
    topic: &'a str,
    key: Option<&'a str>,
    left: u64,
    table: bool,
    decoder: Decoder<'a>,
    failure: Option<anyhow::Error>,
}

impl Printer<'_> {
    fn start(self) -> anyhow::Result<Self> {
        if self.table {
            terminal::line(row("PARTITION/OFFSET", "TIME", "KEY", "VALUE"))?;
        }
        Ok(self)
    }

    fn read_all(mut self, reader: &mut dyn LogReader, mut ranges: Vec<Range>, follow: bool) -> anyhow::Result<()> {
        loop {
            for range in &mut ranges {
                self.read(reader, range)?;
            }
            if !follow || self.left == 0 {
                return Ok(());
            }
            std::thread::sleep(FOLLOW_INTERVAL);
            for range in &mut ranges {
                range.end = reader.readable(self.topic, range.partition)?.1;
            }
        }
    }

    fn read(&mut self, reader: &mut dyn LogReader, range: &mut Range) -> anyhow::Result<()> {
        if self.left == 0 || range.next >= range.end {
            return Ok(());
        }
        let topic = self.topic.to_owned();
        range.next = reader.read(&topic, range.partition, range.next, range.end, &mut |record| {
            let printed = self.print(range.partition, &record);
            self.failure = printed.err();
            if self.failure.is_some() || self.left == 0 {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        self.failure.take().map_or(Ok(()), Err)
    }

    fn print(&mut self, partition: i32, record: &StoredRecord<'_>) -> anyhow::Result<()> {
        if self.key.is_some_and(|wanted| record.key != Some(wanted.as_bytes())) {
            return Ok(());
        }
        self.left -= 1;
        let decoded = self.decoder.decode(record.value)?;
        let headers = record.headers.iter().map(|header| HeaderLine {
            key: &header.key,
            value: decode::text(header.value.as_deref()),
        });
        let line = Line {
            topic: self.topic,
            partition,
            offset: record.offset,
            timestamp: record.timestamp_ms,
            key: decode::text(record.key),
            value: decoded.value,
            headers: headers.collect(),
            schema_id: decoded.schema_id,
            note: decoded.note,
        };
        if self.table {
            print_row(&line)
        } else {
            terminal::line(serde_json::to_string(&line)?)
        }
    }
}

/// A row of the table.
fn print_row(line: &Line<'_>) -> anyhow::Result<()> {
    let at = format!("{}/{}", line.partition, line.offset);
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut value: String = plain(&line.value).chars().take(TABLE_VALUE_CHARS_MAX + 1).collect();
    if value.chars().count() > TABLE_VALUE_CHARS_MAX {
        value.pop();
        value.push('…');
    }
    terminal::line(row(&at, &rfc3339(line.timestamp), &plain(&line.key), &value))
}

/// Columns of a width that ids and times fit into; rows are printed as they are read, so they cannot be measured first.
fn row(at: &str, time: &str, key: &str, value: &str) -> String {
    format!("{at:<16}  {time:<24}  {key:<40}  {value}")
}
