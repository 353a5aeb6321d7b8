use commerce::audit::{self, Finding, OrderBook, Place, ProductBook, Seen, WalletBook};
use commerce::invariants::ORDER_BOUND_MS;
use commerce::order::OrderState;
use commerce::payment::{LedgerEntry, LedgerKind, ProviderOutcome};
use commerce::state_serde::StateSerde;
use commerce::stock::{ProductRefusal, StockChange, StockEventKind};
use commerce::views;
use schemas::wire::envelope::Role;
use schemas::wire::order::{Order, OrderStatus, SagaStep};
use schemas::wire::product::Product;
use streams::serde::Serde;

use crate::shop::{START_MS, Shop, actor};

/// Long after every order has had its time.
const LATE: i64 = START_MS + 10 * ORDER_BOUND_MS;

fn place(offset: usize) -> Place {
    Place {
        partition: 0,
        offset: offset.try_into().unwrap(),
    }
}

fn seen<T>(records: impl IntoIterator<Item = T>) -> Vec<Seen<T>> {
    let seen = |(offset, record)| Seen {
        place: place(offset),
        record,
    };
    records.into_iter().enumerate().map(seen).collect()
}

/// What the topics say about one order.
fn order_book(shop: &Shop, id: &str) -> OrderBook {
    let entries = shop.entries().into_iter();
    let changes = seen(shop.changes()).into_iter().map(|seen| {
        let (product, record) = seen.record;
        let place = seen.place;
        (product, Seen { place, record })
    });
    let is_own = |change: &StockChange| change.hold.as_ref().is_some_and(|(order, _)| order.as_str() == id);
    OrderBook {
        events: seen(shop.events().remove(id).unwrap()),
        snapshot: seen(shop.latest_orders().remove(id)).pop(),
        entries: seen(entries.filter(|entry| entry.order_id.as_ref().is_some_and(|order| order.as_str() == id))),
        changes: changes.filter(|(_, change)| is_own(&change.record)).collect(),
        ..OrderBook::new(id.into())
    }
}

/// One order that was paid, one that was cancelled after that, and one that was never to be had.
fn shop() -> Shop {
    let mut shop = Shop::open().stocked();
    shop.create_product("pen", "sue", 100, 50);
    shop.place("paid", "ann", &[("book", 2), ("pen", 1)]);
    shop.place("back", "ann", &[("book", 1)]);
    shop.cancel("back", "ann", "c1");
    shop.place("short", "ann", &[("book", 99)]);
    shop
}

fn told(findings: &[Finding]) -> Vec<(&'static str, &'static str)> {
    let told = |finding: &Finding| (finding.violation.invariant, finding.topic);
    findings.iter().map(told).collect()
}

#[test]
fn nothing_is_wrong_with_orders_that_have_ended() {
    let shop = shop();
    for id in ["paid", "back", "short"] {
        assert_eq!(order_book(&shop, id).judge(LATE), [], "{id}");
    }
}

/// What is done to a book, in words and in deed, and which invariants find it in which topics.
type Case = (
    &'static str,
    fn(&mut OrderBook),
    &'static [(&'static str, &'static str)],
);

#[test]
fn whatever_is_wrong_with_a_paid_order_is_found_in_the_topic_that_shows_it() {
    let shop = shop();
    let cases: [Case; 9] = [
        ("nothing", |_| {}, &[]),
        (
            "an event without a number",
            |book| {
                let mut unnumbered = book.events.last().unwrap().clone();
                unnumbered.record.seq = 0;
                book.events.push(unnumbered);
            },
            &[],
        ),
        (
            "a capture without its authorisation",
            |book| drop(book.entries.remove(0)),
            &[("I4", "ledger-entries"), ("I7", "orders")],
        ),
        (
            "money that was held only",
            |book| drop(book.entries.pop()),
            &[("I7", "orders")],
        ),
        (
            "goods that were sold twice",
            |book| book.changes.push(book.changes.last().unwrap().clone()),
            &[("I2", "stock-events"), ("I7", "orders")],
        ),
        (
            "an event that is missing in between",
            |book| drop(book.events.remove(1)),
            &[("I8", "orders")],
        ),
        (
            "an event that is missing at the end",
            |book| drop(book.events.pop()),
            &[("I8", "orders")],
        ),
        (
            "an order that was never created",
            |book| drop(book.events.remove(0)),
            &[("I10", "order-events"), ("I8", "orders")],
        ),
        (
            "an order that was never published",
            |book| book.snapshot = None,
            &[("I8", "order-events")],
        ),
    ];
    for (name, falsify, expected) in cases {
        let mut book = order_book(&shop, "paid");
        falsify(&mut book);
        assert_eq!(told(&book.judge(LATE)), expected, "{name}");
    }
}

#[test]
fn money_and_goods_that_a_cancelled_order_keeps_are_told_to_the_unit() {
    let shop = shop();
    let mut book = order_book(&shop, "short");
    book.entries = order_book(&shop, "paid").entries.into_iter().take(1).collect();
    book.entries[0].record.order_id = Some("short".into());
    let (product, mut change) = order_book(&shop, "paid").changes.swap_remove(0);
    change.record.hold = change.record.hold.map(|(_, line)| ("short".into(), line));
    book.changes = vec![(product, change)];
    let findings = book.judge(LATE);
    assert_eq!(told(&findings), [("I7", "orders")]);
    let found = &findings[0].violation.found;
    assert!(found.contains("into_holds: 3100"), "{found}");
    assert!(found.contains("reserved: 2"), "{found}");
}

#[test]
fn an_order_that_stands_for_too_long_or_behind_its_events_is_found() {
    let shop = shop();
    let mut book = order_book(&shop, "paid");
    let first = shop.records::<Order>().into_iter().find(|order| order.key == "paid");
    book.snapshot = seen(first.map(|record| record.value)).pop();
    assert_eq!(told(&book.judge(START_MS + ORDER_BOUND_MS)), [("I8", "orders")]);
    let late = book.judge(START_MS + ORDER_BOUND_MS + 1);
    assert_eq!(told(&late), [("I6", "orders"), ("I8", "orders")]);
    book.snapshot.as_mut().unwrap().record.needs_attention = true;
    assert_eq!(
        told(&book.judge(LATE)),
        [("I8", "orders")],
        "somebody was called: nothing is late"
    );
}

#[test]
fn nothing_is_wrong_with_a_paid_order_while_the_provider_takes_its_time_to_give_money_back() {
    let mut shop = Shop::open().stocked();
    shop.place_by_card("o1", "ann", &[("book", 1), ("book", 2)], "card_1");
    shop.provider_says(ProviderOutcome::Done);
    shop.provider_says(ProviderOutcome::Done);
    let before = shop.latest_orders().remove("o1").unwrap();
    shop.lines("o1", "sam", "refund", "seller refunds", &[1]);
    let published = shop.latest_orders().remove("o1").unwrap();
    assert_eq!(
        (before.step, published.step, published.status),
        (SagaStep::Done, SagaStep::Settling, OrderStatus::Paid)
    );
    assert_eq!(order_book(&shop, "o1").judge(START_MS), []);
    shop.provider_says(ProviderOutcome::Done);
    assert_eq!(shop.latest_orders().remove("o1").unwrap().step, SagaStep::Done);
    assert_eq!(order_book(&shop, "o1").judge(LATE), []);
}

#[test]
fn what_is_in_motion_is_not_held_against_its_snapshot() {
    let shop = shop();
    let mut book = OrderBook {
        snapshot: None,
        in_motion: true,
        ..order_book(&shop, "paid")
    };
    assert_eq!(book.judge(LATE), []);
    book.events.clear();
    assert_eq!(book.judge(LATE), [], "its first event may have come after its entries");
    book.in_motion = false;
    assert_eq!(told(&book.judge(LATE)), [("I10", "ledger-entries")]);
    book.entries.clear();
    assert_eq!(told(&book.judge(LATE)), [("I10", "stock-events")]);
}

#[test]
fn an_order_that_waits_for_nobody_is_found_in_the_saga_s_own_state() {
    let mut shop = Shop::without("payments");
    shop.create_product("book", "sam", 1_500, 10);
    shop.place("o1", "ann", &[("book", 1)]);
    let stored = shop.get(views::ORDERS, "o1").unwrap();
    assert_eq!(audit::waits(&stored).unwrap(), []);
    let serde = StateSerde::<OrderState>::new();
    let mut state = serde.deserialize(Some(&stored)).unwrap();
    state.deadline = None;
    let mut bytes = Vec::new();
    serde.serialize(&state, &mut bytes).unwrap();
    assert_eq!(audit::waits(&bytes).unwrap().len(), 1);
}

/// The numbers and the events of a product's stock, as they stand in their topic.
fn stock_events(shop: &Shop, id: &str) -> Vec<(u64, Seen<StockEventKind>)> {
    let own = |(product, change)| (product == id.into()).then_some(StockEventKind::Changed(change));
    (1..).zip(seen(shop.changes().into_iter().filter_map(own))).collect()
}

#[test]
fn a_product_is_what_its_ledger_sums_to() {
    let shop = shop();
    let mut book = ProductBook::new("book".into());
    assert_eq!(book.settle(None, None), None);
    for (seq, event) in stock_events(&shop, "book") {
        assert_eq!(book.event(seq, &event), []);
    }
    let published: Vec<Product> = shop
        .records::<Product>()
        .into_iter()
        .map(|record| record.value)
        .collect();
    let published = published.into_iter().rfind(|product| product.product_id == "book");
    let mut snapshot = seen(published).remove(0);
    assert_eq!(book.settle(Some(&snapshot), Some(place(9))), None);
    snapshot.record.reserved += 1;
    let wrong = book.settle(Some(&snapshot), Some(place(9)));
    assert_eq!(told(wrong.as_slice()), [("I1", "products")]);
    let unpublished = book.settle(None, Some(place(9)));
    assert_eq!(told(unpublished.as_slice()), [("I1", "stock-events")]);
}

#[test]
fn a_stock_event_that_is_missing_is_found_and_a_refusal_without_a_product_has_no_number() {
    let shop = shop();
    let mut events = stock_events(&shop, "book");
    let mut book = ProductBook::new("book".into());
    let refused = seen([StockEventKind::Refused(ProductRefusal::UnknownProduct)]).remove(0);
    assert_eq!(book.event(0, &refused), []);
    events.remove(1);
    let wrong: Vec<_> = events
        .iter()
        .map(|(seq, event)| told(&book.event(*seq, event)))
        .collect();
    let (number, sum) = (("I1", "stock-events"), ("I1", "stock-events"));
    assert_eq!(wrong[..2], [vec![], vec![sum, number]]);
}

#[test]
fn a_wallet_s_entry_that_is_missing_or_takes_too_much_is_found() {
    let shop = shop();
    let entries = seen(shop.entries());
    let judge = |entries: &[Seen<LedgerEntry>]| {
        let mut book = WalletBook::new("ann".into());
        entries
            .iter()
            .flat_map(|entry| told(&book.entry(entry)))
            .collect::<Vec<_>>()
    };
    assert_eq!(judge(&entries), []);
    let without_the_last_but_one = [&entries[..entries.len() - 2], &entries[entries.len() - 1..]].concat();
    assert_eq!(judge(&without_the_last_but_one), [("I3", "ledger-entries")]);
    let mut dearer = entries;
    for posting in &mut dearer[1].record.postings {
        posting.amount *= 1_000;
    }
    assert_eq!(judge(&dearer)[0], ("I3", "ledger-entries"));
}

#[test]
fn a_payout_that_is_on_its_way_is_counted_and_one_that_is_out_and_back_is_found() {
    let mut shop = Shop::open().stocked();
    shop.pay_out(actor("ann", Role::Buyer), "w1", 4_000, "card_1");
    shop.provider_says(ProviderOutcome::Done);
    let [deposited, requested, paid] = seen(shop.entries()).try_into().unwrap();
    let mut back = paid.clone();
    (back.record.kind, back.record.seq) = (LedgerKind::PayoutReturned, 4);
    let mut book = WalletBook::new("ann".into());
    let mut on_their_way = vec![];
    for entry in [deposited, requested, paid] {
        assert_eq!(told(&book.entry(&entry)), []);
        on_their_way.push(book.payouts_on_their_way());
    }
    assert_eq!(on_their_way, [0, 1, 0]);
    assert_eq!(told(&book.entry(&back)), [("I3", "ledger-entries")]);
}
