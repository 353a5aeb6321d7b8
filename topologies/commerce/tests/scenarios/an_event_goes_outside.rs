use commerce::ids::event_id;
use commerce::topologies::{topic, webhooks};
use commerce::webhook::{ANSWER_WAIT_MS, GIVEN_UP_KEPT_MS, REST_FIRST_MS, REST_MAX_MS, TRIES_MAX};
use schemas::wire::envelope::{Envelope, Role};
use schemas::wire::order::{OrderEvent, OrderEventPayload, OrderPaid};
use schemas::wire::webhook::{
    DeliverWebhook, DeliveryOutcome, EndpointOutcome, GivenUpReason, RedeliverWebhook, WebhookAnswerPayload,
    WebhookAnswered, WebhookCall, WebhookCallPayload, WebhookDeadLetter, WebhookDeadLetterPayload, WebhookGivenUp,
};

use crate::shop::{Shop, actor, krw};

const ORDER: &str = "order";
const DAYS: i64 = 24 * 60 * 60 * 1000;

/// A shop in which the event `order.1` has just happened.
fn told() -> Shop {
    let mut shop = Shop::only(webhooks::NAME);
    tell(&mut shop, 1);
    shop
}

fn tell(shop: &mut Shop, seq: u64) {
    let event = Envelope {
        id: event_id(ORDER, seq).0,
        seq: i64::try_from(seq).unwrap(),
        at: shop.driver.now_ms(),
        actor: actor("orders", Role::System),
        causation: "payment".to_owned(),
        correlation: ORDER.to_owned(),
        payload: OrderEventPayload::OrderPaid(OrderPaid { total: krw(1_500) }),
    };
    let topic = topic::<OrderEvent>(&shop.schemas);
    shop.driver.pipe(&topic, &ORDER.to_owned(), &event).unwrap();
}

/// All that the worker was asked, with the ids of the calls.
fn calls(shop: &Shop) -> Vec<(String, DeliverWebhook)> {
    let call = |call: WebhookCall| match call.payload {
        WebhookCallPayload::DeliverWebhook(asked) => (call.id, asked),
    };
    let records = shop.records::<WebhookCall>().into_iter();
    records.map(|record| call(record.value)).collect()
}

/// The attempt and the endpoints of the last call, and how many there were.
fn last(shop: &Shop) -> (usize, i32, Vec<String>) {
    let calls = calls(shop);
    let (_, asked) = calls.last().unwrap();
    (calls.len(), asked.attempt, asked.endpoints.clone())
}

fn answer(shop: &mut Shop, attempt: i32, outcomes: &[(&str, DeliveryOutcome)]) {
    let outcome = |(endpoint, outcome): &(&str, DeliveryOutcome)| EndpointOutcome {
        endpoint: (*endpoint).to_owned(),
        outcome: *outcome,
        detail: "as it said".to_owned(),
    };
    let answered = WebhookAnswered {
        delivery_id: "order.1".to_owned(),
        attempt,
        outcomes: outcomes.iter().map(outcome).collect(),
    };
    let payload = WebhookAnswerPayload::WebhookAnswered(answered);
    shop.send(ORDER, actor(webhooks::NAME, Role::System), "answer", payload);
}

fn redeliver(shop: &mut Shop, endpoint: Option<&str>) {
    let redeliver = RedeliverWebhook {
        delivery_id: "order.1".to_owned(),
        endpoint: endpoint.map(str::to_owned),
    };
    let payload = WebhookAnswerPayload::RedeliverWebhook(redeliver);
    shop.send(ORDER, actor("operator", Role::System), "redeliver", payload);
}

fn given_up(shop: &Shop) -> Vec<WebhookGivenUp> {
    let records = shop.records::<WebhookDeadLetter>().into_iter();
    records
        .map(|record| match record.value.payload {
            WebhookDeadLetterPayload::WebhookGivenUp(given_up) => given_up,
        })
        .collect()
}

/// Nothing is kept, and nothing happens by itself any more.
fn assert_forgotten(shop: &mut Shop) {
    assert!(
        shop.driver
            .store_entries(webhooks::NAME, webhooks::DELIVERIES)
            .is_empty()
    );
    let before = calls(shop).len();
    shop.wait(60 * DAYS);
    assert_eq!(calls(shop).len(), before);
    shop.check_books();
}

/// Waits until something was asked once more.
fn wait_for_a_call(shop: &mut Shop) {
    let before = calls(shop).len();
    for _ in 0..100 {
        if calls(shop).len() > before {
            return;
        }
        shop.wait(REST_MAX_MS / 10);
    }
    panic!("nothing was asked");
}

#[test]
fn every_event_of_an_order_is_offered_to_whoever_is_configured_and_a_refused_command_is_none() {
    let mut shop = Shop::with_webhooks().stocked();
    shop.place("o", "ann", &[("book", 2)]);
    shop.cancel("o", "bob", "not-hers");
    let story = shop.story("o");
    assert!(story.iter().any(|kind| kind == "OrderPaid"), "{story:?}");
    let told: Vec<serde_json::Value> = calls(&shop)
        .iter()
        .map(|(_, asked)| {
            assert_eq!((asked.attempt, asked.endpoints.len()), (1, 0));
            serde_json::from_str(&asked.event).unwrap()
        })
        .collect();
    let timeline: Vec<_> = shop
        .timeline("o")
        .into_iter()
        .map(|item| serde_json::to_value(item).unwrap())
        .collect();
    assert_eq!(told, timeline);
    shop.check_books();
}

#[test]
fn an_event_that_everybody_has_is_forgotten() {
    let mut shop = told();
    answer(
        &mut shop,
        1,
        &[
            ("erp", DeliveryOutcome::Delivered),
            ("mail", DeliveryOutcome::NotWanted),
        ],
    );
    assert_forgotten(&mut shop);
    assert!(given_up(&shop).is_empty());
}

#[test]
fn where_nobody_is_to_have_it_an_event_is_forgotten() {
    let mut shop = told();
    answer(&mut shop, 1, &[]);
    assert_forgotten(&mut shop);
}

#[test]
fn whoever_refused_is_offered_the_same_event_again_after_a_rest() {
    let mut shop = told();
    answer(
        &mut shop,
        1,
        &[("erp", DeliveryOutcome::Refused), ("mail", DeliveryOutcome::Delivered)],
    );
    shop.wait(REST_FIRST_MS - 1);
    assert_eq!(calls(&shop).len(), 1, "it rests");
    shop.wait(REST_FIRST_MS);
    assert_eq!(last(&shop), (2, 2, vec!["erp".to_owned()]));
    let asked = calls(&shop);
    assert_eq!(asked[0].1.event, asked[1].1.event);
    assert_eq!(asked[0].1.delivery_id, asked[1].1.delivery_id);
    assert_ne!(asked[0].0, asked[1].0, "another attempt is another call");
    answer(&mut shop, 2, &[("erp", DeliveryOutcome::Delivered)]);
    assert_forgotten(&mut shop);
}

#[test]
fn a_call_without_an_answer_is_sent_again_with_its_id_and_ever_later() {
    let mut shop = told();
    for (wait, sent) in [(ANSWER_WAIT_MS - 1, 1), (1, 2), (2 * ANSWER_WAIT_MS - 1, 2), (1, 3)] {
        shop.wait(wait);
        assert_eq!(calls(&shop).len(), sent);
    }
    let ids: std::collections::BTreeSet<String> = calls(&shop).into_iter().map(|(id, _)| id).collect();
    assert_eq!(ids.len(), 1);
    // A worker that is away for a month makes no dead letter.
    for _ in 0..1_000 {
        shop.wait(DAYS / 24);
    }
    assert!(given_up(&shop).is_empty());
    assert_eq!(last(&shop).1, 1);
    answer(&mut shop, 1, &[("erp", DeliveryOutcome::Delivered)]);
    assert_forgotten(&mut shop);
}

#[test]
fn a_refusal_that_is_heard_twice_or_late_counts_once() {
    let mut shop = told();
    for _ in 0..2 * TRIES_MAX {
        answer(&mut shop, 1, &[("erp", DeliveryOutcome::Refused)]);
    }
    assert!(given_up(&shop).is_empty());
    wait_for_a_call(&mut shop);
    answer(&mut shop, 1, &[("erp", DeliveryOutcome::Refused)]);
    answer(&mut shop, 1, &[("erp", DeliveryOutcome::Gone)]);
    assert_eq!(
        last(&shop),
        (2, 2, vec!["erp".to_owned()]),
        "the second attempt is still waited for"
    );
    assert!(given_up(&shop).is_empty());
}

#[test]
fn that_an_endpoint_has_the_event_is_true_however_late_it_is_heard() {
    let mut shop = told();
    answer(
        &mut shop,
        1,
        &[("erp", DeliveryOutcome::Refused), ("mail", DeliveryOutcome::Refused)],
    );
    answer(&mut shop, 1, &[("erp", DeliveryOutcome::Delivered)]);
    wait_for_a_call(&mut shop);
    assert_eq!(last(&shop).2, ["mail"]);
    answer(&mut shop, 1, &[("mail", DeliveryOutcome::Delivered)]);
    assert_forgotten(&mut shop);
}

#[test]
fn an_event_that_was_refused_ten_times_is_given_up_and_can_be_delivered_again() {
    let mut shop = told();
    let began = shop.driver.now_ms();
    for attempt in 1..=i32::try_from(TRIES_MAX).unwrap() {
        assert_eq!(last(&shop).1, attempt);
        answer(
            &mut shop,
            attempt,
            &[("erp", DeliveryOutcome::Refused), ("mail", DeliveryOutcome::Delivered)],
        );
        if attempt < 10 {
            wait_for_a_call(&mut shop);
        }
    }
    let took = shop.driver.now_ms() - began;
    assert!((DAYS * 3 / 4..DAYS * 3 / 2).contains(&took), "{took} ms");
    let dead = given_up(&shop);
    assert_eq!(dead.len(), 1);
    assert_eq!(
        (
            dead[0].endpoint.as_str(),
            dead[0].reason,
            dead[0].attempt,
            dead[0].detail.as_str()
        ),
        ("erp", GivenUpReason::Exhausted, 10, "as it said")
    );
    assert_eq!(dead[0].event, calls(&shop)[0].1.event);
    shop.wait(2 * DAYS);
    assert_eq!(last(&shop).0, 10, "nothing is tried by itself");

    redeliver(&mut shop, Some("mail"));
    assert_eq!(last(&shop).0, 10, "it was not given up there");
    redeliver(&mut shop, Some("erp"));
    assert_eq!(last(&shop), (11, 11, vec!["erp".to_owned()]));
    redeliver(&mut shop, None);
    assert_eq!(last(&shop).0, 11, "it is on its way already");
    answer(&mut shop, 11, &[("erp", DeliveryOutcome::Refused)]);
    assert_eq!(given_up(&shop).len(), 1, "it has ten tries again");
    wait_for_a_call(&mut shop);
    answer(&mut shop, 12, &[("erp", DeliveryOutcome::Delivered)]);
    assert_forgotten(&mut shop);
}

#[test]
fn an_endpoint_that_is_gone_is_given_up_at_once_and_the_others_go_on() {
    let mut shop = told();
    answer(
        &mut shop,
        1,
        &[("erp", DeliveryOutcome::Gone), ("mail", DeliveryOutcome::Refused)],
    );
    let dead = given_up(&shop);
    assert_eq!((dead.len(), dead[0].reason), (1, GivenUpReason::Gone));
    wait_for_a_call(&mut shop);
    assert_eq!(last(&shop).2, ["mail"]);
    redeliver(&mut shop, None);
    assert_eq!(last(&shop), (3, 3, vec!["mail".to_owned(), "erp".to_owned()]));
    answer(
        &mut shop,
        3,
        &[
            ("erp", DeliveryOutcome::Delivered),
            ("mail", DeliveryOutcome::Delivered),
        ],
    );
    assert_forgotten(&mut shop);
}

#[test]
fn what_was_given_up_is_forgotten_after_its_time() {
    let mut shop = told();
    answer(&mut shop, 1, &[("erp", DeliveryOutcome::Gone)]);
    shop.wait(GIVEN_UP_KEPT_MS - 1);
    assert_eq!(shop.driver.store_entries(webhooks::NAME, webhooks::DELIVERIES).len(), 1);
    shop.wait(1);
    redeliver(&mut shop, None);
    assert_eq!(calls(&shop).len(), 1);
    assert_forgotten(&mut shop);
}

#[test]
fn events_that_are_read_again_after_a_reset_of_offsets_have_the_ids_that_they_had() {
    let mut shop = told();
    answer(&mut shop, 1, &[("erp", DeliveryOutcome::Delivered)]);
    tell(&mut shop, 2);
    let before = calls(&shop);
    tell(&mut shop, 1);
    tell(&mut shop, 2);
    let again = calls(&shop).split_off(before.len());
    let ids = |calls: &[(String, DeliverWebhook)]| -> Vec<_> {
        calls
            .iter()
            .map(|(id, asked)| (id.clone(), asked.delivery_id.clone()))
            .collect()
    };
    assert_eq!(ids(&again), ids(&before[..1]), "the second one is on its way already");
}

#[test]
fn nobody_but_the_system_answers() {
    let mut shop = told();
    let redeliver = WebhookAnswerPayload::RedeliverWebhook(RedeliverWebhook {
        delivery_id: "order.1".to_owned(),
        endpoint: None,
    });
    shop.send(ORDER, actor("ann", Role::Buyer), "forged", redeliver);
    assert_eq!(
        shop.dead_letters(webhooks::NAME),
        ["only the system answers for webhooks"]
    );
    assert_eq!(calls(&shop).len(), 1);
}

#[test]
fn an_outcome_of_a_newer_worker_is_put_aside_and_its_call_sent_again() {
    let mut shop = told();
    answer(&mut shop, 1, &[("erp", DeliveryOutcome::Unknown)]);
    assert_eq!(shop.dead_letters(webhooks::NAME).len(), 1);
    shop.wait(ANSWER_WAIT_MS);
    assert_eq!(last(&shop), (2, 1, Vec::new()));
}
