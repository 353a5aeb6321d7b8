use commerce::order::{RESENDS_MAX, STEP_BOUND_MS};
use commerce::views::{self, ViewRange};
use schemas::wire::order::OrderStatus;
use schemas::wire::stock::{StockReleased, StockReplyPayload};

use crate::shop::Shop;

/// Orders with a deadline.
fn waiting(shop: &Shop) -> usize {
    let all = ViewRange {
        from: Vec::new(),
        to: None,
    };
    shop.range(views::DEADLINES, &all).len()
}

#[test]
fn an_order_that_has_called_an_operator_is_on_the_list_until_it_ends() {
    let mut shop = Shop::without("products");
    shop.place("o1", "ann", &[("book", 3)]);
    assert_eq!((waiting(&shop), shop.get(views::ALARMS, "o1")), (1, None));
    // Neither the reservation nor the release is answered, however often they are sent.
    for _ in 0..2 * (RESENDS_MAX + 1) {
        shop.wait(STEP_BOUND_MS);
    }
    assert!(shop.order("o1").needs_attention);
    assert!(shop.get(views::ALARMS, "o1").is_some());
    assert_eq!(waiting(&shop), 0, "an operator is asked, the clock is not");

    let released = StockReleased {
        line: 1,
        product_id: "book".to_owned(),
    };
    shop.answer_from_stock("o1", StockReplyPayload::StockReleased(released));
    assert_eq!(shop.order("o1").status, OrderStatus::Cancelled);
    assert_eq!(shop.get(views::ALARMS, "o1"), None);
}
