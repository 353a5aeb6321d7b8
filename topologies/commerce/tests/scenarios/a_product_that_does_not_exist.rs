use schemas::wire::order::{CancelReason, OrderStatus};

use crate::shop::Shop;

#[test]
fn an_order_for_an_unknown_product_is_cancelled() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "ann", &[("book", 1), ("nothing", 1)]);
    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.cancel_reason),
        (OrderStatus::Cancelled, Some(CancelReason::UnknownProduct))
    );
    assert_eq!(shop.stock("book"), (10, 0));
    shop.check_books();
}

#[test]
fn a_request_outside_the_bounds_is_cancelled_at_once_and_can_be_read() {
    let mut shop = Shop::open().stocked();
    shop.place("none", "ann", &[]);
    shop.place("zero", "ann", &[("book", 0)]);
    shop.place("odd", "ann", &[("", 1)]);
    shop.place("many", "ann", &vec![("book", 1); 101]);
    for id in ["none", "zero", "odd", "many"] {
        let order = shop.order(id);
        assert_eq!(
            (order.status, order.cancel_reason),
            (OrderStatus::Cancelled, Some(CancelReason::InvalidOrder))
        );
        assert_eq!(shop.story(id), ["OrderCreated", "OrderCancelled"]);
    }
    shop.check_books();
}
