use schemas::wire::order::OrderStatus;

use crate::shop::{HOPS_MAX, Shop};

/// Each commit is one hop of the saga: the cancellation comes after each of them in turn.
#[test]
fn whenever_the_buyer_cancels_nothing_is_left_behind() {
    for hop in 0..HOPS_MAX {
        let mut shop = Shop::open().stocked();
        shop.create_product("pen", "sue", 100, 5);
        shop.driver.set_autocommit(false);
        shop.place("o1", "ann", &[("book", 3), ("pen", 2)]);
        for _ in 0..hop {
            shop.driver.commit().unwrap();
        }
        shop.cancel("o1", "ann", "c1");
        shop.settle();
        assert_eq!(shop.order("o1").status, OrderStatus::Cancelled, "after hop {hop}");
        assert_eq!(
            (shop.stock("book"), shop.stock("pen"), shop.money("ann")),
            ((10, 0), (5, 0), (10_000, 0))
        );
        shop.check_books();
    }
}
