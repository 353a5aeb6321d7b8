use commerce::topologies::topic;
use commerce::{invariants, views};
use schemas::wire::order::{Order, OrderStatus};

use crate::shop::{Shop, krw};

fn listed(shop: &Shop, view: views::View, owner: &str, cursor: Option<&str>) -> Vec<Order> {
    let range = views::listing(owner, cursor).unwrap();
    shop.range(view, &range)
        .iter()
        .map(|bytes| views::listed_order(bytes).unwrap())
        .collect()
}

fn ids(orders: &[Order]) -> Vec<&str> {
    orders.iter().map(|order| order.order_id.as_str()).collect()
}

fn shop() -> Shop {
    let mut shop = Shop::open().stocked();
    shop.create_product("pen", "sue", 100, 50);
    shop.deposit("bob", "first", 10_000);
    for (id, buyer, lines) in [
        ("o1", "ann", vec![("book", 1), ("pen", 2)]),
        ("o2", "ann", vec![("pen", 5)]),
        ("o3", "bob", vec![("book", 1)]),
        ("o4", "bob", vec![("pen", 1_000)]),
    ] {
        shop.place(id, buyer, &lines);
        shop.wait(1);
    }
    shop
}

#[test]
fn a_seller_reads_own_lines_and_their_sum_only() {
    let shop = shop();
    let of_sue = listed(&shop, views::ORDERS_BY_SELLER, "sue", None);
    assert_eq!(ids(&of_sue), ["o2", "o1"]);
    assert_eq!((of_sue[1].lines.len(), of_sue[1].total.clone()), (1, Some(krw(200))));
    assert_eq!(ids(&listed(&shop, views::ORDERS_BY_SELLER, "sam", None)), ["o3", "o1"]);
    for seller in ["sam", "sue"] {
        for order in listed(&shop, views::ORDERS_BY_SELLER, seller, None) {
            assert_eq!(invariants::i9_sellers_see_their_own(seller, &order), []);
            assert_eq!(
                views::order_for_seller(&shop.order(&order.order_id), seller),
                Some(order)
            );
        }
    }
    assert_eq!(views::order_for_seller(&shop.order("o3"), "sue"), None);
}

#[test]
fn a_buyer_reads_own_orders_the_newest_first_page_by_page() {
    let shop = shop();
    let of_ann = listed(&shop, views::ORDERS_BY_BUYER, "ann", None);
    assert_eq!(ids(&of_ann), ["o2", "o1"]);
    let rest = listed(&shop, views::ORDERS_BY_BUYER, "ann", Some(&views::cursor(&of_ann[0])));
    assert_eq!(ids(&rest), ["o1"]);
    assert_eq!(views::listing("ann", Some("no cursor")), None);
    let of_bob = listed(&shop, views::ORDERS_BY_BUYER, "bob", None);
    assert_eq!(ids(&of_bob), ["o4", "o3"]);
    assert_eq!(of_bob[0].status, OrderStatus::Cancelled);
    shop.check_books();
}

#[test]
fn a_seller_knows_the_buyers_who_paid_only() {
    let mut shop = shop();
    shop.cancel("o1", "ann", "c1");
    let buyers = |seller: &str| -> Vec<(String, u64)> {
        let entries = shop.range(views::BUYERS_BY_SELLER, &views::all_of(seller));
        let buyer = |bytes: &Vec<u8>| {
            views::buyer(bytes)
                .map(|buyer| (buyer.buyer_id, buyer.paid_orders))
                .unwrap()
        };
        entries.iter().map(buyer).collect()
    };
    assert_eq!(buyers("sue"), [("ann".to_owned(), 2)]);
    assert_eq!(buyers("sam"), [("ann".to_owned(), 1), ("bob".to_owned(), 1)]);
    let stored = shop.driver.store_entries("views", views::BUYERS_BY_SELLER.store);
    assert!(stored.contains_key(&views::buyer_key("sue", "ann")));
    assert!(!stored.contains_key(&views::buyer_key("sue", "bob")));
}

#[test]
fn a_snapshot_that_is_read_again_undoes_no_later_one_and_counts_nobody_twice() {
    let mut shop = shop();
    let all = || [(views::ORDERS_BY_BUYER, "ann"), (views::ORDERS_BY_SELLER, "sue")];
    let listings = |shop: &Shop| all().map(|(view, owner)| listed(shop, view, owner, None));
    let before = listings(&shop);
    let topic = topic::<Order>(&shop.schemas);
    for record in shop.records::<Order>() {
        let renamed = Order {
            currency: "XXX".to_owned(),
            ..record.value
        };
        shop.driver.pipe(&topic, &record.key, &renamed).unwrap();
    }
    assert_eq!(listings(&shop), before);
    let stored = shop.driver.store_entries("views", views::BUYERS_BY_SELLER.store);
    let ann = views::buyer(&stored[&views::buyer_key("sue", "ann")]).unwrap();
    assert_eq!(ann.paid_orders, 2);
}
