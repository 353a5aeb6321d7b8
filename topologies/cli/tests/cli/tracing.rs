//! The trace of one order as a collector gets it: from the request through every topic to PAID.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;

use crate::process::Sluice;
use crate::shop::Shop;

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const CALLER: &str = "b7ad6b7169203331";

#[tokio::test]
async fn an_order_is_one_unbroken_tree_from_its_request_to_paid() {
    let (endpoint, collected) = collector();
    let sluice = Sluice::new();
    let up = sluice.up_with(&["--otlp-endpoint", &endpoint, "--trace-ratio", "0"]);
    let shop = Shop::at(&up.url);
    let (product, buyer) = shop.open().await;
    let order = buyer.order_traced(&format!("00-{TRACE}-{CALLER}-01"), &product).await;
    buyer.settled(&order).await;
    // The timeline tells that the views have it too. What waits is exported before the process ends.
    buyer.get(&format!("/orders/{order}/events")).await;
    up.stop();

    let spans = spans(&collected);
    assert!(
        spans.values().all(|span| span["traceId"] == TRACE),
        "what is not followed is not told"
    );
    let steps = [
        "POST /orders",
        "send order-commands",
        "process order-commands",
        "process stock-commands",
        "process stock-replies",
        "process payment-commands",
        "process payment-events",
        "process order-events",
        "PAID",
    ];
    let names: BTreeSet<&str> = spans.values().map(|span| span["name"].as_str().unwrap()).collect();
    for step in steps {
        assert!(names.contains(step), "{step} is missing: {names:?}");
    }
    for span in spans.values() {
        let parent = span["parentSpanId"].as_str().unwrap();
        let is_first = span["name"] == "POST /orders";
        assert_eq!(parent == CALLER, is_first, "{span}");
        assert!(
            is_first || spans.contains_key(parent),
            "the step before is missing: {span}"
        );
    }
    let paid = spans.values().find(|span| span["name"] == "PAID").unwrap();
    assert_eq!(attribute(paid, "order_id"), Some(order.as_str()));
    let way = way_to(&spans, paid);
    assert_eq!(way.first(), Some(&"POST /orders"), "{way:?}");
    assert!(
        way.len() > 8,
        "reserved, held, confirmed and captured one after the other: {way:?}"
    );
}

/// The names of the steps from the first one to this one.
fn way_to<'a>(spans: &'a BTreeMap<String, Value>, span: &'a Value) -> Vec<&'a str> {
    let before = spans.get(span["parentSpanId"].as_str().unwrap());
    let mut way = before.map_or_else(Vec::new, |before| way_to(spans, before));
    way.push(span["name"].as_str().unwrap());
    way
}

fn attribute<'a>(span: &'a Value, name: &str) -> Option<&'a str> {
    let attributes = span["attributes"].as_array().unwrap();
    let found = attributes.iter().find(|attribute| attribute["key"] == name)?;
    found["value"]["stringValue"].as_str()
}

/// Everything that was collected, by its id. No step comes twice.
fn spans(collected: &Receiver<Value>) -> BTreeMap<String, Value> {
    let mut spans = BTreeMap::new();
    for batch in collected.try_iter() {
        for span in batch["resourceSpans"][0]["scopeSpans"][0]["spans"].as_array().unwrap() {
            let id = span["spanId"].as_str().unwrap().to_owned();
            assert_eq!(spans.insert(id, span.clone()), None, "{span}");
        }
    }
    spans
}

/// A collector that takes whatever comes.
fn collector() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (take, collected) = channel();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let (path, body) = request(connection.unwrap());
            assert_eq!(path, "POST /v1/traces HTTP/1.1");
            drop(take.send(body));
        }
    });
    (endpoint, collected)
}

fn request(mut connection: TcpStream) -> (String, Value) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    let lines: Vec<String> = (&mut reader)
        .lines()
        .map(Result::unwrap)
        .take_while(|line| !line.is_empty())
        .collect();
    let length = lines.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap()];
    reader.read_exact(&mut body).unwrap();
    connection
        .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}")
        .unwrap();
    (lines[0].clone(), serde_json::from_slice(&body).unwrap())
}
