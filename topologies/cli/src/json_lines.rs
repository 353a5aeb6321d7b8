//! Log lines as JSON, one object a line, flat: what a collector can search by without being told a schema.
//!
//! Every line has `time` (UTC), `level`, `target` and `message`. Beside them stand the fields of the event and of the spans around
//! it: `order_id`, `request_id`, `trace_id`, `topology`, `task` and the like.

use std::fmt::{self, Write as _};

use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime as _, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

use crate::plain_fields::is_layout;

/// Bytes of one field's text. What is longer is cut: causes may quote input.
const FIELD_BYTES_MAX: usize = 8 << 10;

/// Writes events as flat JSON objects.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JsonLines;

impl<S> FormatEvent<S, JsonFields> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields(Map::new());
        let spans = context.event_scope().into_iter();
        for span in spans.flat_map(tracing_subscriber::registry::Scope::from_root) {
            if let Some(of_span) = span.extensions().get::<FormattedFields<JsonFields>>() {
                fields.0.extend(parsed(of_span));
            }
        }
        event.record(&mut fields);
        // Last, so that no field of an event can stand for what the line itself says.
        let metadata = event.metadata();
        fields.text("time", &now()?);
        fields.text("level", metadata.level().as_str());
        fields.text("target", metadata.target());
        write_line(&mut writer, &Value::Object(fields.0))
    }
}

/// Writes the object. The serializer leaves characters alone that only some readers take for the end of a line or for a command.
fn write_line(writer: &mut Writer<'_>, object: &Value) -> fmt::Result {
    object.to_string().chars().try_for_each(|character| {
        if is_layout(character) {
            write!(writer, "\\u{:04x}", u32::from(character))
        } else {
            writer.write_char(character)
        }
    })?;
    writer.write_char('\n')
}

fn parsed(fields: &str) -> Map<String, Value> {
    serde_json::from_str(fields).unwrap_or_default()
}

fn now() -> Result<String, fmt::Error> {
    let mut time = String::new();
    SystemTime.format_time(&mut Writer::new(&mut time))?;
    Ok(time)
}

/// The fields of one line.
struct Fields(Map<String, Value>);

impl Fields {
    fn text(&mut self, name: &str, text: &str) {
        let end = text.floor_char_boundary(FIELD_BYTES_MAX);
        let text = text.get(..end).unwrap_or_default();
        self.0.insert(name.to_owned(), Value::from(text));
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), Value::from(value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), Value::from(value));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.insert(field.name().to_owned(), Value::from(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), Value::from(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let mut text = String::new();
        if write!(text, "{value:?}").is_err() {
            text.push_str("(it could not be written)");
        }
        self.text(field.name(), &text);
    }
}
