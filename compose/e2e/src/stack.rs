//! Kafka, the schema registry and Redis, started by the repository's own launchers on free ports.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;

use crate::process::{Lifeline, wait_until};

/// A first start fetches jars; every start boots a JVM on a machine that may be busy.
const START_WAIT: Duration = Duration::from_secs(300);
/// Time for one answer of a part that may be booting.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// The running parts. Dropping it kills them and removes their data.
pub struct Stack {
    kafka_port: u16,
    registry_port: u16,
    redis_port: u16,
    parts: Vec<Lifeline>,
    directory: TempDir,
}

impl Stack {
    /// Starts all three and waits until each answers.
    pub fn start() -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("sluice-e2e-").tempdir()?;
        let (kafka_port, registry_port, redis_port) = (free_port()?, free_port()?, free_port()?);
        let mut stack = Self {
            kafka_port,
            registry_port,
            redis_port,
            parts: Vec::new(),
            directory,
        };
        stack.launch(
            "kafka",
            &[("KAFKA_PORT", kafka_port), ("KAFKA_CONTROLLER_PORT", free_port()?)],
        )?;
        stack.launch("redis", &[("REDIS_PORT", redis_port)])?;
        wait_until("Kafka answers", START_WAIT, || stack.kafka_answers().then_some(()))?;
        stack.launch(
            "registry",
            &[
                ("REGISTRY_PORT", registry_port),
                ("REGISTRY_MANAGEMENT_PORT", free_port()?),
            ],
        )?;
        let url = format!("{}/subjects", stack.registry());
        let client = reqwest::blocking::Client::builder().timeout(ANSWER_WAIT).build()?;
        let answers = || {
            client
                .get(&url)
                .send()
                .ok()
                .filter(|answer| answer.status().is_success())
                .map(drop)
        };
        wait_until("the registry answers", START_WAIT, answers).with_context(|| stack.log_of("registry"))?;
        Ok(stack)
    }

    /// Kafka's bootstrap servers.
    #[must_use]
    pub fn kafka(&self) -> String {
        format!("127.0.0.1:{}", self.kafka_port)
    }

    /// The registry's base URL.
    #[must_use]
    pub fn registry(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.registry_port)
    }

    /// Redis' URL.
    #[must_use]
    pub fn redis(&self) -> String {
        format!("redis://127.0.0.1:{}", self.redis_port)
    }

    /// A directory that goes with the stack, for state and logs.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The variables with which `sluice` finds the parts.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        [
            ("SLUICE_KAFKA", self.kafka()),
            ("SLUICE_REGISTRY", self.registry()),
            ("SLUICE_REDIS", self.redis()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec()
    }

    fn launch(&mut self, part: &str, ports: &[(&str, u16)]) -> anyhow::Result<()> {
        let data = self.directory.path().join(part);
        std::fs::create_dir_all(&data)?;
        let mut environment: Vec<_> = ports
            .iter()
            .map(|(name, port)| ((*name).to_owned(), port.to_string()))
            .collect();
        for name in ["KAFKA_DATA", "REDIS_DATA"] {
            environment.push((name.to_owned(), data.display().to_string()));
        }
        environment.push(("REGISTRY_KAFKA".to_owned(), self.kafka()));
        let script = workspace().join("compose").join(part).join("start.sh");
        let log = self.directory.path().join(format!("{part}.log"));
        self.parts
            .push(Lifeline::start(vec![script.display().to_string()], &environment, &log)?);
        Ok(())
    }

    fn kafka_answers(&self) -> bool {
        let client: Result<BaseConsumer, _> = ClientConfig::new()
            .set("bootstrap.servers", self.kafka())
            .set("log_level", "0")
            .create();
        client.is_ok_and(|client| client.fetch_metadata(None, ANSWER_WAIT).is_ok())
    }

    fn log_of(&self, part: &str) -> String {
        std::fs::read_to_string(self.directory.path().join(format!("{part}.log"))).unwrap_or_default()
    }
}

/// A port that is free at this moment.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
