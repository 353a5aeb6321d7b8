use schemas::wire::order::{CancelReason, OrderStatus, PaymentStatus};

use crate::shop::Shop;

#[test]
fn a_paid_order_is_refunded_and_restocked() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "ann", &[("book", 3)]);
    shop.cancel("o1", "ann", "c1");
    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.cancel_reason),
        (OrderStatus::Cancelled, Some(CancelReason::CancelledByBuyer))
    );
    assert_eq!(order.payment_status, PaymentStatus::Refunded);
    assert_eq!((shop.stock("book"), shop.money("ann")), ((10, 0), (10_000, 0)));
    let after = [
        "CancellationRequested",
        "PaymentRefunded",
        "StockRestocked",
        "OrderCancelled",
    ];
    assert_eq!(shop.story("o1")[6..], after);
    shop.check_books();
}

#[test]
fn a_second_cancellation_is_too_late_and_its_duplicate_is_silent() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "ann", &[("book", 3)]);
    shop.cancel("o1", "ann", "c1");
    let version = shop.order("o1").version;
    shop.cancel("o1", "ann", "c1");
    assert_eq!(shop.order("o1").version, version);
    shop.cancel("o1", "ann", "c2");
    let refused = shop.timeline("o1").pop().unwrap();
    assert_eq!(
        (refused.kind.as_str(), refused.data["reason"].as_str()),
        ("CommandRefused", Some("TOO_LATE"))
    );
    assert_eq!(refused.data["command_id"], "c2");
    shop.check_books();
}

#[test]
fn somebody_else_cannot_cancel() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "ann", &[("book", 3)]);
    shop.cancel("o1", "bob", "c1");
    assert_eq!(shop.order("o1").status, OrderStatus::Paid);
    assert_eq!(shop.timeline("o1").pop().unwrap().data["reason"], "NOT_ALLOWED");
    shop.check_books();
}

#[test]
fn an_order_that_does_not_exist_cannot_be_cancelled() {
    let mut shop = Shop::open();
    shop.cancel("o1", "ann", "c1");
    let events = shop.records::<schemas::wire::order::OrderEvent>();
    assert_eq!(
        (events.len(), events[0].value.seq, events[0].value.id.as_str()),
        (1, 0, "c1.refused")
    );
    assert!(shop.get(commerce::views::ORDERS, "o1").is_none());
}
