//! `sluice metrics`: every metric that a serving process shows.

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use runtime::metric::Metric;
use serde::Serialize;

use crate::exit;
use crate::observability::{Table, tables};
use crate::settings::Settings;
use crate::terminal;

#[derive(Debug, Args)]
pub(crate) struct MetricsArguments {
    /// The form of the list; --output json is the same as json here.
    #[arg(long, value_enum, default_value_t = Form::Text)]
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Aligned columns.
    Text,
    /// JSON.
    Json,
    /// The tables of compose/observability/metrics.md.
    Markdown,
}

#[derive(Debug, Serialize)]
struct Line {
    part: &'static str,
    name: &'static str,
    kind: &'static str,
    labels: &'static [&'static str],
    meaning: &'static str,
}

pub(crate) fn run(settings: &Settings, arguments: &MetricsArguments) -> anyhow::Result<ExitCode> {
    let form = if settings.json() { Form::Json } else { arguments.form };
    match form {
        Form::Text => terminal::table(&["NAME", "KIND", "LABELS", "MEANING"], &rows()),
        Form::Json => terminal::json(&lines()),
        Form::Markdown => terminal::line(markdown().trim_end()),
    }?;
    Ok(ExitCode::from(exit::SUCCESS))
}

fn lines() -> Vec<Line> {
    let of_table = |table: &Table| {
        let part = table.part;
        table.metrics.iter().map(move |metric| Line {
            part,
            name: metric.name,
            kind: metric.kind.word(),
            labels: metric.labels,
            meaning: metric.meaning,
        })
    };
    tables().iter().flat_map(of_table).collect()
}

fn rows() -> Vec<Vec<String>> {
    let row = |line: Line| {
        vec![
            line.name.to_owned(),
            line.kind.to_owned(),
            line.labels.join(", "),
            line.meaning.to_owned(),
        ]
    };
    lines().into_iter().map(row).collect()
}

fn markdown() -> String {
    let row = |metric: &Metric| {
        let labels = metric.labels.join(", ");
        format!(
            "| `{}` | {} | {labels} | {} |\n",
            metric.name,
            metric.kind.word(),
            metric.meaning
        )
    };
    let of_table = |table: &Table| {
        let rows: String = table.metrics.iter().map(row).collect();
        format!(
            "## {}\n\n| name | kind | labels | meaning |\n|---|---|---|---|\n{rows}\n",
            table.part
        )
    };
    tables().iter().map(of_table).collect()
}
