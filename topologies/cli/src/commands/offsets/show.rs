//! `sluice offsets show`.

use std::process::ExitCode;

use runtime::{Machine, OsMachine};
use serde::Serialize;
use streams::Layout;
use streams::log::LogReader;

use super::inputs::{Input, inputs, next_record};
use super::placed;
use crate::commands::topology;
use crate::exit;
use crate::platform::{self, Platform};
use crate::settings::Settings;
use crate::terminal;

/// How far a topology is.
#[derive(Debug, Serialize)]
pub(in crate::commands) struct Shown {
    topology: String,
    application_id: String,
    members: Vec<String>,
    partitions: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    topic: String,
    partition: i32,
    first: i64,
    committed: Option<i64>,
    end: i64,
    lag: i64,
    time_lag_ms: i64,
}

pub(super) fn run(settings: &Settings, name: Option<&str>) -> anyhow::Result<ExitCode> {
    let platform = platform::open(settings)?;
    let mut reader = platform.reader()?;
    let all = topology::deployed(&platform.topics()?)?;
    let names: Vec<&str> = name.map_or_else(|| all.iter().map(streams::Topology::name).collect(), |name| vec![name]);
    let mut shown = Vec::new();
    for name in names {
        shown.push(show(platform.as_ref(), reader.as_mut(), settings, name)?);
    }
    print(settings, &shown)?;
    Ok(ExitCode::from(exit::SUCCESS))
}

fn show(platform: &dyn Platform, reader: &mut dyn LogReader, settings: &Settings, name: &str) -> anyhow::Result<Shown> {
    let (topology, layout) = placed(platform, settings, name)?;
    shown(platform, reader, topology.name(), &layout)
}

/// How far a placed topology is.
pub(in crate::commands) fn shown(
    platform: &dyn Platform,
    reader: &mut dyn LogReader,
    topology: &str,
    layout: &Layout,
) -> anyhow::Result<Shown> {
    let now_ms = OsMachine.now_ms();
    let mut partitions = Vec::new();
    let ends = |reader: &mut dyn LogReader, topic: &str, partition| reader.readable(topic, partition);
    for input in inputs(platform, reader, layout, ends)? {
        partitions.push(line(reader, input, now_ms)?);
    }
    let members = platform.group_members(&layout.application_id)?;
    Ok(Shown {
        topology: topology.to_owned(),
        application_id: layout.application_id.clone(),
        members,
        partitions,
    })
}

/// What stands between the position and the end may be transaction markers alone; then there is no lag.
fn line(reader: &mut dyn LogReader, input: Input, now_ms: i64) -> anyhow::Result<Line> {
    let next = next_record(reader, &input, input.position())?;
    let Input {
        topic,
        partition,
        first,
        end,
        committed,
        ..
    } = input;
    let lag = next.map_or(0, |(offset, _)| end - offset);
    let time_lag_ms = next.map_or(0, |(_, timestamp_ms)| (now_ms - timestamp_ms).max(0));
    Ok(Line {
        topic,
        partition,
        first,
        committed,
        end,
        lag,
        time_lag_ms,
    })
}

fn print(settings: &Settings, shown: &[Shown]) -> anyhow::Result<()> {
    if settings.json() {
        return terminal::json(&shown);
    }
    let row = |shown: &Shown, line: &Line| {
        let committed = line
            .committed
            .map_or_else(|| "-".to_owned(), |offset| offset.to_string());
        let time_lag = if line.lag == 0 {
            "-".to_owned()
        } else {
            format!("{} ms", line.time_lag_ms)
        };
        let (partition, end, lag) = (line.partition.to_string(), line.end.to_string(), line.lag.to_string());
        vec![
            shown.topology.clone(),
            line.topic.clone(),
            partition,
            committed,
            end,
            lag,
            time_lag,
        ]
    };
    let rows: Vec<_> = shown
        .iter()
        .flat_map(|shown| shown.partitions.iter().map(move |line| row(shown, line)))
        .collect();
    terminal::table(
        &["TOPOLOGY", "TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "TIME LAG"],
        &rows,
    )
}
