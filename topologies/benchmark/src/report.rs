//! The figures as Markdown.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::shapes::Shape;
use crate::workloads::{Crash, Latency, Orders, Restore, Window};

/// One run of a throughput workload.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    pub(crate) shape: Shape,
    pub(crate) threads: usize,
    /// The second half of the backlog.
    pub(crate) warm: Window,
    /// The whole backlog, from the start of the process.
    pub(crate) cold: Window,
    pub(crate) peak_memory: u64,
}

/// Everything that was measured.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    pub(crate) restore: Option<Restore>,
    pub(crate) latency: Vec<Latency>,
    pub(crate) orders: Option<Orders>,
    pub(crate) crash: Option<Crash>,
}

impl Report {
    /// Adds a run.
    pub(crate) fn add(&mut self, row: Row) {
        self.rows.push(row);
    }

    /// The tables. Repeats of a run stand in one cell, in the order of the runs.
    pub(crate) fn markdown(&self, machine: &str, took: Duration) -> Result<String, fmt::Error> {
        let mut text = String::new();
        self.write(&mut text, machine, took)?;
        Ok(text)
    }

    fn write(&self, out: &mut String, machine: &str, took: Duration) -> fmt::Result {
        writeln!(
            out,
            "Machine: {machine}; broker, load and engine share it. {} s in all.\n",
            took.as_secs()
        )?;
        self.write_throughput(out)?;
        self.write_latency(out)?;
        if let Some(restore) = &self.restore {
            writeln!(out, "Restore: {restore}.\n")?;
        }
        if let Some(orders) = &self.orders {
            writeln!(out, "Orders: {orders}.\n")?;
        }
        if let Some(crash) = &self.crash {
            writeln!(out, "Crash: {crash}.\n")?;
        }
        Ok(())
    }

    fn write_throughput(&self, out: &mut String) -> fmt::Result {
        if self.rows.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "| workload | threads | CPU us per record | records/s | to the bare loop | cold CPU us per record | broker CPU us per record | peak RSS MB |"
        )?;
        writeln!(out, "|---|---|---|---|---|---|---|---|")?;
        let mut kinds: Vec<(Shape, usize)> = self.rows.iter().map(|row| (row.shape, row.threads)).collect();
        kinds.dedup();
        let mut told = Vec::new();
        for kind in kinds {
            if told.contains(&kind) {
                continue;
            }
            told.push(kind);
            self.write_kind(out, kind)?;
        }
        writeln!(out)
    }

    fn write_kind(&self, out: &mut String, kind: (Shape, usize)) -> fmt::Result {
        let rows: Vec<&Row> = self
            .rows
            .iter()
            .filter(|row| (row.shape, row.threads) == kind)
            .collect();
        let cell = |show: &dyn Fn(&Row) -> String| rows.iter().map(|row| show(row)).collect::<Vec<_>>().join(" / ");
        writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            name(kind.0),
            kind.1,
            cell(&|row| format!("{:.2}", row.warm.own_us)),
            cell(&|row| format!("{:.0}k", row.warm.rate / 1e3)),
            self.ratio(&rows)
                .map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            cell(&|row| format!("{:.2}", row.cold.own_us)),
            cell(&|row| format!("{:.2}", row.warm.broker_us)),
            cell(&|row| (row.peak_memory / 1_000_000).to_string()),
        )
    }

    /// Mean processor time for one record as a multiple of the bare loop's.
    fn ratio(&self, rows: &[&Row]) -> Option<f64> {
        let bare: Vec<&Row> = self.rows.iter().filter(|row| row.shape == Shape::Bare).collect();
        Some(mean(rows)? / mean(&bare)?)
    }

    fn write_latency(&self, out: &mut String) -> fmt::Result {
        if self.latency.is_empty() {
            return Ok(());
        }
        writeln!(
            out,
            "| records/s | p50 ms | p99 ms | p99.9 ms | process, of a core | broker, of a core |"
        )?;
        writeln!(out, "|---|---|---|---|---|---|")?;
        for latency in &self.latency {
            let [half, most, nearly_all] = latency.quantiles();
            let (own, broker) = (latency.own_share * 100.0, latency.broker_share * 100.0);
            writeln!(
                out,
                "| {} | {half:.1} | {most:.1} | {nearly_all:.1} | {own:.1} % | {broker:.1} % |",
                latency.rate
            )?;
        }
        writeln!(out)
    }
}

fn name(shape: Shape) -> &'static str {
    match shape {
        Shape::Bare => "bare consume-produce-commit loop",
        Shape::Copy => "copy",
        Shape::Numbered => "copy, outputs numbered",
        Shape::Count => "count per key, RocksDB and changelog",
        Shape::Saga => "saga, per input",
        Shape::Keep => "keep",
    }
}

#[allow(clippy::cast_precision_loss, reason = "a handful of rows")]
fn mean(rows: &[&Row]) -> Option<f64> {
    let sum: f64 = rows.iter().map(|row| row.warm.own_us).sum();
    (!rows.is_empty()).then(|| sum / rows.len() as f64)
}

impl Latency {
    /// The middle, the 99th and the 99.9th per cent, in milliseconds.
    fn quantiles(&self) -> [f64; 3] {
        [500, 990, 999].map(|per_mille| {
            let place = self.latencies.len().saturating_sub(1) * per_mille / 1000;
            self.latencies
                .get(place)
                .map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
        })
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (warm, cold, memory) = (&self.warm, &self.cold, self.peak_memory / 1_000_000);
        write!(
            f,
            "{:.2} us/record ({:.2} cold, broker {:.2}), ",
            warm.own_us, cold.own_us, warm.broker_us
        )?;
        write!(f, "{:.0}k records/s, {memory} MB", warm.rate / 1e3)
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, nearly_all] = self.quantiles();
        write!(
            f,
            "{} records/s: p50 {half:.1} ms, p99 {most:.1} ms, p99.9 {nearly_all:.1} ms, ",
            self.rate
        )?;
        write!(
            f,
            "{:.1} % of a core, broker {:.1} %",
            self.own_share * 100.0,
            self.broker_share * 100.0
        )
    }
}

impl fmt::Display for Restore {
    #[allow(clippy::cast_precision_loss, reason = "counts of records are far below 2^52")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (records, seconds) = (self.records as f64, self.took.as_secs_f64());
        let (rate, cost) = (records / seconds / 1e3, self.own.as_secs_f64() * 1e6 / records);
        write!(
            f,
            "{} records of 116 bytes in {seconds:.1} s, {rate:.0}k records/s, {cost:.2} us CPU per record, ",
            self.records
        )?;
        write!(
            f,
            "{:.1} s after the start of the process, ",
            self.from_start.as_secs_f64()
        )?;
        write!(f, "peak RSS {} MB", self.peak_memory / 1_000_000)
    }
}

impl fmt::Display for Orders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [half, most, nearly_all] = self.settled_ms;
        write!(
            f,
            "{} a second, POST to final status p50 {half:.0} ms, p99 {most:.0} ms, p99.9 {nearly_all:.0} ms, ",
            self.rate
        )?;
        write!(
            f,
            "{:.0} % of a core, broker {:.0} %",
            self.own_share * 100.0,
            self.broker_share * 100.0
        )
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.to_first_output.as_secs_f64();
        write!(
            f,
            "{} keys, kill -9 to the first committed output {seconds:.2} s, {} changelog records read",
            self.keys, self.restored
        )
    }
}
