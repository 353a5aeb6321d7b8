//! A Redis of the tests' own, that can be killed and started again on its port.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use e2e::certificates::Issued;
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
    further: Vec<String>,
}

impl RedisServer {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        Self::start_with(|port| vec!["--port".to_owned(), port.to_string()]).await
    }

    /// Starts one that speaks TLS alone, asks for a certificate of the authority in this file, and for a password.
    pub async fn start_secured(server: &Issued, authority: &Path, password: &str) -> Self {
        let file = |path: &Path| path.display().to_string();
        let (certificate, key, authority) = (file(&server.certificate), file(&server.key), file(authority));
        let further = |port: u16| {
            let port = port.to_string();
            let options = [
                ["--port", "0"],
                ["--tls-port", &port],
                ["--tls-cert-file", &certificate],
                ["--tls-key-file", &key],
                ["--tls-ca-cert-file", &authority],
                ["--requirepass", password],
            ];
            options.concat().into_iter().map(str::to_owned).collect()
        };
        Self::start_with(further).await
    }

    /// Starts one that dumps what it has as it is.
    pub async fn start_uncompressed() -> Self {
        let plain = ["--rdbcompression", "no", "--port"].map(str::to_owned);
        Self::start_with(|port| [&plain[..], &[port.to_string()]].concat()).await
    }

    /// Every key with its value as Redis would write it to a disk.
    pub async fn everything(&self) -> Vec<(String, Vec<u8>)> {
        let mut connection = self.connection().await;
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut connection).await.unwrap();
        let mut all = Vec::new();
        for key in keys {
            let value: Option<Vec<u8>> = redis::cmd("DUMP").arg(&key).query_async(&mut connection).await.unwrap();
            all.push((key, value.unwrap_or_default()));
        }
        all
    }

    async fn start_with(options: impl Fn(u16) -> Vec<String>) -> Self {
        for _ in 0..PORTS_MAX {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let further = options(port);
            if let Some(process) = serve(&further).await {
                return Self {
                    port,
                    process: Some(process),
                    further,
                };
            }
        }
        panic!("redis-server found none of {PORTS_MAX} ports free");
    }

    pub fn secured_url(&self) -> String {
        format!("rediss://127.0.0.1:{}/0", self.port)
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
        let process = serve(&self.further).await;
        self.process = Some(process.expect("its port is still free"));
    }
}

/// A server with these options, or nothing if another process has its port. A connection would not tell them
/// apart: only the server's own word does.
async fn serve(further: &[String]) -> Option<Child> {
    let mut process = Command::new("redis-server")
        .args(["--bind", "127.0.0.1"])
        .args(further)
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
