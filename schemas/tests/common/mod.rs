//! Arbitrary records of a schema.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use apache_avro::Schema;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;
use proptest::prelude::*;

/// The numbers of the payloads of a record: the variants of its field `payload`, or one for a plain
/// record.
pub(crate) fn payloads(schema: &Schema) -> std::ops::Range<usize> {
    let Schema::Record(record) = schema else {
        return 0..1;
    };
    match record
        .fields
        .iter()
        .find(|field| field.name == "payload")
        .map(|field| &field.schema)
    {
        Some(Schema::Union(union)) => 0..union.variants().len(),
        _ => 0..1,
    }
}

/// The datum that Avro's own implementation writes.
pub(crate) fn datum_of(schema: &Schema, value: &Value) -> Vec<u8> {
    let writer = GenericDatumWriter::builder(schema).build().unwrap();
    writer.write_value_to_vec(value.clone()).unwrap()
}

/// Makes arbitrary values of a schema.
pub(crate) struct Arbitrary {
    root: Schema,
    named: BTreeMap<String, Schema>,
}

impl Arbitrary {
    /// Values of `schema`.
    pub(crate) fn new(schema: &Schema) -> Self {
        let mut named = BTreeMap::new();
        define(schema, &mut named);
        Self {
            root: schema.clone(),
            named,
        }
    }

    /// Records with this payload.
    pub(crate) fn record(&self, payload: usize) -> BoxedStrategy<Value> {
        self.of(&self.root, Some(payload))
    }

    fn of(&self, schema: &Schema, payload: Option<usize>) -> BoxedStrategy<Value> {
        match schema {
            Schema::Null => Just(Value::Null).boxed(),
            Schema::Boolean => any::<bool>().prop_map(Value::Boolean).boxed(),
            Schema::Int => any::<i32>().prop_map(Value::Int).boxed(),
            Schema::Long => any::<i64>().prop_map(Value::Long).boxed(),
            Schema::TimestampMillis => any::<i64>().prop_map(Value::TimestampMillis).boxed(),
            Schema::String => "\\PC{0,12}".prop_map(Value::String).boxed(),
            Schema::Array(array) => prop::collection::vec(self.of(&array.items, None), 0..4)
                .prop_map(Value::Array)
                .boxed(),
            Schema::Enum(symbols) => {
                let symbols: Vec<_> = (0..).zip(symbols.symbols.clone()).collect();
                prop::sample::select(symbols)
                    .prop_map(|(index, symbol)| Value::Enum(index, symbol))
                    .boxed()
            }
            Schema::Union(union) => {
                let variants = union
                    .variants()
                    .iter()
                    .map(|variant| self.of(variant, None))
                    .enumerate();
                let chosen = variants.filter(|(index, _)| payload.is_none_or(|payload| payload == *index));
                let chosen = chosen.map(|(index, value)| value.prop_map(move |value| wrapped(index, value)).boxed());
                proptest::strategy::Union::new(chosen).boxed()
            }
            Schema::Record(record) => {
                let fields: Vec<_> = record
                    .fields
                    .iter()
                    .map(|field| {
                        let payload = payload.filter(|_| field.name == "payload");
                        (Just(field.name.clone()), self.of(&field.schema, payload))
                    })
                    .collect();
                fields.prop_map(Value::Record).boxed()
            }
            Schema::Ref { name } => self.of(&self.named[&name.to_string()], None),
            other => panic!("the schemas of this project do not use {other:?}"),
        }
    }
}

fn wrapped(index: usize, value: Value) -> Value {
    Value::Union(u32::try_from(index).unwrap(), Box::new(value))
}

fn define(schema: &Schema, named: &mut BTreeMap<String, Schema>) {
    if let Some(name) = schema.name() {
        named.entry(name.to_string()).or_insert_with(|| schema.clone());
    }
    match schema {
        Schema::Record(record) => record.fields.iter().for_each(|field| define(&field.schema, named)),
        Schema::Union(union) => union.variants().iter().for_each(|variant| define(variant, named)),
        Schema::Array(array) => define(&array.items, named),
        _ => {}
    }
}
