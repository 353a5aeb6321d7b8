//! What a record costs on its way to bytes and back: `cargo run -p schemas --example avro`.
//!
//! One order event goes through the serde of this crate (`serde_avro_fast` behind it) and through
//! apache-avro's ways. All have to write the same bytes. Times are the best of several rounds
//! on one thread, in nanoseconds per record.

#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a benchmark reads the clock, prints, and stops at the first surprise"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;
use schemas::framing::HEADER_BYTES;
use schemas::wire::Wire;
use schemas::wire::envelope::{Actor, Money, Role};
use schemas::wire::order::{OrderEvent, OrderEventPayload};
use schemas::wire::stock::StockReserved;
use schemas::{AvroSerde, SchemaTable};
use serde::{Deserialize, Serialize};
use streams::serde::Serde;

/// The best of so many rounds counts: the others were disturbed.
const ROUNDS: u32 = 7;

/// Records per round.
const RECORDS: u32 = 20_000;

fn main() {
    let event = event();
    let serde: AvroSerde<OrderEvent> = AvroSerde::new(&Arc::new(SchemaTable::with_current_schemas()));
    let mut framed = Vec::new();
    serde.serialize(&event, &mut framed).unwrap();
    let datum = framed.get(HEADER_BYTES..).unwrap();
    let schema = Schema::parse_str(OrderEvent::topic().schema).unwrap();

    println!("order-events, {} bytes of datum, ns per record", datum.len());
    println!("{:<44} {:>8} {:>8}", "", "encode", "decode");
    let fast = fast(&serde, &event, &framed);
    row("AvroSerde (serde_avro_fast), framing included", fast);
    row("apache-avro, serde by schema", apache_serde(&schema, &event, datum));
    row("apache-avro, value tree", apache_value(&schema, None, datum));
    row(
        "apache-avro, value tree, reader schema",
        apache_value(&schema, Some(&schema), datum),
    );
}

fn row(what: &str, (encode, decode): (u128, u128)) {
    println!("{what:<44} {encode:>8} {decode:>8}");
}

fn fast(serde: &AvroSerde<OrderEvent>, event: &OrderEvent, framed: &[u8]) -> (u128, u128) {
    let mut out = Vec::with_capacity(framed.len());
    let encode = best_ns(|| {
        out.clear();
        serde.serialize(black_box(event), &mut out).unwrap();
    });
    let read = || serde.deserialize(Some(black_box(framed))).unwrap();
    (encode, best_ns(|| drop(black_box(read()))))
}

fn apache_serde(schema: &Schema, event: &OrderEvent, datum: &[u8]) -> (u128, u128) {
    let event = Named::from(event.clone());
    let writer = GenericDatumWriter::builder(schema).build().unwrap();
    let reader = GenericDatumReader::builder(schema).build().unwrap();
    assert_eq!(writer.write_ser_to_vec(&event).unwrap(), datum, "equal bytes");
    let read = || reader.read_deser::<Named>(&mut black_box(datum)).unwrap();
    assert_eq!(read(), event);
    let mut out = Vec::with_capacity(datum.len());
    let encode = best_ns(|| {
        out.clear();
        writer.write_ser(&mut out, black_box(&event)).unwrap();
    });
    (encode, best_ns(|| drop(black_box(read()))))
}

/// Avro's own value tree, with the tree made outside the clock; `reader` resolves it as an evolved
/// consumer would. (apache-avro's `to_value` is not here: it takes the first record of a union whose
/// fields fit.)
fn apache_value(schema: &Schema, reader: Option<&Schema>, datum: &[u8]) -> (u128, u128) {
    let writer = GenericDatumWriter::builder(schema).build().unwrap();
    let reader = GenericDatumReader::builder(schema)
        .maybe_reader_schema(reader)
        .build()
        .unwrap();
    let read = || reader.read_value(&mut black_box(datum)).unwrap();
    let value = read();
    let mut out = Vec::with_capacity(datum.len());
    let encode = best_ns(|| {
        out.clear();
        writer.write_value_ref(&mut out, black_box(&value)).unwrap();
    });
    assert_eq!(out, datum, "equal bytes");
    (encode, best_ns(|| drop(black_box(read()))))
}

/// An order event under the name that its schema has: apache-avro compares the two, the serde of this
/// crate does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename = "OrderEvent")]
struct Named {
    id: String,
    seq: i64,
    at: i64,
    actor: Actor,
    causation: String,
    correlation: String,
    payload: OrderEventPayload,
}

impl From<OrderEvent> for Named {
    fn from(event: OrderEvent) -> Self {
        let OrderEvent {
            id,
            seq,
            at,
            actor,
            causation,
            correlation,
            payload,
        } = event;
        Self {
            id,
            seq,
            at,
            actor,
            causation,
            correlation,
            payload,
        }
    }
}

fn best_ns(mut work: impl FnMut()) -> u128 {
    let round = |_| {
        let start = Instant::now();
        (0..RECORDS).for_each(|_| work());
        start.elapsed().as_nanos() / u128::from(RECORDS)
    };
    (0..ROUNDS).map(round).min().expect("there is a round")
}

fn event() -> OrderEvent {
    OrderEvent {
        id: "01936f2c7a4b7e3f9d2a5b1c8e6f4a3d:2".into(),
        seq: 2,
        at: 1_763_899_200_123,
        actor: Actor {
            account_id: String::new(),
            role: Role::System,
        },
        causation: "01936f2c7a4b7e3f9d2a5b1c8e6f4a3d:reserve:1:1".into(),
        correlation: "01936f2c7a4b7e3f9d2a5b1c8e6f4a3d".into(),
        payload: OrderEventPayload::StockReserved(StockReserved {
            line: 1,
            attempt: 1,
            product_id: "p-01936f2b11aa7c0d".into(),
            seller_id: "a-01936f2a90fe7b12".into(),
            product_name: "Kettle, 1.7 litres".into(),
            quantity: 3,
            unit_price: Money {
                amount: 1500,
                currency: "KRW".into(),
            },
        }),
    }
}
