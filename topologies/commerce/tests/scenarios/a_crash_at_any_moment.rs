use schemas::wire::order::OrderStatus;

use crate::shop::{HOPS_MAX, Shop};

/// Everything crashes after each hop in turn: with the disk kept, and with every store rebuilt from its changelog.
#[test]
fn a_crash_after_any_hop_changes_nothing() {
    for (hop, wipe) in (0..HOPS_MAX / 2).flat_map(|hop| [(hop, false), (hop, true)]) {
        let mut shop = Shop::open().stocked();
        shop.driver.set_autocommit(false);
        shop.place("paid", "ann", &[("book", 3)]);
        shop.place("short", "ann", &[("book", 99)]);
        for _ in 0..hop {
            shop.driver.commit().unwrap();
        }
        shop.driver.crash(wipe).unwrap();
        shop.driver.run_until_idle().unwrap();
        shop.settle();
        assert_eq!(
            shop.order("paid").status,
            OrderStatus::Paid,
            "after hop {hop}, wiped: {wipe}"
        );
        assert_eq!(
            shop.order("short").status,
            OrderStatus::Cancelled,
            "after hop {hop}, wiped: {wipe}"
        );
        assert_eq!((shop.stock("book"), shop.money("ann")), ((7, 0), (5_500, 0)));
        shop.check_books();
    }
}
