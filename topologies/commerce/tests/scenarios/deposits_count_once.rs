use schemas::wire::envelope::Role;
use schemas::wire::payment::{
    Deposit, LedgerEntry, PaymentCommandPayload, PaymentEvent, PaymentEventPayload, PaymentRefusal, Withdraw,
};

use crate::shop::{Shop, actor, krw};

#[test]
fn the_same_deposit_twice_counts_once_and_orders_take_no_notice() {
    let mut shop = Shop::open();
    shop.deposit("ann", "d1", 1_000);
    shop.deposit("ann", "d1", 1_000);
    assert_eq!(shop.money("ann"), (1_000, 0));
    assert_eq!(shop.records::<LedgerEntry>().len(), 1);
    assert!(
        shop.dead_letters("orders").is_empty(),
        "a deposit is no poison for the saga"
    );
    shop.check_books();
}

#[test]
fn another_amount_under_the_same_id_is_a_conflict() {
    let mut shop = Shop::open();
    shop.deposit("ann", "d1", 1_000);
    shop.deposit("ann", "d1", 2_000);
    let last = shop.records::<PaymentEvent>().pop().unwrap().value;
    let PaymentEventPayload::DepositRefused(refused) = last.payload else {
        panic!("{last:?}")
    };
    assert_eq!((refused.reason, last.seq), (PaymentRefusal::Conflict, 2));
    assert_eq!(shop.money("ann"), (1_000, 0));
    shop.check_books();
}

#[test]
fn no_more_is_withdrawn_than_is_free() {
    let mut shop = Shop::open();
    shop.deposit("ann", "d1", 1_000);
    for (id, amount) in [("w1", 400), ("w2", 601), ("w3", 600)] {
        let withdraw = Withdraw {
            withdrawal_id: id.to_owned(),
            amount: krw(amount),
            card: None,
        };
        shop.send(
            "ann",
            actor("ann", Role::Buyer),
            id,
            PaymentCommandPayload::Withdraw(withdraw),
        );
    }
    assert_eq!(shop.money("ann"), (0, 0));
    shop.check_books();
}

#[test]
fn nobody_deposits_for_somebody_else_and_no_buyer_captures() {
    let mut shop = Shop::open();
    let deposit = Deposit {
        deposit_id: "d".to_owned(),
        amount: krw(5),
    };
    shop.send(
        "ann",
        actor("bob", Role::Buyer),
        "d",
        PaymentCommandPayload::Deposit(deposit),
    );
    let capture = schemas::wire::payment::CapturePayment {
        order_id: "o".to_owned(),
    };
    shop.send(
        "ann",
        actor("ann", Role::Buyer),
        "c",
        PaymentCommandPayload::CapturePayment(capture),
    );
    assert_eq!(
        shop.dead_letters("payments"),
        ["the actor may not do this with the wallet"; 2]
    );
}
