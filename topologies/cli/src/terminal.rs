//! Output: results on standard output, everything else on standard error.

use std::io::{IsTerminal, Write};

use edge_api::security;
use serde::Serialize;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::format::JsonFields;

use crate::json_lines::JsonLines;
use crate::panics;
use crate::plain_fields::PlainFields;
use crate::settings::LogFormat;

/// What is logged unless `RUST_LOG` says otherwise. Avro's own implementation warns of unions of one record, which leave room for a
/// second one on purpose.
const DEFAULT_FILTER: &str = "info,sluice=info,apache_avro=error";

/// What is logged of a simulation: its threads warn of every fault, which is what it is for, and its orders are thousands.
const SIMULATION_FILTER: &str = "off,sluice=info,sluice::orders=off";

/// Logs to standard error, panics too.
pub(crate) fn start_logging(is_simulated: bool, format: LogFormat) {
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter(is_simulated))
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .fmt_fields(PlainFields::new())
            .init(),
        LogFormat::Json => log
            .with_ansi(false)
            .fmt_fields(JsonFields::new())
            .event_format(JsonLines)
            .init(),
    }
    if !is_simulated {
        panics::into_the_log();
    }
}

/// What `RUST_LOG` says, or the default. The security log is written all the same, unless it is named there.
fn filter(is_simulated: bool) -> EnvFilter {
    let wanted = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    let default = if is_simulated {
        SIMULATION_FILTER
    } else {
        DEFAULT_FILTER
    };
    let filter = EnvFilter::try_new(&wanted).ok().filter(|_| !wanted.is_empty());
    let filter = filter.unwrap_or_else(|| EnvFilter::new(default));
    let is_named = is_simulated || wanted.contains(security::TARGET);
    match format!("{}=info", security::TARGET).parse() {
        Ok(directive) if !is_named => filter.add_directive(directive),
        Ok(_) | Err(_) => filter,
    }
}

/// Writes one line to standard output. A closed pipe (`sluice consume | head`) ends the program quietly.
pub(crate) fn line(text: impl std::fmt::Display) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{text}").map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => std::process::exit(0),
        _ => error.into(),
    })
}

/// Writes a value as one JSON document.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// Writes rows under a header, columns aligned.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> anyhow::Result<()> {
    let width = |column: usize| {
        let cells = rows
            .iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count());
        cells
            .chain(header.get(column).map(|title| title.len()))
            .max()
            .unwrap_or(0)
    };
    let print = |cells: Vec<&str>| {
        let padded: Vec<String> = cells
            .iter()
            .enumerate()
            .map(|(at, cell)| format!("{cell:<0$}", width(at)))
            .collect();
        line(padded.join("  ").trim_end())
    };
    print(header.to_vec())?;
    rows.iter()
        .try_for_each(|row| print(row.iter().map(String::as_str).collect()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use std::io;
    use std::sync::{Arc, Mutex};

    use serde_json::Value;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;
    use crate::plain_fields::is_layout;

    /// What was logged.
    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl<'a> MakeWriter<'a> for Written {
        type Writer = Self;

        fn make_writer(&'a self) -> Self {
            self.clone()
        }
    }

    /// What somebody sends who wants a line of the log of their own, and the terminal of who reads it.
    const HOSTILE: &str = "a\r\n2026-01-01 ERROR forged\n\u{1b}[31mred\u{7}\u{9b}2J\u{2028}\u{202e}b";

    fn logged(format: LogFormat) -> String {
        let written = Written::default();
        let log = tracing_subscriber::fmt().with_writer(written.clone()).with_ansi(false);
        let tell = || {
            let span = tracing::info_span!("request", route = %HOSTILE, account_id = tracing::field::Empty);
            span.record("account_id", HOSTILE);
            span.in_scope(|| tracing::info!(cause = %HOSTILE, text = HOSTILE, list = ?[HOSTILE], "{HOSTILE}"));
        };
        match format {
            LogFormat::Text => tracing::subscriber::with_default(log.fmt_fields(PlainFields::new()).finish(), tell),
            LogFormat::Json => {
                let log = log.fmt_fields(JsonFields::new()).event_format(JsonLines);
                tracing::subscriber::with_default(log.finish(), tell);
            }
        }
        let written = written.0.lock().unwrap();
        String::from_utf8(written.clone()).unwrap()
    }

    #[test]
    fn nothing_that_is_logged_begins_a_line_or_reaches_the_terminal() {
        for format in [LogFormat::Text, LogFormat::Json] {
            let text = logged(format);
            let line = text.strip_suffix('\n').unwrap();
            assert!(!line.chars().any(is_layout), "{line:?}");
            assert!(line.contains("forged") && line.contains("red"), "{line:?}");
        }
        let line: Value = serde_json::from_str(&logged(LogFormat::Json)).unwrap();
        for field in ["message", "cause", "text", "route", "account_id"] {
            assert_eq!(line.get(field), Some(&Value::from(HOSTILE)), "{field}");
        }
    }
}
