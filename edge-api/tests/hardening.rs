//! What holds for every operation at once, and for the text of what is shipped: the proofs that ASVS.md names and no other test has.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::SET_COOKIE;
use axum::http::{Method, Request};
use edge_api::Entrance;
use edge_api::auth::access::{OPERATIONS, Operation, Who};
use edge_api::http::layers::panicked;
use edge_api::http::parameters::is_id;
use edge_api::limits::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN};
use edge_api::problem::Problem;
use serde_json::{Value, json};
use support::people::{PASSWORD, Person, login, money, registration};
use support::{Client, Reply, Shop, unique};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// Whose code is in the program.
const SHIPPED: [&str; 9] = [
    "edge-api",
    "schemas",
    "state-stores",
    "topologies/cli",
    "topologies/commerce",
    "topologies/planted",
    "topologies/runtime",
    "topologies/simulation",
    "topologies/streams",
];

/// Request fields without bounds of their own: they are compared with what is kept, and never kept themselves.
const COMPARED_ONLY: [&str; 11] = [
    "Closing/password",
    "Confirmation/code",
    "Confirmation/enrolment",
    "EnrolmentRequest/password",
    "Login/code",
    "Login/email",
    "Login/password",
    "PasswordChange/current_password",
    "Refresh/refresh_token",
    "Removal/code",
    "Removal/password",
];

/// Somebody of each kind.
struct Cast {
    shop: Shop,
    buyer: Person,
    seller: Person,
}

impl Cast {
    async fn gather() -> Self {
        let shop = Shop::open().await;
        let (buyer, seller) = (shop.buyer().await, shop.seller().await);
        Self { shop, buyer, seller }
    }

    /// Somebody whom the operation lets in.
    fn caller(&self, operation: &Operation) -> Client {
        match operation.who {
            Who::Public => self.shop.anonymous(),
            Who::Account | Who::Buyer => self.buyer.client.clone(),
            Who::Seller => self.seller.client.clone(),
        }
    }
}

fn path(operation: &Operation) -> String {
    operation.path.replace("{id}", "none")
}

async fn description(shop: &Shop) -> Value {
    shop.anonymous().get("/openapi.json").await.expect(200).body
}

fn described<'d>(description: &'d Value, operation: &Operation) -> &'d Value {
    &description["paths"][operation.path][operation.method.to_lowercase()]
}

fn is_dressed(reply: &Reply, what: &str) {
    let policy = reply.header("content-security-policy");
    for rule in [
        "default-src 'none'",
        "base-uri 'none'",
        "object-src 'none'",
        "frame-ancestors 'none'",
        "sandbox",
    ] {
        assert!(policy.split("; ").any(|said| said == rule), "{what}: {policy}");
    }
    for (name, value) in [
        ("cache-control", "no-store"),
        ("cross-origin-resource-policy", "same-origin"),
        ("referrer-policy", "no-referrer"),
        ("strict-transport-security", "max-age=63072000; includeSubDomains"),
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(reply.header(name), value, "{what}: {name}");
    }
    let kind = reply.header("content-type");
    let is_known = match reply.status.as_u16() {
        204 => kind.is_empty(),
        200..=299 => ["application/json", "text/event-stream"].contains(&kind),
        400..=599 => kind == "application/problem+json",
        // Nobody is sent anywhere else, to an encrypted address neither.
        _ => false,
    };
    assert!(is_known, "{what}: {} as {kind:?}", reply.status);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_every_operation_has_the_headers_of_data() {
    let cast = Cast::gather().await;
    let order = cast.buyer.order(&[("nothing", 1)]).await;
    let stream = cast
        .buyer
        .client
        .get(&format!("/orders/{order}/stream"))
        .await
        .expect(200);
    is_dressed(&stream, "a stream");
    let mut operations: Vec<&Operation> = OPERATIONS.iter().collect();
    // What ends a session comes last.
    operations.sort_by_key(|operation| operation.path.starts_with("/auth/"));
    for operation in operations {
        for client in [
            cast.shop.anonymous(),
            cast.buyer.client.clone(),
            cast.seller.client.clone(),
        ] {
            let method: Method = operation.method.parse().unwrap();
            let reply = client.send(method, &path(operation), &[], None).await;
            is_dressed(&reply, &format!("{operation:?}"));
        }
    }
    is_dressed(&cast.shop.anonymous().get("/nowhere").await, "no route");
}

/// Sends bytes and reads the answer to its end.
async fn exchange(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // Whoever refuses a request may close before all of it was read.
    drop(stream.read_to_end(&mut answer).await);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
}

/// A gateway that has opened its door.
struct Opened {
    api: SocketAddr,
    admin: SocketAddr,
    entrance: Entrance,
}

impl Opened {
    async fn new() -> Self {
        let listener = async || TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (api, admin) = (listener().await, listener().await);
        Self {
            api: api.local_addr().unwrap(),
            admin: admin.local_addr().unwrap(),
            entrance: Entrance::open(Some(api), admin, Arc::new(String::new)),
        }
    }

    /// Serves while `visit` runs.
    async fn serve(self, shop: &Shop, visit: impl Future<Output = ()>) {
        let admin = self.admin;
        let (end, asked) = oneshot::channel::<()>();
        let serving = self
            .entrance
            .serve(shop.state.clone(), async move { drop(asked.await) });
        let visit = async {
            while !exchange(admin, &get("/readyz")).await.starts_with("HTTP/1.1 200") {
                tokio::task::yield_now().await;
            }
            visit.await;
            end.send(()).unwrap();
        };
        let (served, ()) = tokio::join!(serving, visit);
        served.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_starts_and_the_operators_side_have_the_headers_of_data_too() {
    let shop = Shop::open().await;
    let opened = Opened::new().await;
    let (api, admin) = (opened.api, opened.admin);
    let look = async |address: SocketAddr, path: &str| {
        let answer = exchange(address, &get(path)).await;
        for header in [
            "cache-control: no-store",
            "content-security-policy: default-src 'none'",
            "referrer-policy: no-referrer",
            "strict-transport-security: max-age=63072000; includeSubDomains",
            "x-content-type-options: nosniff",
        ] {
            assert!(answer.contains(header), "{path}: {header} in {answer}");
        }
    };
    look(api, "/me").await;
    look(admin, "/readyz").await;
    let visit = async {
        for path in ["/healthz", "/readyz", "/metrics", "/nowhere"] {
            look(admin, path).await;
        }
        look(api, "/me").await;
    };
    opened.serve(&shop, visit).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_the_table_does_not_list_is_refused_and_trace_everywhere() {
    let shop = Shop::open().await;
    let client = shop.anonymous();
    let paths: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.path).collect();
    for path in paths {
        let listed = Operation::methods(path);
        for method in ["DELETE", "GET", "OPTIONS", "PATCH", "POST", "PUT", "TRACE", "BREW"] {
            if listed.contains(&method) {
                continue;
            }
            let reply = client
                .send(method.parse().unwrap(), &path.replace("{id}", "none"), &[], None)
                .await
                .expect_problem(405, "METHOD_NOT_ALLOWED");
            assert_eq!(reply.header("allow"), listed.join(", "), "{method} {path}");
        }
    }
    for path in ["/", "/console/x/js/shop.js"] {
        let reply = client.send(Method::TRACE, path, &[], None).await;
        reply.expect_problem(405, "METHOD_NOT_ALLOWED");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_form_can_send_reaches_no_operation() {
    let cast = Cast::gather().await;
    let description = description(&cast.shop).await;
    let mut tried = 0;
    for operation in OPERATIONS {
        if described(&description, operation)["requestBody"].is_null() {
            continue;
        }
        for kind in ["application/x-www-form-urlencoded", "multipart/form-data", "text/plain"] {
            let mut request = Request::builder()
                .method(operation.method)
                .uri(path(operation))
                .header("content-type", kind)
                .header("idempotency-key", "k");
            if let Some(token) = &cast.caller(operation).token {
                request = request.header("authorization", format!("Bearer {token}"));
            }
            let request = request.body(Body::from("{}")).unwrap();
            let reply = cast.shop.anonymous().send_raw(request).await;
            reply.expect_problem(415, "UNSUPPORTED_MEDIA_TYPE");
            tried += 1;
        }
    }
    assert!(tried >= 3 * 15, "{tried}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_twice_under_one_name_is_refused() {
    let cast = Cast::gather().await;
    let description = description(&cast.shop).await;
    let mut tried = 0;
    for operation in OPERATIONS {
        for parameter in parameters(&description, operation, "query") {
            let value = match parameter.as_str() {
                "limit" => "1",
                "status" => "PAID",
                _ => "AAAA",
            };
            let twice = format!("{}?{parameter}={value}&{parameter}={value}", path(operation));
            let reply = cast.caller(operation).get(&twice).await;
            let reply = reply.expect_problem(400, "INVALID_FIELD");
            assert_eq!(reply.text("/errors/0/code"), "DUPLICATE_FIELD", "{twice}");
            tried += 1;
        }
    }
    assert!(tried >= 10, "{tried}");
    let bodies = [
        (
            "/auth/login",
            r#"{"email":"a@b.c","email":"d@e.f","password":"x"}"#,
            "/email",
        ),
        (
            "/wallet/deposits",
            r#"{"amount":{"amount":1,"amount":2,"currency":"KRW"}}"#,
            "/amount/amount",
        ),
    ];
    let buyer = &cast.buyer.client;
    for (path, body, pointer) in bodies {
        let request = post(buyer, path, &[("idempotency-key", "k")], body);
        let reply = buyer.send_raw(request).await.expect_problem(400, "INVALID_FIELD");
        let error = (reply.text("/errors/0/pointer"), reply.text("/errors/0/code"));
        assert_eq!(error, (pointer.to_owned(), "DUPLICATE_FIELD".to_owned()));
    }
    let keys = [("idempotency-key", "a"), ("idempotency-key", "b")];
    let request = post(
        buyer,
        "/orders",
        &keys,
        r#"{"lines":[{"product_id":"p","quantity":1}]}"#,
    );
    buyer.send_raw(request).await.expect_problem(400, "MALFORMED_REQUEST");
}

fn post(client: &Client, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Body> {
    let mut request = Request::post(path).header("content-type", "application/json");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    if let Some(token) = &client.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    request.body(Body::from(body.to_owned())).unwrap()
}

/// The names of an operation's parameters of this kind.
fn parameters(description: &Value, operation: &Operation, kind: &str) -> Vec<String> {
    let parameters = described(description, operation)["parameters"].as_array();
    let parameters = parameters.into_iter().flatten();
    let of_kind = parameters.filter(|parameter| parameter["in"] == kind);
    of_kind
        .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_encoded_twice_is_decoded_once() {
    let shop = Shop::open().await;
    let seller = shop.seller().await;
    let product = seller.offer(1, 1).await;
    let first = product.bytes().next().unwrap();
    let (once, twice) = (format!("%{first:02x}"), format!("%25{first:02x}"));
    let at = |encoded: &str| format!("/products/{encoded}{}", &product[1..]);
    seller.client.get(&at(&once)).await.expect(200);
    seller.client.get(&at(&twice)).await.expect_problem(404, "NOT_FOUND");
    seller.client.get("/products?limit=%31").await.expect(200);
    let reply = seller.client.get("/products?limit=%2531").await;
    reply.expect_problem(400, "INVALID_FIELD");
    let named = json!({ "name": "%41\\u0042", "price": money(1), "stock": 0 });
    let reply = seller.client.post("/products", named).await.expect(201);
    assert_eq!(reply.text("/name"), "%41\\u0042");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_sent_becomes_a_header_or_a_part_of_the_document() {
    let shop = Shop::open().await;
    let buyer = shop.buyer().await.client;
    let field = "x\r\nset-cookie: a=b\u{0}\u{2028}\"},{\"code\":\"MINE";
    let replies = [
        buyer.get("/orders/%0d%0aset-cookie:%20a=b").await,
        buyer.get("/orders?limit=%0d%0aset-cookie:%20a=b").await,
        buyer.get("/orders?%0d%0aset-cookie:%20a=b").await,
        buyer
            .get_with("/me", &[("x-request-id", "mine"), ("traceparent", "mine")])
            .await,
        buyer.post_once("/orders", "k", json!({ field: 1 })).await,
    ];
    for reply in &replies {
        assert_eq!(reply.headers.get(SET_COOKIE), None);
        assert!(is_id(reply.header("x-request-id")) && reply.header("x-request-id").len() == 32);
        assert!(!reply.headers.values().any(|value| value == "mine"));
        assert_ne!(reply.body["code"], "MINE");
    }
    assert_eq!(replies[4].text("/code"), "INVALID_FIELD");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_in_an_answer_has_nothing_in_it_that_somebody_sent() {
    let shop = Shop::open().await;
    let (buyer, seller) = (shop.buyer().await.client, shop.seller().await.client);
    let key = "k/../?#%0d%0a";
    let order = json!({ "lines": [{ "product_id": "..", "quantity": 1 }] });
    let product = json!({ "name": "/../?#", "price": money(1), "stock": 0 });
    for (reply, room) in [
        (buyer.post_once("/orders", key, order).await.expect(202), "/orders/"),
        (
            seller.post_once("/products", key, product).await.expect(201),
            "/products/",
        ),
    ] {
        let id = reply.header("location").strip_prefix(room).unwrap();
        assert!(id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
    seller
        .post("/products", json!({ "name": "?", "price": money(1), "stock": 0 }))
        .await
        .expect(201);
    let page = seller.get("/products?limit=1").await.expect(200);
    let cursor = page.text("/next_cursor");
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    assert!(!cursor.is_empty() && cursor.bytes().all(is_word), "{cursor}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_names_an_address_to_call_and_no_address_holds_a_secret() {
    let shop = Shop::open().await;
    let description = description(&shop).await;
    for operation in OPERATIONS {
        for kind in ["path", "query"] {
            for name in parameters(&description, operation, kind) {
                assert!(["id", "limit", "cursor", "status"].contains(&name.as_str()), "{name}");
            }
        }
    }
    let mut fields = BTreeMap::new();
    for operation in OPERATIONS {
        let body = &described(&description, operation)["requestBody"]["content"]["application/json"]["schema"];
        collect(&description, body, "", &mut fields);
    }
    for (field, schema) in fields {
        assert!(
            !["uri", "url", "hostname"].iter().any(|form| schema["format"] == *form),
            "{field}"
        );
        let words = ["url", "uri", "callback", "webhook", "host", "endpoint"];
        assert!(!words.iter().any(|word| field.contains(word)), "{field}");
    }
    let buyer = shop.buyer().await;
    let token = buyer.client.token.as_deref().unwrap();
    for name in ["access_token", "authorization", "token"] {
        let reply = shop.anonymous().get(&format!("/me?{name}={token}")).await;
        reply.expect_problem(401, "UNAUTHENTICATED");
    }
}

/// All fields below a schema, by the name of their object and their own.
fn collect<'d>(description: &'d Value, schema: &'d Value, name: &str, fields: &mut BTreeMap<String, &'d Value>) {
    if let Some(reference) = schema["$ref"].as_str() {
        let (_, name) = reference.rsplit_once('/').unwrap();
        return collect(description, &description["components"]["schemas"][name], name, fields);
    }
    for part in ["oneOf", "allOf", "anyOf"]
        .iter()
        .filter_map(|part| schema[part].as_array())
        .flatten()
    {
        collect(description, part, name, fields);
    }
    if schema["items"].is_object() {
        collect(description, &schema["items"], name, fields);
    }
    for (field, schema) in schema["properties"].as_object().into_iter().flatten() {
        let place = format!("{name}/{field}");
        collect(description, schema, &place, fields);
        fields.insert(place, schema);
    }
}

fn has_bounds(schema: &Value) -> bool {
    let is = |kind: &str| {
        schema["type"] == kind
            || schema["type"]
                .as_array()
                .is_some_and(|kinds| kinds.contains(&json!(kind)))
    };
    let says = |name: &str| !schema[name].is_null();
    if is("string") {
        says("maxLength") || says("pattern") || says("enum")
    } else if is("integer") {
        says("minimum") && says("maximum")
    } else if is("array") {
        says("maxItems")
    } else {
        true
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_field_of_a_request_says_its_bounds_unless_it_is_only_compared() {
    let description = description(&Shop::open().await).await;
    let mut fields = BTreeMap::new();
    for operation in OPERATIONS {
        let body = &described(&description, operation)["requestBody"]["content"]["application/json"]["schema"];
        collect(&description, body, "", &mut fields);
    }
    assert!(fields.len() > 20, "{fields:?}");
    let without: Vec<&String> = fields
        .iter()
        .filter(|(_, schema)| !has_bounds(schema))
        .map(|(field, _)| field)
        .collect();
    assert_eq!(without, COMPARED_ONLY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_get_asks_for_nothing_and_changes_nothing() {
    let cast = Cast::gather().await;
    let accounts = [cast.buyer.account_id.clone(), cast.seller.account_id.clone()];
    let before = commands_of(&cast.shop, &accounts);
    for operation in OPERATIONS.iter().filter(|operation| operation.method == "GET") {
        for method in [Method::GET, Method::HEAD] {
            cast.caller(operation).send(method, &path(operation), &[], None).await;
        }
    }
    assert!(before > 0);
    assert_eq!(commands_of(&cast.shop, &accounts), before);
}

/// How many records gateways have written about these accounts.
fn commands_of(shop: &Shop, accounts: &[String]) -> usize {
    let mut count = 0;
    shop.engine.look(&mut |topic, record| {
        let bytes = [record.key.unwrap_or_default(), record.value.unwrap_or_default()].concat();
        let is_ours = accounts.iter().any(|account| holds(&bytes, account.as_bytes()));
        count += usize::from(is_ours && (topic.ends_with("-commands") || topic == "revocations"));
    });
    count
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_topic_has_an_e_mail_address_a_password_or_a_token() {
    let shop = Shop::open().await;
    let (buyer, seller) = (shop.rich_buyer(1_000).await, shop.seller().await);
    let product = seller.offer(100, 5).await;
    let order = buyer.order(&[(&product, 1)]).await;
    buyer.settled(&order).await;
    let renewed = shop.refresh(&buyer.refresh_token).await.expect(200);
    let change = json!({ "current_password": PASSWORD, "new_password": "battery staple correct" });
    buyer.client.post("/auth/password", change).await.expect(200);
    let token = buyer.client.token.clone().unwrap();
    let secrets = [
        buyer.email.as_str(),
        seller.email.as_str(),
        PASSWORD,
        "battery staple correct",
        &token,
        token.rsplit('.').next().unwrap(),
        &buyer.refresh_token,
        &renewed.text("/refresh_token"),
    ];
    let mut of_buyer = 0;
    shop.engine.look(&mut |topic, record| {
        let bytes = [record.key.unwrap_or_default(), record.value.unwrap_or_default()].concat();
        for secret in secrets {
            assert!(!holds(&bytes, secret.as_bytes()), "{topic} holds {secret}");
        }
        of_buyer += usize::from(holds(&bytes, buyer.account_id.as_bytes()));
    });
    assert!(of_buyer > 5, "{of_buyer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_counts_as_it_was_sent_in_whatever_letters_and_however_long() {
    let shop = Shop::open().await;
    let client = shop.anonymous();
    let with = |email: &str, password: &str| {
        let mut body = registration(email, "BUYER");
        body["password"] = json!(password);
        body
    };
    let enter = async |email: &str, password: &str| {
        let mut body = login(email);
        body["password"] = json!(password);
        client.post("/auth/login", body).await
    };
    let long: String = "Caf\u{e9} \u{1f511}"
        .chars()
        .cycle()
        .take(PASSWORD_CHARS_MAX - 1)
        .collect();
    let long = long + "!";
    for (password, other) in [
        (long.as_str(), format!("{long}!")),
        (long.as_str(), long.chars().take(PASSWORD_CHARS_MAX - 1).collect()),
        ("quietlylower", "QUIETLYLOWER".to_owned()),
        ("             !", "!".to_owned()),
        ("ends with space ", "ends with space".to_owned()),
        (" begins with space", "begins with space".to_owned()),
        ("8264019375521", "08264019375521".to_owned()),
        ("열두글자비밀번호입니다요", "열두글자비밀번호입니다".to_owned()),
        ("Caf\u{e9} au lait chaud", "Cafe\u{301} au lait chaud".to_owned()),
    ] {
        assert!((PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX).contains(&password.chars().count()));
        let email = format!("{}@example.org", unique("letters"));
        client.post("/auth/register", with(&email, password)).await.expect(201);
        enter(&email, &other).await.expect_problem(401, "WRONG_CREDENTIALS");
        enter(&email, password).await.expect(200);
    }
    let email = format!("{}@example.org", unique("letters"));
    for refused in [format!("{long}x"), "elevenchars".to_owned()] {
        let reply = client.post("/auth/register", with(&email, &refused)).await;
        reply.expect_problem(422, "WEAK_PASSWORD");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_cookie_is_for_this_host_alone_and_for_no_script() {
    let shop = Shop::open().await;
    let person = shop.buyer().await;
    let client = shop.anonymous();
    let cookie_mode = ("sluice-session", "cookie");
    let plain = shop.log_in(&person.email).await.expect(200);
    let entered = client
        .send(Method::POST, "/auth/login", &[cookie_mode], Some(login(&person.email)))
        .await
        .expect(200);
    let sent: Vec<String> = cookies(&entered).iter().map(|cookie| pair(cookie)).collect();
    let refreshed = client
        .send(
            Method::POST,
            "/auth/refresh",
            &[cookie_mode, ("cookie", &sent.join("; "))],
            None,
        )
        .await
        .expect(200);
    let session = client.with_token(&refreshed.text("/access_token"));
    let change = json!({ "current_password": PASSWORD, "new_password": "battery staple correct" });
    let changed = session
        .send(Method::POST, "/auth/password", &[cookie_mode], Some(change))
        .await
        .expect(200);
    let session = client.with_token(&changed.text("/access_token"));
    let left = session
        .send(Method::POST, "/auth/logout", &[cookie_mode], None)
        .await
        .expect(204);
    let mut seen = 0;
    for reply in [&plain, &entered, &refreshed, &changed, &left] {
        for cookie in cookies(reply) {
            let parts: Vec<&str> = cookie.split("; ").collect();
            assert!(cookie.starts_with("__Host-"), "{cookie}");
            for part in ["Path=/", "Secure", "HttpOnly", "SameSite=Strict"] {
                assert!(parts.contains(&part), "{cookie}");
            }
            assert!(!cookie.to_lowercase().contains("domain="), "{cookie}");
            seen += 1;
        }
    }
    assert_eq!(seen, 6, "two of a device, four of the session");
    for reply in [&entered, &refreshed, &changed] {
        for cookie in cookies(reply) {
            let value = pair(&cookie);
            let (_, value) = value.split_once('=').unwrap();
            assert!(!reply.body.to_string().contains(value), "{cookie}");
        }
    }
}

fn cookies(reply: &Reply) -> Vec<String> {
    let all = reply.headers.get_all(SET_COOKIE).iter();
    all.map(|cookie| cookie.to_str().unwrap().to_owned()).collect()
}

fn pair(cookie: &str) -> String {
    cookie.split(';').next().unwrap().to_owned()
}

/// Requests whose end can be seen in two places, or in none. Behind each stands another request.
#[tokio::test(flavor = "multi_thread")]
async fn no_request_hides_in_another() {
    let shop = Shop::open().await;
    let opened = Opened::new().await;
    let address = opened.api;
    let hidden = get("/hidden");
    let head = |version: &str, headers: &str| {
        format!("POST /auth/login {version}\r\nhost: x\r\ncontent-type: application/json\r\n{headers}\r\n")
    };
    let length = format!("content-length: {}\r\n", hidden.len());
    let chunked = head("HTTP/1.1", "transfer-encoding: chunked\r\n");
    let refused = [
        head("HTTP/1.1", &format!("{length}content-length: 0\r\n")),
        head("HTTP/1.1", "content-length: +5\r\n"),
        head("HTTP/1.1", "content-length: -1\r\n"),
        head("HTTP/1.1", "content-length: 5, 6\r\n"),
        head("HTTP/1.1", "content-length: 0x5\r\n"),
        head("HTTP/1.1", "content-length : 0\r\n"),
        head("HTTP/1.1", "transfer-encoding: xchunked\r\n"),
        head("HTTP/1.1", "transfer-encoding: chunked, identity\r\n"),
        head("HTTP/1.1", "x: a\r\n y: folded\r\n"),
        head("HTTP/1.0", "transfer-encoding: chunked\r\n") + "0\r\n\r\n",
        chunked.clone() + "-1\r\n\r\n",
        chunked + "fffffffffffffffff\r\n",
    ];
    let both = head("HTTP/1.1", &format!("{length}transfer-encoding: chunked\r\n")) + "0\r\n\r\n";
    let visit = async {
        for request in refused {
            let answer = exchange(address, &(request.clone() + &hidden)).await;
            assert!(answer.matches("HTTP/1.").count() <= 1, "{request}\n{answer}");
            assert!(answer.is_empty() || answer.contains(" 400 "), "{request}\n{answer}");
        }
        // Where both are said the length does not count (RFC 9112): what follows the last chunk is a request of its own, or not read.
        let answer = exchange(address, &(both + &hidden)).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        let second = answer.split("HTTP/1.1 ").nth(2);
        assert!(second.is_none_or(|second| second.starts_with("404 ")), "{answer}");
    };
    opened.serve(&shop, visit).await;
}

#[test]
fn what_fails_inside_says_nothing_of_the_inside() {
    let cause = "redis://gateway:hunter2@10.0.0.7: no route at src/sessions/redis.rs:12";
    let written = serde_json::to_string(&Problem::internal(cause).body("id")).unwrap();
    let response = panicked(Box::new(cause));
    let problem = response.extensions().get::<Problem>().unwrap();
    for text in [written, serde_json::to_string(&problem.body("id")).unwrap()] {
        for inside in ["redis", "hunter2", "10.0.0.7", "src/", "panick"] {
            assert!(!text.contains(inside), "{inside} in {text}");
        }
        assert!(text.contains("\"status\":500"), "{text}");
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The text of every file of what is shipped, without its tests.
fn shipped() -> Vec<(String, String)> {
    let mut directories: Vec<PathBuf> = SHIPPED.iter().map(|room| root().join(room).join("src")).collect();
    let mut files = Vec::new();
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let shipped = text.split("#[cfg(test)]\nmod tests").next().unwrap().to_owned();
                files.push((path.strip_prefix(root()).unwrap().display().to_string(), shipped));
            }
        }
    }
    assert!(files.len() > 200, "{}", files.len());
    files
}

#[test]
fn what_is_shipped_starts_no_program_and_runs_no_script_but_its_own() {
    let mut scripts = 0;
    for (file, text) in shipped() {
        for call in ["process::Command", "Command::new", "libc::system", "execve"] {
            assert!(!text.contains(call), "{call} in {file}");
        }
        for script in text.split("Script::new(").skip(1).map(str::trim_start) {
            let is_constant = script.starts_with("include_str!(\"") || script.starts_with('"');
            assert!(is_constant && file == "edge-api/src/sessions/redis.rs", "{file}");
            scripts += 1;
        }
    }
    assert_eq!(scripts, 4);
}

#[test]
fn what_is_shipped_writes_no_json_by_hand() {
    // The thumbprint of a key is the hash of a JSON text in one exact form (RFC 7638), made of the base 64 of a key.
    let but = "edge-api/src/auth/keys.rs";
    for (file, text) in shipped() {
        let by_hand = [r#"!(r#"{{""#, r#", r#"{{""#, r#"!("{{\""#, r#", "{{\""#];
        let count: usize = by_hand.iter().map(|begin| text.matches(begin).count()).sum();
        assert_eq!(count, usize::from(file == but), "{file}");
    }
}

#[test]
fn what_is_shipped_has_one_source_of_what_nobody_can_guess() {
    for (file, text) in shipped() {
        for source in ["rand::", "thread_rng", "getrandom", "RandomState", "SystemRandom"] {
            let is_there = text.contains(source);
            // The simulation takes its chances from a seed, and makes no secrets.
            let may = file == "edge-api/src/clock.rs" || file.starts_with("topologies/simulation/");
            assert!(!is_there || may, "{source} in {file}");
        }
    }
}

#[test]
fn the_image_has_the_program_and_nothing_of_the_repository() {
    let read = |name: &str| std::fs::read_to_string(root().join("compose").join(name)).unwrap();
    assert!(read("Dockerfile.dockerignore").lines().any(|line| line == ".git"));
    let dockerfile = read("Dockerfile");
    let last = dockerfile.rsplit("\nFROM ").next().unwrap();
    let copied: Vec<&str> = last
        .lines()
        .filter(|line| line.starts_with("COPY") || line.starts_with("ADD"))
        .collect();
    assert_eq!(
        copied,
        [
            "COPY --from=build /image/ /",
            "COPY compose/entrypoint.sh /usr/local/bin/sluice-entrypoint"
        ]
    );
    assert!(last.lines().any(|line| line == "USER sluice"));
}
