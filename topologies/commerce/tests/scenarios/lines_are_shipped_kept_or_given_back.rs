use commerce::order::{DELIVERY_ASSUMED_MS, RETURN_AGREED_MS};
use commerce::views;
use schemas::wire::fulfilment::{Fulfilment, LineMoney};
use schemas::wire::order::{CancelReason, LineStatus, OrderEvent, OrderEventPayload, OrderStatus, PaymentStatus};

use crate::shop::Shop;

/// Ann has paid for two books of sam (1,500 each) and three pens of sue (100 each), and has 6,700 left.
fn paid() -> Shop {
    let mut shop = Shop::open().stocked();
    shop.create_product("pen", "sue", 100, 5);
    shop.place("o1", "ann", &[("book", 2), ("pen", 3)]);
    assert_eq!(shop.money("ann"), (6_700, 0));
    shop
}

fn stands(shop: &Shop) -> (OrderStatus, Vec<(Fulfilment, LineMoney)>) {
    let order = shop.order("o1");
    let lines = order.lines.iter().map(|line| (line.fulfilment, line.money)).collect();
    (order.status, lines)
}

/// The reason of the last refusal.
fn refused(shop: &Shop) -> String {
    let last = shop.records::<OrderEvent>().pop().unwrap().value.payload;
    let OrderEventPayload::CommandRefused(refused) = last else {
        panic!("{last:?}")
    };
    serde_json::to_value(refused.reason)
        .unwrap()
        .as_str()
        .unwrap()
        .to_owned()
}

#[test]
fn what_a_buyer_keeps_is_paid_to_its_sellers() {
    let mut shop = paid();
    shop.lines("o1", "sam", "s1", "ship", &[]);
    assert_eq!(
        stands(&shop),
        (
            OrderStatus::Paid,
            vec![
                (Fulfilment::Shipped, LineMoney::WithOrder),
                (Fulfilment::Unshipped, LineMoney::WithOrder)
            ]
        )
    );
    let line = &shop.order("o1").lines[0];
    assert_eq!(
        (line.carrier.as_deref(), line.tracking_number.as_deref()),
        (Some("CJ"), Some("42"))
    );
    shop.lines("o1", "sue", "s2", "ship", &[2]);
    assert_eq!(shop.order("o1").status, OrderStatus::Shipped);
    shop.lines("o1", "ann", "d1", "confirm delivery", &[1]);
    assert_eq!(
        (shop.money("sam"), shop.order("o1").status),
        ((3_000, 0), OrderStatus::Shipped)
    );
    shop.lines("o1", "ann", "d2", "confirm delivery", &[]);
    assert_eq!(
        (shop.money("sue"), shop.order("o1").status),
        ((300, 0), OrderStatus::Delivered)
    );
    assert_eq!(stands(&shop).1, vec![(Fulfilment::Delivered, LineMoney::Settled); 2]);
    assert_eq!(shop.money("ann"), (6_700, 0));
    let story = [
        "LinesShipped",
        "LinesShipped",
        "LinesDelivered",
        "PaymentSettled",
        "SellerCredited",
    ];
    assert_eq!(shop.story("o1")[8..13], story);
    shop.check_books();
}

#[test]
fn a_buyer_gives_up_what_is_not_shipped_and_the_rest_goes_on() {
    let mut shop = paid();
    shop.lines("o1", "ann", "r1", "buyer refunds", &[2]);
    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.payment_status, order.lines[1].status),
        (OrderStatus::Paid, PaymentStatus::Captured, LineStatus::Returned)
    );
    assert_eq!((shop.stock("pen"), shop.money("ann")), ((5, 0), (7_000, 0)));
    shop.lines("o1", "sam", "s1", "ship", &[]);
    assert_eq!(shop.order("o1").status, OrderStatus::Shipped);
    shop.lines("o1", "ann", "r2", "buyer refunds", &[1]);
    assert_eq!(refused(&shop), "NOT_NOW");
    shop.cancel("o1", "ann", "c1");
    assert_eq!(refused(&shop), "TOO_LATE");
    shop.lines("o1", "ann", "d1", "confirm delivery", &[]);
    assert_eq!(
        (shop.order("o1").status, shop.money("sam")),
        (OrderStatus::Delivered, (3_000, 0))
    );
    shop.check_books();
}

#[test]
fn an_order_of_which_every_line_is_refunded_is_cancelled() {
    let mut shop = paid();
    shop.lines("o1", "sue", "r1", "seller refunds", &[]);
    assert_eq!(shop.order("o1").status, OrderStatus::Paid);
    shop.lines("o1", "sam", "r2", "seller refunds", &[]);
    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.cancel_reason, order.payment_status),
        (
            OrderStatus::Cancelled,
            Some(CancelReason::Refunded),
            PaymentStatus::Refunded
        )
    );
    assert_eq!((shop.stock("book"), shop.stock("pen")), ((10, 0), (5, 0)));
    assert_eq!(shop.money("ann"), (10_000, 0));
    shop.lines("o1", "sam", "s1", "ship", &[]);
    assert_eq!(refused(&shop), "TOO_LATE");
    shop.check_books();
}

#[test]
fn what_comes_back_is_refunded_and_restocked() {
    let mut shop = paid();
    shop.lines("o1", "sue", "s1", "ship", &[]);
    shop.lines("o1", "ann", "b1", "request return", &[]);
    assert_eq!(stands(&shop).1[1], (Fulfilment::ReturnRequested, LineMoney::WithOrder));
    shop.lines("o1", "sue", "r1", "seller refunds", &[2]);
    assert_eq!(stands(&shop).1[1], (Fulfilment::ReturnRequested, LineMoney::Refunded));
    assert_eq!((shop.stock("pen"), shop.money("ann")), ((5, 0), (7_000, 0)));
    let story = ["ReturnRequested", "RefundRequested", "PaymentRefunded", "StockReturned"];
    assert_eq!(shop.story("o1")[9..], story);
    shop.check_books();
}

#[test]
fn what_a_seller_does_not_take_back_is_not_asked_for_again() {
    let mut shop = paid();
    shop.lines("o1", "sue", "s1", "ship", &[]);
    shop.lines("o1", "ann", "b1", "request return", &[2]);
    shop.lines("o1", "sue", "b2", "reject return", &[2]);
    assert_eq!(stands(&shop).1[1], (Fulfilment::Shipped, LineMoney::WithOrder));
    shop.lines("o1", "ann", "b3", "request return", &[2]);
    assert_eq!(refused(&shop), "NOT_NOW");
    shop.lines("o1", "ann", "d1", "confirm delivery", &[2]);
    assert_eq!(shop.money("sue"), (300, 0));
    shop.check_books();
}

#[test]
fn a_buyer_who_says_nothing_keeps_the_goods_and_a_seller_who_says_nothing_takes_them_back() {
    let mut shop = paid();
    shop.lines("o1", "sam", "s1", "ship", &[]);
    shop.lines("o1", "sue", "s2", "ship", &[]);
    shop.lines("o1", "ann", "b1", "request return", &[2]);
    shop.wait(DELIVERY_ASSUMED_MS.min(RETURN_AGREED_MS) - 1);
    assert_eq!(shop.order("o1").status, OrderStatus::Shipped);
    shop.wait(1);
    assert_eq!(
        stands(&shop),
        (
            OrderStatus::Delivered,
            vec![
                (Fulfilment::Delivered, LineMoney::Settled),
                (Fulfilment::ReturnRequested, LineMoney::Refunded)
            ]
        )
    );
    assert_eq!((shop.money("sam"), shop.money("ann")), ((3_000, 0), (7_000, 0)));
    shop.check_books();
}

#[test]
fn nobody_does_with_a_line_what_is_not_theirs_to_do() {
    let mut shop = paid();
    let mut try_it = |by: &str, id: &str, kind: &str, lines: &[i32]| {
        shop.lines("o1", by, id, kind, lines);
        refused(&shop)
    };
    assert_eq!(
        try_it("sam", "1", "ship", &[2]),
        "NOT_ALLOWED",
        "the line of another seller"
    );
    assert_eq!(
        try_it("sam", "2", "ship", &[1, 2]),
        "NOT_ALLOWED",
        "all of them or none"
    );
    assert_eq!(try_it("sid", "3", "ship", &[]), "NOT_ALLOWED", "no line at all");
    assert_eq!(
        try_it("bob", "4", "confirm delivery", &[]),
        "NOT_ALLOWED",
        "another buyer"
    );
    assert_eq!(
        try_it("bob", "5", "buyer refunds", &[1]),
        "NOT_ALLOWED",
        "another buyer"
    );
    assert_eq!(
        try_it("ann", "6", "confirm delivery", &[]),
        "NOT_NOW",
        "nothing is shipped"
    );
    assert_eq!(try_it("sam", "7", "ship", &[7]), "INVALID", "no such line");
    assert_eq!(shop.order("o1").status, OrderStatus::Paid);
    shop.check_books();
}

#[test]
fn the_same_command_again_is_silent() {
    let mut shop = paid();
    for _ in 0..2 {
        shop.lines("o1", "sam", "s1", "ship", &[]);
        shop.lines("o1", "ann", "d1", "confirm delivery", &[1]);
    }
    assert_eq!(shop.order("o1").version, 12);
    assert_eq!(shop.money("sam"), (3_000, 0));
    shop.check_books();
}

/// Nothing asks for so much but a program that does not look, or a saga that reads its inputs again.
#[test]
fn a_command_that_comes_too_early_is_taken_when_the_order_is_paid() {
    let mut saga = Shop::only("orders");
    saga.place("o1", "ann", &[("book", 2)]);
    saga.lines("o1", "sam", "s1", "ship", &[]);
    saga.cancel("o1", "ann", "c1");
    assert_eq!(saga.order("o1").version, 1, "both wait");
    let mut shop = Shop::without("orders").stocked();
    let mut asked = [0, 0];
    for _ in 0..3 {
        for (topic, seen) in ["stock-commands", "payment-commands"].into_iter().zip(&mut asked) {
            *seen += hand_over(&saga, &mut shop, topic, *seen);
        }
        for topic in ["stock-replies", "payment-events"] {
            hand_over(&shop, &mut saga, topic, 0);
        }
    }
    assert_eq!(saga.order("o1").status, OrderStatus::Shipped);
    assert_eq!(refused(&saga), "TOO_LATE", "the cancellation came behind it");
}

#[test]
fn a_command_that_waits_is_refused_when_the_order_is_never_paid() {
    let mut saga = Shop::only("orders");
    saga.place("o1", "ann", &[("book", 2)]);
    saga.lines("o1", "sam", "s1", "ship", &[]);
    saga.wait(10_000);
    saga.wait(20_000);
    saga.wait(40_000);
    assert_eq!(refused(&saga), "TOO_LATE");
}

#[test]
fn a_seller_sees_how_far_the_own_lines_are() {
    let mut shop = paid();
    shop.lines("o1", "sam", "s1", "ship", &[]);
    shop.lines("o1", "ann", "d1", "confirm delivery", &[1]);
    let status_of = |shop: &Shop, seller: &str| views::order_for_seller(&shop.order("o1"), seller).unwrap().status;
    assert_eq!(shop.order("o1").status, OrderStatus::Paid);
    assert_eq!(status_of(&shop, "sam"), OrderStatus::Delivered);
    assert_eq!(status_of(&shop, "sue"), OrderStatus::Paid);
    let listed = shop.range(views::ORDERS_BY_SELLER, &views::listing("sam", None).unwrap());
    assert_eq!(views::listed_order(&listed[0]).unwrap().status, OrderStatus::Delivered);
}

fn hand_over(from: &Shop, to: &mut Shop, topic: &str, skip: usize) -> usize {
    let records = from.driver.read_raw(topic);
    for (key, value, _) in records.iter().skip(skip) {
        to.driver
            .pipe_raw(topic, key.as_deref(), value.as_deref(), 0, streams::Headers::default())
            .unwrap();
    }
    records.len().saturating_sub(skip)
}
