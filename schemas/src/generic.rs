//! Records of any schema as JSON, for people: `sluice consume` and dead letters.

mod json;
mod walk;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use serde_json::Value;
use thiserror::Error;

use crate::inline::inline;

/// Why a datum has no JSON.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum GenericError {
    /// The writer's or the reader's text is no usable Avro schema.
    #[error("no usable Avro schema: {0}")]
    Schema(String),
    /// The bytes are no datum of the writer's schema.
    #[error("the bytes do not fit their schema: {0}")]
    Datum(String),
    /// The datum cannot be told in the reader's schema.
    #[error("the record does not fit the reader's schema: {0}")]
    Resolution(String),
}

/// Reads one Avro datum (without framing) written with the schema `writer`, as seen by `reader` if there
/// is one.
///
/// An optional value is itself or null; a union of records is an object with the record's name as its
/// one field; an enum is its symbol; bytes and fixed are base64; decimals are strings; times are numbers
/// in the unit of their type. Memory is bounded by the length of the datum, and bytes after its end are
/// refused.
pub fn to_json(writer: &str, datum: &[u8], reader: Option<&str>) -> Result<Value, GenericError> {
    let writer_schema = parse(writer)?;
    let reader_schema = reader.map(parse).transpose()?;
    // The generic reader takes missing bytes for nulls and allocates what a length announces, so it
    // only gets what a strict walk has been through.
    walk::walk(writer, datum)?;
    let value = read(&writer_schema, datum, reader_schema.as_ref())?;
    let shape = inline(reader_schema.as_ref().unwrap_or(&writer_schema)).map_err(GenericError::Schema)?;
    Ok(json::of(value, Some(&shape)))
}

fn parse(text: &str) -> Result<Schema, GenericError> {
    Schema::parse_str(text).map_err(|error| GenericError::Schema(error.to_string()))
}

fn read(writer: &Schema, mut datum: &[u8], reader: Option<&Schema>) -> Result<apache_avro::types::Value, GenericError> {
    GenericDatumReader::builder(writer)
        .maybe_reader_schema(reader)
        .build()
        .map_err(|error| GenericError::Schema(error.to_string()))?
        .read_value(&mut datum)
        .map_err(|error| match reader {
            Some(_) => GenericError::Resolution(error.to_string()),
            None => GenericError::Datum(error.to_string()),
        })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
    use serde_json::json;

    use super::*;

    fn record(fields: &str) -> String {
        format!(r#"{{"type": "record", "name": "R", "fields": [{fields}]}}"#)
    }

    #[test]
    fn every_kind_of_value_has_a_readable_form() {
        let schema = record(
            r#"{"name": "yes", "type": "boolean"},
               {"name": "none", "type": ["null", "string"]},
               {"name": "some", "type": ["null", "string"]},
               {"name": "blob", "type": "bytes"},
               {"name": "tag", "type": {"type": "fixed", "name": "F", "size": 2}},
               {"name": "kind", "type": {"type": "enum", "name": "K", "symbols": ["A", "B"]}},
               {"name": "sizes", "type": {"type": "map", "values": "int"}},
               {"name": "list", "type": {"type": "array", "items": "long"}},
               {"name": "half", "type": "double"},
               {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 6, "scale": 2}}"#,
        );
        let mut datum = vec![1, 0, 2, 4, b'h', b'i', 4, 0xff, 0xfe, 7, 8, 2];
        datum.extend([2, 2, b'x', 6, 0]);
        datum.extend([4, 1, 2, 0]);
        datum.extend(0.5_f64.to_le_bytes());
        datum.extend([4, 0xff, 0x85]);
        let expected = json!({
            "yes": true, "none": null, "some": "hi", "blob": "//4=", "tag": "Bwg=", "kind": "B",
            "sizes": {"x": 3}, "list": [-1, 1], "half": 0.5, "price": "-1.23"
        });
        assert_eq!(to_json(&schema, &datum, None), Ok(expected));
    }

    #[test]
    fn a_union_of_records_says_which_one_it_is() {
        let schema = record(
            r#"{"name": "payload", "type": [
                 {"type": "record", "name": "A", "fields": []},
                 {"type": "record", "name": "B", "fields": [{"name": "inner", "type": ["null", "A"]}]}]}"#,
        );
        assert_eq!(to_json(&schema, &[0], None), Ok(json!({"payload": {"A": {}}})));
        assert_eq!(
            to_json(&schema, &[2, 2], None),
            Ok(json!({"payload": {"B": {"inner": {}}}}))
        );
    }

    #[test]
    fn a_recursive_type_is_read_to_its_end() {
        let schema = record(r#"{"name": "next", "type": ["null", "R"]}"#);
        assert_eq!(
            to_json(&schema, &[2, 2, 0], None),
            Ok(json!({"next": {"next": {"next": null}}}))
        );
    }

    #[test]
    fn a_reader_sees_its_own_fields_with_its_own_defaults() {
        let writer = record(r#"{"name": "a", "type": "int"}, {"name": "gone", "type": "int"}"#);
        let reader = record(r#"{"name": "a", "type": "long"}, {"name": "b", "type": "string", "default": "new"}"#);
        assert_eq!(
            to_json(&writer, &[2, 4], Some(&reader)),
            Ok(json!({"a": 1, "b": "new"}))
        );
        let other = record(r#"{"name": "z", "type": "long"}"#);
        assert!(matches!(
            to_json(&writer, &[2, 4], Some(&other)),
            Err(GenericError::Resolution(_))
        ));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_never_guessed() {
        let schema = record(r#"{"name": "a", "type": "string"}, {"name": "b", "type": ["null", "long"]}"#);
        assert_eq!(to_json(&schema, &[2, b'x', 0], None), Ok(json!({"a": "x", "b": null})));
        let ends_early: [&[u8]; 3] = [&[], &[2, b'x'], &[8, b'x', 0]];
        for datum in ends_early {
            assert!(
                matches!(to_json(&schema, datum, None), Err(GenericError::Datum(_))),
                "{datum:?}"
            );
        }
        let too_long = to_json(&schema, &[2, b'x', 0, 0], None).unwrap_err();
        assert!(too_long.to_string().contains("1 bytes follow the end"), "{too_long}");
        let huge = to_json(&schema, &[0xfe, 0xff, 0xff, 0xff, 0x0f], None);
        assert!(matches!(huge, Err(GenericError::Datum(_))));
        assert!(matches!(to_json("{", &[], None), Err(GenericError::Schema(_))));
    }

    #[test]
    fn a_few_bytes_cannot_stand_for_billions_of_nulls() {
        let schema = record(r#"{"name": "a", "type": {"type": "array", "items": "null"}}"#);
        assert_eq!(to_json(&schema, &[4, 0], None), Ok(json!({"a": [null, null]})));
        assert!(to_json(&schema, &[0xfe, 0xff, 0xff, 0xff, 0x0f, 0], None).is_err());
    }
}
