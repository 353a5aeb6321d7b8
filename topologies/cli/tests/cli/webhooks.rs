//! Events of orders at somebody outside who receives webhooks.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Sluice, Up};
use crate::shop::Shop;

/// Time in which an event comes that was refused, or whose answer went down with a process, and a machine that others use too.
const ARRIVAL: Duration = Duration::from_mins(2);
/// `whsec_` and 32 bytes.
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// Somebody outside who receives webhooks.
struct Outside {
    url: String,
    heard: Receiver<Heard>,
    status: Arc<AtomicU16>,
}

/// One request, and how it was answered.
struct Heard {
    id: String,
    body: Value,
    status: u16,
}

impl Outside {
    /// Answers every request with this status.
    fn answering(status: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let status = Arc::new(AtomicU16::new(status));
        let (tell, heard) = channel();
        let tell = Arc::new(Mutex::new(tell));
        let answers = Arc::clone(&status);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                let (tell, answers) = (Arc::clone(&tell), Arc::clone(&answers));
                std::thread::spawn(move || {
                    let tell = |heard| drop(tell.lock().unwrap().send(heard));
                    serve(connection.unwrap(), &answers, tell);
                });
            }
        });
        Self { url, heard, status }
    }

    fn answers(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    /// The arguments that have a process tell us, below a directory that stays.
    fn arguments(&self, sluice: &Sluice) -> [String; 2] {
        let directory = sluice.path();
        fs::write(directory.join("secret"), SECRET).unwrap();
        let endpoint = json!({ "name": "erp", "url": self.url, "secret_files": ["secret"] });
        let file = directory.join("webhooks.json");
        fs::write(&file, json!({ "endpoints": [endpoint] }).to_string()).unwrap();
        ["--webhooks-file".to_owned(), file.to_str().unwrap().to_owned()]
    }

    fn next(&self) -> Heard {
        self.heard.recv_timeout(ARRIVAL).expect("no event came")
    }

    /// Hears until it has taken events of so many ids.
    fn take(&self, count: usize) -> Vec<Heard> {
        let (mut taken, mut ids) = (Vec::new(), BTreeSet::new());
        while ids.len() < count {
            let heard = self.next();
            if heard.status == 200 {
                ids.insert(heard.id.clone());
                taken.push(heard);
            }
        }
        taken
    }
}

/// Answers the requests of one connection, as long as it lasts.
fn serve(mut connection: TcpStream, answers: &AtomicU16, tell: impl Fn(Heard)) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    loop {
        let lines = (&mut reader).lines().map_while(Result::ok);
        let headers: Vec<String> = lines.take_while(|line| !line.is_empty()).collect();
        let header = |name: &str| {
            let found = headers.iter().find_map(|line| {
                let (known, value) = line.split_once(": ")?;
                known.eq_ignore_ascii_case(name).then(|| value.to_owned())
            });
            found.unwrap_or_default()
        };
        let Ok(length) = header("content-length").parse::<usize>() else {
            return;
        };
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        assert!(header("webhook-signature").starts_with("v1,"), "{headers:?}");
        let status = answers.load(Ordering::SeqCst);
        tell(Heard {
            id: header("webhook-id"),
            body: serde_json::from_slice(&body).unwrap(),
            status,
        });
        let answer = format!("HTTP/1.1 {status} as told\r\ncontent-length: 0\r\n\r\n");
        if connection.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn up(sluice: &Sluice, arguments: &[String]) -> Up {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    sluice.up_with(&arguments)
}

/// An order that is paid: its id, and its timeline as a receiver should hear it.
async fn paid_order(shop: &Shop) -> (String, Vec<Value>) {
    let (product, buyer) = shop.open().await;
    let order = buyer.order("first", &product, 3).await;
    assert_eq!(buyer.settled(&order).await["status"], "PAID");
    let (_, events) = buyer.get(&format!("/orders/{order}/events")).await;
    let told = |event: &Value| {
        let mut event = event.clone();
        event.as_object_mut().unwrap().remove("actor");
        event["order_id"] = json!(order);
        event
    };
    let events = events["items"].as_array().unwrap().iter().map(told).collect();
    (order, events)
}

/// What was heard in the order of the events, each once; the same id is the same event.
fn in_order(heard: &[Heard]) -> Vec<Value> {
    let mut bodies: Vec<Value> = heard.iter().map(|heard| heard.body.clone()).collect();
    bodies.sort_by_key(|body| body["seq"].as_i64());
    bodies.dedup();
    bodies
}

#[tokio::test]
async fn each_event_of_an_order_is_heard_once_and_the_books_are_right() {
    let (sluice, outside) = (Sluice::new(), Outside::answering(200));
    let arguments = outside.arguments(&sluice);
    let process = up(&sluice, &arguments);
    let (order, events) = paid_order(&Shop::at(&process.url)).await;
    let heard = outside.take(events.len());
    assert_eq!(in_order(&heard), events);
    for (number, heard) in heard.iter().enumerate() {
        let seq = heard.body["seq"].as_i64().unwrap();
        assert_eq!(heard.id, format!("{order}.{seq}"), "request {number}");
    }
    process.stop();
    assert!(outside.heard.try_recv().is_err(), "none is heard twice");
    let listed = sluice.json(&["webhooks", "list"]);
    assert_eq!(listed["given_up"], 0);
    let audit = sluice.run(&["audit"]);
    assert_eq!(audit.code, 0, "{}", audit.stdout);
}

#[tokio::test]
async fn nothing_is_lost_where_the_receiver_fails_and_the_process_is_killed() {
    let (sluice, outside) = (Sluice::new(), Outside::answering(503));
    let arguments = outside.arguments(&sluice);
    let process = up(&sluice, &arguments);
    let (_, events) = paid_order(&Shop::at(&process.url)).await;
    outside.next();
    process.kill();
    outside.answers(200);
    let process = up(&sluice, &arguments);
    assert_eq!(in_order(&outside.take(events.len())), events);
    process.stop();
    let audit = sluice.run(&["audit"]);
    assert_eq!(audit.code, 0, "{}", audit.stdout);
}

#[tokio::test]
async fn what_was_given_up_is_listed_and_delivered_again_under_its_id() {
    let (sluice, outside) = (Sluice::new(), Outside::answering(410));
    let arguments = outside.arguments(&sluice);
    let process = up(&sluice, &arguments);
    let (order, events) = paid_order(&Shop::at(&process.url)).await;
    for _ in 0..events.len() {
        assert_eq!(outside.next().status, 410);
    }
    process.stop();
    let listed = sluice.json(&["webhooks", "list", "--endpoint", "erp", "--given-up", "--limit", "1"]);
    let given_up = usize::try_from(listed["given_up"].as_u64().unwrap()).unwrap();
    assert!((1..=events.len()).contains(&given_up), "{listed}");
    let first = &listed["items"][0];
    assert_eq!(
        (&first["state"], &first["detail"]),
        (&json!("given_up"), &json!("status 410"))
    );
    let refused = sluice.run(&["webhooks", "redeliver", "no-such-event"]);
    assert_eq!(refused.code, 2, "{}", refused.stderr);
    let event = first["event_id"].as_str().unwrap();
    let asked = sluice.json(&["webhooks", "redeliver", event, "--endpoint", "erp"]);
    assert_eq!(asked, json!({ "redelivered": 1 }));

    outside.answers(200);
    let process = up(&sluice, &arguments);
    assert!(outside.take(1).iter().any(|heard| heard.id.starts_with(&order)));
    process.stop();
    let dead = sluice.lines(&["consume", "webhook-dead-letters", "--limit", "1"]);
    assert_eq!(dead[0]["key"], json!(order), "{dead:?}");
}

#[test]
fn a_shop_without_webhooks_has_nothing_of_them() {
    let sluice = Sluice::new();
    sluice.up().stop();
    let plan = sluice.json(&["topics", "plan"]);
    assert!(!plan.to_string().contains("webhook"), "{plan}");
    let refused = sluice.run(&["webhooks", "list"]);
    assert_eq!(refused.code, 2);
    assert!(refused.stderr.contains("--webhooks-file"), "{}", refused.stderr);
    let wanted = sluice.run(&["topics", "plan", "--webhooks", "--output", "json"]);
    assert!(wanted.stdout.contains("webhook-calls"), "{}", wanted.stdout);
    let missing = sluice.run(&["up", "--webhooks-file", "no-such-file"]);
    assert_ne!(missing.code, 0);
    assert!(
        missing.stderr.contains("--webhooks-file no-such-file"),
        "{}",
        missing.stderr
    );
}
