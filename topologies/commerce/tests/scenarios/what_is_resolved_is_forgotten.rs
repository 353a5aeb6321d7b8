use commerce::payment::PAYMENT_RETENTION_MS;
use commerce::stock::HOLD_RETENTION_MS;

use crate::shop::Shop;

#[test]
fn resolved_holds_payments_and_transfers_are_forgotten_after_their_retention() {
    let mut shop = Shop::open().stocked();
    shop.place("paid", "ann", &[("book", 1)]);
    shop.place("declined", "ann", &[("book", 9)]);
    shop.place("short", "ann", &[("book", 99)]);
    shop.adjust_stock("book", "sam", "a1", 1);
    let sizes = |shop: &Shop| {
        [
            ("products", "holds"),
            ("products", "adjustments"),
            ("payments", "payments"),
            ("payments", "transfers"),
        ]
        .map(|(topology, store)| shop.driver.store_entries(topology, store).len())
    };
    assert_eq!(sizes(&shop), [3, 1, 2, 1]);
    shop.wait(HOLD_RETENTION_MS.min(PAYMENT_RETENTION_MS) - 1);
    assert_eq!(sizes(&shop), [3, 1, 2, 1]);
    shop.wait(1);
    assert_eq!(sizes(&shop), [1, 0, 1, 0], "what is paid can still be cancelled");
    shop.cancel("paid", "ann", "c1");
    assert_eq!((shop.stock("book"), shop.money("ann")), ((11, 0), (10_000, 0)));
    shop.wait(HOLD_RETENTION_MS);
    assert_eq!(sizes(&shop), [0, 0, 0, 0]);
    shop.check_books();
}
