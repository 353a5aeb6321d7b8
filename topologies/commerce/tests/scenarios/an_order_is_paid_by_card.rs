use commerce::payment::{CALL_WAIT_MS, ProviderOutcome};
use commerce::wire::provider;
use schemas::wire::envelope::Role;
use schemas::wire::order::{CancelReason, OrderStatus, PaymentMethod, PaymentStatus, SagaStep};
use schemas::wire::payment::{PaymentEvent, PaymentEventPayload, PaymentOperation};
use schemas::wire::provider::{ProviderCall, ProviderCallPayload};

use crate::shop::{Shop, actor};

const DONE: ProviderOutcome = ProviderOutcome::Done;
const DECLINED: ProviderOutcome = ProviderOutcome::Declined;

impl Shop {
    /// What the provider was asked, in order: the call and the attempt.
    fn asked(&self) -> Vec<(String, i32)> {
        let calls = self.records::<ProviderCall>().into_iter();
        let asked = calls.map(|record| {
            let ProviderCallPayload::AskProvider(asked) = record.value.payload;
            (asked.call_id, asked.attempt)
        });
        asked.collect()
    }

    /// The provider answers the last call.
    pub fn provider_says(&mut self, outcome: ProviderOutcome) {
        let last = self.records::<ProviderCall>().pop().expect("the provider was asked");
        self.provider_says_about(&last.key, last.value.payload, outcome);
    }

    fn provider_says_about(&mut self, buyer: &str, payload: ProviderCallPayload, outcome: ProviderOutcome) {
        let call = provider::call(payload).unwrap();
        let payload = provider::answer_to_wire(&call, outcome);
        self.send(buyer, actor("payments", Role::System), "answer", payload);
    }
}

fn placed() -> Shop {
    let mut shop = Shop::open().stocked();
    shop.place_by_card("o1", "ann", &[("book", 2)], "card_1");
    shop
}

#[test]
fn a_card_pays_and_the_wallet_stays_as_it_was() {
    let mut shop = placed();
    assert_eq!(shop.order("o1").step, SagaStep::Authorizing);
    shop.provider_says(DONE);
    assert_eq!(shop.money("ann"), (10_000, 3_000), "held, and not of the wallet's own");
    shop.provider_says(DONE);
    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.payment_method),
        (OrderStatus::Paid, PaymentMethod::Card)
    );
    assert_eq!(shop.money("ann"), (10_000, 0));
    let calls = [("o1.card.authorize", 1), ("o1.card.capture", 1)];
    assert_eq!(shop.asked(), calls.map(|(call, attempt)| (call.to_owned(), attempt)));
    shop.check_books();
}

#[test]
fn a_declined_card_cancels_the_order_and_gives_the_goods_back() {
    let mut shop = placed();
    shop.provider_says(DECLINED);
    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.cancel_reason, order.payment_status),
        (
            OrderStatus::Cancelled,
            Some(CancelReason::PaymentDeclined),
            PaymentStatus::Declined
        )
    );
    assert_eq!(shop.stock("book"), (10, 0));
    shop.check_books();
}

#[test]
fn a_capture_that_the_provider_declines_unwinds_the_order() {
    let mut shop = placed();
    shop.provider_says(DONE);
    shop.provider_says(DECLINED);
    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.cancel_reason, order.payment_status),
        (
            OrderStatus::Cancelled,
            Some(CancelReason::PaymentDeclined),
            PaymentStatus::Declined
        )
    );
    assert_eq!((shop.money("ann"), shop.stock("book")), ((10_000, 0), (10, 0)));
    shop.check_books();
}

#[test]
fn a_silent_provider_is_asked_again_and_the_order_is_paid_when_it_answers() {
    let mut shop = placed();
    shop.wait(CALL_WAIT_MS);
    shop.wait(2 * CALL_WAIT_MS);
    let attempts: Vec<i32> = shop.asked().into_iter().map(|(_, attempt)| attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
    let unknown = shop
        .records::<PaymentEvent>()
        .into_iter()
        .filter_map(|event| match event.value.payload {
            PaymentEventPayload::PaymentUnknown(unknown) => Some(unknown.operation),
            _ => None,
        });
    assert_eq!(
        unknown.collect::<Vec<_>>(),
        [PaymentOperation::Authorize],
        "people hear of it once"
    );
    shop.provider_says(DONE);
    shop.provider_says(DONE);
    assert_eq!(shop.order("o1").status, OrderStatus::Paid);
    let asked = shop.asked().len();
    shop.wait(100 * CALL_WAIT_MS);
    assert_eq!(shop.asked().len(), asked, "whoever has answered is left alone");
    shop.check_books();
}

/// The saga gives up at its bound; the goods stay held until it is known that the money is not taken.
#[test]
fn an_order_that_timed_out_keeps_its_goods_until_the_provider_has_given_the_money_up() {
    let mut shop = placed();
    for _ in 0..8 {
        shop.wait(CALL_WAIT_MS);
    }
    let order = shop.order("o1");
    assert_eq!((order.status, order.step), (OrderStatus::Created, SagaStep::Voiding));
    assert_eq!(shop.stock("book"), (10, 2), "not released");
    shop.provider_says(DONE);
    assert_eq!(
        shop.asked().last().unwrap().0,
        "o1.card.void",
        "what was held after all is given up"
    );
    assert_eq!(shop.stock("book"), (10, 2), "not released yet");
    shop.provider_says(DONE);
    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.cancel_reason),
        (OrderStatus::Cancelled, Some(CancelReason::TimedOut))
    );
    assert_eq!((shop.money("ann"), shop.stock("book")), ((10_000, 0), (10, 0)));
    shop.check_books();
}

#[test]
fn an_answer_that_comes_late_or_twice_counts_once() {
    let mut shop = placed();
    let first = shop.records::<ProviderCall>().pop().unwrap();
    shop.wait(CALL_WAIT_MS);
    shop.provider_says(DONE);
    let entries = shop.entries().len();
    shop.provider_says_about("ann", first.value.payload, DONE);
    assert_eq!(shop.entries().len(), entries);
    shop.provider_says(DONE);
    assert_eq!(shop.order("o1").status, OrderStatus::Paid);
    shop.check_books();
}

#[test]
fn a_line_that_is_given_back_goes_back_to_the_card_and_to_the_wallet_where_the_card_takes_nothing() {
    for (outcome, free) in [(DONE, 10_000), (DECLINED, 13_000)] {
        let mut shop = placed();
        shop.provider_says(DONE);
        shop.provider_says(DONE);
        shop.lines("o1", "sam", "refund", "seller refunds", &[1]);
        assert_eq!(shop.order("o1").step, SagaStep::Settling, "waits for the provider");
        shop.provider_says(outcome);
        assert_eq!(shop.order("o1").cancel_reason, Some(CancelReason::Refunded));
        assert_eq!((shop.money("ann"), shop.stock("book")), ((free, 0), (10, 0)));
        shop.check_books();
    }
}

#[test]
fn a_cancellation_after_the_payment_gives_the_money_back_to_the_card() {
    let mut shop = placed();
    shop.provider_says(DONE);
    shop.provider_says(DONE);
    shop.cancel("o1", "ann", "cancel");
    shop.provider_says(DONE);
    let order = shop.order("o1");
    assert_eq!(
        (order.status, order.payment_status),
        (OrderStatus::Cancelled, PaymentStatus::Refunded)
    );
    assert_eq!(shop.money("ann"), (10_000, 0));
    shop.check_books();
}

#[test]
fn nobody_but_a_topology_speaks_for_the_provider() {
    let mut shop = placed();
    let call = shop.records::<ProviderCall>().pop().unwrap();
    let payload = provider::answer_to_wire(&provider::call(call.value.payload).unwrap(), DONE);
    shop.send("ann", actor("ann", Role::Buyer), "forged", payload);
    assert_eq!(shop.order("o1").step, SagaStep::Authorizing);
    assert_eq!(shop.dead_letters("payments").len(), 1);
}
