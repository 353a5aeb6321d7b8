//! The wire types mirror the schemas: what Avro's own implementation writes by the schema, for every
//! topic and every payload, comes through the Rust type and back without a changed byte.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod common;

use std::fmt::Debug;
use std::sync::Arc;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use common::{Arbitrary, datum_of, payloads};
use proptest::test_runner::{Config, TestRunner};
use schemas::topics::{TopicSpec, topics};
use schemas::wire::{Wire, account, order, payment, product, provider, revocation, stock, webhook};
use schemas::{AvroSerde, SchemaTable};
use streams::serde::Serde;

/// Records per payload and version.
const CASES: u32 = 48;

/// The id under which an older version is written.
const OLD_ID: u32 = 1000;

#[test]
fn every_payload_of_every_topic_comes_through_its_type_without_a_changed_byte() {
    let proven = [
        mirrors::<account::AccountCommand>(),
        mirrors::<account::AccountEvent>(),
        mirrors::<account::Account>(),
        mirrors::<account::Credential>(),
        mirrors::<payment::LedgerEntry>(),
        mirrors::<order::OrderCommand>(),
        mirrors::<order::OrderEvent>(),
        mirrors::<order::Order>(),
        mirrors::<payment::PaymentCommand>(),
        mirrors::<payment::PaymentEvent>(),
        mirrors::<product::ProductCommand>(),
        mirrors::<product::Product>(),
        mirrors::<provider::ProviderAnswer>(),
        mirrors::<provider::ProviderCall>(),
        mirrors::<revocation::Revocation>(),
        mirrors::<stock::StockCommand>(),
        mirrors::<stock::StockEvent>(),
        mirrors::<stock::StockReply>(),
        mirrors::<webhook::WebhookAnswer>(),
        mirrors::<webhook::WebhookCall>(),
        mirrors::<webhook::WebhookDeadLetter>(),
    ];
    let listed: Vec<_> = topics().iter().map(|topic| topic.name).collect();
    assert_eq!(proven.to_vec(), listed, "every topic has a wire type");
}

/// Proves one type and answers its topic's name.
fn mirrors<T: Wire + PartialEq + Debug>() -> &'static str {
    let topic = T::topic();
    for (version, text) in topic.history.iter().enumerate() {
        let schema = Schema::parse_str(text).unwrap();
        let arbitrary = Arbitrary::new(&schema);
        for payload in payloads(&schema) {
            let mut runner = TestRunner::new(Config {
                cases: CASES,
                failure_persistence: None,
                ..Config::default()
            });
            let current = *text == topic.schema;
            let passed = runner.run(&arbitrary.record(payload), |value| {
                comes_through::<T>(topic, text, &schema, &value, current);
                Ok(())
            });
            passed.unwrap_or_else(|error| panic!("{} v{} payload {payload}: {error}", topic.name, version + 1));
        }
    }
    topic.name
}

fn comes_through<T: Wire + PartialEq + Debug>(
    topic: &TopicSpec,
    text: &str,
    schema: &Schema,
    value: &Value,
    current: bool,
) {
    let table = Arc::new(SchemaTable::with_current_schemas());
    table.insert(OLD_ID, text);
    let serde: AvroSerde<T> = AvroSerde::new(&table);
    let id = if current {
        table.id_of(topic.subject).unwrap()
    } else {
        OLD_ID
    };
    let mut framed = Vec::new();
    schemas::framing::write_header(id, &mut framed);
    framed.extend(datum_of(schema, value));

    let record = serde.deserialize(Some(&framed)).expect("what Avro wrote is readable");
    let mut again = Vec::new();
    serde.serialize(&record, &mut again).unwrap();
    if current {
        assert_eq!(again, framed, "written as Avro writes it");
        let datum = framed.get(schemas::framing::HEADER_BYTES..).unwrap();
        let read = GenericDatumReader::builder(schema)
            .build()
            .unwrap()
            .read_value(&mut &*datum)
            .unwrap();
        assert_eq!(read, *value);
    }
    assert_eq!(serde.deserialize(Some(&again)).unwrap(), record);
}
