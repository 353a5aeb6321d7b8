use schemas::wire::order::{CancelReason, OrderStatus, PaymentStatus};

use crate::shop::Shop;

#[test]
fn an_order_for_more_than_there_is_is_cancelled_and_leaves_nothing() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "ann", &[("book", 11)]);
    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.cancel_reason),
        (OrderStatus::Cancelled, Some(CancelReason::OutOfStock))
    );
    assert_eq!(order.payment_status, PaymentStatus::None);
    assert_eq!((shop.stock("book"), shop.money("ann")), ((10, 0), (10_000, 0)));
    shop.check_books();
}

#[test]
fn one_line_out_of_stock_gives_the_other_lines_back() {
    let mut shop = Shop::open().stocked();
    shop.create_product("pen", "sam", 100, 0);
    shop.place("o1", "ann", &[("book", 2), ("pen", 1)]);
    assert_eq!(shop.order("o1").cancel_reason, Some(CancelReason::OutOfStock));
    assert_eq!(shop.stock("book"), (10, 0));
    shop.check_books();
}

#[test]
fn stock_that_is_added_can_be_ordered() {
    let mut shop = Shop::open().stocked();
    shop.adjust_stock("book", "sam", "more", 1);
    shop.deposit("ann", "second", 10_000);
    shop.place("o1", "ann", &[("book", 11)]);
    assert_eq!(shop.order("o1").status, OrderStatus::Paid);
    assert_eq!(shop.stock("book"), (0, 0));
    shop.check_books();
}
