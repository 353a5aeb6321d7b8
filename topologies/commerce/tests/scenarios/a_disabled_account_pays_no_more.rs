use schemas::wire::account::{Account, AccountCommandPayload, AccountStatus, DisableAccount, RegisterAccount};
use schemas::wire::envelope::{Actor, Role};
use schemas::wire::order::{CancelReason, OrderEvent, OrderEventPayload, OrderStatus, PaymentStatus};
use schemas::wire::payment::{PaymentCommandPayload, PaymentEvent, PaymentEventPayload, PaymentRefusal, Withdraw};

use crate::shop::{HOPS_MAX, Shop, actor, krw};

fn register(shop: &mut Shop, account: &str, role: Role) {
    let register = RegisterAccount {
        account_id: account.to_owned(),
        display_name: account.to_owned(),
        role,
        password_hash: "hash".to_owned(),
    };
    let payload = AccountCommandPayload::RegisterAccount(register);
    shop.send(account, actor(account, role), &format!("register-{account}"), payload);
}

fn disable(shop: &mut Shop, account: &str) {
    let payload = AccountCommandPayload::DisableAccount(DisableAccount {});
    shop.send(account, actor("operator", Role::System), "disable", payload);
}

/// A shop in which `ann` is registered and has 10,000 won.
fn shop_of_ann() -> Shop {
    let mut shop = Shop::open();
    register(&mut shop, "ann", Role::Buyer);
    shop.stocked()
}

fn withdraw(shop: &mut Shop, by: Actor, id: &str, amount: i64) {
    let withdraw = Withdraw {
        withdrawal_id: id.to_owned(),
        amount: krw(amount),
        card: None,
    };
    shop.send("ann", by, id, PaymentCommandPayload::Withdraw(withdraw));
}

fn refusals(shop: &Shop) -> Vec<PaymentRefusal> {
    let refusal = |payload| match payload {
        PaymentEventPayload::DepositRefused(refused) => Some(refused.reason),
        PaymentEventPayload::WithdrawalRefused(refused) => Some(refused.reason),
        PaymentEventPayload::PaymentDeclined(declined) => Some(declined.reason),
        _ => None,
    };
    let events = shop.records::<PaymentEvent>().into_iter();
    events.filter_map(|event| refusal(event.value.payload)).collect()
}

#[test]
fn an_order_of_a_disabled_buyer_is_declined_and_the_stock_is_back() {
    let mut shop = shop_of_ann();
    disable(&mut shop, "ann");
    shop.place("o1", "ann", &[("book", 1)]);
    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.cancel_reason, order.payment_status),
        (
            OrderStatus::Cancelled,
            Some(CancelReason::PaymentDeclined),
            PaymentStatus::Declined
        )
    );
    assert_eq!((shop.stock("book"), shop.money("ann")), ((10, 0), (10_000, 0)));
    let mut declined = shop
        .records::<OrderEvent>()
        .into_iter()
        .filter_map(|event| match event.value.payload {
            OrderEventPayload::PaymentDeclined(declined) => Some(declined.reason),
            _ => None,
        });
    assert_eq!(
        declined.next(),
        Some(PaymentRefusal::AccountDisabled),
        "the timeline says why"
    );
    shop.check_books();
}

#[test]
fn an_order_ends_well_whenever_its_buyer_is_disabled() {
    let mut ends = Vec::new();
    for hops in 0..HOPS_MAX {
        let mut shop = shop_of_ann();
        shop.driver.set_autocommit(false);
        shop.place("o1", "ann", &[("book", 2)]);
        for _ in 0..hops {
            shop.driver.commit().unwrap();
        }
        disable(&mut shop, "ann");
        shop.settle();
        let order = shop.order("o1");
        let (stock, money) = match order.status {
            OrderStatus::Paid => ((8, 0), (7_000, 0)),
            OrderStatus::Cancelled => ((10, 0), (10_000, 0)),
            other => panic!("after {hops} hops it is {other:?}"),
        };
        assert_eq!((shop.stock("book"), shop.money("ann")), (stock, money), "{hops}");
        shop.check_books();
        ends.push(order.status);
    }
    assert_eq!(ends.first(), Some(&OrderStatus::Cancelled));
    assert_eq!(ends.last(), Some(&OrderStatus::Paid));
    assert!(ends.is_sorted_by_key(|status| *status == OrderStatus::Paid), "{ends:?}");
}

#[test]
fn what_a_disabled_buyer_has_paid_can_still_be_given_back() {
    let mut shop = shop_of_ann();
    shop.place("o1", "ann", &[("book", 2)]);
    disable(&mut shop, "ann");
    shop.cancel("o1", "ann", "c1");
    assert_eq!(shop.order("o1").payment_status, PaymentStatus::Refunded);
    assert_eq!((shop.stock("book"), shop.money("ann")), ((10, 0), (10_000, 0)));
    shop.check_books();
}

#[test]
fn a_disabled_account_moves_no_money_and_the_system_pays_out_what_is_left() {
    let mut shop = shop_of_ann();
    disable(&mut shop, "ann");
    shop.deposit("ann", "second", 500);
    withdraw(&mut shop, actor("ann", Role::Buyer), "w1", 500);
    assert_eq!(refusals(&shop), [PaymentRefusal::AccountDisabled; 2]);
    assert_eq!(shop.money("ann"), (10_000, 0));
    withdraw(&mut shop, actor("operator", Role::System), "w2", 10_000);
    assert_eq!(shop.money("ann"), (0, 0));
    shop.deposit("ann", "first", 10_000);
    assert_eq!(refusals(&shop).len(), 2, "a deposit that was made stays made");
    shop.check_books();
}

#[test]
fn a_seller_owns_no_wallet_whatever_role_a_command_claims() {
    let mut shop = Shop::open().stocked();
    register(&mut shop, "sue", Role::Seller);
    shop.deposit("sue", "first", 5_000);
    shop.place("o1", "sue", &[("book", 1)]);
    assert_eq!(refusals(&shop), [PaymentRefusal::AccountDisabled; 2]);
    assert_eq!(shop.order("o1").cancel_reason, Some(CancelReason::PaymentDeclined));
    shop.check_books();
}

#[test]
fn accounts_that_are_read_again_take_nothing_back() {
    let mut shop = shop_of_ann();
    disable(&mut shop, "ann");
    let first = shop.records::<Account>().remove(0).value;
    assert_eq!((first.status, first.version), (AccountStatus::Active, 1));
    let topic = commerce::topologies::topic::<Account>(&shop.schemas);
    shop.driver.pipe(&topic, &"ann".to_owned(), &first).unwrap();
    shop.deposit("ann", "second", 500);
    assert_eq!(refusals(&shop), [PaymentRefusal::AccountDisabled]);
}

#[test]
fn a_buyer_whose_registration_has_not_arrived_is_let_through() {
    let mut shop = Shop::without("accounts").stocked();
    register(&mut shop, "ann", Role::Buyer);
    shop.place("o1", "ann", &[("book", 1)]);
    assert_eq!(shop.order("o1").status, OrderStatus::Paid);
}
