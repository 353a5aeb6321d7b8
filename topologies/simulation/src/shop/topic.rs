//! The shop's topics, read on as they grow, each once for everybody who looks at them.

use std::collections::BTreeMap;
use std::sync::Arc;

use commerce::audit::Place;
use schemas::wire::Wire;
use schemas::wire::account::{Account, AccountCommand};
use schemas::wire::order::{Order, OrderCommand, OrderEvent};
use schemas::wire::payment::{LedgerEntry, PaymentCommand, PaymentEvent};
use schemas::wire::product::{Product, ProductCommand};
use schemas::wire::stock::{StockCommand, StockEvent, StockReply};
use schemas::{AvroSerde, SchemaTable};
use streams::serde::Serde;

use crate::cluster::{PartitionId, StoredRecord};
use crate::workload::Stage;

macro_rules! topics {
    ($($name:ident: $record:ty,)+) => {
        /// How far each topic has been read.
        pub(super) struct Topics {
            $($name: Topic<$record>,)+
        }

        /// What was committed since the last look.
        pub(super) struct News {
            $(pub(super) $name: Vec<Heard<$record>>,)+
            /// Records that cannot be read.
            pub(super) unreadable: Vec<String>,
        }

        impl Topics {
            pub(super) fn new(schemas: &Arc<SchemaTable>) -> Self {
                Self {
                    $($name: Topic::new(schemas),)+
                }
            }

            /// What was committed since the last call.
            pub(super) fn news(&mut self, stage: &Stage) -> News {
                let mut unreadable = Vec::new();
                News {
                    $($name: self.$name.news(stage, &mut unreadable),)+
                    unreadable,
                }
            }
        }
    };
}

topics! {
    account_commands: AccountCommand,
    accounts: Account,
    payment_commands: PaymentCommand,
    payment_events: PaymentEvent,
    ledger_entries: LedgerEntry,
    product_commands: ProductCommand,
    stock_commands: StockCommand,
    stock_events: StockEvent,
    stock_replies: StockReply,
    products: Product,
    order_commands: OrderCommand,
    order_events: OrderEvent,
    orders: Order,
}

/// What has been read of a topic so far.
struct Topic<T> {
    serde: AvroSerde<T>,
    reader: Reader,
}

/// How far a topic has been read.
#[derive(Debug, Default)]
pub(super) struct Reader {
    next: BTreeMap<i32, i64>,
}

/// A record that could be read.
pub(super) struct Heard<T> {
    pub(super) place: Place,
    pub(super) key: String,
    pub(super) value: T,
}

impl<T: Wire> Topic<T> {
    fn new(schemas: &Arc<SchemaTable>) -> Self {
        Self {
            serde: AvroSerde::new(schemas),
            reader: Reader::default(),
        }
    }

    fn news(&mut self, stage: &Stage, unreadable: &mut Vec<String>) -> Vec<Heard<T>> {
        let mut heard = Vec::new();
        for (place, record) in self.reader.records(stage, T::topic().name) {
            match self.read(&record) {
                Ok((key, value)) => heard.push(Heard { place, key, value }),
                Err(error) => unreadable.push(format!("{} {place:?}: {error}", T::topic().name)),
            }
        }
        heard
    }

    fn read(&self, record: &StoredRecord) -> Result<(String, T), String> {
        let key = record.key.as_deref().ok_or("it has no key")?;
        let key = String::from_utf8(key.to_vec()).map_err(|error| error.to_string())?;
        let value = self.serde.deserialize(record.value.as_deref());
        Ok((key, value.map_err(|error| error.to_string())?))
    }
}

impl Reader {
    /// What was committed to the topic since the last call.
    pub(super) fn records(&mut self, stage: &Stage, name: &str) -> Vec<(Place, StoredRecord)> {
        let next = &mut self.next;
        stage.kafka.look(|cluster| {
            let Some(topic) = cluster.topic(name) else {
                return Vec::new();
            };
            let mut records = Vec::new();
            for partition in 0..cluster.partitions(topic) {
                let from = next.entry(partition).or_default();
                for (offset, record) in cluster.committed_since(PartitionId { topic, partition }, *from) {
                    records.push((Place { partition, offset }, record.clone()));
                    *from = offset + 1;
                }
            }
            records
        })
    }
}
