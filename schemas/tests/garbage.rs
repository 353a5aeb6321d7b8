//! Bytes that nobody of us wrote are refused or read, and never bring a process down.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::sync::{Arc, LazyLock};

use apache_avro::Schema;
use common::{Arbitrary, datum_of, payloads};
use proptest::prelude::*;
use schemas::topics::{TopicSpec, topics};
use schemas::wire::{Wire, account, order, payment, product, provider, revocation, stock, webhook};
use schemas::{AvroSerde, SchemaTable, generic};
use streams::serde::{Serde, SerdeError};

static TABLE: LazyLock<Arc<SchemaTable>> = LazyLock::new(|| Arc::new(SchemaTable::with_current_schemas()));

/// Reads bytes as a record of every topic, and as JSON by every schema.
fn read_by_everybody(bytes: &[u8]) -> Vec<Result<(), SerdeError>> {
    if let Some(datum) = bytes.get(schemas::framing::HEADER_BYTES..) {
        for topic in topics() {
            drop(generic::to_json(topic.schema, datum, None));
        }
    }
    vec![
        read::<account::AccountCommand>(bytes),
        read::<account::AccountEvent>(bytes),
        read::<account::Account>(bytes),
        read::<account::Credential>(bytes),
        read::<payment::LedgerEntry>(bytes),
        read::<order::OrderCommand>(bytes),
        read::<order::OrderEvent>(bytes),
        read::<order::Order>(bytes),
        read::<payment::PaymentCommand>(bytes),
        read::<payment::PaymentEvent>(bytes),
        read::<product::ProductCommand>(bytes),
        read::<product::Product>(bytes),
        read::<provider::ProviderAnswer>(bytes),
        read::<provider::ProviderCall>(bytes),
        read::<revocation::Revocation>(bytes),
        read::<stock::StockCommand>(bytes),
        read::<stock::StockEvent>(bytes),
        read::<stock::StockReply>(bytes),
        read::<webhook::WebhookAnswer>(bytes),
        read::<webhook::WebhookCall>(bytes),
        read::<webhook::WebhookDeadLetter>(bytes),
    ]
}

fn read<T: Wire>(bytes: &[u8]) -> Result<(), SerdeError> {
    AvroSerde::<T>::new(&TABLE).deserialize(Some(bytes)).map(drop)
}

/// A well-formed framed record of any topic.
fn any_record() -> impl Strategy<Value = Vec<u8>> {
    let records = topics().iter().flat_map(|topic| {
        let schema = Schema::parse_str(topic.schema).unwrap();
        payloads(&schema)
            .map(move |payload| framed(topic, &schema, payload))
            .collect::<Vec<_>>()
    });
    proptest::strategy::Union::new(records.collect::<Vec<_>>())
}

fn framed(topic: &'static TopicSpec, schema: &Schema, payload: usize) -> BoxedStrategy<Vec<u8>> {
    let id = TABLE.id_of(topic.subject).unwrap();
    let schema = schema.clone();
    let bytes = move |value| {
        let mut bytes = Vec::new();
        schemas::framing::write_header(id, &mut bytes);
        bytes.extend(datum_of(&schema, &value));
        bytes
    };
    Arbitrary::new(&schema_of(topic))
        .record(payload)
        .prop_map(bytes)
        .boxed()
}

fn schema_of(topic: &TopicSpec) -> Schema {
    Schema::parse_str(topic.schema).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_behind_any_id_panic_nobody(id in 0_u8..20, datum in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = [&[0, 0, 0, 0, id][..], &datum].concat();
        read_by_everybody(&bytes);
        read_by_everybody(&datum);
    }

    #[test]
    fn a_record_with_changed_bytes_panics_nobody(
        mut bytes in any_record(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        read_by_everybody(&bytes);
    }

    #[test]
    fn a_record_is_read_by_its_own_topic_alone(bytes in any_record()) {
        let own = usize::from(bytes[4]) - 1;
        for (topic, result) in read_by_everybody(&bytes).iter().enumerate() {
            prop_assert_eq!(result.is_ok(), topic == own, "topic {} of record {}: {:?}", topic, own, result);
        }
        let json = generic::to_json(topics()[own].schema, &bytes[5..], Some(topics()[own].schema));
        prop_assert!(json.is_ok_and(|json| json.is_object()));
    }
}
