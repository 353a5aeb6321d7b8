//! `sluice offsets reset` of a topology with state on real Kafka: the same orders in the end, and refusals that change nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::topics::TopicReader;
use e2e::{Server, Stack, wait_until};
use serde_json::Value;

/// Time for the group to see that its member has left, and for the records to be read again.
const CHANGE_WAIT: Duration = Duration::from_mins(2);
const RESET: [&str; 4] = ["offsets", "reset", "orders", "--to-earliest"];

#[test]
fn orders_that_are_processed_again_on_kafka_end_the_same() {
    let stack = Stack::start().unwrap();
    let mut server = Server::new(&stack, "shop", &["up"]).unwrap();
    server.start().unwrap();
    let url = server.url();
    let load = [
        "load",
        "--url",
        &url,
        "--orders",
        "60",
        "--declines",
        "10",
        "--stock-outs",
        "10",
    ];
    assert_eq!(run(&stack, &server, &load).0, 0);
    let before = orders(&stack);
    assert_eq!(before.len(), 60);
    assert!(before.values().any(|status| status == "PAID") && before.values().any(|status| status == "CANCELLED"));

    let offsets = committed(&stack, &server);
    let (code, said) = run(&stack, &server, &[&RESET[..], &["--execute"]].concat());
    assert!(
        code == 2 && said.contains("member"),
        "refused while members are live: {code} {said}"
    );
    assert_eq!(committed(&stack, &server), offsets, "a refusal changes nothing");
    server.sluice.stop().unwrap();

    let (code, said) = run(
        &stack,
        &server,
        &["offsets", "reset", "shipping", "--to-earliest", "--execute"],
    );
    assert!(code == 2 && said.contains("there is no topology"), "{code} {said}");
    let (code, said) = run(
        &stack,
        &server,
        &[&RESET[..], &["--topic", "nothing", "--execute"]].concat(),
    );
    assert!(code == 2 && said.contains("does not read the topic"), "{code} {said}");
    let (code, said) = run(&stack, &server, &RESET);
    assert!(code == 0 && said.contains("nothing was changed"), "{code} {said}");
    assert_eq!(committed(&stack, &server), offsets, "a plan changes nothing");

    let (code, said) = run(&stack, &server, &[&RESET[..], &["--execute"]].concat());
    assert!(code == 0 && said.contains("done"), "{code} {said}");
    assert!(committed(&stack, &server).values().all(|offset| *offset == Some(0)));
    server.start().unwrap();
    wait_until("everything is read again", CHANGE_WAIT, || {
        (lag(&stack, &server) == 0).then_some(())
    })
    .unwrap();
    assert_eq!(orders(&stack), before);
    server.sluice.stop().unwrap();

    // On another log the same offsets are other records.
    let alone = [("SLUICE_STATE_DIR".to_owned(), server.state().display().to_string())];
    let up = ["up", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
    let ended = e2e::run(&up, &alone).unwrap();
    let is_refused = ended.code == 2 && ended.said.contains("was made from the Kafka cluster");
    assert!(is_refused, "{} {}", ended.code, ended.said);
}

/// The stack's variables, and the server's state directory.
fn environment(stack: &Stack, server: &Server) -> Vec<(String, String)> {
    let mut environment = stack.environment();
    environment.push(("SLUICE_STATE_DIR".to_owned(), server.state().display().to_string()));
    environment
}

/// Runs a command on the server's state directory; answers its exit code and everything that it said.
fn run(stack: &Stack, server: &Server, arguments: &[&str]) -> (i32, String) {
    let ended = e2e::run(arguments, &environment(stack, server)).unwrap();
    (ended.code, ended.printed + &ended.said)
}

fn shown(stack: &Stack, server: &Server) -> Vec<Value> {
    let shown = e2e::results(&["offsets", "show", "orders"], &environment(stack, server)).unwrap();
    shown[0]["partitions"].as_array().unwrap().clone()
}

fn committed(stack: &Stack, server: &Server) -> BTreeMap<(String, i64), Option<i64>> {
    let name = |line: &Value| {
        (
            line["topic"].as_str().unwrap().to_owned(),
            line["partition"].as_i64().unwrap(),
        )
    };
    let lines = shown(stack, server);
    lines
        .iter()
        .map(|line| (name(line), line["committed"].as_i64()))
        .collect()
}

fn lag(stack: &Stack, server: &Server) -> i64 {
    shown(stack, server)
        .iter()
        .map(|line| line["lag"].as_i64().unwrap())
        .sum()
}

/// The newest status of each order.
fn orders(stack: &Stack) -> BTreeMap<String, String> {
    let mut reader = TopicReader::new(&stack.kafka(), &stack.registry());
    let records = reader.read("orders").unwrap();
    records
        .into_iter()
        .map(|record| (record.key.clone(), record.text("/status").to_owned()))
        .collect()
}
