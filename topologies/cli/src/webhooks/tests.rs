//! The worker and real receivers on this machine. Where somebody keeps silent, the clock goes on when everybody waits.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::collections::VecDeque;
use std::fs;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use runtime::outside::{Call, Worker};
use schemas::wire::envelope::{Actor, Role};
use schemas::wire::webhook::{
    DeliverWebhook, DeliveryOutcome, EndpointOutcome, WebhookAnswer, WebhookAnswerPayload, WebhookCall,
    WebhookCallPayload,
};
use schemas::{AvroSerde, SchemaTable};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use streams::Headers;
use streams::serde::Serde as _;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::{WebhookWorker, read};

const KEYS: [&[u8]; 2] = [b"the new key, of thirty-two bytes", b"the old key, of thirty-two bytes"];

/// How a receiver answers one request.
#[derive(Clone, Copy)]
enum Reply {
    Status(u16),
    /// To the path of another receiver.
    Redirect(u16),
    Silence,
}

/// Somebody who receives webhooks: answers as it is told to, then with 200.
struct Receiver {
    url: String,
    heard: UnboundedReceiver<(HeaderMap, Bytes)>,
}

type Script = (Arc<Mutex<VecDeque<Reply>>>, UnboundedSender<(HeaderMap, Bytes)>);

impl Receiver {
    async fn start(replies: &[Reply]) -> Self {
        let (tell, heard) = unbounded_channel();
        let script: Script = (Arc::new(Mutex::new(replies.iter().copied().collect())), tell);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks", listener.local_addr().unwrap());
        let app = Router::new().fallback(receive).with_state(script);
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { url, heard }
    }

    /// The next request that has come; there is one.
    fn next(&mut self) -> (HeaderMap, Bytes) {
        self.heard.try_recv().unwrap()
    }
}

async fn receive(State((replies, tell)): State<Script>, headers: HeaderMap, body: Bytes) -> Response {
    tell.send((headers, body)).unwrap();
    let reply = replies.lock().unwrap().pop_front();
    match reply {
        None => StatusCode::OK.into_response(),
        Some(Reply::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Reply::Redirect(status)) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [("location", "/elsewhere")]).into_response()
        }
        Some(Reply::Silence) => std::future::pending().await,
    }
}

/// A worker and the file of its endpoints.
struct Stage {
    worker: Arc<WebhookWorker>,
    schemas: Arc<SchemaTable>,
    _files: TempDir,
}

impl Stage {
    fn new(endpoints: &Value) -> Self {
        let files = files(endpoints);
        let schemas = Arc::new(SchemaTable::with_current_schemas());
        let endpoints = read(&files.path().join("webhooks.json")).unwrap();
        Self {
            worker: Arc::new(WebhookWorker::new(endpoints, &schemas)),
            schemas,
            _files: files,
        }
    }

    fn one(receiver: &Receiver) -> Self {
        Self::new(&json!([endpoint("erp", &receiver.url)]))
    }

    fn call(&self, attempt: i32, endpoints: &[&str]) -> Call {
        let call: WebhookCall = schemas::wire::envelope::Envelope {
            id: format!("order.7.webhook.{attempt}"),
            seq: 0,
            at: 0,
            actor: Actor {
                account_id: "webhooks".to_owned(),
                role: Role::System,
            },
            causation: "order.7".to_owned(),
            correlation: "order".to_owned(),
            payload: WebhookCallPayload::DeliverWebhook(DeliverWebhook {
                delivery_id: "order.7".to_owned(),
                attempt,
                endpoints: endpoints.iter().map(|name| (*name).to_owned()).collect(),
                event: event().to_string(),
            }),
        };
        let mut value = Vec::new();
        AvroSerde::new(&self.schemas).serialize(&call, &mut value).unwrap();
        Call {
            key: b"order".to_vec(),
            value,
            headers: Headers::default(),
        }
    }

    /// Delivers once, and answers what came of it, by endpoint.
    async fn deliver(&self, endpoints: &[&str]) -> Vec<EndpointOutcome> {
        let call = self.call(3, endpoints);
        let answers = Arc::clone(&self.worker).carry_out(call).await;
        let [answer] = &answers[..] else { panic!("{answers:?}") };
        let serde: AvroSerde<WebhookAnswer> = AvroSerde::new(&self.schemas);
        let answer = serde.deserialize(Some(&answer.value)).unwrap();
        assert_eq!(
            (answer.causation.as_str(), answer.correlation.as_str()),
            ("order.7.webhook.3", "order")
        );
        let WebhookAnswerPayload::WebhookAnswered(mut answered) = answer.payload else {
            panic!("{answer:?}")
        };
        assert_eq!((answered.delivery_id.as_str(), answered.attempt), ("order.7", 3));
        answered
            .outcomes
            .sort_by(|one, other| one.endpoint.cmp(&other.endpoint));
        answered.outcomes
    }

    async fn deliver_to_one(&self) -> (DeliveryOutcome, String) {
        let [outcome] = &self.deliver(&[]).await[..] else {
            panic!("there is one endpoint")
        };
        (outcome.outcome, outcome.detail.clone())
    }
}

/// An event as a timeline has it.
fn event() -> Value {
    json!({
        "seq": 7,
        "type": "OrderCreated",
        "at": 1_700_000_000_125_i64,
        "actor": { "account_id": "ann", "role": "BUYER" },
        "data": { "buyer_id": "ann", "lines": [], "currency": "KRW", "request_hash": "nobody's business" },
    })
}

fn endpoint(name: &str, url: &str) -> Value {
    json!({ "name": name, "url": url, "secret_files": ["new", "old"] })
}

fn files(endpoints: &Value) -> TempDir {
    let files = tempfile::tempdir().unwrap();
    for (name, key) in ["new", "old"].iter().zip(KEYS) {
        fs::write(files.path().join(name), format!("whsec_{}\n", STANDARD.encode(key))).unwrap();
    }
    let file = json!({ "endpoints": endpoints });
    fs::write(files.path().join("webhooks.json"), file.to_string()).unwrap();
    files
}

/// HMAC as RFC 2104 writes it, from the hash alone.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let pad = |byte: u8| -> Vec<u8> {
        let padded = key.iter().copied().chain(std::iter::repeat(0)).take(64);
        padded.map(|part| part ^ byte).collect()
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    outer.to_vec()
}

#[tokio::test]
async fn an_event_is_posted_as_the_timeline_has_it_and_signed_with_both_secrets() {
    let mut receiver = Receiver::start(&[]).await;
    let stage = Stage::one(&receiver);
    assert_eq!(
        stage.deliver_to_one().await,
        (DeliveryOutcome::Delivered, String::new())
    );
    let (headers, body) = receiver.next();
    let header = |name: &str| headers[name].to_str().unwrap();
    assert_eq!(
        (header("content-type"), header("webhook-id")),
        ("application/json", "order.7")
    );
    let sent_at: i64 = header("webhook-timestamp").parse().unwrap();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    assert!(
        (0..=60).contains(&(i64::try_from(now.as_secs()).unwrap() - sent_at)),
        "{sent_at}"
    );
    let signed = [format!("order.7.{sent_at}.").as_bytes(), &body].concat();
    let signatures = KEYS.map(|key| format!("v1,{}", STANDARD.encode(hmac(key, &signed))));
    assert_eq!(header("webhook-signature"), signatures.join(" "));
    let body: Value = serde_json::from_slice(&body).unwrap();
    let expected = json!({
        "type": "OrderCreated",
        "order_id": "order",
        "seq": 7,
        "at": "2023-11-14T22:13:20.125Z",
        "data": { "buyer_id": "ann", "lines": [], "currency": "KRW" },
    });
    assert_eq!(body, expected);
}

#[tokio::test]
async fn what_a_receiver_answers_is_what_is_told() {
    let replies = [500, 429, 404, 410, 204].map(Reply::Status);
    let mut receiver = Receiver::start(&replies).await;
    let stage = Stage::one(&receiver);
    let mut bodies = Vec::new();
    for (outcome, detail) in [
        (DeliveryOutcome::Refused, "status 500"),
        (DeliveryOutcome::Refused, "status 429"),
        (DeliveryOutcome::Refused, "status 404"),
        (DeliveryOutcome::Gone, "status 410"),
        (DeliveryOutcome::Delivered, ""),
    ] {
        assert_eq!(stage.deliver_to_one().await, (outcome, detail.to_owned()));
        let (headers, body) = receiver.next();
        bodies.push((headers["webhook-id"].clone(), body));
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "each time the same event with the same id");
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 307, 308] {
        let mut receiver = Receiver::start(&[Reply::Redirect(status)]).await;
        let (outcome, detail) = Stage::one(&receiver).deliver_to_one().await;
        assert_eq!(outcome, DeliveryOutcome::Refused);
        assert_eq!(detail, format!("status {status}: redirects are not followed"));
        receiver.next();
        assert!(receiver.heard.try_recv().is_err());
    }
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_keeps_silent_has_refused() {
    let receiver = Receiver::start(&[Reply::Silence]).await;
    let (outcome, detail) = Stage::one(&receiver).deliver_to_one().await;
    assert_eq!(
        (outcome, detail.as_str()),
        (DeliveryOutcome::Refused, "no answer within 10 s")
    );
}

#[tokio::test(start_paused = true)]
async fn a_receiver_that_never_ends_its_answer_has_the_event_all_the_same() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut request = [0; 4_096];
        assert!(socket.read(&mut request).await.unwrap() > 0);
        socket
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf")
            .await
            .unwrap();
        std::future::pending::<()>().await;
    });
    let stage = Stage::new(&json!([endpoint("erp", &url)]));
    assert_eq!(
        stage.deliver_to_one().await,
        (DeliveryOutcome::Delivered, String::new())
    );
}

#[tokio::test]
async fn where_nobody_listens_the_cause_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/secret-path", listener.local_addr().unwrap());
    drop(listener);
    let (outcome, detail) = Stage::new(&json!([endpoint("erp", &url)])).deliver_to_one().await;
    assert_eq!(outcome, DeliveryOutcome::Refused);
    assert!(
        detail.contains("Connection refused") && !detail.contains("secret-path"),
        "{detail}"
    );
}

#[tokio::test]
async fn a_name_that_leads_inside_gets_nothing_unless_it_may() {
    let receiver = Receiver::start(&[]).await;
    let url = receiver.url.replace("http://127.0.0.1", "https://localhost");
    let (outcome, detail) = Stage::new(&json!([endpoint("erp", &url)])).deliver_to_one().await;
    assert_eq!(outcome, DeliveryOutcome::Refused);
    assert!(detail.contains("private_addresses"), "{detail}");
    let mut inside = endpoint("erp", &url);
    inside["private_addresses"] = json!(true);
    let (_, detail) = Stage::new(&json!([inside])).deliver_to_one().await;
    assert!(!detail.contains("private_addresses"), "it got as far as TLS: {detail}");
}

#[tokio::test]
async fn each_endpoint_gets_what_it_wants_of_what_is_left_to_it() {
    use DeliveryOutcome::{Delivered, NotWanted};

    let receiver = Receiver::start(&[]).await;
    let wanting = |name: &str, field: &str, value: Value| {
        let mut endpoint = endpoint(name, &receiver.url);
        endpoint[field] = value;
        endpoint
    };
    let stage = Stage::new(&json!([
        wanting("created", "types", json!(["OrderCreated", "OrderPaid"])),
        wanting("early", "since", json!("2023-11-14T22:13:20Z")),
        wanting("late", "since", json!("2023-11-14T22:13:21Z")),
        wanting("paid", "types", json!(["OrderPaid"])),
    ]));
    let told = |outcomes: Vec<EndpointOutcome>| -> Vec<(String, DeliveryOutcome)> {
        outcomes.into_iter().map(|told| (told.endpoint, told.outcome)).collect()
    };
    let named = |pairs: &[(&str, DeliveryOutcome)]| -> Vec<_> {
        pairs
            .iter()
            .map(|(name, outcome)| ((*name).to_owned(), *outcome))
            .collect()
    };
    assert_eq!(
        told(stage.deliver(&[]).await),
        named(&[
            ("created", Delivered),
            ("early", Delivered),
            ("late", NotWanted),
            ("paid", NotWanted)
        ])
    );
    assert_eq!(
        told(stage.deliver(&["created", "removed"]).await),
        named(&[("created", Delivered), ("removed", NotWanted)])
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_endpoint_has_few_requests_at_once_and_holds_up_no_other() {
    let slow = Receiver::start(&[Reply::Silence; 9]).await;
    let quick = Receiver::start(&[]).await;
    let stage = Stage::new(&json!([endpoint("quick", &quick.url), endpoint("slow", &slow.url)]));
    let hanging: Vec<_> = (0..8)
        .map(|_| Arc::clone(&stage.worker).carry_out(stage.call(3, &["slow"])))
        .collect();
    let hanging: Vec<_> = hanging.into_iter().map(tokio::spawn).collect();
    tokio::task::yield_now().await;
    let [quick, slow] = &stage.deliver(&[]).await[..] else {
        panic!("there are two endpoints")
    };
    assert_eq!(quick.outcome, DeliveryOutcome::Delivered);
    assert_eq!(slow.outcome, DeliveryOutcome::Refused);
    assert_eq!(slow.detail, "8 requests to it were under way for 5 s");
    for hangs in hanging {
        assert_eq!(hangs.await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_attempt_that_is_asked_for_again_is_the_same_call_and_another_attempt_is_not() {
    let receiver = Receiver::start(&[]).await;
    let stage = Stage::one(&receiver);
    let identity = |attempt, endpoints: &[&str]| stage.worker.identity(&stage.call(attempt, endpoints));
    assert_eq!(identity(1, &[]), identity(1, &["erp"]));
    assert_ne!(identity(1, &[]), identity(2, &[]));
}

#[tokio::test]
async fn a_call_that_nobody_can_read_is_not_answered() {
    let receiver = Receiver::start(&[]).await;
    let stage = Stage::one(&receiver);
    let call = Call {
        value: b"no call".to_vec(),
        ..stage.call(1, &[])
    };
    assert!(Arc::clone(&stage.worker).carry_out(call).await.is_empty());
}

#[test]
fn a_file_that_is_wrong_says_where_and_what_to_do() {
    let good = || endpoint("erp", "https://erp.example/hooks");
    let with = |field: &str, value: Value| {
        let mut endpoint = good();
        endpoint[field] = value;
        json!([endpoint])
    };
    let refused = |endpoints: &Value| {
        let files = files(endpoints);
        let error = read(&files.path().join("webhooks.json")).err().unwrap();
        format!("{error:#}")
    };
    for (endpoints, words) in [
        (json!([]), "it names 0 endpoints"),
        (json!([good(), good()]), "two endpoints have the name \"erp\""),
        (with("name", json!("ERP 1")), "lower-case letters"),
        (
            with("url", json!("http://erp.example/")),
            "plain http goes to this machine only",
        ),
        (with("url", json!("https://10.0.0.1/")), "private_addresses"),
        (with("url", json!("https://[::1]/")), "private_addresses"),
        (with("url", json!("https://0x7f.1/")), "private_addresses"),
        (
            with("url", json!("https://me:secret@erp.example/")),
            "no user and no password",
        ),
        (with("url", json!("ftp://erp.example/")), "not ftp"),
        (with("secret_files", json!([])), "secret_files"),
        (with("secret_files", json!(["missing"])), "cannot read"),
        (
            with("types", json!(["OrderPayed"])),
            "there is no event type \"OrderPayed\"; there are",
        ),
        (with("since", json!("yesterday")), "is no time"),
        (with("secret", json!("whsec_")), "unknown field `secret`"),
    ] {
        let text = refused(&endpoints);
        assert!(text.starts_with("--webhooks-file ") && text.contains(words), "{text}");
        assert!(!text.contains("me:secret"), "{text}");
    }
    let files = files(&json!([good()]));
    assert_eq!(read(&files.path().join("webhooks.json")).unwrap().len(), 1);
}
