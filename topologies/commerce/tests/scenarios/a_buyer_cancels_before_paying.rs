use schemas::wire::order::{CancelReason, OrderStatus, PaymentStatus, SagaStep};
use schemas::wire::payment::{PaymentEventPayload, PaymentVoided};

use crate::shop::Shop;

#[test]
fn the_money_is_settled_first_and_the_goods_go_back_after_that() {
    let mut shop = Shop::without("payments");
    shop.create_product("book", "sam", 1_500, 10);
    shop.place("o1", "ann", &[("book", 3)]);
    assert_eq!(shop.order("o1").step, SagaStep::Authorizing);

    shop.cancel("o1", "ann", "c1");
    assert_eq!(shop.order("o1").step, SagaStep::Voiding);
    assert_eq!(shop.stock("book"), (10, 3), "the goods wait for the money");

    let voided = PaymentVoided {
        order_id: "o1".to_owned(),
        account_id: "ann".to_owned(),
        amount: None,
    };
    shop.answer_from_wallet("o1", PaymentEventPayload::PaymentVoided(voided));
    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.cancel_reason),
        (OrderStatus::Cancelled, Some(CancelReason::CancelledByBuyer))
    );
    assert_eq!(order.payment_status, PaymentStatus::Voided);
    assert_eq!(shop.stock("book"), (10, 0));
    let story = [
        "OrderCreated",
        "StockReserved",
        "CancellationRequested",
        "PaymentVoided",
        "StockReleased",
        "OrderCancelled",
    ];
    assert_eq!(shop.story("o1"), story);
    shop.check_books();
}
