//! The HTTP registry client against a server that speaks the few endpoints and can be told to misbehave.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use runtime::registry::{HttpRegistry, RegistryLimits, TableResolver};
use runtime::{Resolution, SchemaResolver};
use schemas::SchemaTable;
use schemas::evolution::Level;
use schemas::registry::{InProcessRegistry, RegistryError, SchemaRegistry, publish};
use schemas::topics;
use serde_json::{Value, json};

const V1: &str = r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "long"}]}"#;
const OTHER: &str = r#"{"type": "record", "name": "R", "fields": [{"name": "a", "type": "string"}]}"#;
const QUICK: RegistryLimits = RegistryLimits {
    attempt_timeout: Duration::from_millis(500),
    attempts_max: 3,
    backoff: Duration::from_millis(1),
};

/// A registry server on a port of its own, until it is dropped.
struct Server {
    address: SocketAddr,
    behaviour: Arc<Behaviour>,
    runtime: Option<tokio::runtime::Runtime>,
}

#[derive(Default)]
struct Behaviour {
    registry: InProcessRegistry,
    levels: Mutex<BTreeMap<String, String>>,
    requests: AtomicUsize,
    /// Requests that are answered with 503 before the next one is served.
    unavailable: AtomicUsize,
    /// Levels and schemas that are answered with 409 before the next one is taken.
    conflicts: AtomicUsize,
    /// Answers every request as a proxy does that knows no registry.
    lost: Mutex<bool>,
    /// Sends every request on to this address.
    moved: Mutex<Option<SocketAddr>>,
}

type Reply = (StatusCode, Json<Value>);

impl Server {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let behaviour = Arc::new(Behaviour::default());
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let app = routes(Arc::clone(&behaviour));
        runtime.spawn(async move { axum::serve(listener, app).await });
        Self {
            address,
            behaviour,
            runtime: Some(runtime),
        }
    }

    fn client(&self) -> HttpRegistry {
        HttpRegistry::with_limits(&format!("http://{}/", self.address), None, QUICK).unwrap()
    }

    fn stop(&mut self) {
        self.runtime.take().unwrap().shutdown_timeout(Duration::from_secs(1));
    }

    fn requests(&self) -> usize {
        self.behaviour.requests.load(Ordering::SeqCst)
    }
}

fn routes(behaviour: Arc<Behaviour>) -> Router {
    Router::new()
        .route("/subjects/{subject}/versions", post(register))
        .route("/subjects/{subject}/versions/latest", get(latest))
        .route("/schemas/ids/{id}", get(by_id))
        .route("/compatibility/subjects/{subject}/versions", post(compatibility))
        .route("/config/{subject}", put(config))
        .layer(axum::middleware::from_fn_with_state(Arc::clone(&behaviour), misbehave))
        .with_state(behaviour)
}

async fn misbehave(
    State(behaviour): State<Arc<Behaviour>>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> axum::response::Response {
    use axum::response::IntoResponse;
    behaviour.requests.fetch_add(1, Ordering::SeqCst);
    if *behaviour.lost.lock().unwrap() {
        return (StatusCode::NOT_FOUND, "<html>no such page</html>").into_response();
    }
    if let Some(address) = *behaviour.moved.lock().unwrap() {
        let target = format!("http://{address}{}", request.uri());
        return axum::response::Redirect::temporary(&target).into_response();
    }
    let left = behaviour.unavailable.load(Ordering::SeqCst);
    if left > 0 {
        behaviour.unavailable.store(left - 1, Ordering::SeqCst);
        return (StatusCode::SERVICE_UNAVAILABLE, "later").into_response();
    }
    let writes = ["/config/", "/subjects/"]
        .iter()
        .any(|path| request.uri().path().starts_with(path));
    let left = behaviour.conflicts.load(Ordering::SeqCst);
    if writes && left > 0 {
        behaviour.conflicts.store(left - 1, Ordering::SeqCst);
        return refused(409, 409).into_response();
    }
    next.run(request).await
}

fn refused(status: u16, code: u32) -> Reply {
    let body = json!({ "error_code": code, "message": format!("code {code}") });
    (StatusCode::from_u16(status).unwrap(), Json(body))
}

fn done(body: Value) -> Reply {
    (StatusCode::OK, Json(body))
}

async fn register(State(server): State<Arc<Behaviour>>, Path(subject): Path<String>, body: String) -> Reply {
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["schemaType"], "AVRO");
    match server.registry.register(&subject, body["schema"].as_str().unwrap()) {
        Ok(id) => done(json!({ "id": id })),
        Err(_) => refused(409, 409),
    }
}

async fn latest(State(server): State<Arc<Behaviour>>, Path(subject): Path<String>) -> Reply {
    match server.registry.latest(&subject).unwrap() {
        Some(found) => done(json!({ "subject": subject, "version": 1, "id": found.id, "schema": found.schema })),
        None => refused(404, 40_401),
    }
}

async fn by_id(State(server): State<Arc<Behaviour>>, Path(id): Path<u32>) -> Reply {
    match server.registry.schema(id).unwrap() {
        Some(schema) => done(json!({ "schema": schema })),
        None => refused(404, 40_403),
    }
}

async fn compatibility(State(server): State<Arc<Behaviour>>, Path(subject): Path<String>, body: String) -> Reply {
    let body: Value = serde_json::from_str(&body).unwrap();
    if server.registry.latest(&subject).unwrap().is_none() {
        return refused(404, 40_401);
    }
    let checked = server
        .registry
        .compatibility(&subject, body["schema"].as_str().unwrap());
    let messages: Vec<String> = checked.err().map(|cause| cause.to_string()).into_iter().collect();
    done(json!({ "is_compatible": messages.is_empty(), "messages": messages }))
}

async fn config(State(server): State<Arc<Behaviour>>, Path(subject): Path<String>, body: String) -> Reply {
    let body: Value = serde_json::from_str(&body).unwrap();
    server
        .levels
        .lock()
        .unwrap()
        .insert(subject, body["compatibility"].as_str().unwrap().to_owned());
    done(body)
}

#[test]
fn what_is_registered_is_found_by_id_and_as_the_latest() {
    let server = Server::start();
    let registry = server.client();
    assert_eq!(registry.latest("a-value"), Ok(None));
    assert_eq!(registry.register("a-value", V1), Ok(1));
    assert_eq!(registry.register("a-value", V1), Ok(1));
    assert_eq!(registry.schema(1), Ok(Some(V1.to_owned())));
    assert_eq!(registry.schema(99), Ok(None));
    assert_eq!(registry.latest("a-value").unwrap().unwrap().schema, V1);
}

#[test]
fn what_another_process_registers_at_the_same_moment_is_worth_another_attempt() {
    let server = Server::start();
    let client = server.client();
    server.behaviour.conflicts.store(1, Ordering::SeqCst);
    assert!(client.set_level("a-value", Level::Full).unwrap_err().is_retriable());
    client.set_level("a-value", Level::Full).unwrap();
    server.behaviour.conflicts.store(1, Ordering::SeqCst);
    assert!(client.register("a-value", V1).unwrap_err().is_retriable());
    client.register("a-value", V1).unwrap();
}

#[test]
fn an_incompatible_version_is_told_apart_from_everything_else() {
    let server = Server::start();
    let registry = server.client();
    assert_eq!(registry.compatibility("a-value", V1), Ok(()));
    registry.register("a-value", V1).unwrap();
    assert_eq!(registry.compatibility("a-value", V1), Ok(()));
    assert!(matches!(
        registry.compatibility("a-value", OTHER),
        Err(RegistryError::Incompatible(_))
    ));
    assert!(matches!(
        registry.register("a-value", OTHER),
        Err(RegistryError::Incompatible(_))
    ));
}

#[test]
fn publishing_sets_each_level_and_registers_each_schema() {
    let server = Server::start();
    let table = SchemaTable::new();
    publish(&server.client(), topics::topics(), &table).unwrap();
    assert!(table.unregistered().is_empty());
    let levels = server.behaviour.levels.lock().unwrap();
    assert_eq!(levels.len(), topics::topics().len());
    assert_eq!(levels[topics::ORDERS.subject], Level::Full.as_str());
    assert_eq!(levels[topics::ORDER_EVENTS.subject], Level::BackwardTransitive.as_str());
}

#[test]
fn a_registry_that_is_briefly_unavailable_is_asked_again() {
    let server = Server::start();
    server.behaviour.unavailable.store(2, Ordering::SeqCst);
    assert_eq!(server.client().register("a-value", V1), Ok(1));
    assert_eq!(server.requests(), 3);
}

#[test]
fn a_registry_that_stays_unavailable_is_given_up_after_the_attempts() {
    let server = Server::start();
    server.behaviour.unavailable.store(100, Ordering::SeqCst);
    assert!(matches!(
        server.client().register("a-value", V1),
        Err(RegistryError::Unavailable(_))
    ));
    assert_eq!(server.requests(), 3);
}

#[test]
fn known_ids_go_on_while_the_registry_is_dead_and_new_ones_wait() {
    let mut server = Server::start();
    server.client().register("a-value", V1).unwrap();
    let table = Arc::new(SchemaTable::new());
    let resolver = TableResolver::new(Arc::new(server.client()), Arc::clone(&table));
    assert_eq!(resolver.resolve(1), Resolution::Known);
    server.stop();
    assert_eq!(resolver.resolve(1), Resolution::Known);
    assert!(matches!(resolver.resolve(2), Resolution::Unavailable(_)));
    assert!(!resolver.is_reachable());
    assert!(table.text(1).is_some());
}

#[test]
fn an_id_that_the_registry_does_not_have_is_absent() {
    let server = Server::start();
    let resolver = TableResolver::new(Arc::new(server.client()), Arc::default());
    assert_eq!(resolver.resolve(7), Resolution::Absent);
    assert!(resolver.is_reachable());
}

#[test]
fn a_page_that_is_not_there_is_no_word_about_an_id() {
    let server = Server::start();
    *server.behaviour.lost.lock().unwrap() = true;
    let resolver = TableResolver::new(Arc::new(server.client()), Arc::default());
    assert!(matches!(resolver.resolve(7), Resolution::Unavailable(_)));
    assert!(matches!(
        server.client().latest("a-value"),
        Err(RegistryError::Refused(_))
    ));
}

#[test]
fn a_registry_that_points_elsewhere_is_not_followed() {
    let (server, elsewhere) = (Server::start(), Server::start());
    assert_eq!(elsewhere.client().register("a-value", V1), Ok(1));
    let before = elsewhere.requests();
    *server.behaviour.moved.lock().unwrap() = Some(elsewhere.address);
    let client = server.client();
    let refused = |error: &RegistryError| matches!(error, RegistryError::Refused(_));
    assert!(client.register("a-value", V1).is_err_and(|error| refused(&error)));
    assert!(client.schema(1).is_err_and(|error| refused(&error)));
    assert!(client.latest("a-value").is_err_and(|error| refused(&error)));
    assert!(client.compatibility("a-value", V1).is_err_and(|error| refused(&error)));
    assert!(
        client
            .set_level("a-value", Level::Full)
            .is_err_and(|error| refused(&error))
    );
    assert_eq!(elsewhere.requests(), before);
}

#[test]
fn a_registry_that_does_not_answer_costs_a_bounded_time() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let began = Instant::now();
    let asked = HttpRegistry::with_limits(&url, None, QUICK).unwrap().schema(1);
    assert!(matches!(asked, Err(RegistryError::Unavailable(_))));
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn calls_may_come_from_inside_of_an_asynchronous_runtime() {
    let server = Server::start();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let registry = server.client();
        assert_eq!(registry.register("a-value", V1), Ok(1));
    });
}
