use commerce::payment::{CALL_WAIT_MS, PAYMENT_RETENTION_MS, PayoutStatus, ProviderOutcome};
use commerce::views;
use schemas::wire::account::{AccountCommandPayload, DisableAccount};
use schemas::wire::envelope::{Actor, Role};
use schemas::wire::payment::{PaymentCommandPayload, PaymentEvent, PaymentEventPayload, PaymentRefusal, Withdraw};
use schemas::wire::provider::{ProviderCall, ProviderCallPayload, ProviderOperation};

use crate::shop::{Shop, actor, krw};

const DONE: ProviderOutcome = ProviderOutcome::Done;
const DECLINED: ProviderOutcome = ProviderOutcome::Declined;

impl Shop {
    pub fn pay_out(&mut self, by: Actor, id: &str, amount: i64, card: &str) {
        let withdraw = Withdraw {
            withdrawal_id: id.to_owned(),
            amount: krw(amount),
            card: Some(card.to_owned()),
        };
        let account = by.account_id.clone();
        self.send(&account, by, id, PaymentCommandPayload::Withdraw(withdraw));
    }

    /// What became of a wallet's payouts, as its owner reads it.
    fn payouts(&self, account: &str) -> Vec<(String, PayoutStatus)> {
        let entries = self.driver.store_entries("payments", views::WALLETS.store);
        let mut wallets = entries.values().map(|bytes| views::wallet(bytes).unwrap());
        let wallet = wallets.find(|wallet| wallet.account_id == account).unwrap();
        let payouts = wallet.payouts.into_iter();
        payouts.map(|payout| (payout.payout_id, payout.status)).collect()
    }

    /// What happened under the account's own key after its deposits, in words.
    fn payout_story(&self, account: &str) -> Vec<String> {
        let events = self.records::<PaymentEvent>().into_iter();
        let own = events.filter(|event| event.key == account);
        let word = |event: PaymentEventPayload| match event {
            PaymentEventPayload::PayoutRequested(_) => Some("requested".to_owned()),
            PaymentEventPayload::PayoutPaid(_) => Some("paid".to_owned()),
            PaymentEventPayload::PayoutReturned(_) => Some("returned".to_owned()),
            PaymentEventPayload::PayoutUnknown(unknown) if unknown.contradicted => Some("contradicted".to_owned()),
            PaymentEventPayload::PayoutUnknown(_) => Some("unknown".to_owned()),
            PaymentEventPayload::WithdrawalRefused(refused) => Some(format!("refused {:?}", refused.reason)),
            _ => None,
        };
        own.filter_map(|event| word(event.value.payload)).collect()
    }

    fn calls(&self) -> Vec<(String, i32)> {
        let calls = self.records::<ProviderCall>().into_iter();
        let asked = calls.map(|record| {
            let ProviderCallPayload::AskProvider(asked) = record.value.payload;
            assert_eq!(asked.operation, ProviderOperation::Payout);
            (asked.call_id, asked.attempt)
        });
        asked.collect()
    }
}

fn ann() -> Actor {
    actor("ann", Role::Buyer)
}

/// A shop in which `ann` has asked for 4,000 of her 10,000 won.
fn asked() -> Shop {
    let mut shop = Shop::open().stocked();
    shop.pay_out(ann(), "w1", 4_000, "card_1");
    shop
}

#[test]
fn money_is_out_of_the_wallet_at_once_and_paid_when_the_provider_says_so() {
    let mut shop = asked();
    assert_eq!(shop.money("ann"), (6_000, 0));
    assert_eq!(shop.payouts("ann"), [("w1".to_owned(), PayoutStatus::OnItsWay)]);
    shop.provider_says(DONE);
    shop.provider_says(DONE);
    assert_eq!(shop.payouts("ann"), [("w1".to_owned(), PayoutStatus::Paid)]);
    assert_eq!(shop.money("ann"), (6_000, 0));
    assert_eq!(shop.payout_story("ann"), ["requested", "paid"]);
    shop.check_books();
}

#[test]
fn money_that_the_provider_does_not_pay_is_back_in_the_wallet() {
    let mut shop = asked();
    shop.provider_says(DECLINED);
    assert_eq!(shop.payouts("ann"), [("w1".to_owned(), PayoutStatus::Returned)]);
    assert_eq!(shop.money("ann"), (10_000, 0));
    shop.provider_says(DONE);
    assert_eq!(shop.money("ann"), (10_000, 0), "the first answer stands");
    assert_eq!(shop.payout_story("ann"), ["requested", "returned", "contradicted"]);
    shop.check_books();
}

#[test]
fn a_silent_provider_is_asked_again_about_a_payout_and_people_hear_of_it_once() {
    let mut shop = asked();
    shop.wait(CALL_WAIT_MS);
    shop.wait(2 * CALL_WAIT_MS);
    let calls = [1, 2, 3].map(|attempt| ("w1.payout".to_owned(), attempt));
    assert_eq!(shop.calls(), calls);
    shop.provider_says(DONE);
    shop.wait(100 * CALL_WAIT_MS);
    assert_eq!(shop.calls().len(), 3, "whoever has answered is left alone");
    assert_eq!(shop.payout_story("ann"), ["requested", "unknown", "paid"]);
    shop.check_books();
}

#[test]
fn the_same_payout_twice_is_one_and_another_one_under_its_id_is_a_conflict() {
    let mut shop = asked();
    shop.pay_out(ann(), "w1", 4_000, "card_1");
    shop.provider_says(DONE);
    shop.pay_out(ann(), "w1", 4_000, "card_1");
    assert_eq!(shop.payout_story("ann"), ["requested", "paid"]);
    shop.pay_out(ann(), "w1", 4_001, "card_1");
    shop.pay_out(ann(), "w1", 4_000, "card_2");
    assert_eq!(shop.payout_story("ann").split_off(2), ["refused Conflict"; 2]);
    assert_eq!((shop.calls().len(), shop.money("ann")), (1, (6_000, 0)));
    shop.check_books();
}

#[test]
fn a_seller_is_paid_out_what_sales_have_brought() {
    let mut shop = Shop::open().stocked();
    shop.place("o1", "ann", &[("book", 2)]);
    shop.lines("o1", "sam", "s1", "ship", &[]);
    shop.lines("o1", "ann", "d1", "confirm delivery", &[]);
    assert_eq!(shop.money("sam"), (3_000, 0));
    let sam = actor("sam", Role::Seller);
    shop.pay_out(sam.clone(), "too-much", 3_001, "card_1");
    shop.pay_out(sam, "w1", 3_000, "card_1");
    shop.provider_says(DONE);
    assert_eq!(
        shop.payout_story("sam"),
        ["refused InsufficientFunds", "requested", "paid"]
    );
    assert_eq!(shop.money("sam"), (0, 0));
    shop.check_books();
}

#[test]
fn a_payout_under_way_comes_back_to_an_account_that_was_disabled_meanwhile_and_no_other_begins() {
    let mut shop = asked();
    let disable = AccountCommandPayload::DisableAccount(DisableAccount {});
    let register = schemas::wire::account::RegisterAccount {
        account_id: "ann".to_owned(),
        display_name: "Ann".to_owned(),
        role: Role::Buyer,
        password_hash: "hash".to_owned(),
    };
    let register = AccountCommandPayload::RegisterAccount(register);
    shop.send("ann", actor("ann", Role::Buyer), "register", register);
    shop.send("ann", actor("operator", Role::System), "disable", disable);
    shop.provider_says(DECLINED);
    shop.pay_out(ann(), "w2", 1, "card_1");
    let refused = format!("refused {:?}", PaymentRefusal::AccountDisabled);
    assert_eq!(shop.payout_story("ann"), ["requested", "returned", refused.as_str()]);
    assert_eq!(shop.money("ann"), (10_000, 0));
    shop.check_books();
}

#[test]
fn a_payout_is_not_forgotten_before_it_has_ended() {
    let mut shop = asked();
    let transfers = |shop: &Shop| shop.driver.store_entries("payments", "transfers").len();
    assert_eq!(transfers(&shop), 2, "with the deposit");
    shop.wait(PAYMENT_RETENTION_MS);
    assert_eq!(transfers(&shop), 1);
    shop.provider_says(DONE);
    shop.wait(PAYMENT_RETENTION_MS);
    assert_eq!(transfers(&shop), 0);
    shop.check_books();
}
