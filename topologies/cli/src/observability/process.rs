//! What the operating system says of this process, read when it is asked for. Names and meanings are those of Prometheus' own clients.

use std::fs;

use runtime::metric::{Kind, Metric, float};

const CPU_SECONDS: Metric = Metric::counter(
    "process_cpu_seconds_total",
    &[],
    "Processor time that the process has used.",
);
const RESIDENT_BYTES: Metric = Metric::gauge("process_resident_memory_bytes", &[], "Memory that the process holds.");
const OPEN_FDS: Metric = Metric::gauge("process_open_fds", &[], "File descriptors that are open.");
const MAX_FDS: Metric = Metric::gauge("process_max_fds", &[], "File descriptors that may be open.");
const THREADS: Metric = Metric::gauge("process_threads", &[], "Threads of the process.");
const START_SECONDS: Metric = Metric::gauge(
    "process_start_time_seconds",
    &[],
    "When the process began, in seconds since the epoch.",
);
const BUILD: Metric = Metric::gauge("sluice_build_info", &["version"], "1, with the version of this build.");

/// All of them.
pub(crate) const METRICS: &[Metric] = &[
    CPU_SECONDS,
    RESIDENT_BYTES,
    OPEN_FDS,
    MAX_FDS,
    THREADS,
    START_SECONDS,
    BUILD,
];

/// The metrics in Prometheus' text format. What cannot be read is left out.
pub(crate) fn render() -> String {
    let mut text = String::new();
    let status = Status::read();
    let values = [
        (CPU_SECONDS, status.as_ref().map(|status| status.cpu_seconds)),
        (RESIDENT_BYTES, resident_bytes()),
        (
            OPEN_FDS,
            fs::read_dir("/proc/self/fd")
                .ok()
                .map(|open| float(open.count() as u64)),
        ),
        (MAX_FDS, max_fds()),
        (THREADS, status.as_ref().map(|status| status.threads)),
        (START_SECONDS, status.as_ref().and_then(|status| status.start_seconds)),
    ];
    for (metric, value) in values {
        if let Some(value) = value {
            text += &lines(metric, "", value);
        }
    }
    let version = concat!("{version=\"", env!("CARGO_PKG_VERSION"), "\"}");
    text + &lines(BUILD, version, 1.0)
}

fn lines(metric: Metric, labels: &str, value: f64) -> String {
    let Metric {
        name, meaning, kind, ..
    } = metric;
    let word = Kind::word(kind);
    format!("# HELP {name} {meaning}\n# TYPE {name} {word}\n{name}{labels} {value}\n")
}

/// What `/proc/self/stat` says.
struct Status {
    cpu_seconds: f64,
    threads: f64,
    start_seconds: Option<f64>,
}

impl Status {
    fn read() -> Option<Self> {
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        Self::parse(&stat, float(rustix::param::clock_ticks_per_second()), boot_seconds())
    }

    /// The fields after the name of the program, which may hold anything and stands in parentheses: the first is number 3.
    fn parse(stat: &str, ticks: f64, boot_seconds: Option<f64>) -> Option<Self> {
        let (_, rest) = stat.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3)?.parse::<f64>().ok();
        Some(Self {
            cpu_seconds: (field(14)? + field(15)?) / ticks,
            threads: field(20)?,
            start_seconds: boot_seconds.zip(field(22)).map(|(boot, after)| boot + after / ticks),
        })
    }
}

fn boot_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let line = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    line.trim().parse().ok()
}

fn resident_bytes() -> Option<f64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_ascii_whitespace().nth(1)?.parse().ok()?;
    Some(float(pages * rustix::param::page_size() as u64))
}

fn max_fds() -> Option<f64> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    limit.current.map(float)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use super::*;

    #[test]
    fn a_program_name_with_parentheses_and_spaces_moves_no_field() {
        let rest = "S 1 2 3 4 5 6 7 8 9 10 200 100 0 0 20 0 7 0 500 0";
        let status = Status::parse(&format!("42 (a) b (c)) {rest}"), 100.0, Some(1_000.0)).unwrap();
        assert!((status.cpu_seconds - 3.0).abs() < 1e-9);
        assert!((status.threads - 7.0).abs() < 1e-9);
        assert!((status.start_seconds.unwrap() - 1_005.0).abs() < 1e-9);
    }

    #[test]
    fn every_metric_of_the_table_is_rendered() {
        let text = render();
        for metric in METRICS {
            assert!(text.contains(&format!("\n{}", metric.name)), "{}: {text}", metric.name);
        }
    }
}
