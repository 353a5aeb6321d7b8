//! Bytes of keys, values and headers in a form for people.

use std::collections::BTreeMap;
use std::sync::Arc;

use ::schemas::framing::{Framed, MAGIC};
use ::schemas::generic;
use ::schemas::registry::SchemaRegistry;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::exit::Refusal;
use crate::platform::Platform;

/// Schemas that are remembered; all are forgotten and asked for again when there are more.
const SCHEMAS_MAX: usize = 4096;

/// Decodes values. The registry is asked once per schema, and only when a value names one.
pub(in crate::commands) struct Decoder<'a> {
    platform: &'a dyn Platform,
    registry: Option<Arc<dyn SchemaRegistry>>,
    /// What the registry said about each id.
    schemas: BTreeMap<u32, Option<String>>,
}

/// A value as it is shown.
#[derive(Debug, PartialEq)]
pub(in crate::commands) struct Decoded {
    pub(in crate::commands) value: Value,
    pub(super) schema_id: Option<u32>,
    pub(super) note: Option<String>,
}

impl<'a> Decoder<'a> {
    /// A decoder that opens the platform's registry when it is first needed.
    pub(in crate::commands) fn new(platform: &'a dyn Platform) -> Self {
        Self {
            platform,
            registry: None,
            schemas: BTreeMap::new(),
        }
    }

    /// The value in Avro if it names a schema, else as text or base64 with a note. An error means that the registry is missing
    /// or does not answer.
    pub(in crate::commands) fn decode(&mut self, value: Option<&[u8]>) -> anyhow::Result<Decoded> {
        let Some(bytes) = value else {
            return Ok(Decoded {
                value: Value::Null,
                schema_id: None,
                note: None,
            });
        };
        // An empty value and text begin otherwise than a framed record.
        let framed = if bytes.first() == Some(&MAGIC) {
            Framed::parse(bytes).ok()
        } else {
            None
        };
        let Some(framed) = framed else {
            return Ok(Decoded {
                value: text(Some(bytes)),
                schema_id: None,
                note: Some("not Avro".to_owned()),
            });
        };
        let Some(schema) = self.schema(framed.id)? else {
            let note = format!("looks framed, but the registry has no usable schema {}", framed.id);
            return Ok(Decoded {
                value: text(Some(bytes)),
                schema_id: None,
                note: Some(note),
            });
        };
        Ok(match generic::to_json(&schema, framed.datum, None) {
            Ok(value) => Decoded {
                value,
                schema_id: Some(framed.id),
                note: None,
            },
            Err(error) => Decoded {
                value: text(Some(bytes)),
                schema_id: Some(framed.id),
                note: Some(error.to_string()),
            },
        })
    }

    fn schema(&mut self, id: u32) -> anyhow::Result<Option<String>> {
        if let Some(known) = self.schemas.get(&id) {
            return Ok(known.clone());
        }
        let schema = self
            .registry()?
            .schema(id)
            .map_err(|error| Refusal::unavailable(error.to_string()))?;
        if self.schemas.len() >= SCHEMAS_MAX {
            self.schemas.clear();
        }
        self.schemas.insert(id, schema.clone());
        Ok(schema)
    }

    fn registry(&mut self) -> anyhow::Result<Arc<dyn SchemaRegistry>> {
        let registry = match self.registry.take() {
            Some(registry) => registry,
            None => self.platform.registry()?,
        };
        Ok(Arc::clone(self.registry.insert(registry)))
    }
}

/// Text as a string, other bytes as an object with their base64, nothing as null.
pub(in crate::commands) fn text(bytes: Option<&[u8]>) -> Value {
    let Some(bytes) = bytes else { return Value::Null };
    let printable = |text: &&str| !text.chars().any(|c| c.is_control() && !c.is_whitespace());
    match std::str::from_utf8(bytes).ok().filter(printable) {
        Some(text) => Value::from(text),
        None => json!({ "base64": STANDARD.encode(bytes) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_text_where_they_can_be_read() {
        assert_eq!(text(None), Value::Null);
        assert_eq!(text(Some(b"caf\xc3\xa9")), json!("café"));
        assert_eq!(text(Some(&[0xff, 0xfe])), json!({ "base64": "//4=" }));
        assert_eq!(text(Some(b"a\0b")), json!({ "base64": "YQBi" }));
    }
}
