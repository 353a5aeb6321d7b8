//! Fields of log lines as text for people. Nothing in a value can end the line or reach the terminal: what would is written as an
//! escape.

use std::fmt;

use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

/// Writes `message name=value name=value`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PlainFields;

impl PlainFields {
    pub(crate) const fn new() -> Self {
        Self
    }
}

impl<'writer> FormatFields<'writer> for PlainFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut line = Line {
            writer,
            is_empty: true,
            outcome: Ok(()),
        };
        fields.record(&mut line);
        line.outcome
    }
}

struct Line<'writer> {
    writer: Writer<'writer>,
    is_empty: bool,
    outcome: fmt::Result,
}

impl Line<'_> {
    fn write(&mut self, field: &Field, value: &str) -> fmt::Result {
        if !std::mem::take(&mut self.is_empty) {
            self.writer.write_char(' ')?;
        }
        if field.name() != "message" {
            write!(self.writer, "{}=", field.name())?;
        }
        escape(&mut self.writer, value)
    }
}

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if self.outcome.is_ok() {
            self.outcome = self.write(field, &format!("{value:?}"));
        }
    }
}

fn escape(writer: &mut Writer<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|character| {
        if is_layout(character) {
            write!(writer, "{}", character.escape_default())
        } else {
            writer.write_char(character)
        }
    })
}

/// Control characters of any kind, and what ends a line or changes its direction.
pub(crate) fn is_layout(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}
