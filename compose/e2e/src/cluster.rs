//! Three brokers, each of which is a controller too, behind proxies.
//!
//! Every process of the system reaches the brokers from a side of its own: a listener of each broker that is advertised at a
//! proxy. So the network between one process and one broker can be cut, one way or both ways, while all others go on. Brokers
//! reach each other through proxies too, one in front of each broker.

use std::net::TcpStream;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::{Metadata, MetadataTopic};
use tempfile::TempDir;

use crate::process::{Lifeline, wait_until};
use crate::proxy::{Proxy, active_controller};
use crate::stack::{free_port, workspace};

/// Brokers of a cluster.
pub const NODES: usize = 3;
/// Every boot of a JVM, on a machine that may be busy.
const START_WAIT: Duration = Duration::from_secs(300);
/// Time for one answer of a broker.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// A broker that is silent for so long is taken for dead. A transaction outlives that.
const SESSION_MS: u32 = 6_000;

/// A running cluster. Dropping it kills the brokers and removes their data.
pub struct Cluster {
    nodes: Vec<Node>,
    directory: TempDir,
}

/// One broker.
struct Node {
    internal: u16,
    controller: u16,
    /// What stands between the other brokers and this one.
    peers: Proxy,
    sides: Vec<Side>,
    running: Option<Lifeline>,
}

/// Where one process of the system reaches one broker.
struct Side {
    port: u16,
    proxy: Proxy,
}

impl Cluster {
    /// Starts three brokers that are reached from so many sides, and waits until they answer.
    pub fn start(sides: usize) -> anyhow::Result<Self> {
        let nodes = (0..NODES).map(|_| Node::new(sides)).collect::<anyhow::Result<_>>()?;
        let directory = tempfile::Builder::new().prefix("sluice-cluster-").tempdir()?;
        let mut cluster = Self { nodes, directory };
        for node in 0..NODES {
            cluster.launch(node)?;
        }
        for node in 0..NODES {
            cluster.wait_for(node)?;
        }
        Ok(cluster)
    }

    /// Bootstrap servers for tools, which no cut between a side and a broker concerns.
    #[must_use]
    pub fn tools(&self) -> String {
        addresses(self.nodes.iter().map(|node| node.internal))
    }

    /// Bootstrap servers of a side.
    #[must_use]
    pub fn side(&self, side: usize) -> String {
        let sides = self.nodes.iter().filter_map(|node| node.sides.get(side));
        addresses(sides.map(|side| side.proxy.port()))
    }

    /// What stands between a side and each broker.
    pub fn links_of(&self, side: usize) -> impl Iterator<Item = &Proxy> {
        let sides = self.nodes.iter().filter_map(move |node| node.sides.get(side));
        sides.map(|side| &side.proxy)
    }

    /// What stands between the other brokers and this one.
    #[must_use]
    pub fn peers_of(&self, node: usize) -> Option<&Proxy> {
        self.nodes.get(node).map(|node| &node.peers)
    }

    /// Kills a broker at once.
    pub fn kill_9(&mut self, node: usize) -> anyhow::Result<()> {
        match self.nodes.get_mut(node).and_then(|node| node.running.take()) {
            Some(mut running) => {
                running.signal("-KILL")?;
                running.wait().map(drop)
            }
            None => Ok(()),
        }
    }

    /// Starts a broker that is down on its own data, and waits until it answers.
    pub fn revive(&mut self, node: usize) -> anyhow::Result<()> {
        if self.nodes.get(node).is_some_and(|node| node.running.is_some()) {
            return Ok(());
        }
        self.launch(node)?;
        self.wait_for(node)
    }

    /// Stops a broker in the middle of whatever it does, as a machine that hangs would, or lets it go on.
    pub fn freeze(&self, node: usize, frozen: bool) -> anyhow::Result<()> {
        let signal = if frozen { "-STOP" } else { "-CONT" };
        let running = self.nodes.get(node).and_then(|node| node.running.as_ref());
        running.map_or(Ok(()), |running| running.signal(signal))
    }

    /// The broker that leads a partition.
    pub fn leader_of(&self, topic: &str, partition: i32) -> anyhow::Result<usize> {
        let metadata = self.metadata(Some(topic))?;
        let partitions = metadata.topics().first().map(MetadataTopic::partitions);
        let found = partitions.and_then(|all| all.iter().find(|found| found.id() == partition));
        place(found.context("there is no such partition")?.leader())
    }

    /// Leader and replicas in sync of every partition, a line for each topic: for whoever reads why something did not go on.
    pub fn partitions(&self) -> anyhow::Result<String> {
        let metadata = self.metadata(None)?;
        let of_topic = |topic: &MetadataTopic| {
            let partitions = topic.partitions().iter();
            let all =
                partitions.map(|found| format!(" {} led by {} of {:?};", found.id(), found.leader(), found.isr()));
            format!("{}:{}\n", topic.name(), all.collect::<String>())
        };
        Ok(metadata.topics().iter().map(of_topic).collect())
    }

    fn metadata(&self, topic: Option<&str>) -> anyhow::Result<Metadata> {
        let client: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.tools())
            .set("log_level", "0")
            .create()?;
        Ok(client.fetch_metadata(topic, ANSWER_WAIT)?)
    }

    /// The controller that is active.
    pub fn controller(&self) -> anyhow::Result<usize> {
        let asked = self.nodes.iter().filter(|node| node.running.is_some());
        let mut answers = asked.filter_map(|node| active_controller(node.internal, ANSWER_WAIT).ok());
        place(answers.next().context("no broker names a controller")?)
    }

    fn launch(&mut self, node: usize) -> anyhow::Result<()> {
        let data = self.data(node);
        std::fs::create_dir_all(&data)?;
        let own = self.nodes.get(node).context("there is no such broker")?;
        let environment = [
            ("KAFKA_PORT", own.internal.to_string()),
            ("KAFKA_CONTROLLER_PORT", own.controller.to_string()),
            ("KAFKA_DATA", data.display().to_string()),
            ("KAFKA_BRIEF", "yes".to_owned()),
            ("KAFKA_CLUSTER_ID", "sluice-under-fire-000A".to_owned()),
            ("KAFKA_EXTRA", self.properties(node, own)),
        ]
        .map(|(name, value)| (name.to_owned(), value));
        let script = workspace().join("compose/kafka/start.sh").display().to_string();
        let running = Lifeline::start(vec![script], &environment, &data.with_extension("log"))?;
        if let Some(own) = self.nodes.get_mut(node) {
            own.running = Some(running);
        }
        Ok(())
    }

    /// What differs from the single broker of `compose/kafka/server.properties`.
    fn properties(&self, node: usize, own: &Node) -> String {
        let numbered = self.nodes.iter().enumerate();
        let voters: Vec<_> = numbered
            .map(|(node, other)| format!("{}@127.0.0.1:{}", id(node), other.controller))
            .collect();
        let of_sides = |say: &dyn Fn(&Side) -> String| {
            let sides = own.sides.iter().enumerate();
            let all: Vec<_> = sides
                .map(|(number, side)| format!(",SIDE{number}:{}", say(side)))
                .collect();
            all.concat()
        };
        let listeners = of_sides(&|side| format!("//127.0.0.1:{}", side.port));
        let advertised = of_sides(&|side| format!("//127.0.0.1:{}", side.proxy.port()));
        let protocols = of_sides(&|_| "PLAINTEXT".to_owned());
        let controller = own.controller;
        [
            format!("node.id={}", id(node)),
            "controller.quorum.bootstrap.servers=".to_owned(),
            format!("controller.quorum.voters={}", voters.join(",")),
            format!(
                "listeners=INTERNAL://127.0.0.1:{},CONTROLLER://127.0.0.1:{controller}{listeners}",
                own.internal
            ),
            format!(
                "advertised.listeners=INTERNAL://127.0.0.1:{},CONTROLLER://127.0.0.1:{controller}{advertised}",
                own.peers.port()
            ),
            "inter.broker.listener.name=INTERNAL".to_owned(),
            format!("listener.security.protocol.map=CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT{protocols}"),
            "default.replication.factor=3".to_owned(),
            "min.insync.replicas=2".to_owned(),
            "offsets.topic.replication.factor=3".to_owned(),
            "transaction.state.log.replication.factor=3".to_owned(),
            "transaction.state.log.min.isr=2".to_owned(),
            "share.coordinator.state.topic.replication.factor=3".to_owned(),
            "share.coordinator.state.topic.min.isr=2".to_owned(),
            "unclean.leader.election.enable=false".to_owned(),
            format!("broker.session.timeout.ms={SESSION_MS}"),
            "broker.heartbeat.interval.ms=1000".to_owned(),
        ]
        .join("\n")
    }

    fn wait_for(&self, node: usize) -> anyhow::Result<()> {
        let port = self.nodes.get(node).map_or(0, |node| node.internal);
        let log = || std::fs::read_to_string(self.data(node).with_extension("log")).unwrap_or_default();
        // A broker listens once the controller has let it in.
        let listens = || TcpStream::connect(("127.0.0.1", port)).ok().map(drop);
        wait_until(&format!("broker {} answers", id(node)), START_WAIT, listens).with_context(log)
    }

    fn data(&self, node: usize) -> PathBuf {
        self.directory.path().join(format!("broker-{}", id(node)))
    }
}

impl Node {
    fn new(sides: usize) -> anyhow::Result<Self> {
        let (internal, controller) = (free_port()?, free_port()?);
        let side = |_| {
            let port = free_port()?;
            Ok(Side {
                port,
                proxy: Proxy::before(port)?,
            })
        };
        Ok(Self {
            internal,
            controller,
            peers: Proxy::before(internal)?,
            sides: (0..sides).map(side).collect::<anyhow::Result<_>>()?,
            running: None,
        })
    }
}

/// Brokers are counted from 1 among themselves.
fn id(node: usize) -> usize {
    node + 1
}

fn place(id: i32) -> anyhow::Result<usize> {
    usize::try_from(id - 1).context("no broker leads at this moment")
}

fn addresses(ports: impl Iterator<Item = u16>) -> String {
    let addresses: Vec<_> = ports.map(|port| format!("127.0.0.1:{port}")).collect();
    addresses.join(",")
}
