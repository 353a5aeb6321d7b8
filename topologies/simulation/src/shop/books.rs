//! The oracle of the shop: the invariants after every commit, and everything held against everything at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use commerce::audit::{Finding, OrderBook, Place, ProductBook, Seen, WalletBook};
use commerce::ids::OrderId;
use commerce::stock::StockEventKind;
use commerce::wire::{count, order_event, payment, stock};
use schemas::SchemaTable;
use schemas::topics::ORDER_COMMANDS;
use schemas::wire::{order as order_wire, payment as payment_wire, product as product_wire, stock as stock_wire};

use super::customers::Accepted;
use super::topic::{Heard, Topic};
use crate::workload::Stage;

/// What the topics have said so far.
pub(super) struct Books {
    order_events: Topic<order_wire::OrderEvent>,
    orders: Topic<order_wire::Order>,
    stock_events: Topic<stock_wire::StockEvent>,
    products: Topic<product_wire::Product>,
    ledger_entries: Topic<payment_wire::LedgerEntry>,
    of_orders: BTreeMap<String, OrderBook>,
    of_products: BTreeMap<String, OfProduct>,
    of_wallets: BTreeMap<String, WalletBook>,
    ids: BTreeSet<(&'static str, String)>,
    found: Vec<String>,
}

/// The ledger of a product, its newest snapshot, and the last entry of the ledger.
type OfProduct = (ProductBook, Option<Seen<product_wire::Product>>, Option<Place>);

impl Books {
    pub(super) fn new(schemas: &Arc<SchemaTable>) -> Self {
        Self {
            order_events: Topic::new(schemas),
            orders: Topic::new(schemas),
            stock_events: Topic::new(schemas),
            products: Topic::new(schemas),
            ledger_entries: Topic::new(schemas),
            of_orders: BTreeMap::new(),
            of_products: BTreeMap::new(),
            of_wallets: BTreeMap::new(),
            ids: BTreeSet::new(),
            found: Vec::new(),
        }
    }

    /// Takes in what was committed since the last call, and answers what is wrong with it.
    pub(super) fn observe(&mut self, stage: &Stage) -> Vec<String> {
        self.stock(stage);
        self.money(stage);
        self.events(stage);
        self.snapshots(stage);
        std::mem::take(&mut self.found)
    }

    /// Whether every accepted order has ended.
    pub(super) fn is_settled(&self, _: &Stage, accepted: &[Accepted]) -> bool {
        orders(accepted).all(|order| {
            let book = self.of_orders.get(order);
            let refused = book.is_some_and(|book| book.refused);
            let snapshot = book.and_then(|book| book.snapshot.as_ref());
            refused || snapshot.is_some_and(|seen| seen.record.step == order_wire::SagaStep::Done)
        })
    }

    /// Everything about each order, product and accepted request.
    pub(super) fn judge(&mut self, stage: &Stage, accepted: &[Accepted]) -> Vec<String> {
        let mut found = self.observe(stage);
        let now = stage.kafka.world.clock_ms(stage.outside);
        for order in orders(accepted).filter(|order| !self.of_orders.contains_key(*order)) {
            found.push(format!("I10: the accepted order {order} does not exist"));
        }
        for book in self.of_orders.values() {
            found.extend(book.judge(now).iter().map(words));
        }
        for (book, snapshot, last) in self.of_products.values() {
            found.extend(book.settle(snapshot.as_ref(), *last).iter().map(words));
        }
        found
    }

    fn stock(&mut self, stage: &Stage) {
        for heard in self.stock_events.news(stage, &mut self.found) {
            let Heard {
                place,
                key,
                value: event,
            } = heard;
            self.once("stock-events", &event.id);
            let (Ok(seq), Ok(kind)) = (count(event.seq), stock::event(event.payload)) else {
                self.found
                    .push(format!("stock-events {place:?} says nothing that the shop knows"));
                continue;
            };
            if let StockEventKind::Changed(change) = &kind
                && let Some((order, _)) = &change.hold
            {
                let seen = Seen {
                    place,
                    record: change.clone(),
                };
                self.order(order.as_str()).changes.push((key.as_str().into(), seen));
            }
            let product = self.product(&key);
            product.2 = Some(place);
            let wrong = product.0.event(seq, &Seen { place, record: kind });
            self.found.extend(wrong.iter().map(words));
        }
    }

    fn money(&mut self, stage: &Stage) {
        for heard in self.ledger_entries.news(stage, &mut self.found) {
            let Heard {
                place,
                key,
                value: entry,
            } = heard;
            let Ok(entry) = payment::entry(entry) else {
                self.found
                    .push(format!("ledger-entries {place:?} says nothing that the shop knows"));
                continue;
            };
            self.once("ledger-entries", &entry.entry_id.clone());
            let seen = Seen { place, record: entry };
            let wallet = self
                .of_wallets
                .entry(key.clone())
                .or_insert_with(|| WalletBook::new(key.as_str().into()));
            let wrong = wallet.entry(&seen);
            self.found.extend(wrong.iter().map(words));
            if let Some(order) = seen.record.order_id.clone() {
                self.order(order.as_str()).entries.push(seen);
            }
        }
    }

    fn events(&mut self, stage: &Stage) {
        for heard in self.order_events.news(stage, &mut self.found) {
            let Heard {
                place,
                key,
                value: event,
            } = heard;
            let id = event.id.clone();
            match order_event::recorded(event) {
                Ok(recorded) if recorded.seq > 0 => {
                    self.once("order-events", &id);
                    let seen = Seen {
                        place,
                        record: recorded,
                    };
                    self.order(&key).events.push(seen);
                }
                Ok(_) => self.order(&key).refused = true,
                Err(error) => self.found.push(format!("order-events {place:?}: {error}")),
            }
        }
    }

    fn snapshots(&mut self, stage: &Stage) {
        for Heard { place, key, value } in self.orders.news(stage, &mut self.found) {
            self.order(&key).snapshot = Some(Seen { place, record: value });
        }
        for Heard { place, key, value } in self.products.news(stage, &mut self.found) {
            self.product(&key).1 = Some(Seen { place, record: value });
        }
    }

    /// I5: no id comes twice in a topic.
    fn once(&mut self, topic: &'static str, id: &str) {
        if !self.ids.insert((topic, id.to_owned())) {
            self.found.push(format!("I5: {id} was carried out twice, in {topic}"));
        }
    }

    fn order(&mut self, id: &str) -> &mut OrderBook {
        let book = || OrderBook::new(OrderId::from(id));
        self.of_orders.entry(id.to_owned()).or_insert_with(book)
    }

    fn product(&mut self, id: &str) -> &mut OfProduct {
        let book = || (ProductBook::new(id.into()), None, None);
        self.of_products.entry(id.to_owned()).or_insert_with(book)
    }
}

/// The orders that accepted commands are about.
fn orders(accepted: &[Accepted]) -> impl Iterator<Item = &String> {
    let of_orders = accepted.iter().filter(|accepted| accepted.topic == ORDER_COMMANDS.name);
    of_orders.map(|accepted| &accepted.key)
}

fn words(finding: &Finding) -> String {
    let Finding {
        violation,
        topic,
        place,
    } = finding;
    format!("{violation} ({topic}/{} at {})", place.partition, place.offset)
}
