use schemas::wire::order::{CancelReason, OrderStatus, PaymentStatus};

use crate::shop::Shop;

#[test]
fn an_order_dearer_than_the_wallet_is_cancelled_and_the_stock_is_back() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "ann", &[("book", 7)]);
    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.cancel_reason),
        (OrderStatus::Cancelled, Some(CancelReason::InsufficientFunds))
    );
    assert_eq!(order.payment_status, PaymentStatus::Declined);
    assert_eq!((shop.stock("book"), shop.money("ann")), ((10, 0), (10_000, 0)));
    let story = [
        "OrderCreated",
        "StockReserved",
        "PaymentDeclined",
        "StockReleased",
        "OrderCancelled",
    ];
    assert_eq!(shop.story("o1"), story);
    shop.check_books();
}

#[test]
fn a_buyer_without_a_wallet_has_no_money() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "bob", &[("book", 1)]);
    assert_eq!(shop.order("o1").cancel_reason, Some(CancelReason::InsufficientFunds));
    shop.check_books();
}

#[test]
fn lines_in_two_currencies_have_no_total() {
    let mut shop = Shop::open().stocked();
    let create = schemas::wire::product::CreateProduct {
        seller_id: "sam".to_owned(),
        name: "Import".to_owned(),
        price: schemas::wire::envelope::Money {
            amount: 5,
            currency: "USD".to_owned(),
        },
        stock: 1,
    };
    let payload = schemas::wire::product::ProductCommandPayload::CreateProduct(create);
    let sam = crate::shop::actor("sam", schemas::wire::envelope::Role::Seller);
    shop.send("import", sam, "create-import", payload);
    shop.place("o1", "ann", &[("book", 1), ("import", 1)]);
    assert_eq!(shop.order("o1").cancel_reason, Some(CancelReason::CurrencyMismatch));
    assert_eq!((shop.stock("book"), shop.stock("import")), ((10, 0), (1, 0)));
    shop.check_books();
}
