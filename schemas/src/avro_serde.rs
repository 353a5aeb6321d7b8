//! Records of one topic as bytes: Confluent framing around Avro.

use std::io::BufRead;
use std::marker::PhantomData;
use std::sync::{Arc, OnceLock};

use serde::de::DeserializeOwned;
use serde_avro_fast::de::read::SliceRead;
use serde_avro_fast::de::{DeserializerConfig, DeserializerState};
use serde_avro_fast::ser::SerializerConfig;
use streams::serde::{Encoded, Serde, SerdeError};

use crate::framing::{self, Framed};
use crate::table::{SchemaTable, SubjectId, WriterSchema};
use crate::topics::TopicSpec;
use crate::wire::Wire;

/// Elements that one array of a record may have. An element that takes no bytes could otherwise make
/// a few bytes stand for billions.
pub const ARRAY_ITEMS_MAX: usize = 65_536;

/// Levels of nesting that a record may have.
pub const DEPTH_MAX: usize = 32;

/// Writer schemas that one serde keeps at hand. A topic has few versions; what is beyond is read
/// through the shared table, a little slower.
pub const SEEN_SCHEMAS_MAX: usize = 8;

/// Reads and writes the records of `T`'s topic. It takes no lock while it encodes or decodes.
///
/// Records are written with the topic's compiled-in schema, under the id that
/// [`SchemaTable::set_subject`] recorded. They are read with the schema that their id names, straight
/// into `T`: fields that `T` lacks are skipped, fields that the writer lacked take `T`'s default.
#[derive(Debug)]
pub struct AvroSerde<T> {
    topic: &'static TopicSpec,
    subject: Arc<SubjectId>,
    table: Arc<SchemaTable>,
    seen: SeenSchemas,
    record: PhantomData<fn() -> T>,
}

impl<T: Wire> AvroSerde<T> {
    /// A serde that learns its schema ids from `table`.
    #[must_use]
    pub fn new(table: &Arc<SchemaTable>) -> Self {
        let topic = T::topic();
        Self {
            topic,
            subject: table.subject(topic.subject),
            table: Arc::clone(table),
            seen: SeenSchemas::default(),
            record: PhantomData,
        }
    }

    /// Reads a record whose schema this serde has not met.
    fn meet(&self, framed: Framed<'_>) -> Result<T, SerdeError> {
        let schema = self.table.writer(framed.id)?;
        if schema.record != self.topic.record {
            return Err(SerdeError::Malformed(format!(
                "schema id {} is of {:?}, and {} holds {}",
                framed.id, schema.record, self.topic.name, self.topic.record
            )));
        }
        let value = decode(&schema.schema, framed.datum);
        self.seen.remember(framed.id, schema);
        value
    }
}

impl<T: Wire> Serde<T> for AvroSerde<T> {
    fn serialize(&self, value: &T, out: &mut Vec<u8>) -> Result<Encoded, SerdeError> {
        let id = self.subject.get().ok_or_else(|| {
            SerdeError::Malformed(format!(
                "subject {} has no schema id: run `sluice schemas register`, or wait for the registry",
                self.topic.subject
            ))
        })?;
        framing::write_header(id, out);
        // The buffers inside the configuration serve fields out of schema order, which wire types do
        // not have, so a fresh one allocates nothing.
        let config = &mut SerializerConfig::new(self.topic.parsed());
        serde_avro_fast::to_datum(value, out, config).map_err(SerdeError::malformed)?;
        Ok(Encoded::Bytes)
    }

    fn deserialize(&self, bytes: Option<&[u8]>) -> Result<T, SerdeError> {
        let framed = Framed::parse(bytes.ok_or(SerdeError::Null)?)?;
        match self.seen.find(framed.id) {
            Some(schema) => decode(&schema.schema, framed.datum),
            None => self.meet(framed),
        }
    }
}

/// Reads one datum and refuses bytes after its end.
pub(crate) fn decode<T: DeserializeOwned>(schema: &serde_avro_fast::Schema, datum: &[u8]) -> Result<T, SerdeError> {
    let mut config = DeserializerConfig::new(schema);
    config.max_seq_size = ARRAY_ITEMS_MAX;
    config.allowed_depth = DEPTH_MAX;
    let mut state = DeserializerState::with_config(SliceRead::new(datum), config);
    let value = T::deserialize(state.deserializer()).map_err(SerdeError::malformed)?;
    let rest = state.into_reader().fill_buf().map_or(0, <[u8]>::len);
    if rest > 0 {
        return Err(SerdeError::Malformed(format!(
            "{rest} bytes follow the end of the record"
        )));
    }
    Ok(value)
}

/// The writer schemas that one serde has met: a list that only grows, so it is read without a lock.
#[derive(Debug, Default)]
struct SeenSchemas {
    first: OnceLock<Box<Seen>>,
}

#[derive(Debug)]
struct Seen {
    id: u32,
    schema: Arc<WriterSchema>,
    next: OnceLock<Box<Seen>>,
}

impl SeenSchemas {
    fn find(&self, id: u32) -> Option<&WriterSchema> {
        let mut cell = &self.first;
        while let Some(seen) = cell.get() {
            if seen.id == id {
                return Some(&seen.schema);
            }
            cell = &seen.next;
        }
        None
    }

    /// Appends unless the list is full. Losing a race against another thread only means that the
    /// schema is met once more.
    fn remember(&self, id: u32, schema: Arc<WriterSchema>) {
        let mut cell = &self.first;
        for _ in 0..SEEN_SCHEMAS_MAX {
            let Some(seen) = cell.get() else {
                cell.get_or_init(|| {
                    Box::new(Seen {
                        id,
                        schema,
                        next: OnceLock::new(),
                    })
                });
                return;
            };
            cell = &seen.next;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
    use super::*;
    use crate::wire::envelope::{Actor, Envelope, Money, Role};
    use crate::wire::order::{OrderEvent, OrderEventPayload};
    use crate::wire::product::Product;
    use crate::wire::stock::StockReserved;

    fn reserved() -> OrderEvent {
        Envelope {
            id: "o-1:2".into(),
            seq: 2,
            at: 1_700_000_000_000,
            actor: Actor {
                account_id: String::new(),
                role: Role::System,
            },
            causation: "r-7".into(),
            correlation: "o-1".into(),
            payload: OrderEventPayload::StockReserved(StockReserved {
                line: 1,
                attempt: 1,
                product_id: "p-1".into(),
                seller_id: "s-1".into(),
                product_name: "Kettle".into(),
                quantity: 3,
                unit_price: Money {
                    amount: 1500,
                    currency: "KRW".into(),
                },
            }),
        }
    }

    fn bytes_of(serde: &AvroSerde<OrderEvent>) -> Vec<u8> {
        let mut out = Vec::new();
        serde.serialize(&reserved(), &mut out).unwrap();
        out
    }

    fn serde() -> AvroSerde<OrderEvent> {
        AvroSerde::new(&Arc::new(SchemaTable::with_current_schemas()))
    }

    fn malformed(result: Result<OrderEvent, SerdeError>) -> String {
        match result {
            Err(SerdeError::Malformed(cause)) => cause,
            other => format!("not malformed: {other:?}"),
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was_written() {
        let serde = serde();
        let bytes = bytes_of(&serde);
        assert_eq!(
            bytes[..5],
            [0, 0, 0, 0, 7],
            "magic byte and the id of order-events-value"
        );
        assert_eq!(serde.deserialize(Some(&bytes)), Ok(reserved()));
        assert_eq!(
            serde.deserialize(Some(&bytes)),
            Ok(reserved()),
            "through the schemas at hand"
        );
    }

    #[test]
    fn a_null_a_short_record_and_another_framing_are_refused() {
        let serde = serde();
        assert_eq!(serde.deserialize(None), Err(SerdeError::Null));
        assert!(malformed(serde.deserialize(Some(&[]))).starts_with("0 bytes are too short"));
        assert!(malformed(serde.deserialize(Some(&[0, 0, 0, 0]))).starts_with("4 bytes are too short"));
        assert!(malformed(serde.deserialize(Some(b"{\"a\":1}"))).starts_with("the first byte is 0x7b"));
    }

    #[test]
    fn an_unknown_id_is_missing_until_it_is_looked_up_and_malformed_if_it_is_absent() {
        let table = Arc::new(SchemaTable::new());
        let serde = AvroSerde::new(&table);
        table.set_subject(OrderEvent::topic().subject, 77);
        let bytes = bytes_of(&serde);
        let cold = Arc::new(SchemaTable::new());
        let reader: AvroSerde<OrderEvent> = AvroSerde::new(&cold);
        assert_eq!(reader.deserialize(Some(&bytes)), Err(SerdeError::MissingSchema(77)));
        cold.mark_absent(77);
        assert!(malformed(reader.deserialize(Some(&bytes))).starts_with("unknown schema id 77"));
        cold.insert(77, OrderEvent::topic().schema);
        assert_eq!(reader.deserialize(Some(&bytes)), Ok(reserved()));
    }

    #[test]
    fn a_record_cannot_be_written_before_its_subject_has_an_id() {
        let serde: AvroSerde<OrderEvent> = AvroSerde::new(&Arc::new(SchemaTable::new()));
        let refused = serde.serialize(&reserved(), &mut Vec::new());
        let expected = "subject order-events-value has no schema id";
        assert!(refused.is_err_and(|error| error.to_string().starts_with(expected)));
    }

    #[test]
    fn a_record_of_another_topic_is_refused_by_the_name_of_its_type() {
        let table = Arc::new(SchemaTable::with_current_schemas());
        let bytes = bytes_of(&AvroSerde::new(&table));
        let products: AvroSerde<Product> = AvroSerde::new(&table);
        let refused = products.deserialize(Some(&bytes)).map_err(|error| error.to_string());
        let expected = "schema id 7 is of \"sluice.OrderEvent\", and products holds sluice.Product";
        assert_eq!(refused, Err(expected.into()));
    }

    #[test]
    fn a_cut_record_and_bytes_after_its_end_are_refused() {
        let serde = serde();
        let bytes = bytes_of(&serde);
        for length in 5..bytes.len() {
            let cut = serde.deserialize(Some(&bytes[..length]));
            assert!(matches!(cut, Err(SerdeError::Malformed(_))), "{length}: {cut:?}");
        }
        let longer = [&bytes[..], &[0, 0]].concat();
        assert_eq!(
            malformed(serde.deserialize(Some(&longer))),
            "2 bytes follow the end of the record"
        );
    }

    #[test]
    fn a_symbol_of_a_newer_writer_becomes_unknown_and_its_new_fields_are_skipped() {
        let newer = OrderEvent::topic()
            .schema
            .replace("\"SYSTEM\", ", "\"SYSTEM\", \"COURIER\", ");
        let newer = newer.replace(
            "\"fields\": [\n    {\n      \"name\": \"id\"",
            "\"fields\": [\n    {\"name\": \"region\", \"type\": \"string\", \"default\": \"\"},\n    {\n      \"name\": \"id\"",
        );
        assert!(newer.contains("COURIER") && newer.contains("region"));
        let table = Arc::new(SchemaTable::with_current_schemas());
        table.insert(100, &newer);
        let serde: AvroSerde<OrderEvent> = AvroSerde::new(&table);
        let mut bytes = bytes_of(&serde);
        bytes[4] = 100;
        bytes.splice(5..5, [4, b'e', b'u']);
        let unknown = Actor {
            role: Role::Unknown,
            ..reserved().actor
        };
        let system_as_courier = bytes.clone();
        let read = serde.deserialize(Some(&system_as_courier)).unwrap();
        assert_eq!(read, reserved());
        let role = bytes.len() - tail_after_role(&serde);
        bytes[role] += 2;
        assert_eq!(serde.deserialize(Some(&bytes)).unwrap().actor, unknown);
    }

    /// Bytes from the role to the end of [`reserved`]: the role is the last byte that differs from a
    /// record with another role.
    fn tail_after_role(serde: &AvroSerde<OrderEvent>) -> usize {
        let mut other = reserved();
        other.actor.role = Role::Buyer;
        let mut out = Vec::new();
        serde.serialize(&other, &mut out).unwrap();
        let same = out
            .iter()
            .rev()
            .zip(bytes_of(serde).iter().rev())
            .take_while(|(a, b)| a == b)
            .count();
        same + 1
    }

    #[test]
    fn more_versions_than_a_serde_keeps_at_hand_are_read_all_the_same() {
        let table = Arc::new(SchemaTable::with_current_schemas());
        let serde: AvroSerde<OrderEvent> = AvroSerde::new(&table);
        let mut bytes = bytes_of(&serde);
        for id in 100..120 {
            table.insert(id, OrderEvent::topic().schema);
            bytes[4] = u8::try_from(id).unwrap();
            assert_eq!(serde.deserialize(Some(&bytes)), Ok(reserved()));
        }
        let mut seen = 0;
        let mut cell = &serde.seen.first;
        while let Some(entry) = cell.get() {
            (seen, cell) = (seen + 1, &entry.next);
        }
        assert_eq!(seen, SEEN_SCHEMAS_MAX);
    }
}
