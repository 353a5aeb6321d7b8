//! A Kafka broker of the tests' own.
#![allow(dead_code, reason = "each test binary uses its part")]

use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use runtime::kafka::{KafkaAdmin, KafkaConfig, TopicSpec};
use rustix::process::{Pid, Signal, kill_process_group};

/// A first start fetches Kafka's jars; every start boots a JVM, on machines that may be busy.
const START_WAIT: Duration = Duration::from_mins(5);

/// The broker dies with the standard input of this script, so it cannot outlive the tests, however those end.
const SCRIPT: &str = r#"
"$0" >"$KAFKA_DATA/out.log" 2>&1 &
broker=$!
read -r _
kill -9 "$broker" 2>/dev/null
wait "$broker" 2>/dev/null
rm -rf -- "$KAFKA_DATA"
"#;

/// A running broker with a data directory of its own.
pub(crate) struct KafkaServer {
    port: u16,
    script: Child,
    lifeline: Option<ChildStdin>,
}

impl KafkaServer {
    /// The broker that all tests of one binary share.
    pub(crate) fn shared() -> &'static Self {
        static SERVER: OnceLock<KafkaServer> = OnceLock::new();
        SERVER.get_or_init(|| Self::start(""))
    }

    /// A broker of its own that tells its clients to connect to another port: that of a proxy, which learns the broker's.
    pub(crate) fn start_behind(proxy_port: u16, learn: impl FnOnce(u16)) -> Self {
        let (port, controller_port) = free_ports();
        learn(port);
        let listeners = format!("PLAINTEXT://127.0.0.1:{proxy_port},CONTROLLER://127.0.0.1:{controller_port}");
        Self::start_at(port, controller_port, &format!("advertised.listeners={listeners}"))
    }

    /// A broker of its own, with lines to append to its properties.
    pub(crate) fn start(properties: &str) -> Self {
        let (port, controller_port) = free_ports();
        Self::start_at(port, controller_port, properties)
    }

    fn start_at(port: u16, controller_port: u16, properties: &str) -> Self {
        let data = tempfile::Builder::new()
            .prefix("sluice-kafka-")
            .tempdir()
            .unwrap()
            .keep();
        let mut script = Command::new("bash")
            .args(["-c", SCRIPT])
            .arg(workspace().join("compose/kafka/start.sh"))
            .env("KAFKA_PORT", port.to_string())
            .env("KAFKA_CONTROLLER_PORT", controller_port.to_string())
            .env("KAFKA_DATA", &data)
            .env("KAFKA_EXTRA", properties)
            .env("KAFKA_BRIEF", "yes")
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let lifeline = script.stdin.take();
        let server = Self { port, script, lifeline };
        server.wait_until_up(&data);
        server
    }

    /// `host:port` for clients.
    pub(crate) fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A tool's access.
    pub(crate) fn admin(&self) -> KafkaAdmin {
        KafkaAdmin::connect(&self.config("admin", 0)).unwrap()
    }

    /// A stream thread's configuration, with an instance of its own.
    pub(crate) fn config(&self, application_id: &str, thread: u16) -> KafkaConfig {
        KafkaConfig::new(&self.bootstrap(), application_id, "test", thread)
    }

    /// Creates a topic without retention or compaction.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32) {
        assert_eq!(self.admin().create(&[topic(name, partitions, 1)]).unwrap(), [name]);
    }

    /// Stops the broker in the middle of whatever it does, as a machine that hangs would.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets a frozen broker go on.
    pub(crate) fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// The port on which the broker itself listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    fn signal(&self, signal: Signal) {
        let group = Pid::from_raw(i32::try_from(self.script.id()).unwrap()).unwrap();
        kill_process_group(group, signal).unwrap();
    }

    fn wait_until_up(&self, data: &Path) {
        let deadline = Instant::now() + START_WAIT;
        let admin = self.admin();
        while let Err(error) = admin.topics() {
            assert!(Instant::now() < deadline, "{error}\n{}", log_of(data));
        }
    }
}

impl Drop for KafkaServer {
    fn drop(&mut self) {
        self.thaw();
        drop(self.lifeline.take());
        drop(self.script.wait());
    }
}

/// A topic without retention or compaction.
pub(crate) fn topic(name: &str, partitions: i32, replication: i32) -> TopicSpec {
    TopicSpec {
        name: name.to_owned(),
        partitions,
        replication,
        settings: [("retention.ms".to_owned(), "-1".to_owned())].into(),
    }
}

/// A name that no other test of this process uses.
pub(crate) fn unique(prefix: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{prefix}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn free_ports() -> (u16, u16) {
    let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
    let (one, other) = (listen(), listen());
    (one.local_addr().unwrap().port(), other.local_addr().unwrap().port())
}

/// The root of the clone that the test runs in. Not of the one it was built in: clones may share a target directory.
fn workspace() -> PathBuf {
    Path::new("../..").canonicalize().unwrap()
}

fn log_of(data: &Path) -> String {
    std::fs::read_to_string(data.join("out.log")).unwrap_or_default()
}
