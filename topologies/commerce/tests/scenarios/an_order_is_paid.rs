use schemas::wire::order::{OrderStatus, PaymentStatus, SagaStep};

use crate::shop::{START_MS, Shop, krw};

#[test]
fn an_order_with_stock_and_money_is_paid() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "ann", &[("book", 3)]);

    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.payment_status, order.step),
        (OrderStatus::Paid, PaymentStatus::Captured, SagaStep::Done)
    );
    assert_eq!((order.total, order.currency.as_str()), (Some(krw(4_500)), "KRW"));
    assert_eq!((order.seller_ids, order.created_at), (vec!["sam".to_owned()], START_MS));
    assert_eq!(order.lines[0].product_name.as_deref(), Some("The book"));
    assert_eq!(shop.stock("book"), (7, 0));
    assert_eq!(shop.money("ann"), (5_500, 0));
    let story = [
        "OrderCreated",
        "StockReserved",
        "PaymentAuthorized",
        "StockConfirmed",
        "PaymentCaptured",
        "OrderPaid",
    ];
    assert_eq!(shop.story("o1"), story);
    shop.check_books();
}

#[test]
fn a_timeline_item_has_its_name_its_actor_and_its_fields() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "ann", &[("book", 3)]);
    let timeline = shop.timeline("o1");
    assert_eq!(timeline[0].actor.account_id, "ann");
    assert_eq!(timeline[1].actor.account_id, "orders");
    assert_eq!(timeline[1].data["unit_price"]["amount"], 1_500);
    assert_eq!(
        timeline.iter().map(|item| item.seq).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6]
    );
}
