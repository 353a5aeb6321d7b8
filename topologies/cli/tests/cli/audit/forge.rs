//! Books that are wrong on purpose, each in one way.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use runtime::commands::CommandRecord;
use runtime::commit_record::CommitRecord;
use runtime::embedded::EmbeddedBroker;
use runtime::origin::{ORIGIN, Origin};
use runtime::registry::EmbeddedRegistry;
use runtime::{Machine, OsMachine};
use schemas::registry::publish;
use schemas::wire::Wire;
use schemas::wire::order::{Order, OrderCommand, OrderCommandPayload, OrderEvent, OrderStatus, SagaStep};
use schemas::wire::payment::{LedgerEntry, LedgerEntryKind, Posting};
use schemas::wire::product::Product;
use schemas::wire::stock::{StockChangeKind, StockEvent, StockEventPayload};
use schemas::{AvroSerde, SchemaTable};
use state_stores::{RocksDbStore, StateDirectory, StoreBudget, StoreMemory};
use streams::changelog::{COMMIT_RECORD_KEY, changelog_key};
use streams::log::{LogReader, StoredRecord};
use streams::partition::partition_for_key;
use streams::serde::Serde;
use streams::store::{KeyRange, KeyValueStore, StoreWrite};
use streams::{StoreIndex, TaskId};

const ORDERS: &str = "sluice-orders";
const CHANGELOG: &str = "sluice-orders-0-changelog";

/// The books of a stopped shop, open for forgery.
pub(super) struct Forge {
    broker: Arc<EmbeddedBroker>,
    schemas: Arc<SchemaTable>,
    directory: PathBuf,
}

/// What the audit must find.
#[derive(Debug)]
pub(super) struct Forged {
    pub(super) check: &'static str,
    /// Part of the subject.
    pub(super) subject: String,
    pub(super) topic: String,
    /// The record; `None` where the finding names another one than the forged.
    pub(super) offset: Option<i64>,
}

/// Is told offset, key and value.
type Visit<'a> = dyn FnMut(i64, &[u8], &[u8]) + 'a;

/// A record with where it stands.
struct Found<T> {
    partition: i32,
    key: String,
    record: T,
}

impl Forge {
    pub(super) fn open(directory: &Path) -> Self {
        let broker = EmbeddedBroker::open(&directory.join("log")).unwrap();
        let schemas = Arc::new(SchemaTable::with_current_schemas());
        let registry = EmbeddedRegistry::open(&broker).unwrap();
        publish(&registry, schemas::topics::topics(), &schemas).unwrap();
        Self {
            broker,
            schemas,
            directory: directory.to_owned(),
        }
    }

    pub(super) fn order_event_twice(&self, order: &str) -> Forged {
        let last = self.last(|event: &OrderEvent| event.correlation == order);
        self.forge("I5", &last.record.id.clone(), &last)
    }

    pub(super) fn order_event_gap(&self, order: &str) -> Forged {
        let mut last = self.last(|event: &OrderEvent| event.correlation == order);
        last.record.seq += 2;
        last.record.id.push_str(".forged");
        // What is wrong shows at the snapshot that does not fit the events any more.
        Forged {
            topic: "orders".to_owned(),
            offset: None,
            ..self.forge("I8", order, &last)
        }
    }

    pub(super) fn another_status(&self, order: &str) -> Forged {
        let mut snapshot = self.last(|snapshot: &Order| snapshot.order_id == order);
        snapshot.record.status = OrderStatus::Cancelled;
        self.forge("I8", order, &snapshot)
    }

    pub(super) fn stuck(&self, order: &str) -> Forged {
        let mut snapshot = self.last(|snapshot: &Order| snapshot.order_id == order);
        (snapshot.record.step, snapshot.record.updated_at) = (SagaStep::Capturing, 0);
        self.forge("I6", order, &snapshot)
    }

    pub(super) fn invented_order(&self) -> Forged {
        let mut snapshot = self.last(|_: &Order| true);
        "invented".clone_into(&mut snapshot.record.order_id);
        self.forge(
            "I10",
            "invented",
            &Found {
                key: "invented".to_owned(),
                ..snapshot
            },
        )
    }

    pub(super) fn lost_request(&self) -> Forged {
        let command = self.last(|command: &OrderCommand| matches!(command.payload, OrderCommandPayload::PlaceOrder(_)));
        let key = "lost".to_owned();
        let partition = partition_for_key(key.as_bytes(), self.broker.partition_counts()["order-commands"]);
        let forged = self.forge(
            "I10",
            "lost",
            &Found {
                partition,
                key,
                ..command
            },
        );
        let read = [(("order-commands".to_owned(), partition), forged.offset.unwrap() + 1)].into();
        self.broker.alter_group_offsets(ORDERS, &read).unwrap();
        forged
    }

    pub(super) fn stock_sum(&self, product: &str) -> Forged {
        let mut last = self.last(|event: &StockEvent| matches!(event.payload, StockEventPayload::StockChanged(_)));
        if let StockEventPayload::StockChanged(change) = &mut last.record.payload {
            change.on_hand += 1;
        }
        self.forge("I1", product, &last)
    }

    pub(super) fn released_again(&self, order: &str) -> Forged {
        let mut last = self.last(|event: &StockEvent| {
            matches!(&event.payload, StockEventPayload::StockChanged(change) if change.order_id.as_deref() == Some(order))
        });
        if let StockEventPayload::StockChanged(change) = &mut last.record.payload {
            change.kind = StockChangeKind::Released;
        }
        Forged {
            subject: last.key.clone(),
            ..self.forge("I2", "", &last)
        }
    }

    pub(super) fn another_stock(&self, product: &str) -> Forged {
        let mut snapshot = self.last(|_: &Product| true);
        snapshot.record.on_hand += 5;
        self.forge("I1", product, &snapshot)
    }

    pub(super) fn unbalanced_entry(&self) -> Forged {
        let mut entry = self.last(|_: &LedgerEntry| true);
        entry.record.entry_id.push_str(".forged");
        entry.record.postings[0].amount += 1;
        self.forge("I3", &entry.record.entry_id.clone(), &entry)
    }

    pub(super) fn overdrawn(&self) -> Forged {
        let mut entry = self.last(|entry: &LedgerEntry| entry.kind == LedgerEntryKind::Deposit);
        entry.record.kind = LedgerEntryKind::Withdrawal;
        let available = format!("wallet:{}:available", entry.record.account_id);
        entry.record.postings = postings(&available, "outside", 1_000_000);
        self.forge("I3", &available, &entry)
    }

    pub(super) fn refund_too_much(&self, order: &str) -> Forged {
        let mut entry = self.last(|entry: &LedgerEntry| entry.order_id.as_deref() == Some(order));
        entry.record.kind = LedgerEntryKind::Refund;
        let available = format!("wallet:{}:available", entry.record.account_id);
        entry.record.postings = postings(&format!("escrow:{order}"), &available, 4_501);
        self.forge("I4", order, &entry)
    }

    pub(super) fn settled_too_much(&self, order: &str) -> Forged {
        let mut entry = self.last(|entry: &LedgerEntry| entry.order_id.as_deref() == Some(order));
        entry.record.kind = LedgerEntryKind::Settlement;
        entry.record.postings = postings(&format!("escrow:{order}"), &format!("due:{order}"), 4_501);
        self.forge("I4", order, &entry)
    }

    /// Money that is due to nobody reaches somebody: no line of the order says so.
    pub(super) fn credited_for_nothing(&self, order: &str) -> Forged {
        let mut entry = self.last(|entry: &LedgerEntry| entry.order_id.as_deref() == Some(order));
        entry.record.kind = LedgerEntryKind::Credit;
        let available = format!("wallet:{}:available", entry.record.account_id);
        entry.record.postings = postings(&format!("due:{order}"), &available, 1);
        self.forge("I4", order, &entry)
    }

    pub(super) fn kept_money(&self, order: &str) -> Forged {
        let mut entry = self.last(|entry: &LedgerEntry| {
            entry.order_id.as_deref() == Some(order) && entry.kind == LedgerEntryKind::Authorization
        });
        entry.record.entry_id.push_str(".forged");
        Forged {
            topic: "orders".to_owned(),
            offset: None,
            ..self.forge("I7", order, &entry)
        }
    }

    pub(super) fn ledger_entry_twice(&self) -> Forged {
        let entry = self.last(|_: &LedgerEntry| true);
        self.forge("I5", &entry.record.entry_id.clone(), &entry)
    }

    pub(super) fn garbage(&self) -> Forged {
        let offset = self.append("order-events", 0, b"somebody", b"not a record");
        forged("unreadable", "somebody", "order-events", offset)
    }

    pub(super) fn output_twice(&self, order: &str) -> Forged {
        self.numbered_again(order, 0, "output-twice")
    }

    pub(super) fn output_gap(&self, order: &str) -> Forged {
        self.numbered_again(order, 2, "output-missing")
    }

    /// The newest numbered event of the order's partition once more, with a number that is so much higher.
    fn numbered_again(&self, order: &str, by: u64, check: &'static str) -> Forged {
        let (topic, partition) = ("order-events", self.task_of(order).partition);
        let mut newest = None;
        let mut reader = self.broker.reader();
        let (first, end) = reader.offsets(topic, partition).unwrap();
        let visit = &mut |record: StoredRecord<'_>| {
            let origin = Origin::of(&record.headers).map(|origin| (origin.writer.to_owned(), origin.number));
            let (key, value) = (record.key.unwrap().to_vec(), record.value.unwrap().to_vec());
            newest = origin.map(|origin| (key, value, origin)).or(newest.take());
            ControlFlow::Continue(())
        };
        reader.read(topic, partition, first, end, visit).unwrap();
        let (key, value, (writer, number)) = newest.unwrap();
        let origin = Origin {
            writer: &writer,
            number: number + by,
        };
        let headers = vec![(ORIGIN.to_owned(), origin.to_string().into_bytes())];
        let offset = self.append_with(headers, topic, partition, &key, &value);
        forged(check, &origin.to_string(), topic, offset)
    }

    pub(super) fn torn(&self, order: &str) -> Forged {
        let task = self.task_of(order);
        let offset = self.append(CHANGELOG, task.partition, &changelog_key("orders", b"torn"), b"torn");
        forged("torn-transaction", &task.to_string(), CHANGELOG, offset)
    }

    /// Compaction may take the commit record before it at any moment, so it must be wrong by itself.
    pub(super) fn misplaced_commit(&self, order: &str) -> Forged {
        let task = self.task_of(order);
        let (offset, newest) = self.newest_commit(task);
        let commit = CommitRecord {
            sequence: newest.sequence + 1,
            after: Some(offset + 10),
            records: 0,
            ..newest
        };
        let offset = self.append(CHANGELOG, task.partition, COMMIT_RECORD_KEY, &commit.to_bytes());
        forged("commit-sequence", &task.to_string(), CHANGELOG, offset)
    }

    pub(super) fn inputs_back(&self, order: &str) -> Forged {
        let task = self.task_of(order);
        let (offset, newest) = self.newest_commit(task);
        let back = |(input, next): (&String, &i64)| {
            let (topic, _) = input.split_once('/').unwrap();
            ((topic.to_owned(), task.partition), next - 1)
        };
        let back = newest.offsets.iter().map(back).collect();
        self.broker.alter_group_offsets(ORDERS, &back).unwrap();
        forged("input-offsets", &task.to_string(), CHANGELOG, offset)
    }

    fn newest_commit(&self, task: TaskId) -> (i64, CommitRecord) {
        let mut newest = None;
        self.read(CHANGELOG, task.partition, &mut |offset, key, value| {
            if key == COMMIT_RECORD_KEY {
                newest = Some((offset, CommitRecord::from_bytes(value).unwrap()));
            }
        });
        newest.unwrap()
    }

    pub(super) fn store_value(&self, order: &str) -> Forged {
        self.change_store(order, Some(b"forged"))
    }

    pub(super) fn store_without(&self, order: &str) -> Forged {
        self.change_store(order, None)
    }

    /// Changes the first entry of the order's task behind the changelog's back.
    fn change_store(&self, order: &str, value: Option<&[u8]>) -> Forged {
        let (task, index) = (self.task_of(order), StoreIndex(0));
        let store = self.store(task);
        let mut first = None;
        let visit = &mut |key: &[u8], _: &[u8]| {
            first = Some(key.to_vec());
            ControlFlow::Break(())
        };
        store.range(index, KeyRange::all(), false, visit).unwrap();
        let key = first.unwrap();
        let write = StoreWrite {
            store: index,
            key: &key,
            value,
        };
        store.write(&mut std::iter::once(write), &store.positions()).unwrap();
        Forged {
            offset: None,
            ..forged("store", &task.to_string(), CHANGELOG, 0)
        }
    }

    fn store(&self, task: TaskId) -> RocksDbStore {
        let memory = StoreMemory::new(StoreBudget::default()).unwrap();
        let states = StateDirectory::new(&self.directory.join("state"), ORDERS, memory).unwrap();
        let topologies = commerce::topologies::all(&self.schemas).unwrap();
        let orders = topologies.iter().find(|topology| topology.name() == "orders").unwrap();
        let layout = orders.place(ORDERS, &self.broker.partition_counts()).unwrap();
        let stores: Vec<(StoreIndex, String)> = layout
            .task(task)
            .unwrap()
            .stores
            .iter()
            .map(|store| (*store, layout.stores[usize::from(store.0)].clone()))
            .collect();
        states.open(task, &stores).unwrap()
    }

    fn task_of(&self, order: &str) -> TaskId {
        TaskId {
            subtopology: 0,
            partition: partition_for_key(order.as_bytes(), self.broker.partition_counts()[CHANGELOG]),
        }
    }

    /// The last record that `is_wanted`.
    fn last<T: Wire>(&self, is_wanted: impl Fn(&T) -> bool) -> Found<T> {
        let (topic, serde) = (T::topic().name, AvroSerde::<T>::new(&self.schemas));
        let mut last = None;
        for partition in 0..self.broker.partition_counts()[topic] {
            self.read(topic, partition, &mut |_, key, value| {
                let record = serde.deserialize(Some(value)).unwrap();
                if is_wanted(&record) {
                    let key = String::from_utf8(key.to_vec()).unwrap();
                    last = Some(Found { partition, key, record });
                }
            });
        }
        last.unwrap()
    }

    fn read(&self, topic: &str, partition: i32, visit: &mut Visit<'_>) {
        let mut reader = self.broker.reader();
        let (first, end) = reader.offsets(topic, partition).unwrap();
        reader
            .read(topic, partition, first, end, &mut |record| {
                visit(record.offset, record.key.unwrap(), record.value.unwrap_or_default());
                ControlFlow::Continue(())
            })
            .unwrap();
    }

    /// Appends the record, and expects this finding at it.
    fn forge<T: Wire>(&self, check: &'static str, subject: &str, found: &Found<T>) -> Forged {
        let (topic, mut value) = (T::topic().name, Vec::new());
        AvroSerde::<T>::new(&self.schemas)
            .serialize(&found.record, &mut value)
            .unwrap();
        let offset = self.append(topic, found.partition, found.key.as_bytes(), &value);
        forged(check, subject, topic, offset)
    }

    fn append(&self, topic: &str, partition: i32, key: &[u8], value: &[u8]) -> i64 {
        self.append_with(Vec::new(), topic, partition, key, value)
    }

    fn append_with(
        &self,
        headers: Vec<(String, Vec<u8>)>,
        topic: &str,
        partition: i32,
        key: &[u8],
        value: &[u8],
    ) -> i64 {
        let record = CommandRecord {
            topic: topic.to_owned(),
            key: key.to_vec(),
            value: Some(value.to_vec()),
            headers,
            // Of now: retention would take an old command away.
            timestamp_ms: OsMachine.now_ms(),
        };
        self.broker.append(partition, &record).unwrap()
    }
}

impl Drop for Forge {
    fn drop(&mut self) {
        self.broker.close();
    }
}

fn forged(check: &'static str, subject: &str, topic: &str, offset: i64) -> Forged {
    Forged {
        check,
        subject: subject.to_owned(),
        topic: topic.to_owned(),
        offset: Some(offset),
    }
}

fn postings(from: &str, to: &str, amount: i64) -> Vec<Posting> {
    let posting = |account: &str, amount| Posting {
        account: account.to_owned(),
        amount,
    };
    vec![posting(from, -amount), posting(to, amount)]
}
