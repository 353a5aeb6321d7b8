//! The whole shop with every connection over TLS, each part with its own certificate or password, and with the rights that
//! `sluice topics acls` prints and no others.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

use e2e::acls::grant;
use e2e::certificates::{Authority, Issued};
use e2e::{Part, Server, Stack, free_port, results, run, wait_until};
use edge_api::CommandSerdes;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};
use rdkafka::types::RDKafkaErrorCode;

const HOST: &str = "127.0.0.1";
/// A renewed certificate is looked for every few seconds.
const RENEWAL_WAIT: Duration = Duration::from_mins(1);
/// Every attempt takes as long as it takes to ask three times.
const REGISTRY_WAIT: Duration = Duration::from_mins(3);
const REDIS_PASSWORD: &str = "ca4fc8d1";
/// Who comes to Kafka, each with a password of its own.
const USERS: [&str; 3] = ["prepare", "topologies", "edge"];

/// The parts, over TLS, and what processes need to reach them.
struct Ground {
    stack: Stack,
    directory: PathBuf,
    authority: Authority,
    kafka_port: u16,
    registry_port: u16,
}

impl Ground {
    /// Kafka takes everybody who comes in the clear over loopback for its administrator: its own nodes, the registry and this test.
    fn start() -> Self {
        let mut stack = Stack::at_rest().unwrap();
        let directory = stack.directory().to_owned();
        let authority = Authority::new(&directory, "authority").unwrap();
        let (kafka_port, registry_port) = (free_port().unwrap(), free_port().unwrap());
        let broker = authority.issue("broker", &[HOST]).unwrap();
        stack.tell(Part::Kafka, &kafka(&stack, &directory, &authority, &broker, kafka_port));
        let registry = authority.issue("registry", &[HOST]).unwrap();
        stack.tell(
            Part::Registry,
            &[
                ("REGISTRY_HTTPS_PORT", registry_port.to_string()),
                ("REGISTRY_CERTIFICATE", shown(&registry.certificate)),
                ("REGISTRY_KEY", shown(&registry.key)),
            ],
        );
        let redis = authority.issue("redis", &[HOST]).unwrap();
        let options = [
            format!(
                "--port 0 --tls-port {} --requirepass {REDIS_PASSWORD}",
                stack.port(Part::Redis)
            ),
            format!(
                "--tls-cert-file {} --tls-key-file {}",
                shown(&redis.certificate),
                shown(&redis.key)
            ),
            format!("--tls-ca-cert-file {}", shown(&authority.file())),
        ];
        stack.tell(Part::Redis, &[("REDIS_EXTRA", options.join(" "))]);
        for part in [Part::Kafka, Part::Redis, Part::Registry] {
            stack.revive(part).unwrap();
        }
        Self {
            stack,
            directory,
            authority,
            kafka_port,
            registry_port,
        }
    }

    /// What a process of this principal is told.
    fn environment(&self, user: &str) -> Vec<(&'static str, String)> {
        let own = self.authority.issue(user, &[HOST]).unwrap();
        let properties = self.directory.join(format!("{user}.properties"));
        let lines = [
            "security.protocol=sasl_ssl".to_owned(),
            "sasl.mechanism=SCRAM-SHA-512".to_owned(),
            format!("sasl.username={user}"),
            format!("sasl.password={}", password(user)),
        ];
        std::fs::write(&properties, lines.join("\n")).unwrap();
        let redis_password = self.directory.join("redis.password");
        std::fs::write(&redis_password, format!("{REDIS_PASSWORD}\n")).unwrap();
        vec![
            ("SLUICE_KAFKA", format!("{HOST}:{}", self.kafka_port)),
            ("SLUICE_KAFKA_PROPERTY_FILE", shown(&properties)),
            (
                "SLUICE_REGISTRY",
                format!("https://{HOST}:{}/apis/ccompat/v7", self.registry_port),
            ),
            (
                "SLUICE_REDIS",
                format!("rediss://{HOST}:{}", self.stack.port(Part::Redis)),
            ),
            ("SLUICE_REDIS_PASSWORD_FILE", shown(&redis_password)),
            ("SLUICE_INTERNAL_CA_FILE", shown(&self.authority.file())),
            ("SLUICE_INTERNAL_CERTIFICATE_FILE", shown(&own.certificate)),
            ("SLUICE_INTERNAL_KEY_FILE", shown(&own.key)),
        ]
    }

    fn run(&self, user: &str, arguments: &[&str]) -> e2e::Ended {
        let environment = self.environment(user).into_iter();
        let environment: Vec<_> = environment.map(|(name, value)| (name.to_owned(), value)).collect();
        run(arguments, &environment).unwrap()
    }

    fn grant(&self, user: &str, parts: &[&str]) {
        let principal = format!("User:{user}");
        let arguments = [&["topics", "acls", "--principal", &principal], parts].concat();
        grant(&self.stack.kafka(), &results(&arguments, &[]).unwrap()).unwrap();
    }

    /// Whether the broker lets this principal write to a topic. What it writes is nothing that anybody can read.
    fn may_write(&self, user: &str, topic: &str) -> bool {
        let producer: BaseProducer<Told> = ClientConfig::new()
            .set("bootstrap.servers", format!("{HOST}:{}", self.kafka_port))
            .set("security.protocol", "sasl_ssl")
            .set("sasl.mechanism", "SCRAM-SHA-512")
            .set("sasl.username", user)
            .set("sasl.password", password(user))
            .set("ssl.ca.location", shown(&self.authority.file()))
            .set("message.timeout.ms", "30000")
            .create_with_context(Told::default())
            .unwrap();
        let record: BaseRecord<'_, str, str> = BaseRecord::to(topic).key("k").payload("junk");
        producer.send(record).map_err(|(error, _)| error).unwrap();
        producer.flush(Duration::from_mins(1)).unwrap();
        let told = producer.context().0.lock().unwrap().take();
        match told.expect("the record had an end") {
            Ok(()) => true,
            Err(Some(RDKafkaErrorCode::TopicAuthorizationFailed)) => false,
            Err(other) => panic!("{topic}: {other:?}"),
        }
    }

    /// A process of this principal, whose API shows the certificate `public`.
    fn server(&self, user: &str, command: &[&str], public: &Issued) -> Server {
        let mut environment = self.environment(user);
        environment.push(("SLUICE_TLS_CERTIFICATE_FILE", shown(&public.certificate)));
        environment.push(("SLUICE_TLS_KEY_FILE", shown(&public.key)));
        let server = Server::with(&self.stack, user, command, &environment).unwrap();
        let operator = self.authority.issue("operator", &[]).unwrap();
        server.over_tls(&self.authority.file(), &operator).unwrap()
    }
}

/// What became of the record: nothing before it is known, then the error if there was one.
#[derive(Default)]
struct Told(Mutex<Option<Result<(), Option<RDKafkaErrorCode>>>>);

impl ClientContext for Told {}

impl ProducerContext for Told {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let told = result
            .as_ref()
            .map(drop)
            .map_err(|(error, _)| error.rdkafka_error_code());
        *self.0.lock().unwrap() = Some(told);
    }
}

/// A listener for the shop, where passwords are asked for and only what is granted is allowed.
fn kafka(
    stack: &Stack,
    directory: &Path,
    authority: &Authority,
    broker: &Issued,
    port: u16,
) -> [(&'static str, String); 2] {
    let keystore = directory.join("broker.pem");
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    std::fs::write(&keystore, read(&broker.key) + &read(&broker.certificate)).unwrap();
    let (clear, controller) = (stack.port(Part::Kafka), stack.second_port(Part::Kafka));
    let listeners = format!("PLAINTEXT://{HOST}:{clear},SECURED://{HOST}:{port},CONTROLLER://{HOST}:{controller}");
    let lines = [
        format!("listeners={listeners}"),
        format!("advertised.listeners={listeners}"),
        "listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURED:SASL_SSL".to_owned(),
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned(),
        "super.users=User:ANONYMOUS".to_owned(),
        "ssl.keystore.type=PEM".to_owned(),
        format!("ssl.keystore.location={}", shown(&keystore)),
        "ssl.truststore.type=PEM".to_owned(),
        format!("ssl.truststore.location={}", shown(&authority.file())),
        "sasl.enabled.mechanisms=SCRAM-SHA-512".to_owned(),
        "listener.name.secured.scram-sha-512.sasl.jaas.config=\
         org.apache.kafka.common.security.scram.ScramLoginModule required;"
            .to_owned(),
    ];
    let users = USERS.map(|user| format!("{user} {}", password(user)));
    [("KAFKA_EXTRA", lines.join("\n")), ("KAFKA_USERS", users.join("\n"))]
}

fn password(user: &str) -> String {
    format!("secret-of-{user}-7d1c")
}

fn shown(path: &Path) -> String {
    path.display().to_string()
}

#[test]
fn an_order_is_paid_with_every_connection_over_tls_and_with_the_rights_that_are_printed() {
    let ground = Ground::start();
    // Without a right not even a topic is made.
    let refused = ground.run("prepare", &["topics", "apply"]);
    assert_ne!(refused.code, 0, "{refused:?}");
    ground.grant("prepare", &["prepare"]);
    ground.grant("topologies", &["accounts", "products", "payments", "orders", "views"]);
    ground.grant("edge", &["edge"]);
    let prepared = ground.run("prepare", &["topics", "apply", "--webhooks"]);
    assert_eq!(prepared.code, 0, "{prepared:?}");
    let registered = || (ground.run("prepare", &["schemas", "register"]).code == 0).then_some(());
    wait_until("the registry takes the schemas", REGISTRY_WAIT, registered).unwrap();
    let public = ground.authority.issue("public", &[HOST]).unwrap();
    let run_all = ["run", "accounts", "products", "payments", "orders", "views"];
    let mut topologies = ground.server("topologies", &run_all, &public);
    let mut edge = ground.server("edge", &["edge"], &public);
    topologies.start().unwrap();
    edge.start().unwrap();

    let product = edge.account("seller", "SELLER").unwrap().product(1_500, 10).unwrap();
    let buyer = edge.account("buyer", "BUYER").unwrap();
    buyer.deposit(10_000).unwrap();
    let order = buyer.order("first", &product, 3).unwrap();
    // The gateway has asked the instance that has the order, which let it in by its certificate.
    assert_eq!(buyer.settled(&order).unwrap()["status"], "PAID", "{}", edge.log_tail());
    let instances = edge.ask_admin("/operator/instances").unwrap();
    assert!(instances.body["others"][0]["answer"].is_object(), "{instances:?}");

    let metrics = edge.ask_admin("/metrics").unwrap().body.to_string();
    for certificate in ["api", "internal"] {
        let ends = format!("sluice_certificate_end_seconds{{certificate=\\\"{certificate}\\\"}}");
        assert!(metrics.contains(&ends), "{ends} in {metrics}");
    }
    edge.sluice.stop().unwrap();
    topologies.sluice.stop().unwrap();

    // What topologies say is not the gateway's to read, nor to write; nor may they give commands to accounts.
    for (topic, allowed) in [("revocations", true), ("credentials", false), ("ledger-entries", false)] {
        let read = ground.run("edge", &["consume", topic, "--limit", "1"]);
        assert_eq!(read.code == 0, allowed, "{topic}: {read:?}");
    }
    for topic in schemas::topics::topics() {
        let is_commands = CommandSerdes::TOPICS.iter().any(|commands| commands.name == topic.name);
        assert_eq!(ground.may_write("edge", topic.name), is_commands, "{}", topic.name);
    }
    for (topic, allowed) in [("orders", true), ("account-commands", false), ("order-commands", false)] {
        assert_eq!(ground.may_write("topologies", topic), allowed, "{topic}");
    }
}

#[test]
fn whoever_comes_to_kafka_or_the_registry_without_what_they_ask_for_is_turned_away() {
    let ground = Ground::start();
    ground.grant("prepare", &["prepare"]);
    assert_eq!(ground.run("prepare", &["topics", "apply"]).code, 0);
    let other = Authority::new(&ground.directory, "other").unwrap();
    let with = |name: &str, value: String| {
        let environment = ground.environment("prepare").into_iter();
        let mut environment: Vec<_> = environment.map(|(name, value)| (name.to_owned(), value)).collect();
        environment.push((name.to_owned(), value));
        environment
    };
    let (plan, register) = (["topics", "plan"], ["schemas", "register"]);
    let code = |command: [&str; 2], environment: &[(String, String)]| {
        let ended = run(&command, environment).unwrap();
        (ended.code, ended.said)
    };
    // As it should be both are reached; one thing is wrong in each of the others.
    let right = with("SLUICE_LOG_FORMAT", "text".to_owned());
    assert_eq!(code(plan, &right).0, 0);
    // A registry that has just started may be too slow for the first schemas.
    let registered = || (code(register, &right).0 == 0).then_some(());
    wait_until("the registry takes the schemas", REGISTRY_WAIT, registered).unwrap();
    let foreign = with("SLUICE_SERVICE_CA_FILE", shown(&other.file()));
    assert_ne!(code(plan, &foreign).0, 0);
    let impostor = with("SLUICE_KAFKA_PROPERTIES", "sasl.password=guessed".to_owned());
    assert_ne!(code(plan, &impostor).0, 0);
    // Kafka is believed, and the registry is not.
    let kafkas_own = format!("ssl.ca.location={}", shown(&ground.authority.file()));
    let half = [foreign, vec![("SLUICE_KAFKA_PROPERTIES".to_owned(), kafkas_own)]].concat();
    assert_eq!(code(plan, &half).0, 0);
    let (refused, said) = code(register, &half);
    assert!(refused != 0 && said.contains("registry"), "{refused}: {said}");
}

#[test]
fn a_renewed_certificate_is_shown_by_the_process_that_runs() {
    let directory = tempfile::TempDir::new().unwrap();
    let (ours, theirs) = (
        Authority::new(directory.path(), "ours").unwrap(),
        Authority::new(directory.path(), "theirs").unwrap(),
    );
    let (old, new) = (
        ours.issue("old", &[HOST]).unwrap(),
        theirs.issue("new", &[HOST]).unwrap(),
    );
    let inside = ours.issue("inside", &[HOST]).unwrap();
    let own = [
        ("SLUICE_TLS_CERTIFICATE_FILE", shown(&old.certificate)),
        ("SLUICE_TLS_KEY_FILE", shown(&old.key)),
        ("SLUICE_INTERNAL_CA_FILE", shown(&ours.file())),
        ("SLUICE_INTERNAL_CERTIFICATE_FILE", shown(&inside.certificate)),
        ("SLUICE_INTERNAL_KEY_FILE", shown(&inside.key)),
    ];
    let server = Server::alone_with(directory.path(), "shop", &own).unwrap();
    let mut server = server.over_tls(&ours.file(), &inside).unwrap();
    server.start().unwrap();
    server.account("before", "BUYER").unwrap();

    std::fs::copy(&new.certificate, &old.certificate).unwrap();
    std::fs::copy(&new.key, &old.key).unwrap();
    // Each question is a connection of its own, so that each shakes hands.
    let shows = |authority: &Authority| {
        let certificate = std::fs::read(authority.file()).unwrap();
        let client = reqwest::blocking::Client::builder()
            .no_proxy()
            .tls_certs_only([reqwest::Certificate::from_pem(&certificate).unwrap()])
            .build()
            .unwrap();
        client.get(server.url()).send().is_ok()
    };
    wait_until("the new certificate is shown", RENEWAL_WAIT, || {
        shows(&theirs).then_some(())
    })
    .unwrap();
    assert!(!shows(&ours));
    server.sluice.stop().unwrap();
}
