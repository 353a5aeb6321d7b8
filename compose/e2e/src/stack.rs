//! Kafka, the schema registry and Redis, started by the repository's own launchers on free ports.

use std::collections::BTreeMap;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use tempfile::TempDir;

use crate::command::{Ended, run};
use crate::process::{Lifeline, wait_until};

/// A first start fetches jars; every start boots a JVM on a machine that may be busy.
const START_WAIT: Duration = Duration::from_secs(300);
/// Time for one answer of a part that may be booting.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// What `sluice` leans on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// The broker.
    Kafka,
    /// The schema registry, which keeps its schemas in Kafka.
    Registry,
    /// The session store.
    Redis,
}

impl Part {
    /// Its folder below `compose/`, and its log's and data's name.
    fn name(self) -> &'static str {
        match self {
            Self::Kafka => "kafka",
            Self::Registry => "registry",
            Self::Redis => "redis",
        }
    }
}

/// The running parts. Dropping it kills them and removes their data.
pub struct Stack {
    /// The port that each part serves, and its second one.
    ports: BTreeMap<Part, (u16, u16)>,
    running: BTreeMap<Part, Lifeline>,
    /// Bootstrap servers of brokers that are not the stack's own.
    brokers: Option<String>,
    /// What launchers are told beyond where to listen.
    told: BTreeMap<Part, Vec<(String, String)>>,
    directory: TempDir,
}

impl Stack {
    /// Starts all three and waits until each answers.
    pub fn start() -> anyhow::Result<Self> {
        let mut stack = Self::at_rest()?;
        stack.revive(Part::Kafka)?;
        stack.revive(Part::Redis)?;
        stack.revive(Part::Registry)?;
        Ok(stack)
    }

    /// A stack of which nothing runs yet. Its addresses are known.
    pub fn at_rest() -> anyhow::Result<Self> {
        let directory = tempfile::Builder::new().prefix("sluice-e2e-").tempdir()?;
        let all = [Part::Kafka, Part::Registry, Part::Redis];
        let ports = all.map(|part| Ok((part, (free_port()?, free_port()?))));
        Ok(Self {
            ports: ports.into_iter().collect::<anyhow::Result<_>>()?,
            running: BTreeMap::new(),
            brokers: None,
            told: BTreeMap::new(),
            directory,
        })
    }

    /// Starts the registry and Redis beside brokers that run already, and waits until both answer.
    pub fn beside(brokers: &str) -> anyhow::Result<Self> {
        let mut stack = Self {
            brokers: Some(brokers.to_owned()),
            ..Self::at_rest()?
        };
        stack.revive(Part::Redis)?;
        stack.revive(Part::Registry)?;
        Ok(stack)
    }

    /// Tells the launcher of a part something from its next start on.
    pub fn tell(&mut self, part: Part, variables: &[(&str, String)]) {
        let variables = variables
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.clone()));
        self.told.entry(part).or_default().extend(variables);
    }

    /// Kills a part at once: nothing of it is flushed or told to anybody.
    pub fn kill_9(&mut self, part: Part) -> anyhow::Result<()> {
        let Some(mut running) = self.running.remove(&part) else {
            return Ok(());
        };
        running.signal("-KILL")?;
        running.wait().map(drop)
    }

    /// Starts a part on its own data and port, and waits until it answers.
    pub fn revive(&mut self, part: Part) -> anyhow::Result<()> {
        let running = self.launch(part)?;
        self.running.insert(part, running);
        let what = format!("{} answers", part.name());
        wait_until(&what, START_WAIT, || self.answers(part).then_some(())).with_context(|| self.log_of(part))
    }

    /// Kafka's bootstrap servers.
    #[must_use]
    pub fn kafka(&self) -> String {
        let own = || format!("127.0.0.1:{}", self.port(Part::Kafka));
        self.brokers.clone().unwrap_or_else(own)
    }

    /// The registry's base URL.
    #[must_use]
    pub fn registry(&self) -> String {
        format!("http://127.0.0.1:{}/apis/ccompat/v7", self.port(Part::Registry))
    }

    /// Redis' URL.
    #[must_use]
    pub fn redis(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port(Part::Redis))
    }

    /// Leaves the directory behind when the stack goes, for whoever has to find out what happened.
    pub fn keep_directory(&mut self) {
        self.directory.disable_cleanup(true);
    }

    /// A directory that goes with the stack, for state and logs.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The second port of a part, for what it serves beside its first.
    #[must_use]
    pub fn second_port(&self, part: Part) -> u16 {
        self.ports.get(&part).map_or(0, |ports| ports.1)
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

    /// What `sluice audit` says of the books, and of the stores in a state directory.
    pub fn audit(&self, state: &Path) -> anyhow::Result<Ended> {
        let mut environment = self.environment();
        environment.push(("SLUICE_STATE_DIR".to_owned(), state.display().to_string()));
        run(&["audit"], &environment)
    }

    /// The port at which a part answers on loopback.
    #[must_use]
    pub fn port(&self, part: Part) -> u16 {
        self.ports.get(&part).map_or(0, |ports| ports.0)
    }

    fn launch(&self, part: Part) -> anyhow::Result<Lifeline> {
        let data = self.directory.path().join(part.name());
        std::fs::create_dir_all(&data)?;
        let (first, second) = self.ports.get(&part).copied().context("every part has its ports")?;
        let names: &[(&str, u16)] = match part {
            Part::Kafka => &[("KAFKA_PORT", first), ("KAFKA_CONTROLLER_PORT", second)],
            Part::Registry => &[("REGISTRY_PORT", first), ("REGISTRY_MANAGEMENT_PORT", second)],
            Part::Redis => &[("REDIS_PORT", first)],
        };
        let mut environment: Vec<_> = names
            .iter()
            .map(|(name, port)| ((*name).to_owned(), port.to_string()))
            .collect();
        for name in ["KAFKA_DATA", "REGISTRY_DATA", "REDIS_DATA"] {
            environment.push((name.to_owned(), data.display().to_string()));
        }
        environment.push(("KAFKA_BRIEF".to_owned(), "yes".to_owned()));
        environment.push(("REGISTRY_KAFKA".to_owned(), self.kafka()));
        environment.extend(self.told.get(&part).into_iter().flatten().cloned());
        let script = workspace().join("compose").join(part.name()).join("start.sh");
        Lifeline::start(vec![script.display().to_string()], &environment, &self.log(part))
    }

    fn answers(&self, part: Part) -> bool {
        match part {
            Part::Kafka => {
                let client: Result<BaseConsumer, _> = ClientConfig::new()
                    .set("bootstrap.servers", self.kafka())
                    .set("log_level", "0")
                    .create();
                client.is_ok_and(|client| client.fetch_metadata(None, ANSWER_WAIT).is_ok())
            }
            Part::Registry => {
                let client = reqwest::blocking::Client::builder().timeout(ANSWER_WAIT).build();
                let answer = client.and_then(|client| client.get(format!("{}/subjects", self.registry())).send());
                answer.is_ok_and(|answer| answer.status().is_success())
            }
            Part::Redis => TcpStream::connect(("127.0.0.1", self.port(part))).is_ok(),
        }
    }

    fn log(&self, part: Part) -> PathBuf {
        self.directory.path().join(format!("{}.log", part.name()))
    }

    fn log_of(&self, part: Part) -> String {
        std::fs::read_to_string(self.log(part)).unwrap_or_default()
    }
}

/// A port that is free at this moment.
pub fn free_port() -> anyhow::Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// The root of the clone that the program runs in. Not of the one it was built in: clones may share a target directory.
#[must_use]
pub fn workspace() -> PathBuf {
    let own = std::env::current_dir().unwrap_or_default();
    let mut above = own.ancestors();
    let root = above.find(|directory| directory.join("compose/kafka/start.sh").is_file());
    root.unwrap_or(Path::new(".")).to_path_buf()
}
