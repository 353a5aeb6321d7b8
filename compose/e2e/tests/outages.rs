//! Redis, the registry and Kafka die and come back, in one run of one process: clear answers meanwhile, nothing lost afterwards.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::time::Duration;

use e2e::books::{Accepted, check};
use e2e::topics::TopicReader;
use e2e::{Caller, Part, Server, Stack, wait_until};
use serde_json::{Value, json};

/// Time until an answer is what it has to be.
const CHANGE_WAIT: Duration = Duration::from_mins(2);

#[test]
fn every_part_may_die_and_come_back_and_no_accepted_order_is_lost() {
    let mut stack = Stack::start().unwrap();
    let mut server = Server::new(&stack, "shop", &["up"]).unwrap();
    server.start().unwrap();
    let seller = server.account("seller", "SELLER").unwrap();
    let buyer = server.account("buyer", "BUYER").unwrap();
    let product = seller.product(1_500, 1_000).unwrap();
    buyer.deposit(1_000_000).unwrap();
    let mut orders = Orders {
        buyer,
        product,
        paid: Vec::new(),
    };
    orders.is_paid("before");

    redis_dies(&mut stack, &server, &mut orders);
    registry_dies(&mut stack, &server, &mut orders);
    kafka_dies(&mut stack, &server, &mut orders);

    for (order, seen) in &orders.paid {
        assert_eq!(&orders.buyer.settled(order).unwrap(), seen);
    }
    let accepted: Vec<Accepted> = orders.paid.iter().map(|(order, _)| accepted(order)).collect();
    server.sluice.stop().unwrap();
    let findings = check(&mut TopicReader::new(&stack.kafka(), &stack.registry()), &accepted).unwrap();
    assert_eq!(findings.violations, Vec::<String>::new());
    assert_eq!(findings.orders["PAID"], orders.paid.len());
}

/// The buyer's orders.
struct Orders {
    buyer: Caller,
    product: String,
    paid: Vec<(String, Value)>,
}

impl Orders {
    fn is_paid(&mut self, key: &str) {
        let order = self.buyer.order(key, &self.product, 1).unwrap();
        let seen = self.buyer.settled(&order).unwrap();
        assert_eq!(seen["status"], "PAID", "{key}: {seen}");
        self.paid.push((order, seen));
    }
}

/// Tokens that are valid go on, nothing fails open, and sessions come back with Redis.
fn redis_dies(stack: &mut Stack, server: &Server, orders: &mut Orders) {
    stack.kill_9(Part::Redis).unwrap();
    let unready = server.wait_until_readiness_is(false).unwrap();
    assert_eq!(unready["parts"]["sessions"], json!(false), "{unready}");
    let answer = server.try_log_in("buyer").unwrap();
    assert!(answer.is_unavailable(), "{answer:?}");
    orders.is_paid("without-redis");
    stack.revive(Part::Redis).unwrap();
    server.wait_until_ready().unwrap();
    orders.buyer = server.log_in("buyer").unwrap();
    orders.is_paid("with-redis-again");
}

/// Known ids go on; a record of an unknown one waits, says so, and loses nothing.
fn registry_dies(stack: &mut Stack, server: &Server, orders: &mut Orders) {
    stack.kill_9(Part::Registry).unwrap();
    orders.is_paid("without-the-registry");
    send_unknown_schema(stack);
    let unready = server.wait_until_readiness_is(false).unwrap();
    assert!(unready.to_string().contains("schema"), "{unready}");
    stack.revive(Part::Registry).unwrap();
    server.wait_until_ready().unwrap();
    orders.is_paid("with-the-registry-again");
    let mut reader = TopicReader::new(&stack.kafka(), &stack.registry());
    let letters = reader.read_raw("sluice-orders-dead-letters").unwrap();
    assert_eq!(letters.len(), 1, "the record of no schema at all");
}

/// Nothing is claimed while no broker answers; the same order under the same key is taken once one does.
fn kafka_dies(stack: &mut Stack, server: &Server, orders: &mut Orders) {
    stack.kill_9(Part::Kafka).unwrap();
    let unready = server.wait_until_readiness_is(false).unwrap();
    assert!(unready["parts"]["obstacles"].to_string().contains("Kafka"), "{unready}");
    let answer = orders.buyer.try_order("kafka", &orders.product, 1).unwrap();
    assert!(answer.is_unavailable(), "{answer:?}");
    stack.revive(Part::Kafka).unwrap();
    server.wait_until_ready().unwrap();
    wait_until("the order is taken", CHANGE_WAIT, || {
        let answer = orders.buyer.try_order("kafka", &orders.product, 1).unwrap();
        (answer.status == 202).then_some(())
    })
    .unwrap();
    orders.is_paid("kafka");
}

fn send_unknown_schema(stack: &Stack) {
    use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
    let producer: BaseProducer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", stack.kafka())
        .create()
        .unwrap();
    let value = [0, 0x7f, 0xff, 0xff, 0xfe, 1];
    let record = BaseRecord::to("order-commands").key("nobody").payload(&value[..]);
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(CHANGE_WAIT).unwrap();
}

fn accepted(order: &str) -> Accepted {
    Accepted {
        order_id: order.to_owned(),
        status: Some("PAID".to_owned()),
    }
}
