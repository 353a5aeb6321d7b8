//! The topologies on an embedded log.

use std::ops::ControlFlow;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use commerce::topologies;
use edge_api::auth::revocations::Revocations;
use runtime::commands::CommandLog;
use runtime::embedded::{Cleanup, EmbeddedBroker, EmbeddedTopic};
use runtime::limits::ThreadLimits;
use runtime::queries::{Hosting, Queries};
use runtime::{
    GlobalStreamThread, Machine, MakeGlobalConsumer, NoSchemas, OsMachine, StreamApplication, ThreadContext,
};
use schemas::SchemaTable;
use state_stores::{StateDirectory, StoreBudget, StoreMemory};
use streams::Topology;
use streams::log::{LogReader as _, StoredRecord};
use tempfile::TempDir;
use tokio::sync::Mutex;

/// Enough to have keys on different partitions.
const PARTITIONS: i32 = 2;

/// How long the end of an engine waits for whoever still holds its log.
const CLOSE_WAIT: Duration = Duration::from_secs(5);

pub struct Engine {
    log: Option<Arc<dyn CommandLog>>,
    pub queries: Queries,
    broker: Arc<EmbeddedBroker>,
    applications: Vec<StreamApplication>,
    _directory: TempDir,
}

impl Engine {
    /// Where the gateway's commands go.
    pub fn log(&self) -> Arc<dyn CommandLog> {
        Arc::clone(self.log.as_ref().unwrap())
    }

    /// The engine that the tests of one file share for as long as one of them runs.
    pub async fn shared() -> Arc<Self> {
        static SHARED: Mutex<Weak<Engine>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(engine) = shared.upgrade() {
            return engine;
        }
        let engine = Arc::new(Self::start().await);
        *shared = Arc::downgrade(&engine);
        engine
    }

    async fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let broker = EmbeddedBroker::open(&directory.path().join("log")).unwrap();
        broker.create_topics(&external_topics()).unwrap();
        let hosting = Arc::new(Hosting::default());
        let memory = StoreMemory::new(StoreBudget::default()).unwrap();
        let topologies = topologies::all(&Arc::new(SchemaTable::with_current_schemas())).unwrap();
        let applications = topologies.into_iter().map(|topology| {
            let states = |id: &str| StateDirectory::new(&directory.path().join("state"), id, memory.clone()).unwrap();
            run(&broker, &hosting, topology, states)
        });
        let applications = applications.collect();
        let queries = Queries::new(hosting, None);
        while !queries.ready() {
            tokio::task::yield_now().await;
        }
        let log: Arc<dyn CommandLog> = Arc::new(broker.command_log().unwrap());
        let log = Some(log);
        Self {
            log,
            queries,
            broker,
            applications,
            _directory: directory,
        }
    }
}

impl Engine {
    /// Shows every record of every topic, by the topic's name.
    pub fn look(&self, visit: &mut dyn FnMut(&str, StoredRecord<'_>)) {
        let mut reader = self.broker.reader();
        for topic in self.broker.topics() {
            for partition in 0..topic.partitions {
                let (first, end) = reader.readable(&topic.name, partition).unwrap();
                let mut look = |record: StoredRecord<'_>| {
                    visit(&topic.name, record);
                    ControlFlow::Continue(())
                };
                reader.read(&topic.name, partition, first, end, &mut look).unwrap();
            }
        }
    }

    /// Fills `revocations` from their topic.
    pub fn follow(&self, revocations: &Arc<Revocations>) -> GlobalStreamThread {
        let (broker, topic) = (Arc::clone(&self.broker), schemas::topics::REVOCATIONS.name);
        let make_consumer: MakeGlobalConsumer = Arc::new(move || Ok(Box::new(broker.global_consumer(topic)?)));
        let machine: Arc<dyn Machine> = Arc::new(OsMachine);
        GlobalStreamThread::start(topic, &machine, make_consumer, Arc::clone(revocations) as _).unwrap()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        for application in self.applications.drain(..) {
            assert!(
                application.stop() || std::thread::panicking(),
                "a stream thread does not end"
            );
        }
        // The log's writer thread closes its database when the last handle is gone. A process that exits
        // meanwhile takes RocksDB's own statics away under it.
        self.log = None;
        let deadline = Instant::now() + CLOSE_WAIT;
        while Arc::strong_count(&self.broker) > 1 && Instant::now() < deadline {
            std::thread::yield_now();
        }
    }
}

fn external_topics() -> Vec<EmbeddedTopic> {
    let topic = |topic: &&schemas::topics::TopicSpec| EmbeddedTopic {
        name: topic.name.to_owned(),
        partitions: PARTITIONS,
        cleanup: match topic.cleanup {
            schemas::topics::Cleanup::Delete { retention_ms } => Cleanup::Delete { retention_ms },
            schemas::topics::Cleanup::Compact => Cleanup::Compact,
        },
    };
    schemas::topics::topics().iter().map(topic).collect()
}

fn run(
    broker: &Arc<EmbeddedBroker>,
    hosting: &Arc<Hosting>,
    topology: Topology,
    states: impl Fn(&str) -> StateDirectory,
) -> StreamApplication {
    let application_id = format!("test-{}", topology.name());
    let layout = Arc::new(topology.place(&application_id, &broker.partition_counts()).unwrap());
    broker.create_internal_topics(&layout).unwrap();
    let (readers, joining, placed) = (Arc::clone(broker), Arc::clone(broker), Arc::clone(&layout));
    let context = ThreadContext {
        topology: Arc::new(topology),
        layout,
        hosting: Arc::clone(hosting),
        states: Arc::new(states(&application_id)),
        make_reader: Arc::new(move || Ok(Box::new(readers.reader()))),
        schemas: Arc::new(NoSchemas),
        limits: ThreadLimits::default(),
        machine: Arc::new(OsMachine),
        observer: None,
    };
    let join = move |thread| joining.join(Arc::clone(&placed), thread).map_err(Into::into);
    StreamApplication::start(context, 1, Arc::new(join))
}
