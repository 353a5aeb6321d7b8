use commerce::views::{self, View};
use schemas::wire::envelope::Role;
use schemas::wire::product::{ChangeProduct, Product, ProductCommandPayload};
use schemas::wire::stock::{ProductRefusal, ReserveStock, StockCommandPayload, StockEvent, StockEventPayload};

use crate::shop::{Shop, actor, krw};

fn refusals(shop: &Shop) -> Vec<ProductRefusal> {
    let refused = |payload| match payload {
        StockEventPayload::ProductRefused(refused) => Some(refused.reason),
        StockEventPayload::StockChanged(_) => None,
    };
    shop.records::<StockEvent>()
        .into_iter()
        .filter_map(|record| refused(record.value.payload))
        .collect()
}

#[test]
fn a_seller_changes_own_products_only() {
    let mut shop = Shop::open().stocked();
    let change = |name: &str| {
        ProductCommandPayload::ChangeProduct(ChangeProduct {
            name: Some(name.to_owned()),
            price: Some(krw(2_000)),
            if_version: None,
        })
    };
    shop.send("book", actor("sue", Role::Seller), "c1", change("Stolen"));
    shop.send("book", actor("ann", Role::Buyer), "c2", change("Free"));
    shop.send("nothing", actor("sam", Role::Seller), "c3", change("New"));
    shop.send("book", actor("sam", Role::Seller), "c4", change("Better"));
    let product = shop.product("book");
    assert_eq!(
        (product.name.as_str(), product.price, product.version),
        ("Better", krw(2_000), 2)
    );
    assert_eq!(
        refusals(&shop),
        [
            ProductRefusal::NotOwner,
            ProductRefusal::NotOwner,
            ProductRefusal::UnknownProduct
        ]
    );
    shop.check_books();
}

#[test]
fn a_product_is_created_once() {
    let mut shop = Shop::open().stocked();
    shop.create_product("book", "sam", 1_500, 10);
    assert_eq!(refusals(&shop), []);
    shop.create_product("book", "sue", 1, 1);
    assert_eq!(refusals(&shop), [ProductRefusal::AlreadyExists]);
    assert_eq!(shop.product("book").seller_id, "sam");
}

#[test]
fn an_adjustment_counts_once_and_never_goes_below_what_is_held() {
    let mut shop = Shop::without("payments");
    shop.create_product("book", "sam", 1_500, 10);
    shop.place("o1", "ann", &[("book", 4)]);
    shop.adjust_stock("book", "sam", "a1", -6);
    shop.adjust_stock("book", "sam", "a1", -6);
    assert_eq!(shop.stock("book"), (4, 4));
    shop.adjust_stock("book", "sam", "a2", -1);
    shop.adjust_stock("book", "sam", "a1", -5);
    shop.adjust_stock("book", "sam", "a3", i64::MAX);
    let expected = [
        ProductRefusal::StockWouldBeNegative,
        ProductRefusal::Conflict,
        ProductRefusal::Invalid,
    ];
    assert_eq!(refusals(&shop), expected);
    assert_eq!(shop.stock("book"), (4, 4));
    shop.check_books();
}

#[test]
fn a_reservation_keeps_its_price_and_nobody_but_the_saga_reserves() {
    let mut shop = Shop::without("payments");
    shop.create_product("book", "sam", 1_500, 10);
    shop.place("o1", "ann", &[("book", 1)]);
    let change = ChangeProduct {
        name: None,
        price: Some(krw(9_000)),
        if_version: None,
    };
    shop.send(
        "book",
        actor("sam", Role::Seller),
        "c1",
        ProductCommandPayload::ChangeProduct(change),
    );
    assert_eq!(shop.order("o1").total, Some(krw(1_500)));
    let reserve = ReserveStock {
        order_id: "o2".to_owned(),
        line: 1,
        attempt: 1,
        quantity: 1,
    };
    shop.send(
        "book",
        actor("ann", Role::Buyer),
        "r1",
        StockCommandPayload::ReserveStock(reserve),
    );
    assert_eq!(refusals(&shop), [ProductRefusal::NotOwner]);
    assert_eq!(shop.stock("book"), (10, 1));
}

#[test]
fn every_version_of_a_product_is_published_and_a_refusal_makes_none() {
    let mut shop = Shop::open().stocked();
    shop.adjust_stock("book", "sam", "a1", 2);
    shop.adjust_stock("book", "sue", "a2", 2);
    shop.adjust_stock("book", "sam", "a3", 3);
    let published: Vec<(i64, i64)> = shop
        .records::<Product>()
        .into_iter()
        .map(|product| (product.value.version, product.value.on_hand))
        .collect();
    assert_eq!(published, [(1, 10), (2, 12), (3, 15)]);
}

#[test]
fn adjustments_and_deposits_that_were_made_are_found_by_their_keys() {
    let mut shop = Shop::open().stocked();
    shop.adjust_stock("book", "sam", "a1", 2);
    let stored = |view: View, key: Vec<u8>| shop.driver.store_get(view.topology, view.store, &key).unwrap();
    let made = stored(views::ADJUSTMENTS, views::adjustment_key("book", "a1"));
    assert_eq!(views::adjustment(&made).unwrap().delta, 2);
    let made = stored(views::TRANSFERS, views::transfer_key("ann", "ann-first"));
    assert_eq!(views::transfer(&made).unwrap().amount.amount, 10_000);
}

/// What was read first is changed, or nothing is: two sellers' tabs do not overwrite each other.
#[test]
fn a_change_of_another_version_is_refused_and_the_same_change_counts_once() {
    let mut shop = Shop::open().stocked();
    let change = |name: &str, if_version| {
        ProductCommandPayload::ChangeProduct(ChangeProduct {
            name: Some(name.to_owned()),
            price: None,
            if_version: Some(if_version),
        })
    };
    shop.send("book", actor("sam", Role::Seller), "c1", change("First", 1));
    shop.send("book", actor("sam", Role::Seller), "c2", change("Second", 1));
    shop.send("book", actor("sam", Role::Seller), "c1", change("First", 1));
    let product = shop.product("book");
    assert_eq!((product.name.as_str(), product.version), ("First", 2));
    assert_eq!(refusals(&shop), [ProductRefusal::OtherVersion]);
}
