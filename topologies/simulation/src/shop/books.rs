//! The oracle of the shop: the invariants after every commit, and everything held against everything at the end.

use std::collections::{BTreeMap, BTreeSet};

use commerce::audit::{Finding, OrderBook, Place, ProductBook, Seen, WalletBook};
use commerce::ids::OrderId;
use commerce::stock::StockEventKind;
use commerce::wire::{count, order_event, payment, stock};
use schemas::topics::ORDER_COMMANDS;
use schemas::wire::{order as order_wire, product as product_wire};

use super::customers::Accepted;
use super::topic::{Heard, News};
use crate::workload::Stage;

/// What the topics have said so far.
#[derive(Default)]
pub(super) struct Books {
    of_orders: BTreeMap<String, OrderBook>,
    of_products: BTreeMap<String, OfProduct>,
    of_wallets: BTreeMap<String, WalletBook>,
    ids: BTreeSet<(&'static str, String)>,
    found: Vec<String>,
}

/// The ledger of a product, its newest snapshot, and the last entry of the ledger.
type OfProduct = (ProductBook, Option<Seen<product_wire::Product>>, Option<Place>);

impl Books {
    /// Takes in what was committed, and answers what is wrong with it.
    pub(super) fn observe(&mut self, news: &News) -> Vec<String> {
        self.stock(news);
        self.money(news);
        self.events(news);
        self.snapshots(news);
        std::mem::take(&mut self.found)
    }

    /// Whether every accepted order and every payout has ended.
    pub(super) fn is_settled(&self, accepted: &[Accepted]) -> bool {
        let mut orders = orders(accepted);
        let mut wallets = self.of_wallets.values();
        wallets.all(|book| book.payouts_on_their_way() == 0)
            && orders.all(|order| {
                let book = self.of_orders.get(order);
                let refused = book.is_some_and(|book| book.refused);
                let snapshot = book.and_then(|book| book.snapshot.as_ref());
                refused || snapshot.is_some_and(|seen| seen.record.step == order_wire::SagaStep::Done)
            })
    }

    /// Everything about each order, product and accepted request.
    pub(super) fn judge(&self, stage: &Stage, accepted: &[Accepted]) -> Vec<String> {
        let mut found = Vec::new();
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

    fn stock(&mut self, news: &News) {
        for heard in &news.stock_events {
            let (place, key, event) = (heard.place, &heard.key, &heard.value);
            self.once("stock-events", &event.id);
            let (Ok(seq), Ok(kind)) = (count(event.seq), stock::event(event.payload.clone())) else {
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
            let product = self.product(key);
            product.2 = Some(place);
            let wrong = product.0.event(seq, &Seen { place, record: kind });
            self.found.extend(wrong.iter().map(words));
        }
    }

    fn money(&mut self, news: &News) {
        for heard in &news.ledger_entries {
            let (place, key, entry) = (heard.place, &heard.key, &heard.value);
            let Ok(entry) = payment::entry(entry.clone()) else {
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

    fn events(&mut self, news: &News) {
        for heard in &news.order_events {
            let (place, key, event) = (heard.place, &heard.key, &heard.value);
            match order_event::recorded(event.clone()) {
                Ok(recorded) if recorded.seq > 0 => {
                    self.once("order-events", &event.id);
                    let seen = Seen {
                        place,
                        record: recorded,
                    };
                    self.order(key).events.push(seen);
                }
                Ok(_) => self.order(key).refused = true,
                Err(error) => self.found.push(format!("order-events {place:?}: {error}")),
            }
        }
    }

    fn snapshots(&mut self, news: &News) {
        for heard in &news.orders {
            self.order(&heard.key).snapshot = Some(seen(heard));
        }
        for heard in &news.products {
            self.product(&heard.key).1 = Some(seen(heard));
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

fn seen<T: Clone>(heard: &Heard<T>) -> Seen<T> {
    Seen {
        place: heard.place,
        record: heard.value.clone(),
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
