//! Values of the books as the business knows them.

use std::sync::Arc;

use anyhow::bail;
use commerce::ids::RecordId;
use commerce::order::{OrderInput, RecordedEvent};
use commerce::payment::LedgerEntry;
use commerce::stock::StockEventKind;
use commerce::wire::{WireError, actor, check_key, count, order, order_event, payment, stock};
use runtime::registry::TableResolver;
use runtime::{Resolution, SchemaResolver};
use schemas::wire::{Wire, order as order_wire, payment as payment_wire, product as product_wire, stock as stock_wire};
use schemas::{AvroSerde, SchemaTable};
use streams::serde::{Serde, SerdeError};

use crate::exit::Refusal;
use crate::platform::Platform;

/// A value, or in words why it is none.
pub(super) type Read<T> = Result<T, String>;

/// Reads values, and asks the registry for schemas that it has not met.
pub(super) struct Reading {
    resolver: TableResolver,
    order_commands: AvroSerde<order_wire::OrderCommand>,
    order_events: AvroSerde<order_wire::OrderEvent>,
    orders: AvroSerde<order_wire::Order>,
    stock_events: AvroSerde<stock_wire::StockEvent>,
    products: AvroSerde<product_wire::Product>,
    payment_events: AvroSerde<payment_wire::PaymentEvent>,
    ledger_entries: AvroSerde<payment_wire::LedgerEntry>,
}

/// A stock event with what its envelope says.
pub(super) struct StockRecord {
    pub(super) id: String,
    pub(super) seq: u64,
    pub(super) kind: StockEventKind,
}

impl Reading {
    pub(super) fn new(platform: &dyn Platform) -> anyhow::Result<Self> {
        let table = Arc::new(SchemaTable::new());
        Ok(Self {
            resolver: TableResolver::new(platform.registry()?, Arc::clone(&table)),
            order_commands: AvroSerde::new(&table),
            order_events: AvroSerde::new(&table),
            orders: AvroSerde::new(&table),
            stock_events: AvroSerde::new(&table),
            products: AvroSerde::new(&table),
            payment_events: AvroSerde::new(&table),
            ledger_entries: AvroSerde::new(&table),
        })
    }

    /// Whether a command asks for an order. One that the saga cannot read either is a dead letter.
    pub(super) fn places_an_order(&self, value: &[u8]) -> anyhow::Result<Read<bool>> {
        let command = self.read(&self.order_commands, value)?;
        Ok(command.and_then(|command| {
            let actor = actor(&command.actor).map_err(words)?;
            let input = order::command(command.payload, RecordId(command.id), actor, command.at);
            Ok(matches!(input.map_err(words)?, OrderInput::Place(_)))
        }))
    }

    /// An event of an order, with its id.
    pub(super) fn order_event(&self, value: &[u8]) -> anyhow::Result<Read<(String, RecordedEvent)>> {
        let event = self.read(&self.order_events, value)?;
        Ok(event.and_then(|event| {
            let id = event.id.clone();
            let recorded = order_event::recorded(event).map_err(words)?;
            Ok((id, recorded))
        }))
    }

    pub(super) fn order(&self, value: &[u8]) -> anyhow::Result<Read<order_wire::Order>> {
        self.read(&self.orders, value)
    }

    pub(super) fn stock_event(&self, value: &[u8]) -> anyhow::Result<Read<StockRecord>> {
        let event = self.read(&self.stock_events, value)?;
        Ok(event.and_then(|event| {
            Ok(StockRecord {
                id: event.id,
                seq: count(event.seq).map_err(words)?,
                kind: stock::event(event.payload).map_err(words)?,
            })
        }))
    }

    pub(super) fn product(&self, value: &[u8]) -> anyhow::Result<Read<product_wire::Product>> {
        self.read(&self.products, value)
    }

    /// The id and the number of a wallet's answer.
    pub(super) fn payment_event(&self, value: &[u8]) -> anyhow::Result<Read<(String, i64)>> {
        let event = self.read(&self.payment_events, value)?;
        Ok(event.map(|event| (event.id, event.seq)))
    }

    pub(super) fn ledger_entry(&self, value: &[u8]) -> anyhow::Result<Read<LedgerEntry>> {
        let entry = self.read(&self.ledger_entries, value)?;
        Ok(entry.and_then(|entry| payment::entry(entry).map_err(words)))
    }

    /// A value that cannot be read is a fact about the books; a registry that does not answer ends the audit.
    fn read<T: Wire>(&self, serde: &AvroSerde<T>, value: &[u8]) -> anyhow::Result<Read<T>> {
        match serde.deserialize(Some(value)) {
            Err(SerdeError::MissingSchema(id)) => match self.resolver.resolve(id) {
                Resolution::Known => Ok(serde.deserialize(Some(value)).map_err(|error| error.to_string())),
                Resolution::Absent => Ok(Err(format!("the registry has no schema {id}"))),
                Resolution::Unavailable(cause) => bail!(Refusal::unavailable(cause)),
            },
            read => Ok(read.map_err(|error| error.to_string())),
        }
    }
}

/// The key of a record as an id.
pub(super) fn id(key: Option<&[u8]>) -> Read<&str> {
    let key = key.ok_or("it has no key")?;
    let text = std::str::from_utf8(key).map_err(|error| format!("its key is no text: {error}"))?;
    check_key(text).map_err(words)?;
    Ok(text)
}

#[allow(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn words(error: WireError) -> String {
    error.to_string()
}
