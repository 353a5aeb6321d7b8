//! The application under test: it counts the records of each key, and sends every count to the output.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use runtime::kafka::{KafkaAdmin, KafkaConfig, KafkaHealth, KafkaLog, KafkaReader, ensure_internal_topics};
use runtime::limits::ThreadLimits;
use runtime::queries::Hosting;
use runtime::{NoSchemas, OsMachine, StreamApplication, ThreadContext};
use state_stores::{StateDirectory, StoreBudget, StoreMemory};
use streams::dsl::Grouped;
use streams::serde::{I64Serde, StringSerde};
use streams::{Layout, Topic, Topology, TopologyBuilder};

use crate::support::KafkaServer;

/// Partitions of every topic, and thereby tasks.
pub(crate) const PARTITIONS: i32 = 3;
/// Writes after which a store is flushed: few, so that a kill in the middle finds part of the state on disk.
const UNFLUSHED_WRITES_MAX: u64 = 300;

/// One process of the application, or one that plays it.
#[derive(Debug, Clone)]
pub(crate) struct Instance {
    pub(crate) bootstrap: String,
    pub(crate) application_id: String,
    pub(crate) name: String,
    pub(crate) state: PathBuf,
}

impl Instance {
    /// The application's processes keep their state in directories of their own below `directory`.
    pub(crate) fn new(bootstrap: String, application_id: &str, name: &str, directory: &Path) -> Self {
        Self {
            bootstrap,
            application_id: application_id.to_owned(),
            name: name.to_owned(),
            state: directory.join(name),
        }
    }

    pub(crate) fn config(&self) -> KafkaConfig {
        KafkaConfig {
            session_timeout_ms: 6_000,
            transaction_timeout_ms: 5_000,
            ..KafkaConfig::new(&self.bootstrap, &self.application_id, &self.name, 0)
        }
    }

    pub(crate) fn admin(&self) -> KafkaAdmin {
        KafkaAdmin::connect(&self.config()).unwrap()
    }

    pub(crate) fn reader(&self) -> KafkaReader {
        KafkaReader::connect(&self.config(), Arc::default()).unwrap()
    }

    pub(crate) fn input(&self) -> String {
        format!("{}-input", self.application_id)
    }

    pub(crate) fn output(&self) -> String {
        format!("{}-output", self.application_id)
    }

    pub(crate) fn changelog(&self) -> String {
        format!("{}-0-changelog", self.application_id)
    }

    /// Creates input, output and the engine's own topics.
    pub(crate) fn create_topics(&self, server: &KafkaServer) {
        for topic in [self.input(), self.output()] {
            server.create_topic(&topic, PARTITIONS);
        }
        ensure_internal_topics(&self.admin(), &self.layout(), 1).unwrap();
    }

    pub(crate) fn layout(&self) -> Layout {
        let counts = [(self.input(), PARTITIONS), (self.output(), PARTITIONS)].into();
        self.topology().place(&self.application_id, &counts).unwrap()
    }

    pub(crate) fn states(&self) -> StateDirectory {
        let budget = StoreBudget {
            unflushed_writes_max: UNFLUSHED_WRITES_MAX,
            ..StoreBudget::with_memory(32 << 20)
        };
        StateDirectory::new(&self.state, &self.application_id, StoreMemory::new(budget).unwrap()).unwrap()
    }

    /// Runs the application with this many stream threads.
    pub(crate) fn start(&self, threads: usize) -> StreamApplication {
        let layout = Arc::new(self.layout());
        let (config, health) = (self.config(), Arc::new(KafkaHealth::default()));
        let readers = (config.clone(), Arc::clone(&health));
        let context = ThreadContext {
            topology: Arc::new(self.topology()),
            layout: Arc::clone(&layout),
            hosting: Arc::new(Hosting::default()),
            states: Arc::new(self.states()),
            make_reader: Arc::new(move || Ok(Box::new(KafkaReader::connect(&readers.0, Arc::clone(&readers.1))?))),
            schemas: Arc::new(NoSchemas),
            limits: ThreadLimits {
                commit_interval: Duration::from_millis(20),
                // Every turn sends ahead, so that kills hit transactions in which something is and nothing is committed.
                send_ahead_bytes: 1,
                ..ThreadLimits::default()
            },
            machine: Arc::new(OsMachine),
            observer: None,
        };
        let join = move |thread| {
            let config = KafkaConfig {
                thread: u16::try_from(thread).unwrap(),
                ..config.clone()
            };
            KafkaLog::connect(config, Arc::clone(&layout), Arc::clone(&health))
        };
        StreamApplication::start(context, threads, Arc::new(join))
    }

    fn topology(&self) -> Topology {
        let builder = TopologyBuilder::new("counting");
        let input: Topic<String, String> = Topic::new(self.input(), StringSerde, StringSerde);
        let grouped = builder
            .stream(&input)
            .group_by_key(Grouped::new("counts", StringSerde, StringSerde));
        let output = Topic::new(self.output(), StringSerde, I64Serde);
        grouped
            .count()
            .to_stream()
            .map_values(Option::unwrap_or_default)
            .to(&output);
        builder.build().unwrap()
    }
}
