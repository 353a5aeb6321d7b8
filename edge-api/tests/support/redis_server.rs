//! A Redis of the tests' own, that can be killed and started again on its port.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long a start may take on a busy machine.
const START_WAIT: Duration = Duration::from_secs(30);
/// How many ports are tried: a free one may be somebody else's when the server takes it.
const PORTS_MAX: usize = 10;

pub struct RedisServer {
    port: u16,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        for _ in 0..PORTS_MAX {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            if let Some(process) = serve(port).await {
                return Self {
                    port,
                    process: Some(process),
                };
            }
        }
        panic!("redis-server found none of {PORTS_MAX} ports free");
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }

    pub async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_multiplexed_async_connection().await.unwrap()
    }

    /// Kills it, as SIGKILL does.
    pub async fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().await.unwrap();
        }
    }

    /// Starts it, empty.
    pub async fn resume(&mut self) {
        let process = serve(self.port).await;
        self.process = Some(process.expect("its port is still free"));
    }
}

/// A server that listens on this port, or nothing if another process has it. A connection would not tell them
/// apart: only the server's own word does.
async fn serve(port: u16) -> Option<Child> {
    let mut process = Command::new("redis-server")
        .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
        .args(["--save", "", "--appendonly", "no"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("redis-server is installed");
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let ready = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.contains("Ready to accept connections") {
                return true;
            }
        }
        false
    };
    let is_ready = timeout(START_WAIT, ready).await.expect("redis-server starts");
    is_ready.then_some(process)
}
