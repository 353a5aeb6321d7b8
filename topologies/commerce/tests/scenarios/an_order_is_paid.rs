use commerce::topologies::topic;
use schemas::wire::envelope::{Envelope, Role};
use schemas::wire::order::{
    Order, OrderCommand, OrderCommandPayload, OrderStatus, PaymentStatus, PlaceOrder, RequestedLine, SagaStep,
};
use schemas::wire::payment::{CapturePayment, PaymentCommandPayload, PaymentEvent};

use crate::shop::{START_MS, Shop, actor, krw};

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

#[test]
fn only_its_creation_and_its_end_are_published_of_an_order_that_goes_well() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "ann", &[("book", 3)]);
    let published = shop.records::<Order>().into_iter().map(|order| order.value.step);
    assert_eq!(published.collect::<Vec<_>>(), [SagaStep::Reserving, SagaStep::Done]);
}

#[test]
fn an_order_is_as_old_as_its_request() {
    let mut shop = Shop::open().stocked();
    let asked_at = START_MS - 5_000;
    let place = PlaceOrder {
        buyer_id: "ann".to_owned(),
        lines: vec![RequestedLine {
            line: 1,
            product_id: "book".to_owned(),
            quantity: 1,
        }],
        currency: String::new(),
        request_hash: "hash".to_owned(),
        card: None,
    };
    let command = Envelope {
        id: "place-o1".to_owned(),
        seq: 0,
        at: asked_at,
        actor: actor("ann", Role::Buyer),
        causation: "request".to_owned(),
        correlation: "request-1".to_owned(),
        payload: OrderCommandPayload::PlaceOrder(place),
    };
    let topic = topic::<OrderCommand>(&shop.schemas);
    shop.driver.pipe(&topic, &"o1".to_owned(), &command).unwrap();
    assert_eq!(
        (shop.timeline("o1")[0].at, shop.order("o1").created_at),
        (asked_at, asked_at)
    );
    shop.check_books();
}

#[test]
fn the_answers_of_a_wallet_are_numbered_under_their_order() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "ann", &[("book", 3)]);
    let capture = PaymentCommandPayload::CapturePayment(CapturePayment {
        order_id: "o2".to_owned(),
    });
    shop.send("ann", actor("orders", Role::System), "capture-o2", capture);
    let ids = shop.records::<PaymentEvent>().into_iter().map(|event| event.value.id);
    let of_orders: Vec<String> = ids.filter(|id| id.starts_with('o') || id.starts_with('c')).collect();
    assert_eq!(of_orders, ["o1.payment.1", "o1.payment.2", "capture-o2.refused"]);
}
