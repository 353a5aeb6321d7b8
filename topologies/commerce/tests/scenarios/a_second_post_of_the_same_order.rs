use schemas::wire::order::{Order, OrderStatus};

use crate::shop::Shop;

#[test]
fn the_same_request_twice_is_one_order() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "ann", &[("book", 3)]);
    let version = shop.order("o1").version;
    shop.place("o1", "ann", &[("book", 3)]);
    assert_eq!(shop.order("o1").version, version);
    assert_eq!((shop.stock("book"), shop.money("ann")), ((7, 0), (5_500, 0)));
    shop.check_books();
}

#[test]
fn another_request_under_the_same_id_is_a_conflict_and_changes_nothing() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "ann", &[("book", 3)]);
    shop.place("o1", "ann", &[("book", 4)]);
    assert_eq!(shop.timeline("o1").pop().unwrap().data["reason"], "CONFLICT");
    let order = shop.order("o1");
    assert_eq!((order.status, order.lines[0].quantity), (OrderStatus::Paid, 3));
    shop.check_books();
}

#[test]
fn nobody_orders_in_the_name_of_somebody_else() {
    let mut shop = Shop::open().stocked();
    let place = schemas::wire::order::PlaceOrder {
        buyer_id: "ann".to_owned(),
        lines: Vec::new(),
        currency: String::new(),
        request_hash: "h".to_owned(),
        card: None,
    };
    let bob = crate::shop::actor("bob", schemas::wire::envelope::Role::Buyer);
    shop.send(
        "o1",
        bob,
        "place",
        schemas::wire::order::OrderCommandPayload::PlaceOrder(place),
    );
    assert!(shop.get(commerce::views::ORDERS, "o1").is_none());
    assert!(shop.records::<Order>().is_empty());
}
