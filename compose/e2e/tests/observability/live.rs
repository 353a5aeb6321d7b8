//! The real system, looked at by the real Prometheus.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;

use e2e::{Caller, Program, Server, Stack, free_port, wait_until};
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use reqwest::blocking::Client;
use serde_json::{Value, json};

use crate::expressions::{Expression, of_all_rules, of_dashboards, selectors};
use crate::folder;
use crate::scrape::{shown, table};

/// Time for Prometheus to start, and for what happened to be in every window.
const PROMETHEUS_WAIT: Duration = Duration::from_secs(90);
/// Time for a dead letter to be committed.
const DEAD_LETTER_WAIT: Duration = Duration::from_secs(60);

/// What a healthy system does not show, and why.
const ABSENT_WHEN_HEALTHY: [(&str, &str); 2] = [
    (
        "sluice_edge_view_errors_total",
        "no read of state was left without an answer",
    ),
    (CERTIFICATES, NO_CERTIFICATES),
];
const CERTIFICATES: &str = "sluice_certificate_end_seconds";
const NO_CERTIFICATES: &str = "it is spoken to in the clear, on loopback; `secured.rs` has certificates";

/// Selectors that match nothing on a healthy system, and why. `rules/tests/alerts.yml` shows that the alerts which stand on them
/// fire.
const EMPTY_WHEN_HEALTHY: [(&str, &str); 3] = [
    (CERTIFICATES, NO_CERTIFICATES),
    (
        "sluice_http_requests_total{status=~\"5..\"}",
        "no request failed on our side",
    ),
    (
        "sluice_edge_view_errors_total",
        "no read of state was left without an answer",
    ),
];

/// Queries that answer nothing on a healthy system, by how they end or where they stand.
const SILENT_PANELS: [&str; 2] = ["edge.json: failures", "edge.json: reads without an answer"];

#[test]
fn every_metric_and_every_query_is_true_of_the_live_system() {
    let stack = Stack::start().unwrap();
    let webhooks = endpoints(&stack).unwrap();
    let mut server = Server::new(&stack, "shop", &["up", "--webhooks-file", &webhooks]).unwrap();
    server.start().unwrap();
    let prometheus = Prometheus::start(&stack, &server.admin_address()).unwrap();
    // Growth is seen from a scrape that was before it.
    prometheus.wait_for("sum(sluice_ready) == 1");
    let (buyer, product) = go_through_everything(&stack, &server);
    // A histogram is shown from its first value on, and grows from there.
    prometheus.wait_for("sluice_order_seconds_count{outcome=\"paid\"}");
    assert_eq!(outcome_of(&buyer, "fourth", &product, 1), "PAID");

    every_metric_is_declared_and_shown(&scrape(&server));
    prometheus.wait_for("increase(sluice_dead_letters_total{topology=\"orders\"}[5m]) > 0");
    prometheus.wait_for("sluice_order_paid_seconds:p99_5m > 0");
    for expression in of_dashboards() {
        prometheus.answers(&expression);
    }
    prometheus.every_rule_is_well();
    for expression in of_dashboards().iter().chain(&of_all_rules()) {
        prometheus.every_selector_matches(expression);
    }
}

/// A file with an endpoint of webhooks that takes whatever comes.
fn endpoints(stack: &Stack) -> anyhow::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}/", listener.local_addr()?);
    std::thread::spawn(move || {
        for connection in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || take_all(connection));
        }
    });
    let (secret, file) = (
        stack.directory().join("secret"),
        stack.directory().join("webhooks.json"),
    );
    fs::write(&secret, "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")?;
    let endpoint = json!({ "name": "erp", "url": url, "secret_files": [secret] });
    fs::write(&file, json!({ "endpoints": [endpoint] }).to_string())?;
    Ok(file.display().to_string())
}

/// Answers each request of a connection once its body, of the length that its header tells, has come.
fn take_all(mut connection: TcpStream) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    loop {
        let mut length = None;
        for line in (&mut reader)
            .lines()
            .map_while(Result::ok)
            .take_while(|line| !line.is_empty())
        {
            let value = line.to_ascii_lowercase();
            length = length.or_else(|| value.strip_prefix("content-length: ")?.parse().ok());
        }
        let Some(length) = length else {
            return;
        };
        let taken = std::io::copy(&mut (&mut reader).take(length), &mut std::io::sink());
        let answered = connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n");
        if taken.is_err() || answered.is_err() {
            return;
        }
    }
}

/// An order that is paid, two that are cancelled, a wrong password, and a record that cannot be read.
/// Answers the buyer and the product.
fn go_through_everything(stack: &Stack, server: &Server) -> (Caller, String) {
    let seller = server.account("seller", "SELLER").unwrap();
    let buyer = server.account("buyer", "BUYER").unwrap();
    let product = seller.product(1_500, 10).unwrap();
    buyer.deposit(10_000).unwrap();
    for (key, quantity, outcome) in [
        ("first", 3, "PAID"),
        ("second", 8, "CANCELLED"),
        ("third", 7, "CANCELLED"),
    ] {
        assert_eq!(outcome_of(&buyer, key, &product, quantity), outcome);
    }
    assert_eq!(server.try_log_in("nobody").unwrap().status, 401);
    poison(stack);
    wait_until("the dead letter is committed", DEAD_LETTER_WAIT, || {
        scrape(server)
            .contains("sluice_dead_letters_total{topology=\"orders\",cause=\"value\"} 1")
            .then_some(())
    })
    .unwrap();
    (buyer, product)
}

fn outcome_of(buyer: &Caller, key: &str, product: &str, quantity: i64) -> Value {
    let order = buyer.order(key, product, quantity).unwrap();
    buyer.settled(&order).unwrap()["status"].clone()
}

fn poison(stack: &Stack) {
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", stack.kafka())
        .create()
        .unwrap();
    let record = BaseRecord::to("order-commands").key("poison").payload("no avro");
    producer.send(record).map_err(|(error, _)| error).unwrap();
    producer.flush(DEAD_LETTER_WAIT).unwrap();
}

fn scrape(server: &Server) -> String {
    match server.ask_admin("/metrics").unwrap().body {
        Value::String(text) => text,
        other => panic!("{other}"),
    }
}

fn every_metric_is_declared_and_shown(scrape: &str) {
    let (table, shown) = (table(), shown(scrape));
    for (name, found) in &shown {
        assert_eq!(
            table.get(name),
            Some(found),
            "{name} is shown otherwise than it is declared"
        );
    }
    for name in table.keys().filter(|name| !shown.contains_key(*name)) {
        assert!(
            ABSENT_WHEN_HEALTHY.iter().any(|(absent, _)| absent == name),
            "{name} is declared and not shown"
        );
    }
}

/// A Prometheus with the repository's rules that looks every second.
struct Prometheus {
    http: Client,
    url: String,
    _running: Program,
}

impl Prometheus {
    fn start(stack: &Stack, target: &str) -> anyhow::Result<Self> {
        let home = stack.directory().join("prometheus");
        configure(&home, target)?;
        let port = free_port()?;
        let (config, data) = (home.join("prometheus.yml"), home.join("data"));
        let command = [
            "prometheus",
            "--config.file",
            config.to_str().unwrap(),
            "--storage.tsdb.path",
            data.to_str().unwrap(),
            "--web.listen-address",
            &format!("127.0.0.1:{port}"),
        ];
        let started = Self {
            http: Client::builder().no_proxy().build()?,
            url: format!("http://127.0.0.1:{port}"),
            _running: Program::start(&command, &home.with_extension("log"))?,
        };
        let ready = format!("{}/-/ready", started.url);
        let is_ready = || {
            started
                .http
                .get(&ready)
                .send()
                .ok()
                .filter(|answer| answer.status().is_success())
        };
        wait_until("Prometheus is ready", PROMETHEUS_WAIT, is_ready)?;
        Ok(started)
    }

    fn get(&self, path: &str) -> Value {
        let answer = self.http.get(format!("{}{path}", self.url)).send().unwrap();
        serde_json::from_str(&answer.text().unwrap()).unwrap()
    }

    fn query(&self, query: &str) -> Vec<Value> {
        let answer = self.get(&format!("/api/v1/query?query={}", percent(query)));
        assert_eq!(answer["status"], "success", "{query}: {answer}");
        answer["data"]["result"].as_array().unwrap().clone()
    }

    fn wait_for(&self, query: &str) {
        wait_until(query, PROMETHEUS_WAIT, || (!self.query(query).is_empty()).then_some(())).unwrap();
    }

    fn answers(&self, expression: &Expression) {
        if SILENT_PANELS.contains(&expression.place.as_str()) {
            self.query(&expression.text);
        } else {
            self.wait_for(&expression.text);
        }
    }

    fn every_rule_is_well(&self) {
        let answer = self.get("/api/v1/rules");
        let groups = answer["data"]["groups"].as_array().unwrap();
        let rules: Vec<&Value> = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().unwrap())
            .collect();
        assert_eq!(rules.len(), of_all_rules().len());
        for rule in rules {
            assert_eq!(rule["health"], json!("ok"), "{rule}");
        }
    }

    fn every_selector_matches(&self, expression: &Expression) {
        for (name, braces) in selectors(&expression.text) {
            let selector = format!("{name}{braces}");
            let is_empty = self.query(&format!("count({selector})")).is_empty();
            let may_be = EMPTY_WHEN_HEALTHY.iter().any(|(empty, _)| *empty == selector);
            assert_eq!(is_empty, may_be, "{}: {selector}", expression.place);
        }
    }
}

/// The repository's configuration, with one target and a shorter interval.
fn configure(home: &Path, target: &str) -> anyhow::Result<()> {
    fs::create_dir_all(home.join("rules"))?;
    for file in ["recording.yml", "alerts.yml"] {
        fs::copy(folder().join("rules").join(file), home.join("rules").join(file))?;
    }
    let config = fs::read_to_string(folder().join("prometheus.yml"))?;
    let config = config
        .replace(": 10s", ": 1s")
        .replace("scrape_timeout: 5s", "scrape_timeout: 1s");
    fs::write(home.join("prometheus.yml"), config)?;
    fs::write(home.join("targets.yml"), format!("- targets: [\"{target}\"]\n"))?;
    Ok(())
}

fn percent(text: &str) -> String {
    let words: Vec<String> = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    words.concat()
}
