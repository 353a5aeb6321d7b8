//! A shop to act upon: all topologies or some of them over one log in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use commerce::invariants::{self, Violation};
use commerce::order::RecordedEvent;
use commerce::payment::LedgerEntry;
use commerce::stock::{StockChange, StockEventKind};
use commerce::topologies::{self, topic};
use commerce::views::{self, TimelineItem, View, ViewRange, WalletView};
use commerce::{ids::ProductId, wire};
use schemas::SchemaTable;
use schemas::wire::envelope::{Actor, Envelope, Money, Role};
use schemas::wire::{Wire, fulfilment, order, payment, product, stock};
use streams::{DriverOptions, Record, TopologyTestDriver};

pub struct Shop {
    pub driver: TopologyTestDriver,
    pub schemas: Arc<SchemaTable>,
    deployed: Vec<String>,
    commands: u64,
}

/// The start of the driver's clock.
pub const START_MS: i64 = 1_700_000_000_000;

pub fn krw(amount: i64) -> Money {
    Money {
        amount,
        currency: "KRW".to_owned(),
    }
}

pub fn actor(id: &str, role: Role) -> Actor {
    Actor {
        account_id: id.to_owned(),
        role,
    }
}

impl Shop {
    /// A shop with all that it needs.
    pub fn open() -> Self {
        Self::without("nothing")
    }

    /// A shop in which one topology is silent.
    pub fn without(silent: &str) -> Self {
        Self::with(|topology| topology != silent && !topologies::is_optional(topology))
    }

    /// A shop in which only one topology speaks.
    pub fn only(speaking: &str) -> Self {
        Self::with(|topology| topology == speaking)
    }

    /// A shop that tells others outside of its orders.
    pub fn with_webhooks() -> Self {
        Self::with(|_| true)
    }

    fn with(speaks: impl Fn(&str) -> bool) -> Self {
        let schemas = Arc::new(SchemaTable::with_current_schemas());
        let mut all = topologies::every(&schemas).unwrap();
        all.retain(|topology| speaks(topology.name()));
        let deployed = all.iter().map(|topology| topology.name().to_owned()).collect();
        let driver = TopologyTestDriver::new(
            all,
            DriverOptions {
                now_ms: START_MS,
                ..DriverOptions::default()
            },
        );
        Self {
            driver: driver.unwrap(),
            schemas,
            deployed,
            commands: 0,
        }
    }

    /// A shop with a seller's product `book` (stock 10, 1,500 won) and a buyer `ann` with 10,000 won.
    pub fn stocked(mut self) -> Self {
        self.create_product("book", "sam", 1_500, 10);
        self.deposit("ann", "first", 10_000);
        self
    }

    pub fn send<P>(&mut self, key: &str, by: Actor, id: &str, payload: P)
    where
        Envelope<P>: Wire,
    {
        self.commands += 1;
        let command = Envelope {
            id: id.to_owned(),
            seq: 0,
            at: self.driver.now_ms(),
            actor: by,
            causation: "request".to_owned(),
            correlation: format!("request-{}", self.commands),
            payload,
        };
        let topic = topic::<Envelope<P>>(&self.schemas);
        self.driver.pipe(&topic, &key.to_owned(), &command).unwrap();
    }

    pub fn create_product(&mut self, id: &str, seller: &str, price: i64, stock: i64) {
        let create = product::CreateProduct {
            seller_id: seller.to_owned(),
            name: format!("The {id}"),
            price: krw(price),
            stock,
        };
        let payload = product::ProductCommandPayload::CreateProduct(create);
        self.send(id, actor(seller, Role::Seller), &format!("create-{id}"), payload);
    }

    pub fn adjust_stock(&mut self, id: &str, seller: &str, adjustment: &str, delta: i64) {
        let adjust = product::AdjustStock {
            delta,
            adjustment_id: adjustment.to_owned(),
        };
        let payload = product::ProductCommandPayload::AdjustStock(adjust);
        self.send(id, actor(seller, Role::Seller), adjustment, payload);
    }

    pub fn deposit(&mut self, account: &str, deposit: &str, amount: i64) {
        let deposit = payment::Deposit {
            deposit_id: format!("{account}-{deposit}"),
            amount: krw(amount),
        };
        let id = deposit.deposit_id.clone();
        self.send(
            account,
            actor(account, Role::Buyer),
            &id,
            payment::PaymentCommandPayload::Deposit(deposit),
        );
    }

    pub fn place(&mut self, order: &str, buyer: &str, lines: &[(&str, i64)]) {
        self.place_by(order, buyer, lines, None);
    }

    pub fn place_by_card(&mut self, order: &str, buyer: &str, lines: &[(&str, i64)], card: &str) {
        self.place_by(order, buyer, lines, Some(card.to_owned()));
    }

    fn place_by(&mut self, order: &str, buyer: &str, lines: &[(&str, i64)], card: Option<String>) {
        let line = |(line, (product, quantity)): (i32, &(&str, i64))| order::RequestedLine {
            line,
            product_id: (*product).to_owned(),
            quantity: *quantity,
        };
        let place = order::PlaceOrder {
            buyer_id: buyer.to_owned(),
            lines: (1..).zip(lines).map(line).collect(),
            currency: String::new(),
            request_hash: format!("{lines:?}"),
            card,
        };
        let payload = order::OrderCommandPayload::PlaceOrder(place);
        self.send(order, actor(buyer, Role::Buyer), &format!("place-{order}"), payload);
    }

    pub fn cancel(&mut self, order: &str, by: &str, id: &str) {
        let cancel = order::CancelOrder {
            reason: Some("changed my mind".to_owned()),
        };
        self.send(
            order,
            actor(by, Role::Buyer),
            id,
            order::OrderCommandPayload::CancelOrder(cancel),
        );
    }

    /// A buyer or a seller does something with lines of an order; without lines, with all that it can be about.
    pub fn lines(&mut self, order: &str, by: &str, id: &str, kind: &str, lines: &[i32]) {
        let (lines, reason) = (lines.to_vec(), Some("as agreed".to_owned()));
        let (role, payload) = match kind {
            "ship" => {
                let (carrier, tracking_number) = (Some("CJ".to_owned()), Some("42".to_owned()));
                let ship = fulfilment::ShipLines {
                    lines,
                    carrier,
                    tracking_number,
                };
                (Role::Seller, order::OrderCommandPayload::ShipLines(ship))
            }
            "confirm delivery" => {
                let confirm = fulfilment::ConfirmDelivery { lines };
                (Role::Buyer, order::OrderCommandPayload::ConfirmDelivery(confirm))
            }
            "request return" => {
                let request = fulfilment::RequestReturn { lines, reason };
                (Role::Buyer, order::OrderCommandPayload::RequestReturn(request))
            }
            "reject return" => {
                let reject = fulfilment::RejectReturn { lines, reason };
                (Role::Seller, order::OrderCommandPayload::RejectReturn(reject))
            }
            "buyer refunds" => {
                let refund = fulfilment::RefundLines { lines, reason };
                (Role::Buyer, order::OrderCommandPayload::RefundLines(refund))
            }
            _ => {
                let refund = fulfilment::RefundLines { lines, reason };
                (Role::Seller, order::OrderCommandPayload::RefundLines(refund))
            }
        };
        self.send(order, actor(by, role), id, payload);
    }

    /// An answer of the stock ledger, as if it came from a topology that is not deployed.
    pub fn answer_from_stock(&mut self, order: &str, payload: stock::StockReplyPayload) {
        self.send(order, actor("products", Role::System), "answer", payload);
    }

    /// An answer of the wallet, as if it came from a topology that is not deployed.
    pub fn answer_from_wallet(&mut self, order: &str, payload: payment::PaymentEventPayload) {
        self.send(order, actor("payments", Role::System), "answer", payload);
    }

    pub fn get(&self, view: View, key: &str) -> Option<Vec<u8>> {
        self.driver.store_get(view.topology, view.store, key.as_bytes())
    }

    pub fn range(&self, view: View, range: &ViewRange) -> Vec<Vec<u8>> {
        let entries = self.driver.store_entries(view.topology, view.store);
        let inside = |key: &Vec<u8>| *key >= range.from && range.to.as_ref().is_none_or(|to| key < to);
        entries
            .into_iter()
            .filter(|(key, _)| inside(key))
            .map(|(_, value)| value)
            .collect()
    }

    pub fn order(&self, id: &str) -> order::Order {
        views::order(&self.get(views::ORDERS, id).expect("the order exists"))
            .unwrap()
            .order
    }

    pub fn product(&self, id: &str) -> product::Product {
        views::product(&self.get(views::PRODUCTS, id).expect("the product exists")).unwrap()
    }

    pub fn wallet(&self, id: &str) -> WalletView {
        views::wallet(&self.get(views::WALLETS, id).expect("the wallet exists")).unwrap()
    }

    /// Free and held won of a wallet.
    pub fn money(&self, id: &str) -> (i64, i64) {
        let wallet = self.wallet(id);
        wallet
            .balances
            .first()
            .map_or((0, 0), |balance| (balance.available, balance.held))
    }

    /// Pieces on the shelf and held.
    pub fn stock(&self, id: &str) -> (i64, i64) {
        let product = self.product(id);
        (product.on_hand, product.reserved)
    }

    pub fn timeline(&self, order: &str) -> Vec<TimelineItem> {
        let items = self.range(views::TIMELINE, &views::timeline(order, 0));
        items.iter().map(|item| views::timeline_item(item).unwrap()).collect()
    }

    /// The names of an order's events.
    pub fn story(&self, order: &str) -> Vec<String> {
        self.timeline(order).into_iter().map(|item| item.kind).collect()
    }

    pub fn records<T: Wire>(&self) -> Vec<Record<String, T>> {
        self.driver.read(&topic::<T>(&self.schemas)).unwrap()
    }

    /// Causes of all dead letters of a topology.
    pub fn dead_letters(&self, topology: &str) -> Vec<String> {
        let letters = self.driver.read_raw(&format!("test-{topology}-dead-letters"));
        let cause = |headers: &streams::Headers| headers.last("sluice.error").map(<[u8]>::to_vec);
        letters
            .iter()
            .map(|(_, _, headers)| String::from_utf8(cause(headers).unwrap()).unwrap())
            .collect()
    }

    pub fn wait(&mut self, ms: i64) {
        self.driver.advance_wall_clock(ms).unwrap();
    }

    /// Commits hop by hop until nothing moves any more. Only of use without autocommit.
    pub fn settle(&mut self) {
        for _ in 0..HOPS_MAX {
            self.driver.commit().unwrap();
        }
    }

    /// The invariants over what was published, and that each store equals its changelog.
    pub fn check_books(&self) {
        let (changes, entries, events) = (self.changes(), self.entries(), self.events());
        let by_product = || changes.iter().map(|(product, change)| (product, change));
        expect_none(&invariants::i1_stock_changes(by_product()));
        expect_none(&invariants::i2_holds_resolved_once(by_product()));
        expect_none(&invariants::i3_ledger_sums_to_zero(&entries));
        expect_none(&invariants::i4_refunded_captured_authorised(&entries));
        expect_none(&invariants::i5_no_operation_twice(
            entries.iter().map(|entry| entry.entry_id.as_str()),
        ));
        let ids: Vec<String> = self
            .records::<order::OrderEvent>()
            .into_iter()
            .map(|event| event.value.id)
            .collect();
        expect_none(&invariants::i5_no_operation_twice(ids.iter().map(String::as_str)));
        for (id, order) in self.latest_orders() {
            let all = changes.iter().map(|(_, change)| change);
            expect_none(&invariants::i7_cancelled_leaves_nothing(&order, &entries, all));
            expect_none(&invariants::i8_snapshot_is_fold(&events[&id], &order));
            let stored = self.order(&id);
            if stored.step == order::SagaStep::Done {
                assert_eq!(order, stored, "the store and the topic differ");
            }
        }
        self.check_changelogs();
    }

    fn check_changelogs(&self) {
        for topology in topologies::every(&self.schemas).unwrap() {
            if !self.deployed.iter().any(|name| name == topology.name()) {
                continue;
            }
            for store in topology.stores() {
                let (name, store) = (topology.name(), store.name.as_str());
                let rebuilt = self.driver.changelog_entries(name, store);
                assert_eq!(
                    self.driver.store_entries(name, store),
                    rebuilt,
                    "store {store} of {name}"
                );
            }
        }
    }

    pub fn latest_orders(&self) -> BTreeMap<String, order::Order> {
        self.records::<order::Order>()
            .into_iter()
            .map(|record| (record.key, record.value))
            .collect()
    }

    pub fn changes(&self) -> Vec<(ProductId, StockChange)> {
        let event = |record: Record<String, stock::StockEvent>| {
            let kind = wire::stock::event(record.value.payload).unwrap();
            match kind {
                StockEventKind::Changed(change) => Some((ProductId(record.key), change)),
                StockEventKind::Refused(_) => None,
            }
        };
        self.records::<stock::StockEvent>()
            .into_iter()
            .filter_map(event)
            .collect()
    }

    pub fn entries(&self) -> Vec<LedgerEntry> {
        let entries = self.records::<payment::LedgerEntry>().into_iter();
        entries
            .map(|record| wire::payment::entry(record.value).unwrap())
            .collect()
    }

    pub fn events(&self) -> BTreeMap<String, Vec<RecordedEvent>> {
        let mut events: BTreeMap<String, Vec<RecordedEvent>> = BTreeMap::new();
        for record in self.records::<order::OrderEvent>() {
            let event = wire::order_event::recorded(record.value).unwrap();
            events.entry(record.key).or_default().push(event);
        }
        events
    }
}

/// More hops than any order takes, with a cancellation after it is paid.
pub const HOPS_MAX: usize = 24;

fn expect_none(violations: &[Violation]) {
    assert!(violations.is_empty(), "{violations:#?}");
}
