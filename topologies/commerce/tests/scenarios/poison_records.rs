use schemas::topics::topics;
use schemas::wire::envelope::Role;
use schemas::wire::order::{CancelOrder, OrderCommandPayload, OrderStatus};
use schemas::wire::product::{AdjustStock, ProductCommandPayload};
use streams::Headers;

use crate::shop::{Shop, actor};

const SOURCES: [(&str, &str); 8] = [
    ("account-commands", "accounts"),
    ("product-commands", "products"),
    ("stock-commands", "products"),
    ("payment-commands", "payments"),
    ("order-commands", "orders"),
    ("stock-replies", "orders"),
    ("payment-events", "orders"),
    ("orders", "views"),
];

#[test]
fn garbage_on_any_source_is_put_aside_with_its_cause_and_the_partition_goes_on() {
    let mut shop = Shop::open().stocked();
    for (topic, topology) in SOURCES {
        let before = shop.dead_letters(topology).len();
        let mut pipe = |key: Option<&[u8]>, value: Option<&[u8]>| {
            shop.driver.pipe_raw(topic, key, value, 0, Headers::default()).unwrap();
        };
        pipe(Some(b"o1"), Some(b"garbage"));
        pipe(Some(b"o1"), None);
        pipe(Some(b"o1"), Some(&[0, 0, 0]));
        pipe(None, Some(b""));
        pipe(Some(&[0xff, 0xfe]), Some(b"x"));
        assert_eq!(shop.dead_letters(topology).len(), before + 5, "{topic}");
    }
    shop.place("o1", "ann", &[("book", 3)]);
    assert_eq!(shop.order("o1").status, OrderStatus::Paid);
}

#[test]
fn a_record_of_another_topic_is_put_aside() {
    let mut shop = Shop::open();
    shop.deposit("ann", "d1", 5);
    let (_, value, _) = shop.driver.read_raw("payment-commands").pop().unwrap();
    shop.driver
        .pipe_raw("order-commands", Some(b"o1"), value.as_deref(), 0, Headers::default())
        .unwrap();
    assert_eq!(shop.dead_letters("orders").len(), 1);
    assert!(topics().len() > SOURCES.len());
}

#[test]
fn a_symbol_of_a_newer_writer_is_put_aside() {
    let mut shop = Shop::open();
    let cancel = OrderCommandPayload::CancelOrder(CancelOrder { reason: None });
    shop.send("o1", actor("ann", Role::Unknown), "c1", cancel);
    assert_eq!(
        shop.dead_letters("orders"),
        ["the record has a role that this program does not know"]
    );
}

#[test]
fn a_key_that_is_no_id_is_put_aside() {
    let mut shop = Shop::open();
    for key in ["", "a\0b", &"k".repeat(129)] {
        let adjust = ProductCommandPayload::AdjustStock(AdjustStock {
            delta: 1,
            adjustment_id: "a".to_owned(),
        });
        shop.send(key, actor("sam", Role::Seller), "c1", adjust);
    }
    assert_eq!(shop.dead_letters("products"), ["the record's key is no id"; 3]);
}

#[test]
fn an_id_inside_a_command_that_is_no_id_is_put_aside() {
    let mut shop = Shop::open().stocked();
    let adjust = AdjustStock {
        delta: 1,
        adjustment_id: "a\0b".to_owned(),
    };
    shop.send(
        "book",
        actor("sam", Role::Seller),
        "c1",
        ProductCommandPayload::AdjustStock(adjust),
    );
    assert_eq!(shop.dead_letters("products"), ["the record's adjustment id is no id"]);
}
