//! Settings that every command shares: where the services are and where state is kept.

mod protection;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, ValueEnum};
use edge_api::limits::{PROXIES_MAX, QUOTA_DEFAULT};

pub(crate) use self::protection::{Connection, Protection};
use crate::provider::Provider;

/// Where things are. Every flag has an environment variable; a flag wins.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Services")]
pub(crate) struct Settings {
    /// Kafka's bootstrap servers. Without it the embedded log in the state directory is used.
    #[arg(long, env = "SLUICE_KAFKA", value_name = "HOST:PORT,...", global = true)]
    pub(crate) kafka: Option<String>,

    /// Base URL of a Confluent-compatible schema registry. Needed with --kafka.
    #[arg(long, env = "SLUICE_REGISTRY", value_name = "URL", global = true)]
    pub(crate) registry: Option<String>,

    /// URL of the Redis that holds sessions. Without it they are kept in this process and end with it.
    #[arg(long, env = "SLUICE_REDIS", value_name = "URL", global = true)]
    pub(crate) redis: Option<String>,

    /// Directory of task state and, without --kafka, of the embedded log.
    #[arg(long, env = "SLUICE_STATE_DIR", value_name = "DIR", global = true)]
    pub(crate) state_dir: Option<PathBuf>,

    /// Prefix of consumer groups, transactional ids and internal topics.
    #[arg(
        long,
        env = "SLUICE_APPLICATION_ID",
        value_name = "ID",
        default_value = "sluice",
        global = true
    )]
    pub(crate) application_id: String,

    /// Replicas of topics that are created on Kafka (on a single broker it must be 1).
    #[arg(
        long,
        env = "SLUICE_REPLICATION",
        value_name = "N",
        default_value_t = 1,
        global = true
    )]
    pub(crate) replication: i32,

    /// Partitions of the shop's topics when they are created: the most tasks of a topology that can run at once, and work for
    /// the log with each commit. Without it as many as the topics have that exist, or 6.
    #[arg(
        long,
        env = "SLUICE_PARTITIONS",
        value_name = "N",
        value_parser = clap::value_parser!(i32).range(1..=1_024),
        global = true
    )]
    pub(crate) partitions: Option<i32>,

    /// File with the password of Redis, which then need not be in its URL.
    #[arg(long, env = "SLUICE_REDIS_PASSWORD_FILE", value_name = "FILE", global = true)]
    pub(crate) redis_password_file: Option<PathBuf>,

    /// File with further settings of the Kafka client, NAME=VALUE a line, so that secrets are in no command and no variable;
    /// --kafka-property wins.
    #[arg(
        long = "kafka-property-file",
        env = "SLUICE_KAFKA_PROPERTY_FILE",
        value_name = "FILE,...",
        value_delimiter = ',',
        global = true
    )]
    pub(crate) kafka_property_files: Vec<PathBuf>,

    /// A further setting of the Kafka client by its own name, for security and the like; can be given several times.
    #[arg(
        long = "kafka-property",
        env = "SLUICE_KAFKA_PROPERTIES",
        value_name = "NAME=VALUE",
        value_delimiter = ';',
        value_parser = property,
        global = true
    )]
    pub(crate) kafka_properties: Vec<(String, String)>,

    /// How results are printed: a table for people, or JSON. `consume` prints JSON lines unless a table is asked for.
    #[arg(long, value_enum, global = true)]
    pub(crate) output: Option<Output>,

    /// How log lines are written to standard error: text for people, or one JSON object a line for a collector.
    #[arg(
        long,
        env = "SLUICE_LOG_FORMAT",
        value_enum,
        default_value_t = LogFormat::Text,
        global = true
    )]
    pub(crate) log_format: LogFormat,

    #[command(flatten)]
    pub(crate) protection: Protection,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// Lines for people.
    Text,
    /// JSON objects.
    Json,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// Aligned columns for people.
    Table,
    /// One JSON document, or one per line where results stream.
    Json,
}

/// Where a server listens and how it runs its threads.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Serving")]
pub(crate) struct Serving {
    /// Address of the public API.
    #[arg(
        long,
        env = "SLUICE_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080"
    )]
    pub(crate) listen: SocketAddr,

    /// File with the certificate that --listen shows (PEM, behind it those that lead to its authority): the API is https then, TLS
    /// 1.2 and 1.3. A renewed one is shown within seconds.
    #[arg(long, env = "SLUICE_TLS_CERTIFICATE_FILE", value_name = "FILE")]
    pub(crate) tls_certificate_file: Option<PathBuf>,

    /// File with the private key of --tls-certificate-file (PEM).
    #[arg(long, env = "SLUICE_TLS_KEY_FILE", value_name = "FILE")]
    pub(crate) tls_key_file: Option<PathBuf>,

    /// Address of health, readiness, metrics and the queries of other instances. Keep it inside the cluster. With --internal-ca-file
    /// and --internal-certificate-file it is https, and whoever has no certificate of that authority sees health and readiness alone.
    #[arg(
        long,
        env = "SLUICE_ADMIN_LISTEN",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:9464"
    )]
    pub(crate) admin_listen: SocketAddr,

    /// Where other instances reach --admin-listen, if that differs from it.
    #[arg(long, env = "SLUICE_ADVERTISE", value_name = "HOST:PORT")]
    pub(crate) advertise: Option<String>,

    /// Stable name of this instance among those of the same topologies; a restart under the same name moves no task.
    #[arg(long, env = "SLUICE_INSTANCE_ID", value_name = "NAME", default_value = "0")]
    pub(crate) instance_id: String,

    /// Stream threads per topology.
    #[arg(long, env = "SLUICE_THREADS", value_name = "N", default_value_t = 1)]
    pub(crate) threads: u16,

    /// Longest time in milliseconds that a processed record waits for its commit under load.
    #[arg(long, env = "SLUICE_COMMIT_INTERVAL_MS", value_name = "MS", default_value_t = 100)]
    pub(crate) commit_interval_ms: u64,

    /// Shortest time in milliseconds between two commits of a thread while records keep trickling in. Less shortens the way of
    /// an order, which takes several commits one after the other, and costs the log more. Without it 15 on Kafka, and none on
    /// the embedded log, whose commits are cheap.
    #[arg(long, env = "SLUICE_COMMIT_SPACING_MS", value_name = "MS")]
    pub(crate) commit_spacing_ms: Option<u64>,

    /// How far stream threads give way to the gateway and to queries where processor time is short, from 0 to 19 as in nice(1).
    /// While a backlog is worked off, requests are then answered as quickly as ever, and the backlog takes longer.
    #[arg(
        long,
        env = "SLUICE_STREAM_NICENESS",
        value_name = "N",
        default_value_t = 0,
        value_parser = clap::value_parser!(u8).range(0..=19)
    )]
    pub(crate) stream_niceness: u8,

    /// Base URL of an OpenTelemetry collector (OTLP over HTTP), such as `http://127.0.0.1:4318`: followed requests are
    /// told to it step by step, through every topic. Without it nothing is followed.
    #[arg(long, env = "SLUICE_OTLP_ENDPOINT", value_name = "URL")]
    pub(crate) otlp_endpoint: Option<String>,

    /// Which part of the requests that bring no trace of their own is followed, from 0 to 1. One that brings a trace is
    /// followed as its caller does.
    #[arg(
        long,
        env = "SLUICE_TRACE_RATIO",
        value_name = "RATIO",
        default_value_t = 0.01,
        value_parser = ratio
    )]
    pub(crate) trace_ratio: f64,

    /// File with the Ed25519 key that signs tokens (PEM, 32 bytes, or hex). Without it a key is made in the state directory.
    ///
    /// Of several files the first signs, and tokens of all of them are good. To replace a key without ending a session, give
    /// every gateway the new one behind the old one, then before it, and leave the old one out 30 days later, when no session
    /// is left that began with it. To end every session that a stolen key has begun, leave it out at once.
    #[arg(
        long = "signing-key-file",
        env = "SLUICE_SIGNING_KEY_FILE",
        value_name = "FILE,...",
        value_delimiter = ','
    )]
    pub(crate) signing_key_files: Vec<PathBuf>,

    /// File with the key that seals the secrets of second factors (32 bytes, or 64 hex digits). Without it a key is made in the
    /// state directory.
    ///
    /// Of several files the first seals, and what any of them has sealed opens. To replace a key, give every gateway the new one
    /// behind the old one, then before it. What the old one has sealed is sealed anew when its account logs in; leave the old one out
    /// when every account with a second factor from its time has. Without the key nobody of the others logs in.
    #[arg(
        long = "sealing-key-file",
        env = "SLUICE_SEALING_KEY_FILE",
        value_name = "FILE,...",
        value_delimiter = ','
    )]
    pub(crate) sealing_key_files: Vec<PathBuf>,

    /// Sellers need a second factor: one who has none can log in and take one, and nothing else. Whoever has taken one needs it in
    /// any case.
    #[arg(long, env = "SLUICE_SELLER_SECOND_FACTOR")]
    pub(crate) seller_second_factor: bool,

    /// The payment provider that cards are charged and paid out through; without it the shop takes no cards, and payouts are paid
    /// by hand. A process that runs `payments` talks to it, and a gateway that is told of it takes orders and payouts with cards.
    ///
    /// `sandbox` moves no money. There a card does what its token says: `sandbox_approved`, `sandbox_declined`,
    /// `sandbox_capture_declined`, `sandbox_refund_declined`, `sandbox_payout_declined`, `sandbox_timeout` (no answer to the first
    /// call), `sandbox_silent` (none at all), `sandbox_late`, `sandbox_twice`; any other is declined.
    #[arg(long, env = "SLUICE_PAYMENT_PROVIDER", value_enum)]
    pub(crate) payment_provider: Option<Provider>,
    /// File with the passwords that became known in breaches; nobody may choose one of them. Without it the 10,000 most common ones are
    /// refused, which are in the program.
    ///
    /// It is Pwned Passwords of Have I Been Pwned as its downloader writes it in one file: a line `SHA-1:count` for each password,
    /// ordered by the hash. It stays on disk, whatever its size. Replace it by renaming another one over it, and start the gateway
    /// again.
    #[arg(long, env = "SLUICE_BREACHED_PASSWORDS_FILE", value_name = "FILE")]
    pub(crate) breached_passwords_file: Option<PathBuf>,

    /// Words of this shop that no password may be made of, beside its program's own: its company, its brands, its places.
    #[arg(
        long = "shop-word",
        env = "SLUICE_SHOP_WORDS",
        value_name = "WORD,...",
        value_delimiter = ','
    )]
    pub(crate) shop_words: Vec<String>,

    /// Web origins whose pages may call the API from a browser: scheme, host and perhaps port. None without it.
    #[arg(
        long = "allowed-origin",
        env = "SLUICE_ALLOWED_ORIGINS",
        value_name = "ORIGIN,...",
        value_delimiter = ',',
        value_parser = origin
    )]
    pub(crate) allowed_origins: Vec<String>,

    /// Requests of one account within ten seconds, and those without a good token from one address; more are answered with 429.
    /// Each gateway counts for itself.
    #[arg(
        long,
        env = "SLUICE_QUOTA",
        value_name = "N",
        default_value_t = QUOTA_DEFAULT,
        value_parser = clap::value_parser!(u32).range(1..=1_000_000)
    )]
    pub(crate) quota: u32,

    /// Leave the console out: no pages under `/` of the API, none for operators under `/` of --admin-listen.
    #[arg(long, env = "SLUICE_NO_CONSOLE")]
    pub(crate) no_console: bool,

    /// JSON file of the endpoints outside that are told of what happens to orders, by signed requests (see the README). With it
    /// the topology webhooks runs; without it there is none.
    #[arg(long, env = "SLUICE_WEBHOOKS_FILE", value_name = "FILE")]
    pub(crate) webhooks_file: Option<PathBuf>,

    /// Proxies in front of the API, each of which appends to X-Forwarded-For. The client's address, by which wrong passwords are
    /// counted, is the one that the outermost has written; without proxies the header is not read.
    #[arg(
        long,
        env = "SLUICE_PROXIES",
        value_name = "N",
        default_value_t = 0,
        value_parser = clap::value_parser!(u8).range(..=i64::from(PROXIES_MAX))
    )]
    pub(crate) proxies: u8,
}

impl Settings {
    /// The state directory: what was given, or `sluice` in the user's data directory.
    pub(crate) fn state_dir(&self) -> PathBuf {
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/share"));
        let data = || std::env::var_os("XDG_DATA_HOME").map(PathBuf::from).or_else(home);
        self.state_dir
            .clone()
            .unwrap_or_else(|| data().unwrap_or_default().join("sluice"))
    }

    /// The password of Redis, from its file.
    pub(crate) fn redis_password(&self) -> anyhow::Result<Option<String>> {
        let Some(path) = &self.redis_password_file else {
            return Ok(None);
        };
        let password = std::fs::read_to_string(path)
            .with_context(|| format!("--redis-password-file: cannot read {}", path.display()))?;
        Ok(Some(password.trim_end_matches(['\r', '\n']).to_owned()))
    }

    /// Whether results are printed as JSON.
    pub(crate) fn json(&self) -> bool {
        self.output == Some(Output::Json)
    }

    /// The application id of a topology.
    pub(crate) fn application(&self, topology: &str) -> String {
        format!("{}-{topology}", self.application_id)
    }
}

impl Serving {
    /// Where other instances send their queries.
    pub(crate) fn endpoint(&self) -> String {
        self.advertise.clone().unwrap_or_else(|| self.admin_listen.to_string())
    }
}

fn ratio(text: &str) -> Result<f64, String> {
    let ratio = text.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
    ratio.ok_or_else(|| format!("{text:?} is not between 0 and 1"))
}

fn property(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("{text:?} is not NAME=VALUE"))?;
    Ok((name.trim().to_owned(), value.to_owned()))
}

/// A scheme, a host and perhaps a port: what browsers send as `Origin`.
fn origin(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let is_origin = host.is_some_and(|host| {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-:[]".contains(&byte);
        !host.is_empty() && host.bytes().all(allowed)
    });
    if is_origin {
        Ok(text.to_owned())
    } else {
        Err(
            "an origin is a scheme, a host in lower case and perhaps a port, without a path: https://shop.example"
                .to_owned(),
        )
    }
}
