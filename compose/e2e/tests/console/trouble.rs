//! What an operator sees when something is wrong, on Kafka and several processes: an order that waits, a record that nobody can read.

use std::time::Duration;

use e2e::{Server, Stack, wait_until};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use serde_json::Value;

use crate::support::Visitor;

/// Time until a change in one process shows in another's answer.
const CHANGE_WAIT: Duration = Duration::from_mins(2);

#[test]
fn an_operator_sees_the_order_that_waits_and_the_record_that_nobody_can_read_and_who_runs_what() {
    let stack = Stack::start().unwrap();
    let mut shop = Server::new(&stack, "shop", &["run", "accounts", "products", "orders", "views"]).unwrap();
    let mut payments = Server::new(&stack, "payments", &["run", "payments"]).unwrap();
    let mut edge = Server::new(&stack, "edge", &["edge"]).unwrap();
    for server in [&mut shop, &mut payments, &mut edge] {
        server.start().unwrap();
    }
    let product = edge.account("seller", "SELLER").unwrap().product(1_500, 10).unwrap();
    let buyer = edge.account("buyer", "BUYER").unwrap();
    buyer.deposit(100_000).unwrap();
    let paid = buyer.order("paid", &product, 1).unwrap();
    assert_eq!(buyer.settled(&paid).unwrap()["status"], "PAID");

    let instances = look(&edge, "/operator/instances", |seen| {
        let others = seen["others"].as_array()?;
        let answered = others.iter().filter(|other| !other["answer"].is_null());
        (answered.count() == 2).then(|| seen.clone())
    });
    assert_eq!(
        instances["here"]["threads"],
        serde_json::json!([]),
        "an edge runs no topology"
    );
    assert_eq!(
        instances["members"]["payments"][0]["tasks"].as_array().unwrap().len(),
        6
    );

    poison(&stack);
    let letter = look(&edge, "/operator/dead-letters", |seen| {
        let items = seen["items"].as_array()?;
        let orders = items.iter().find(|item| item["topology"] == "orders")?;
        orders["letters"].get(0).cloned()
    });
    assert_eq!(letter["headers"]["sluice.topic"], "order-commands", "{letter}");
    assert!(
        letter["headers"]["sluice.error"]
            .as_str()
            .is_some_and(|cause| cause.contains("value")),
        "{letter}"
    );

    // Nobody answers the saga: the order waits for its payment.
    payments.sluice.stop().unwrap();
    let waiting = buyer.order("waiting", &product, 1).unwrap();
    let waits = look(&edge, "/operator/stuck-orders", |seen| seen["items"].get(0).cloned());
    assert_eq!(
        (&waits["order"]["order_id"], &waits["order"]["step"]),
        (&Value::from(waiting.as_str()), &Value::from("AUTHORIZING"))
    );
    let events: Vec<&Value> = waits["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| &event["type"])
        .collect();
    assert_eq!(events, ["OrderCreated", "StockReserved"]);
    let operator = Visitor::arrive_at(&edge.admin_url());
    operator.go("/stuck");
    operator.browser.click("summary").unwrap();
    operator.browser.wait_text(".timeline", "Goods held").unwrap();
    operator.picture("operator-stuck");
    operator.check("a stuck order");
    operator.go("/letters");
    operator.browser.click("summary").unwrap();
    operator.browser.wait_text(".facts", "order-commands").unwrap();
    operator.picture("operator-letters");
    operator.check("a dead letter");
    operator.go("/instances");
    operator.browser.wait("document.querySelectorAll('[data-instance]').length === 3 || document.querySelectorAll('[data-instance]').length === 2").unwrap();
    operator.picture("operator-several");
    operator.check("several instances");

    payments.start().unwrap();
    assert_eq!(buyer.settled(&waiting).unwrap()["status"], "PAID");
    look(&edge, "/operator/stuck-orders", |seen| {
        seen["items"]
            .as_array()
            .filter(|items| items.is_empty())
            .map(|_| Value::Null)
    });
    operator.leave();
}

/// Asks the operators' side until its answer has what is looked for.
fn look(server: &Server, path: &str, find: impl Fn(&Value) -> Option<Value>) -> Value {
    wait_until(path, CHANGE_WAIT, || {
        let answer = server.ask_admin(path).ok().filter(|answer| answer.status == 200)?;
        find(&answer.body)
    })
    .unwrap()
}

fn poison(stack: &Stack) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", stack.kafka())
        .create()
        .unwrap();
    let record = BaseRecord::to("order-commands")
        .key("poison")
        .payload("this is no command");
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(CHANGE_WAIT).unwrap();
}
