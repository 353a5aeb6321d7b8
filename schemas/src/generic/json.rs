//! Avro values as JSON.

use apache_avro::schema::{RecordSchema, UnionSchema};
use apache_avro::types::Value as Avro;
use apache_avro::{BigDecimal, Decimal, Schema};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Number, Value};

/// The JSON of a value. `shape` is its inlined schema where it is known: it names the records of unions
/// and scales decimals.
pub(super) fn of(value: Avro, shape: Option<&Schema>) -> Value {
    match value {
        Avro::Null => Value::Null,
        Avro::Boolean(yes) => Value::Bool(yes),
        Avro::Int(number) | Avro::Date(number) | Avro::TimeMillis(number) => number.into(),
        Avro::Long(number)
        | Avro::TimeMicros(number)
        | Avro::TimestampMillis(number)
        | Avro::TimestampMicros(number)
        | Avro::TimestampNanos(number)
        | Avro::LocalTimestampMillis(number)
        | Avro::LocalTimestampMicros(number)
        | Avro::LocalTimestampNanos(number) => number.into(),
        Avro::Float(number) => float(f64::from(number)),
        Avro::Double(number) => float(number),
        Avro::String(text) | Avro::Enum(_, text) => Value::String(text),
        Avro::Uuid(uuid) => Value::String(uuid.to_string()),
        Avro::Bytes(bytes) | Avro::Fixed(_, bytes) => Value::String(STANDARD.encode(bytes)),
        Avro::Duration(duration) => Value::String(STANDARD.encode(<[u8; 12]>::from(duration))),
        Avro::Decimal(decimal) => Value::String(scaled(decimal, shape)),
        Avro::BigDecimal(decimal) => Value::String(decimal.to_string()),
        Avro::Array(items) => items.into_iter().map(|item| of(item, items_of(shape))).collect(),
        Avro::Map(entries) => {
            // Sorted, because the map's own order differs from run to run.
            let sorted: std::collections::BTreeMap<_, _> = entries.into_iter().collect();
            let entries = sorted
                .into_iter()
                .map(|(key, value)| (key, of(value, values_of(shape))));
            Value::Object(entries.collect())
        }
        Avro::Record(fields) => Value::Object(record(fields, shape)),
        Avro::Union(index, inner) => union(index, *inner, shape),
    }
}

fn record(fields: Vec<(String, Avro)>, shape: Option<&Schema>) -> Map<String, Value> {
    let fields = fields.into_iter().map(|(name, value)| {
        let shape = match shape {
            Some(Schema::Record(record)) => field_of(record, &name),
            _ => None,
        };
        (name, of(value, shape))
    });
    fields.collect()
}

/// A record among several possible ones is wrapped in its name; anything else says itself what it is.
fn union(index: u32, inner: Avro, shape: Option<&Schema>) -> Value {
    let Some(Schema::Union(union)) = shape else {
        return of(inner, None);
    };
    let variant = usize::try_from(index)
        .ok()
        .and_then(|index| union.variants().get(index));
    let json = of(inner, variant);
    match variant {
        Some(Schema::Record(record)) if records_in(union) > 1 => {
            Value::Object(Map::from_iter([(record.name.name().to_owned(), json)]))
        }
        _ => json,
    }
}

fn records_in(union: &UnionSchema) -> usize {
    let is_record = |variant: &&Schema| matches!(variant, Schema::Record(_) | Schema::Ref { .. });
    union.variants().iter().filter(is_record).count()
}

fn field_of<'a>(record: &'a RecordSchema, name: &str) -> Option<&'a Schema> {
    record
        .fields
        .iter()
        .find(|field| field.name == name)
        .map(|field| &field.schema)
}

fn items_of(shape: Option<&Schema>) -> Option<&Schema> {
    match shape {
        Some(Schema::Array(array)) => Some(&array.items),
        _ => None,
    }
}

fn values_of(shape: Option<&Schema>) -> Option<&Schema> {
    match shape {
        Some(Schema::Map(map)) => Some(&map.types),
        _ => None,
    }
}

/// JSON has no infinities and no NaN; they become their names.
fn float(number: f64) -> Value {
    Number::from_f64(number).map_or_else(|| Value::String(number.to_string()), Value::Number)
}

fn scaled(decimal: Decimal, shape: Option<&Schema>) -> String {
    let scale = match shape {
        Some(Schema::Decimal(decimal)) => i64::try_from(decimal.scale).unwrap_or(0),
        _ => 0,
    };
    BigDecimal::new(decimal.into(), scale).to_string()
}
