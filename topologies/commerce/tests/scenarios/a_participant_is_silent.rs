use commerce::order::{RESENDS_MAX, STEP_BOUND_MS, STEP_DEADLINE_MS};
use schemas::wire::order::{OrderStatus, SagaStep};
use schemas::wire::payment::{PaymentCommand, PaymentEventPayload, PaymentRefunded, PaymentVoided};
use schemas::wire::stock::{StockCommand, StockCommandPayload};

use crate::shop::{Shop, krw};

/// Lets the present step run out: one wait for each of its sends.
fn run_out(shop: &mut Shop) {
    for _ in 0..=RESENDS_MAX {
        shop.wait(STEP_BOUND_MS);
    }
}

#[test]
fn a_reservation_is_sent_again_with_its_attempt_and_given_up_after_the_last() {
    let mut shop = Shop::without("products");
    shop.place("o1", "ann", &[("book", 3)]);
    shop.wait(STEP_DEADLINE_MS - 1);
    assert_eq!(shop.records::<StockCommand>().len(), 1);
    shop.wait(1);
    let ids: Vec<_> = shop
        .records::<StockCommand>()
        .into_iter()
        .map(|record| record.value.id)
        .collect();
    assert_eq!(ids, ["o1.reserve.1.1", "o1.reserve.1.2"]);
    shop.wait(STEP_BOUND_MS);
    shop.wait(STEP_BOUND_MS);
    assert_eq!(shop.order("o1").step, SagaStep::Returning);
    assert_eq!(shop.story("o1"), ["OrderCreated", "StepTimedOut"]);
    let last = shop.records::<StockCommand>().pop().unwrap();
    assert!(matches!(last.value.payload, StockCommandPayload::ReleaseStock(_)));
}

#[test]
fn an_order_whose_release_is_never_answered_needs_attention_and_sends_no_more() {
    let mut shop = Shop::without("products");
    shop.place("o1", "ann", &[("book", 3)]);
    run_out(&mut shop);
    run_out(&mut shop);
    let order = shop.order("o1");
    assert!(order.needs_attention);
    assert_eq!((order.status, order.step), (OrderStatus::Created, SagaStep::Returning));
    let sent = shop.records::<StockCommand>().len();
    run_out(&mut shop);
    assert_eq!(shop.records::<StockCommand>().len(), sent);
    assert_eq!(shop.story("o1"), ["OrderCreated", "StepTimedOut", "NeedsAttention"]);
}

/// The refund is an answer to an earlier life of the order, which a saga that reads its topics again can hear late.
#[test]
fn an_order_whose_alarm_ends_with_a_refund_waits_for_its_goods_anew() {
    let mut shop = Shop::without("products");
    shop.place("o1", "ann", &[("book", 3)]);
    run_out(&mut shop);
    run_out(&mut shop);
    assert!(shop.order("o1").needs_attention);
    let sent = shop.records::<StockCommand>().len();

    let refunded = PaymentRefunded {
        order_id: "o1".to_owned(),
        account_id: "ann".to_owned(),
        refund_id: "r1".to_owned(),
        amount: krw(4_500),
    };
    shop.answer_from_wallet("o1", PaymentEventPayload::PaymentRefunded(refunded));
    let order = shop.order("o1");
    assert_eq!((order.step, order.needs_attention), (SagaStep::Returning, false));
    let again = shop.records::<StockCommand>().split_off(sent);
    let ids: Vec<_> = again.into_iter().map(|record| record.value.id).collect();
    assert_eq!(ids, ["o1.release.1.1"], "the goods are asked for once more");

    run_out(&mut shop);
    let order = shop.order("o1");
    assert_eq!((order.step, order.needs_attention), (SagaStep::Returning, true));
    let story = [
        "OrderCreated",
        "StepTimedOut",
        "NeedsAttention",
        "PaymentRefunded",
        "NeedsAttention",
    ];
    assert_eq!(shop.story("o1"), story);
}

#[test]
fn a_silent_wallet_is_voided_and_a_late_answer_ends_the_order() {
    let mut shop = Shop::without("payments");
    shop.create_product("book", "sam", 1_500, 10);
    shop.place("o1", "ann", &[("book", 3)]);
    run_out(&mut shop);
    assert_eq!(shop.order("o1").step, SagaStep::Voiding);
    run_out(&mut shop);
    assert!(
        shop.order("o1").needs_attention,
        "the goods stay held while the money is unknown"
    );
    assert_eq!(shop.stock("book"), (10, 3));
    let asked: Vec<_> = shop
        .records::<PaymentCommand>()
        .into_iter()
        .map(|record| record.value.id)
        .collect();
    let expected = [
        "o1.authorize.1",
        "o1.authorize.2",
        "o1.authorize.3",
        "o1.void.1",
        "o1.void.2",
        "o1.void.3",
    ];
    assert_eq!(asked, expected);

    let voided = PaymentVoided {
        order_id: "o1".to_owned(),
        account_id: "ann".to_owned(),
        amount: None,
    };
    shop.answer_from_wallet("o1", PaymentEventPayload::PaymentVoided(voided));
    let order = shop.order("o1");
    assert_eq!((order.status, order.needs_attention), (OrderStatus::Cancelled, false));
    assert_eq!(shop.stock("book"), (10, 0));
}

#[test]
fn an_order_that_is_over_leaves_no_timer_behind() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "ann", &[("book", 3)]);
    assert!(shop.driver.store_entries("orders", "order-deadlines").is_empty());
    let version = shop.order("o1").version;
    run_out(&mut shop);
    assert_eq!(shop.order("o1").version, version);
}
