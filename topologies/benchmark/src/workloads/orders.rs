//! Orders through the whole shop: `sluice up` on the benchmark's broker, and `sluice load` at a rate.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::say;
use crate::broker::{Broker, free_ports, launcher};
use crate::plan::Plan;
use crate::usage::processor_time;

/// Orders in a second.
const RATE: u32 = 50;
/// One broker and one instance on two cores: partitions beyond the first would only cost. Each transaction asks the broker once
/// for every partition that it touches.
const PARTITIONS: &str = "1";
/// Seven transactions stand between the POST and the final status, and each waits for this.
const COMMIT_SPACING_MS: &str = "2";
/// Prefix of the shop's internal topics and groups.
const APPLICATION: &str = "benchmark-shop";

/// The registry dies with the standard input of this script, so it cannot outlive the benchmark, however that ends.
const SCRIPT: &str = r#"
"$0" >"$REGISTRY_LOG" 2>&1 &
registry=$!
read -r _
kill -9 "$registry" 2>/dev/null
wait "$registry" 2>/dev/null
"#;

/// What buyers wait for, and what it costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Orders {
    pub(crate) rate: u32,
    /// From POST to the final status: the middle, the 99th and the 99.9th per cent, in milliseconds.
    pub(crate) settled_ms: [f64; 3],
    /// Part of one core that `sluice up` took.
    pub(crate) own_share: f64,
    /// Part of one core that the broker took.
    pub(crate) broker_share: f64,
}

/// Starts registry and shop, warms both and the broker, and measures.
pub(crate) fn run(broker: &Broker, plan: &Plan) -> Result<Orders> {
    let registry = Registry::start(broker)?;
    let shop = Shop::start(broker, &registry.url)?;
    say("warming the shop");
    shop.load(plan.warm_up_orders)?;
    let (began, own, of_broker) = (Instant::now(), shop.used()?, processor_time(broker.pid())?);
    let summary = shop.load(plan.orders_at_rate)?;
    let time = began.elapsed();
    let share = |used: Duration| used.as_secs_f64() / time.as_secs_f64();
    let milliseconds = |name: &str| summary.pointer(name).and_then(Value::as_f64).context("no such figure");
    let orders = Orders {
        rate: RATE,
        settled_ms: [
            milliseconds("/post_to_final_ms/p50")?,
            milliseconds("/post_to_final_ms/p99")?,
            milliseconds("/post_to_final_ms/p999")?,
        ],
        own_share: share(shop.used()?.saturating_sub(own)),
        broker_share: share(processor_time(broker.pid())?.saturating_sub(of_broker)),
    };
    say(&format!("orders: {orders}"));
    Ok(orders)
}

/// The schema registry, which keeps its schemas in the broker.
struct Registry {
    url: String,
    script: Child,
    lifeline: Option<ChildStdin>,
}

impl Registry {
    /// Starts it. The shop waits until it answers.
    fn start(broker: &Broker) -> Result<Self> {
        let (port, management) = free_ports()?;
        let launcher = launcher("registry/start.sh")?;
        let log = broker.state("registry.log");
        std::fs::create_dir_all(log.parent().context("a file has a folder")?)?;
        let mut script = Command::new("bash")
            .args(["-c", SCRIPT])
            .arg(launcher)
            .env("REGISTRY_PORT", port.to_string())
            .env("REGISTRY_MANAGEMENT_PORT", management.to_string())
            .env("REGISTRY_KAFKA", broker.bootstrap())
            .env("REGISTRY_LOG", log)
            .stdin(Stdio::piped())
            .spawn()
            .context("bash is needed to start the registry")?;
        Ok(Self {
            url: format!("http://127.0.0.1:{port}/apis/ccompat/v7"),
            lifeline: script.stdin.take(),
            script,
        })
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        drop(self.script.wait());
    }
}

/// `sluice up`, ready.
struct Shop {
    child: Child,
    url: String,
}

impl Shop {
    fn start(broker: &Broker, registry: &str) -> Result<Self> {
        let child = Command::new(sluice()?)
            .args(["up", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(["--kafka", broker.bootstrap(), "--registry", registry])
            .args(["--partitions", PARTITIONS, "--commit-spacing-ms", COMMIT_SPACING_MS])
            .args(["--application-id", APPLICATION, "--state-dir"])
            .arg(broker.state("shop"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut shop = Self {
            url: String::new(),
            child,
        };
        let output = BufReader::new(shop.child.stdout.take().context("no output")?);
        // It waits for the registry by itself, and says once that it is ready, and where.
        let ready = output
            .lines()
            .map_while(Result::ok)
            .find(|line| line.starts_with("ready in"));
        let ready = ready.context("sluice up has ended by itself")?;
        let url = ready.split_whitespace().find(|word| word.starts_with("http://"));
        url.context("sluice up did not say where it listens")?
            .clone_into(&mut shop.url);
        Ok(shop)
    }

    /// Posts orders at the rate and answers what `sluice load` says about them.
    fn load(&self, orders: u32) -> Result<Value> {
        let (orders, rate) = (orders.to_string(), RATE.to_string());
        let output = Command::new(sluice()?)
            .args([
                "load", "--url", &self.url, "--orders", &orders, "--rate", &rate, "--output", "json",
            ])
            .stderr(Stdio::null())
            .output()?;
        ensure!(
            output.status.success(),
            "the load failed: {}",
            String::from_utf8_lossy(&output.stdout)
        );
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    fn used(&self) -> Result<Duration> {
        processor_time(self.child.id())
    }
}

impl Drop for Shop {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The binary of the same build.
fn sluice() -> Result<PathBuf> {
    let path = std::env::current_exe()?.with_file_name("sluice");
    if !path.exists() {
        bail!("{} does not exist: build it first, `./dev bench` does", path.display());
    }
    Ok(path)
}
