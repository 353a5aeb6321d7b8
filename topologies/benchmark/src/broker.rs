//! A Kafka broker of the benchmark's own, with its files in a directory that goes with it.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use runtime::kafka::{KafkaAdmin, KafkaConfig};

/// A first start fetches Kafka's jars.
const START_WAIT: Duration = Duration::from_mins(5);
/// What the broker may take beside the page cache; the figures to compare with were measured with as much.
const HEAP: &str = "1g";

/// The broker dies with the standard input of this script, so it cannot outlive the benchmark, however that ends.
const SCRIPT: &str = r#"
"$0" >"$KAFKA_DATA/out.log" 2>&1 &
broker=$!
echo "$broker"
read -r _
kill -9 "$broker" 2>/dev/null
wait "$broker" 2>/dev/null
rm -rf -- "$KAFKA_DATA"
"#;

/// A running broker.
pub(crate) struct Broker {
    bootstrap: String,
    pid: u32,
    directory: PathBuf,
    script: Child,
    lifeline: Option<ChildStdin>,
}

impl Broker {
    /// Starts a broker that keeps its files below `parent`.
    pub(crate) fn start(parent: &Path) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("sluice-bench-")
            .tempdir_in(parent)?
            .keep();
        let (port, controller_port) = free_ports()?;
        let mut script = Command::new("bash")
            .args(["-c", SCRIPT])
            .arg(launcher("kafka/start.sh")?)
            .env("KAFKA_PORT", port.to_string())
            .env("KAFKA_CONTROLLER_PORT", controller_port.to_string())
            .env("KAFKA_DATA", &directory)
            .env("KAFKA_HEAP", HEAP)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C is for the benchmark alone; the script ends after it, and cleans up.
            .process_group(0)
            .spawn()
            .context("bash is needed to start Kafka")?;
        let lifeline = script.stdin.take();
        let mut pid = String::new();
        BufReader::new(script.stdout.take().context("no output")?).read_line(&mut pid)?;
        let pid = pid
            .trim()
            .parse()
            .context("the launcher did not tell the broker's process id")?;
        let broker = Self {
            bootstrap: format!("127.0.0.1:{port}"),
            pid,
            directory,
            script,
            lifeline,
        };
        broker.wait_until_up()?;
        Ok(broker)
    }

    /// `host:port` for clients.
    pub(crate) fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// The Java process.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// A directory for the stores of one run; it goes with the broker.
    pub(crate) fn state(&self, run: &str) -> PathBuf {
        self.directory.join("state").join(run)
    }

    /// A tool's access.
    pub(crate) fn admin(&self) -> Result<KafkaAdmin> {
        Ok(KafkaAdmin::connect(&KafkaConfig::new(
            &self.bootstrap,
            "benchmark-admin",
            "benchmark",
            0,
        ))?)
    }

    fn wait_until_up(&self) -> Result<()> {
        let (deadline, admin) = (Instant::now() + START_WAIT, self.admin()?);
        while let Err(error) = admin.topics() {
            if Instant::now() >= deadline {
                let log = std::fs::read_to_string(self.directory.join("out.log")).unwrap_or_default();
                bail!("Kafka does not answer: {error}\n{log}");
            }
        }
        Ok(())
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        drop(self.script.wait());
    }
}

/// A launcher of the repository in whose root `./dev bench` runs. The clone this was built in may be another one, with
/// which it shares a target directory.
pub(crate) fn launcher(script: &str) -> Result<PathBuf> {
    let path = Path::new("compose").join(script);
    path.canonicalize()
        .with_context(|| format!("there is no {} here: run ./dev bench", path.display()))
}

/// Two ports that are free at this moment.
pub(crate) fn free_ports() -> Result<(u16, u16)> {
    let (one, other) = (TcpListener::bind("127.0.0.1:0")?, TcpListener::bind("127.0.0.1:0")?);
    Ok((one.local_addr()?.port(), other.local_addr()?.port()))
}
