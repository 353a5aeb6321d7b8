//! A process that is started before its parts: it says what is missing, and goes to work once that is there, without a restart.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use e2e::{Answer, Part, Server, Stack, wait_until};
use serde_json::json;

/// Time until the process listens, and until it says what it waits for: it asks a part that is away for 15 s before it does.
const ANSWER_WAIT: Duration = Duration::from_mins(1);

#[test]
fn a_process_that_is_there_before_kafka_says_so_and_takes_orders_once_kafka_is_there() {
    let mut stack = Stack::at_rest().unwrap();
    stack.revive(Part::Redis).unwrap();
    let mut server = Server::new(&stack, "shop", &["up"]).unwrap();
    server.sluice.start().unwrap();
    waits_for(&server, "Kafka does not answer");

    stack.revive(Part::Kafka).unwrap();
    stack.revive(Part::Registry).unwrap();
    takes_orders(&mut server);
}

#[test]
fn a_process_that_is_there_before_the_registry_says_so_and_takes_orders_once_the_registry_is_there() {
    let mut stack = Stack::at_rest().unwrap();
    stack.revive(Part::Redis).unwrap();
    stack.revive(Part::Kafka).unwrap();
    let mut server = Server::new(&stack, "shop", &["up"]).unwrap();
    server.sluice.start().unwrap();
    waits_for(&server, "registry");

    stack.revive(Part::Registry).unwrap();
    takes_orders(&mut server);
}

#[test]
fn a_process_that_waits_for_its_parts_ends_in_order_when_it_is_asked_to() {
    let stack = Stack::at_rest().unwrap();
    let mut server = Server::new(&stack, "shop", &["up"]).unwrap();
    server.sluice.start().unwrap();
    waits_for(&server, "Kafka does not answer");
    assert_eq!(server.sluice.stop().unwrap(), Some(0), "{}", server.log_tail());
}

/// It lives, is not ready and says why, and turns callers away until later.
fn waits_for(server: &Server, what: &str) {
    let said = wait_until(&format!("it says: {what}"), ANSWER_WAIT, || {
        let readiness = server.ask_admin("/readyz").ok()?;
        obstacles(&readiness).contains(what).then_some(readiness)
    });
    let readiness = said.unwrap_or_else(|error| panic!("{error}\n{}", server.log_tail()));
    assert_eq!(readiness.status, 503, "{readiness:?}");
    assert_eq!(readiness.body["ready"], json!(false), "{readiness:?}");
    let health = server.ask_admin("/healthz").unwrap();
    assert_eq!((health.status, &health.body), (200, &json!({ "status": "alive" })));
    let answer = server.try_log_in("buyer").unwrap();
    assert!(answer.is_unavailable(), "{answer:?}");
}

fn obstacles(readiness: &Answer) -> String {
    readiness.body["parts"]["obstacles"].to_string()
}

/// The process that waited becomes ready, and pays an order.
fn takes_orders(server: &mut Server) {
    server.wait_until_ready().unwrap();
    let ready = server.ask_admin("/readyz").unwrap();
    assert_eq!((ready.status, obstacles(&ready).as_str()), (200, "[]"), "{ready:?}");
    let product = server.account("seller", "SELLER").unwrap().product(1_500, 10).unwrap();
    let buyer = server.account("buyer", "BUYER").unwrap();
    buyer.deposit(10_000).unwrap();
    let order = buyer.order("first", &product, 3).unwrap();
    assert_eq!(buyer.settled(&order).unwrap()["status"], "PAID");
    assert!(server.sluice.is_running(), "it is the process that waited");
    server.sluice.stop().unwrap();
}
