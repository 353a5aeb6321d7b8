use commerce::order::STEP_BOUND_MS;
use schemas::wire::order::{CancelReason, OrderStatus, SagaStep};
use schemas::wire::payment::{PaymentAuthorized, PaymentCommand, PaymentCommandPayload, PaymentEventPayload};
use schemas::wire::stock::{StockCommand, StockCommandPayload, StockReleased, StockReplyPayload, StockReserved};

use crate::shop::{Shop, krw};

fn reserved() -> StockReplyPayload {
    StockReplyPayload::StockReserved(StockReserved {
        line: 1,
        attempt: 1,
        product_id: "book".to_owned(),
        seller_id: "sam".to_owned(),
        product_name: "The book".to_owned(),
        quantity: 3,
        unit_price: krw(1_500),
    })
}

fn released() -> StockReplyPayload {
    StockReplyPayload::StockReleased(StockReleased {
        line: 1,
        product_id: "book".to_owned(),
    })
}

#[test]
fn a_reservation_after_the_cancellation_is_released() {
    let mut shop = Shop::without("products");
    shop.place("o1", "ann", &[("book", 3)]);
    for _ in 0..3 {
        shop.wait(STEP_BOUND_MS);
    }
    assert_eq!(shop.order("o1").step, SagaStep::Returning);
    shop.answer_from_stock("o1", released());
    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.cancel_reason),
        (OrderStatus::Cancelled, Some(CancelReason::TimedOut))
    );

    let before = shop.records::<StockCommand>().len();
    shop.answer_from_stock("o1", reserved());
    let commands = shop.records::<StockCommand>();
    assert_eq!(commands.len(), before + 1);
    let late = &commands[before].value;
    assert!(matches!(late.payload, StockCommandPayload::ReleaseStock(_)), "{late:?}");
    assert_eq!(
        (late.id.as_str(), late.correlation.as_str()),
        ("o1.late-release.1.1", "o1")
    );
    assert_eq!(
        shop.order("o1").version,
        order.version,
        "a late answer is no event of an order that is over"
    );
}

#[test]
fn money_held_after_the_cancellation_is_given_back() {
    let mut shop = Shop::without("payments");
    shop.create_product("book", "sam", 1_500, 1);
    shop.place("o1", "ann", &[("book", 3)]);
    assert_eq!(shop.order("o1").status, OrderStatus::Cancelled);
    let authorized = PaymentAuthorized {
        order_id: "o1".to_owned(),
        account_id: "ann".to_owned(),
        amount: krw(4_500),
        attempt: 1,
    };
    shop.answer_from_wallet("o1", PaymentEventPayload::PaymentAuthorized(authorized));
    let commands = shop.records::<PaymentCommand>();
    assert_eq!(commands.len(), 1);
    assert!(matches!(
        commands[0].value.payload,
        PaymentCommandPayload::VoidPayment(_)
    ));
    assert_eq!(commands[0].key, "ann");
}
